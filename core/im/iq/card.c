#include "iq/card.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "user.h"

#include <stdlib.h>

enum { CARD_MAX = 256 << 10 };

bool card_is_of_directory(const struct im *im, const struct user *u)
{
	return im->directory.has_cards && u->is_of_directory;
}

/* ---- as XML ---- */

static void put(struct buf *b, const char *element, struct bytes text)
{
	if (!text.n)
		return;
	buf_putf(b, "<%s>", element);
	text_xml_escape(text, b);
	buf_putf(b, "</%s>", element);
}

/* XEP-0054 wants it: the name to show, or what there is of one. */
static void put_name(struct buf *b, const struct look_person *p)
{
	struct bytes name = p->fields[DIRECTORY_NAME], first = p->fields[DIRECTORY_FIRST], last = p->fields[DIRECTORY_LAST];

	buf_put_str(b, "<FN>");
	if (name.n || (!first.n && !last.n)) {
		text_xml_escape(name.n ? name : p->fields[DIRECTORY_USER], b);
	} else {
		text_xml_escape(first, b);
		if (first.n && last.n)
			buf_put_u8(b, ' ');
		text_xml_escape(last, b);
	}
	buf_put_str(b, "</FN>");
	if (!first.n && !last.n)
		return;
	buf_put_str(b, "<N>");
	put(b, "FAMILY", last);
	put(b, "GIVEN", first);
	buf_put_str(b, "</N>");
}

static void put_organisation(struct buf *b, const struct look_person *p)
{
	if (!p->fields[DIRECTORY_ORGANISATION].n && !p->fields[DIRECTORY_DEPARTMENT].n)
		return;
	buf_put_str(b, "<ORG>");
	put(b, "ORGNAME", p->fields[DIRECTORY_ORGANISATION]);
	put(b, "ORGUNIT", p->fields[DIRECTORY_DEPARTMENT]);
	buf_put_str(b, "</ORG>");
}

static void put_phone(struct buf *b, const char *kind, struct bytes number)
{
	if (!number.n)
		return;
	buf_putf(b, "<TEL>%s<VOICE/>", kind);
	put(b, "NUMBER", number);
	buf_put_str(b, "</TEL>");
}

static void put_picture(struct buf *b, struct bytes picture)
{
	if (!picture.n)
		return;
	buf_putf(b, "<PHOTO><TYPE>image/%s</TYPE><BINVAL>", picture.p[0] == 0xff ? "jpeg" : "png");
	text_base64(picture, b);
	buf_put_str(b, "</BINVAL></PHOTO>");
}

void card_write(struct buf *b, const struct look_person *p)
{
	buf_put_str(b, "<vCard xmlns='" NS_VCARD "'>");
	put_name(b, p);
	put(b, "NICKNAME", p->fields[DIRECTORY_USER]);
	put_picture(b, p->picture);
	put_phone(b, "<WORK/>", p->fields[DIRECTORY_PHONE]);
	put_phone(b, "<CELL/>", p->fields[DIRECTORY_MOBILE]);
	if (p->fields[DIRECTORY_MAIL].n) {
		buf_put_str(b, "<EMAIL><INTERNET/><PREF/>");
		put(b, "USERID", p->fields[DIRECTORY_MAIL]);
		buf_put_str(b, "</EMAIL>");
	}
	put(b, "JABBERID", p->jid);
	put(b, "TITLE", p->fields[DIRECTORY_TITLE]);
	put_organisation(b, p);
	buf_put_str(b, "</vCard>");
}

/* ---- requests ---- */

struct card {
	struct iq_later *later;
	bool is_own;
	struct buf xml;
};

static void on_person(struct im *im, void *arg, const struct look_person *p)
{
	struct card *c = arg;

	(void)im;
	buf_clear(&c->xml);
	card_write(&c->xml, p);
}

static enum stanza_error error_of(int rc, bool is_own)
{
	if (rc == ERR_NOT_FOUND) /* XEP-0054 3.1, 3.3 */
		return is_own ? STANZA_ITEM_NOT_FOUND : STANZA_SERVICE_UNAVAILABLE;
	return rc == ERR_FULL || rc == ERR_NOMEM ? STANZA_RESOURCE_CONSTRAINT : STANZA_REMOTE_SERVER_TIMEOUT;
}

static void on_done(struct im *im, void *arg, int rc, bool is_more)
{
	struct card *c = arg;

	(void)is_more;
	if (!rc && (buf_failed(&c->xml) || !buf_len(&c->xml)))
		rc = buf_failed(&c->xml) ? ERR_NOMEM : ERR_NOT_FOUND;
	if (rc)
		iq_late_error(im, c->later, error_of(rc, c->is_own));
	else
		iq_late_result(im, c->later, buf_bytes(&c->xml));
	buf_fini(&c->xml);
	free(c);
}

void card_get(struct im *im, struct iq *q)
{
	struct card *c = calloc(1, sizeof *c);

	if (c && !(c->later = iq_keep(q))) {
		free(c);
		c = NULL;
	}
	if (!c) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	c->is_own = q->who == IQ_SELF;
	buf_init(&c->xml, CARD_MAX);
	look_ask(im, &(struct look_question){ .jid = user_jid(q->user), .limit = 1, .person = on_person, .done = on_done, .arg = c });
}
