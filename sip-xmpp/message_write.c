#include "message_write.h"

#include <stdio.h>

#include "base/text.h"
#include "charset.h"
#include "cpim.h"
#include "proto/xmpp.h"
#include "xhtml.h"

void message_new_sid(struct xlate *x, char out[static MESSAGE_SID_BYTES])
{
	snprintf(out, MESSAGE_SID_BYTES, "gx%016llx", (unsigned long long)xlate_next_id(x));
}

static bool is_language(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!(v.p[i] == '-' || (v.p[i] >= '0' && v.p[i] <= '9') || ((v.p[i] | 0x20) >= 'a' && (v.p[i] | 0x20) <= 'z')))
			return false;
	return v.n > 0 && v.n <= 35;
}

static void put_lang(struct buf *b, struct bytes lang)
{
	if (is_language(lang))
		xml_write_attr(b, "xml:lang", lang);
}

static void put_head(struct buf *b, const struct message_head *h)
{
	buf_put_str(b, "<message");
	if (h->type != TYPE_NORMAL)
		xml_write_attr(b, "type", bytes_of(stanza_type_name(h->type)));
	xml_write_attr(b, "id", h->sid);
	xml_write_attr(b, "from", h->from);
	xml_write_attr(b, "to", h->to);
	put_lang(b, h->lang);
	buf_put_u8(b, '>');
}

static void put_element(struct buf *b, const char *name, struct bytes text, struct bytes lang)
{
	buf_putf(b, "<%s", name);
	put_lang(b, lang);
	buf_put_u8(b, '>');
	charset_put_xml(b, text);
	buf_putf(b, "</%s>", name);
}

/* A Call-ID is ASCII, but what is not may come in it. */
static void put_thread(struct buf *b, struct bytes thread)
{
	if (thread.n && text_is_utf8(thread))
		put_element(b, "thread", thread, BYTES_NONE);
}

static void put_delay(struct buf *b, const struct message_more *more)
{
	char stamp[TEXT_TIME_BYTES];

	text_time(more->at_ms, false, stamp);
	buf_put_str(b, "<delay xmlns='" NS_DELAY "'");
	xml_write_attr(b, "from", more->delay_by);
	buf_putf(b, " stamp='%s'/>", stamp);
}

/* RCP-09 */
static uint32_t put_requests(struct buf *b, const struct letter *l)
{
	if (!l->message_id.n || !(l->disposition & (CPIM_DELIVERY | CPIM_DISPLAY)))
		return 0;
	buf_put_str(b, "<request xmlns='" NS_RECEIPTS "'/>");
	if (!(l->disposition & CPIM_DISPLAY))
		return FACT_RECEIPT;
	buf_put_str(b, "<markable xmlns='" NS_MARKERS "'/>");
	return FACT_RECEIPT | FACT_MARKER;
}

uint32_t message_write_letter(struct buf *b, const struct message_head *h, const struct letter *l, const struct message_more *more)
{
	uint32_t facts = FACT_PAYLOAD;

	put_head(b, h);
	if (l->subject.n) {
		put_element(b, "subject", l->subject, l->subject_lang);
		facts |= FACT_SUBJECT;
	}
	if (l->body.n) {
		put_element(b, "body", l->body, BYTES_NONE);
		facts |= FACT_BODY;
	}
	put_thread(b, h->thread);
	if (l->xhtml.n && more->has_xhtml) {
		buf_put_str(b, "<html xmlns='" NS_XHTML_IM "'><body xmlns='" NS_XHTML "'>");
		buf_put_bytes(b, l->xhtml);
		buf_put_str(b, "</body></html>");
	}
	if (more->at_ms) {
		put_delay(b, more);
		facts |= FACT_DELAYED;
	}
	if (more->has_receipts)
		facts |= put_requests(b, l);
	buf_put_str(b, "</message>");
	return facts;
}

void message_write_state(struct buf *b, const struct message_head *h, enum chat_state s)
{
	put_head(b, h);
	buf_putf(b, "<%s xmlns='" NS_CHATSTATES "'/>", chat_state_name(s));
	put_thread(b, h->thread);
	buf_put_str(b, "</message>");
}

uint32_t message_write_receipt(struct buf *b, const struct message_head *h, bool is_displayed, struct bytes id)
{
	put_head(b, h);
	buf_putf(b, "<%s xmlns='%s'", is_displayed ? "displayed" : "received", is_displayed ? NS_MARKERS : NS_RECEIPTS);
	xml_write_attr(b, "id", id);
	buf_put_str(b, "/></message>");
	return FACT_PAYLOAD | (is_displayed ? FACT_MARKER : FACT_RECEIPT);
}
