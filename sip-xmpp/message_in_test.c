/* Page mode from SIP to XMPP: rows MSG-S, DLY, CMP, RCP and ERR of the mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "page_play.h"

static struct play *p;

static int open_play(void **state)
{
	(void)state;
	p = test_calloc(1, sizeof *p);
	play_open(p, "");
	return 0;
}

static int close_play(void **state)
{
	(void)state;
	play_close(p);
	test_free(p);
	return 0;
}

static unsigned status_of(uint64_t unit)
{
	return sip_answered(p, unit)->status;
}

#define CPIM_HEAD "From: Romeo <sip:romeo@example.net>\r\nTo: <im:juliet@example.com>\r\n"

/* ---- what is said ---- */

static const struct {
	const char *row, *headers, *type, *body;
	const char *has[3], *lacks;
} texts[] = {
	{ "MSG-S01", "", "text/plain", "a <b> & 'c'\r\nd\x01", { "<message id='gx", "<body>a &lt;b&gt; &amp; &apos;c&apos;\nd\xef\xbf\xbd</body>" }, "type=" },
	{ "MSG-S02", "", "text/plain", "x", { "<body>x</body>" }, "type=" },
	{ "MSG-S03", "", "text/plain", "x", { " from='romeo@example.net/dr4' to='juliet@example.com'" }, NULL },
	{ "MSG-S04", "", "text/plain", "x", { "<thread>call" }, NULL },
	{ "MSG-S05", "Subject: A & B\nContent-Language: cs\n", "text/plain", "x", { "<subject>A &amp; B</subject>", " xml:lang='cs'>" }, NULL },
	{ "MSG-S07", "", "text/plain", "x", { "<body>x</body>" }, "1 MESSAGE" },
	{ "MSG-S09", "", "text/html", "<p onclick='e()'>a <B>b</B> &amp; <script>e()</script><a href='javascript:e()'>l</a><br>c &lt; d", { "<body>a b &amp; l\nc &lt; d</body>", "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>a <strong>b</strong> &amp; <a>l</a><br/>c &lt; d</p></body></html>" }, "e()" },
	{ "MSG-S10, DLY-04", "", "message/cpim", CPIM_HEAD "DateTime: 2021-01-02T03:04:05+02:00\r\nSubject:;lang=fr Objet\r\ncc: <sip:x@y.example>\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ninside", { "<subject xml:lang='fr'>Objet</subject>", "<body>inside</body>", "<delay xmlns='urn:xmpp:delay' from='example.com' stamp='2021-01-02T01:04:05Z'/>" }, "y.example" },
	{ "MSG-S11", "", "multipart/alternative; boundary=b1", "--b1\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b1\r\nContent-Type: text/html\r\n\r\n<i>rich</i>\r\n--b1--\r\n", { "<body>plain</body>", "<em>rich</em>" }, NULL },
	{ "MSG-S11", "", "multipart/mixed;boundary=\"b 1\"", "preamble\r\n--b 1\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--b 1\r\n\r\ntext\r\n--b 1--", { "<body>text</body>" }, "PNG" },
	{ "MSG-S13", "", "text/plain; charset=ISO-8859-1", "f\xfc", { "<body>fü</body>" }, NULL },
	{ "MSG-S13", "", "text/plain; charset=\"us-ascii\"", "plain", { "<body>plain</body>" }, NULL },
	{ "RCP-09", "", "message/cpim", CPIM_HEAD "NS: i <urn:ietf:params:imdn>\r\ni.Message-ID: q1\r\ni.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nx", { "<request xmlns='urn:xmpp:receipts'/>" }, "markable" },
	{ "RCP-09", "", "message/cpim", CPIM_HEAD "NS: i <urn:ietf:params:imdn>\r\ni.Message-ID: q1\r\ni.Disposition-Notification: positive-delivery, display\r\n\r\nContent-Type: text/plain\r\n\r\nx", { "<request xmlns='urn:xmpp:receipts'/>", "<markable xmlns='urn:xmpp:chat-markers:0'/>" }, NULL },
	{ "no type", "", NULL, "x", { "<body>x</body>" }, NULL },
};

static void a_message_becomes_a_stanza(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		uint64_t unit = sip_message(p, texts[i].headers, texts[i].type, texts[i].body);
		const char *got = hub_got(p);
		for (size_t k = 0; k < 3 && texts[i].has[k]; k++)
			if (!strstr(got, texts[i].has[k]))
				fail_msg("%s: %u, no \"%s\" in:\n%s", texts[i].row, status_of(unit), texts[i].has[k], got);
		if (texts[i].lacks && strstr(got, texts[i].lacks))
			fail_msg("%s: \"%s\" in:\n%s", texts[i].row, texts[i].lacks, got);
		assert_int_equal(status_of(unit), 200); /* MSG-S08 */
	}
}

/* ---- what is refused ---- */

static const struct {
	const char *row, *headers, *type, *body;
	unsigned status;
	const char *answer; /* in its headers */
} refusals[] = {
	{ "MSG-S12", "", "image/png", "x", 415, "Accept: text/plain, text/html, message/cpim, application/im-iscomposing+xml, message/imdn+xml, multipart/alternative\r\n" },
	{ "MSG-S23", "", "text/rtf", "{\\rtf1}", 415, "Accept: " },
	{ "MSG-S13", "", "text/plain; charset=koi8-r", "x", 415, "Accept: " },
	{ "MSG-S13", "", "text/plain; charset=utf-8", "\xff\xfe", 400, "" },
	{ "MSG-S14", "Content-Encoding: gzip\n", "text/plain", "\x1f\x8b", 415, "Accept-Encoding: identity\r\n" },
	{ "MSG-S10", "", "message/cpim", "From: <sip:evil@example.net>\r\nTo: <sip:juliet@example.com>\r\n\r\nContent-Type: text/plain\r\n\r\nx", 403, "" },
	{ "MSG-S10", "", "message/cpim", "From: <sip:romeo@example.net>\r\nTo: <sip:other@example.com>\r\n\r\nContent-Type: text/plain\r\n\r\nx", 403, "" },
	{ "MSG-S10", "", "message/cpim", CPIM_HEAD "Require: MyFeatures.Vital\r\n\r\nContent-Type: text/plain\r\n\r\nx", 415, "Accept: " },
	{ "MSG-S10", "", "message/cpim", "no header at all", 400, "" },
	{ "MSG-S11", "", "multipart/mixed; boundary=b", "--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--", 415, "Accept: " },
	{ "MSG-S11", "", "multipart/mixed", "x", 400, "" },
	{ "MSG-S17", "Require: foo\n", "text/plain", "x", 420, "Unsupported: foo\r\n" },
	{ "MSG-S18", "Max-Forwards: 0\n", "text/plain", "x", 483, "" },
	{ "CMP-10", "", "application/im-iscomposing+xml", "<isComposing", 400, "" },
	{ "RCP-11", "", "message/imdn+xml", "<imdn/>", 400, "" },
	{ "nesting", "", "message/cpim", CPIM_HEAD "\r\nContent-Type: message/cpim\r\n\r\n" CPIM_HEAD "\r\nContent-Type: text/plain\r\n\r\nx", 400, "" },
};

static void what_cannot_pass_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		uint64_t unit = sip_message(p, refusals[i].headers, refusals[i].type, refusals[i].body);
		if (status_of(unit) != refusals[i].status)
			fail_msg("%s: %u, not %u", refusals[i].row, status_of(unit), refusals[i].status);
		assert_has(sip_answered(p, unit)->headers, refusals[i].answer);
		assert_string_equal(hub_got(p), "");
	}
}

/* What the frame refuses before any feature sees it. */
static void requests_that_go_nowhere(void **state)
{
	static const struct {
		const char *row, *line, *from, *to;
		unsigned status;
	} rows[] = {
		{ "ADR-10", "MESSAGE sips:juliet@example.com", "<sip:romeo@example.net>;tag=1", "<sip:juliet@example.com>", 416 },
		{ "ADR-10", "MESSAGE sip:juliet@example.com", "<sip:romeo@example.net>;tag=1", "<sips:juliet@example.com>", 416 },
		{ "ADR-14", "MESSAGE tel:+15551234", "<sip:romeo@example.net>;tag=1", "<tel:+15551234>", 416 },
		{ "ADR-08", "MESSAGE sip:a%FFb@example.com", "<sip:romeo@example.net>;tag=1", "<sip:a@example.com>", 400 },
		{ "ADR-07", "MESSAGE sip:juliet@example.com", "<sip:%20romeo@example.net>;tag=1", "<sip:juliet@example.com>", 400 },
		{ "not hosted", "MESSAGE sip:juliet@other.example", "<sip:romeo@example.net>;tag=1", "<sip:juliet@other.example>", 404 },
		{ "forged", "MESSAGE sip:juliet@example.com", "<sip:nurse@example.com>;tag=1", "<sip:juliet@example.com>", 403 },
		{ "method", "REGISTER sip:example.com", "<sip:romeo@example.net>;tag=1", "<sip:romeo@example.net>", 405 },
		{ "MSG-S16", "MESSAGE sip:juliet@example.com", "<sip:romeo@example.net>;tag=1", "<sip:juliet@example.com>;tag=2", 481 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *method_end = strchr(rows[i].line, ' ');
		uint64_t unit = sip_send(p, "%s SIP/2.0\nFrom: %s\nTo: %s\nCall-ID: c%zu\nCSeq: 1 %.*s\n\nx", rows[i].line, rows[i].from, rows[i].to, i,
					 (int)(method_end - rows[i].line), rows[i].line);
		if (status_of(unit) != rows[i].status)
			fail_msg("%s: %u, not %u", rows[i].row, status_of(unit), rows[i].status);
		assert_string_equal(hub_got(p), "");
	}
	assert_has(sip_answered(p, (uint64_t)PROG_SIP << 56 | 8)->headers, "Allow: ");
}

static void sips_where_the_row_says_so(void **state)
{
	(void)state;
	play_set(p, "sip peer example.net sips = on\n");
	uint64_t unit = sip_send(p, "MESSAGE sips:juliet@example.com SIP/2.0\nFrom: <sips:romeo@example.net>;tag=1\nTo: <sips:juliet@example.com>\nCall-ID: c\nCSeq: 1 MESSAGE\n\nx");
	assert_int_equal(status_of(unit), 200); /* ADR-10 */
	assert_has(hub_got(p), " from='romeo@example.net' to='juliet@example.com'");
}

static void to_a_resource(void **state)
{
	(void)state;
	sip_send(p, "MESSAGE sip:juliet@example.com;gr=balcony SIP/2.0\nFrom: <sip:romeo@example.net>;tag=1\nTo: <sip:juliet@example.com>\n"
		    "Contact: <sip:romeo@example.net;gr=dr4>\nCall-ID: c\nCSeq: 1 MESSAGE\n\nx");
	assert_has(hub_got(p), " from='romeo@example.net/dr4' to='juliet@example.com/balcony'"); /* MSG-S03 */
	sip_send(p, "MESSAGE sip:juliet@example.com SIP/2.0\nFrom: <sip:romeo@example.net>;tag=1\nTo: <sip:juliet@example.com>\n"
		    "Contact: <sip:evil@example.net;gr=dr4>\nCall-ID: c\nCSeq: 2 MESSAGE\n\nx");
	assert_has(hub_got(p), " from='romeo@example.net' to='juliet@example.com'");
}

static void ids_are_unique(void **state)
{
	(void)state;
	sip_message(p, "", "text/plain", "1");
	const char *one = hub_sid(hub_got(p));
	sip_message(p, "", "text/plain", "1");
	const char *two = hub_sid(hub_got(p));
	assert_true(*one && *two);
	assert_string_not_equal(one, two); /* MSG-S06 */
}

static void what_says_nothing(void **state)
{
	(void)state;
	assert_int_equal(status_of(sip_message(p, "", "text/plain", "")), 200); /* MSG-S20 */
	assert_string_equal(hub_got(p), "");
	char headers[128];
	snprintf(headers, sizeof headers, "Date: %s\nExpires: 60\n", play_date(p, 120)); /* MSG-S15 */
	assert_int_equal(status_of(sip_message(p, headers, "text/plain", "old")), 200);
	assert_int_equal(status_of(sip_message(p, "Expires: 0\n", "text/plain", "old")), 200);
	assert_string_equal(hub_got(p), "");
	assert_int_equal(status_of(sip_message(p, "Expires: 60\n", "text/plain", "new")), 200);
	assert_has(hub_got(p), "new");
}

static void times(void **state)
{
	char headers[128], want[128];

	(void)state;
	snprintf(headers, sizeof headers, "Date: %s\n", play_date(p, 3600)); /* DLY-03 */
	sip_message(p, headers, "text/plain", "x");
	snprintf(want, sizeof want, "<delay xmlns='urn:xmpp:delay' from='example.com' stamp='%s'/>", play_stamp(p, 3600));
	assert_has(hub_got(p), want);
	static const int64_t ago[] = { 30, -3600 }; /* DLY-05 */
	for (size_t i = 0; i < 2; i++) {
		snprintf(headers, sizeof headers, "Date: %s\n", play_date(p, ago[i]));
		sip_message(p, headers, "text/plain", "x");
		assert_lacks(hub_got(p), "<delay");
	}
	/* What is no Date at all is no SIP either (RFC 4475 3.1.2.12). */
	assert_int_equal(status_of(sip_message(p, "Date: yesterday\n", "text/plain", "x")), 400);
}

static void utf16(void **state)
{
	(void)state;
	/* "hé" and a character outside the first plane; no zero byte is in a play's text */
	sip_message(p, "", "text/plain; charset=UTF-16BE", "\x26\x3a\xd8\x3d\xde\x42");
	assert_has(hub_got(p), "<body>\xe2\x98\xba\xf0\x9f\x99\x82</body>"); /* MSG-S13 */
	assert_int_equal(status_of(sip_message(p, "", "text/plain; charset=UTF-16BE", "\xd8\x3d")), 400);
}

static void settings_shape_it(void **state)
{
	(void)state;
	play_set(p, "gateway message-type = chat\ngateway message-answer = 202\ngateway xhtml = off\ngateway receipts = off\n");
	uint64_t unit = sip_message(p, "", "text/html", "<b>x</b>");
	assert_int_equal(status_of(unit), 202); /* MSG-S08 */
	const char *got = hub_got(p);
	assert_has(got, "<message type='chat'"); /* MSG-S02 */
	assert_has(got, "<body>x</body>");
	assert_lacks(got, "xhtml"); /* MSG-S09 */
	play_set(p, "gateway messages = off\n");
	assert_int_equal(status_of(sip_message(p, "", "text/plain", "x")), 405);
}

/* ---- who has it ---- */

static void the_answer_waits_for_who_takes_it(void **state)
{
	(void)state;
	p->is_hub_silent = true;
	uint64_t unit = sip_message(p, "", "text/plain", "x");
	assert_int_equal(status_of(unit), 0);
	hub_done(p, p->sent_id, ERR_AGAIN); /* gh-im is not there: again */
	play_run(p);
	hub_got(p);
	play_wait(p, 500);
	assert_has(hub_got(p), "<body>x</body>");
	hub_leave(p);
	hub_join(p);
	assert_has(hub_got(p), "<body>x</body>");
	assert_int_equal(status_of(unit), 0);
	hub_done(p, p->sent_id, 0);
	play_run(p);
	assert_int_equal(status_of(unit), 200);
}

static void nobody_takes_it(void **state)
{
	(void)state;
	p->is_hub_silent = true;
	uint64_t unit = sip_message(p, "", "text/plain", "x");
	play_wait(p, 21000);
	assert_int_equal(status_of(unit), 504);
}

/* An error stanza for the last message to XMPP. */
static void refuse(const char *stanzas, const char *from, const char *condition)
{
	hub_send(p, 0, "<message type='error' id='%s' from='%s' to='romeo@example.net/dr4'><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
		 hub_sid(stanzas), from, condition);
}

static void an_error_is_the_answer(void **state)
{
	static const struct {
		const char *condition;
		unsigned status;
	} rows[] = { { "item-not-found", 604 }, { "service-unavailable", 403 }, { "remote-server-timeout", 408 }, { "feature-not-implemented", 501 } };

	(void)state;
	p->is_hub_silent = true;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t unit = sip_message(p, "", "text/plain", "x");
		const char *got = hub_got(p);
		refuse(got, "evil@example.com", rows[i].condition); /* somebody else's word counts for nothing */
		assert_int_equal(status_of(unit), 0);
		refuse(got, "juliet@example.com", rows[i].condition);
		assert_int_equal(status_of(unit), rows[i].status);
		hub_done(p, p->sent_id, 0);
		play_run(p);
	}
	assert_string_equal(sip_got(p), "");
}

/* MSG-S19 */
static void a_late_error_is_told(void **state)
{
	(void)state;
	uint64_t unit = sip_message(p, "", "text/plain", "x");
	const char *got = hub_got(p);
	assert_int_equal(status_of(unit), 200);
	refuse(got, "juliet@example.com", "service-unavailable");
	const char *sent = sip_got(p);
	assert_has(sent, "MESSAGE sip:romeo@example.net;gr=dr4 SIP/2.0\r\n");
	assert_has(sent, "\r\n\r\nYour message could not be delivered.");
	assert_has(sent, "Call-ID: call1\r\n"); /* in its conversation */
	refuse(got, "juliet@example.com", "service-unavailable");
	assert_string_equal(sip_got(p), ""); /* once */
	play_set(p, "gateway undeliverable-text = Sorry.\n");
	sip_message(p, "", "text/plain", "x");
	refuse(hub_got(p), "juliet@example.com", "item-not-found");
	assert_has(sip_got(p), "\r\n\r\nSorry.");
	/* A report instead, if one was asked for. */
	sip_message(p, "", "message/cpim", CPIM_HEAD "NS: i <urn:ietf:params:imdn>\r\ni.Message-ID: q1\r\ni.Disposition-Notification: negative-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nx");
	refuse(hub_got(p), "juliet@example.com", "item-not-found");
	sent = sip_got(p);
	assert_has(sent, "<message-id>q1</message-id>");
	assert_has(sent, "<delivery-notification><status><failed/></status></delivery-notification>");
}

static void an_answer_that_is_held(void **state)
{
	(void)state;
	play_set(p, "sip peer example.net hold-answer = on\n");
	uint64_t unit = sip_message(p, "", "text/plain", "x");
	const char *got = hub_got(p);
	assert_int_equal(status_of(unit), 0);
	refuse(got, "juliet@example.com", "item-not-found");
	assert_int_equal(status_of(unit), 604); /* MSG-S19 */
	unit = sip_message(p, "", "text/plain", "x");
	play_wait(p, 1400);
	assert_int_equal(status_of(unit), 0);
	play_wait(p, 1200);
	assert_int_equal(status_of(unit), 200);
}

static void a_door_that_dies_is_not_answered(void **state)
{
	(void)state;
	p->is_hub_silent = true;
	uint64_t unit = sip_message(p, "", "text/plain", "x");
	sip_leave(p);
	hub_done(p, p->sent_id, 0);
	play_run(p);
	sip_join(p);
	assert_int_equal(status_of(unit), 0);
	assert_int_equal(p->x.requests_in.count, 0);
	assert_int_equal(p->x.stanzas_out.count, 0);
}

/* MSG-S04: an answer in the SIP user's thread. */
static void a_reply_keeps_the_call_id(void **state)
{
	(void)state;
	sip_message(p, "", "text/plain", "x");
	hub_send(p, (uint64_t)PROG_IM << 56 | 1, "<message type='chat' id='r' from='juliet@example.com/balcony' to='romeo@example.net/dr4'><body>y</body><thread>call1</thread></message>");
	assert_has(sip_got(p), "Call-ID: call1\r\n");
	hub_send(p, (uint64_t)PROG_IM << 56 | 2, "<message type='chat' id='r' from='nurse@example.com/x' to='romeo@example.net/dr4'><body>y</body><thread>call1</thread></message>");
	assert_has(sip_got(p), "Call-ID: call1@nurse%40example.com\r\n");
}

/* What a SIP client of ours says is its registration's; there is none here. */
static void an_unknown_client_is_refused(void **state)
{
	(void)state;
	p->from_door = PROG_LINE;
	p->from_flow = 77;
	p->from_flags = UNIT_CLIENT;
	assert_int_equal(status_of(sip_message(p, "", "text/plain", "x")), 400);
	assert_string_equal(hub_got(p), "");
}

/* ---- typing ---- */

#define COMPOSING(inner) "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'>" inner "</isComposing>"

static void typing_is_shown(void **state)
{
	(void)state;
	uint64_t unit = sip_message(p, "", "application/im-iscomposing+xml",
				    "<?xml version='1.0' encoding='UTF-8'?>\n" COMPOSING("<state>active</state><contenttype>video/x</contenttype><x xmlns='y'/><refresh>60</refresh>"));
	assert_int_equal(status_of(unit), 200);
	const char *got = hub_got(p); /* CMP-01, CMP-10 */
	assert_has(got, "<message type='chat'");
	assert_has(got, "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>call1</thread>");
	assert_lacks(got, "<body");
	unit = sip_message(p, "", "application/im-iscomposing+xml", COMPOSING("<state>idle</state>"));
	assert_int_equal(status_of(unit), 200);
	assert_string_equal(hub_got(p), ""); /* CMP-11 */
	play_wait(p, 10000);
	assert_has(hub_got(p), "<active xmlns='http://jabber.org/protocol/chatstates'/>");
	play_wait(p, 10000);
	sip_message(p, "", "application/im-iscomposing+xml", COMPOSING("<state>active</state><refresh>60</refresh>"));
	assert_has(hub_got(p), "<composing");
	play_wait(p, 59000);
	assert_string_equal(hub_got(p), "");
	play_wait(p, 2000);
	assert_has(hub_got(p), "<active"); /* CMP-05 */
	play_wait(p, 10000);
	sip_message(p, "", "application/im-iscomposing+xml", COMPOSING("<state>active</state>"));
	hub_got(p);
	play_wait(p, 119000);
	assert_string_equal(hub_got(p), "");
	play_wait(p, 2000);
	assert_has(hub_got(p), "<active"); /* 120 s when it does not say */
}

static void a_text_ends_typing(void **state)
{
	(void)state;
	sip_message(p, "", "application/im-iscomposing+xml", COMPOSING("<state>active</state>"));
	hub_got(p);
	sip_message(p, "", "text/plain", "x");
	hub_got(p);
	play_wait(p, 130000);
	assert_string_equal(hub_got(p), "");
}

/* ---- receipts ---- */

static void receipts_go_back(void **state)
{
	(void)state;
	sip_message(p, "", "message/cpim", CPIM_HEAD "DateTime: 2026-01-02T03:04:05Z\r\nNS: i <urn:ietf:params:imdn>\r\ni.Message-ID: q1\r\ni.Disposition-Notification: positive-delivery, display\r\n\r\nContent-Type: text/plain\r\n\r\nx");
	const char *sid = hub_sid(hub_got(p));
	hub_send(p, (uint64_t)PROG_IM << 56 | 1, "<message id='r1' from='juliet@example.com/balcony' to='romeo@example.net/dr4'><received xmlns='urn:xmpp:receipts' id='%s'/></message>", sid);
	const char *got = sip_got(p); /* RCP-10 */
	assert_has(got, "Content-Type: message/cpim\r\n");
	assert_has(got, "\r\nContent-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n<?xml");
	assert_has(got, "<message-id>q1</message-id><datetime>2026-01-02T03:04:05Z</datetime><recipient-uri>sip:juliet@example.com</recipient-uri>"
			"<delivery-notification><status><delivered/></status></delivery-notification>");
	assert_lacks(got, "Disposition-Notification"); /* RCP-13 */
	hub_send(p, (uint64_t)PROG_IM << 56 | 2, "<message id='r2' from='juliet@example.com/balcony' to='romeo@example.net/dr4'><received xmlns='urn:xmpp:receipts' id='%s'/></message>", sid);
	assert_string_equal(sip_got(p), "");
	hub_send(p, (uint64_t)PROG_IM << 56 | 3, "<message id='r3' from='juliet@example.com/balcony' to='romeo@example.net/dr4'><displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/></message>", sid);
	assert_has(sip_got(p), "<display-notification><status><displayed/></status></display-notification>");
	/* Not asked for, not told. */
	sip_message(p, "", "text/plain", "x");
	sid = hub_sid(hub_got(p));
	hub_send(p, (uint64_t)PROG_IM << 56 | 4, "<message id='r4' from='juliet@example.com/balcony' to='romeo@example.net/dr4'><received xmlns='urn:xmpp:receipts' id='%s'/></message>", sid);
	assert_string_equal(sip_got(p), "");
}

/* RCP-14 */
static void receipts_switched_off(void **state)
{
	(void)state;
	play_set(p, "gateway receipts = off\n");
	sip_message(p, "", "message/cpim", CPIM_HEAD "NS: i <urn:ietf:params:imdn>\r\ni.Message-ID: q1\r\ni.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nx");
	const char *got = hub_got(p);
	assert_lacks(got, "<request");
	hub_send(p, (uint64_t)PROG_IM << 56 | 1, "<message id='r1' from='juliet@example.com/balcony' to='romeo@example.net/dr4'><received xmlns='urn:xmpp:receipts' id='%s'/></message>", hub_sid(got));
	assert_string_equal(sip_got(p), "");
}

/* ---- the gateway itself ---- */

static void options_are_told(void **state)
{
	(void)state;
	uint64_t unit = sip_send(p, "OPTIONS sip:juliet@example.com SIP/2.0\nFrom: <sip:romeo@example.net>;tag=1\nTo: <sip:juliet@example.com>\nCall-ID: c\nCSeq: 1 OPTIONS\n\n");
	assert_int_equal(status_of(unit), 200);
	assert_has(sip_answered(p, unit)->headers, "MESSAGE");
	assert_has(sip_answered(p, unit)->headers, "Accept: text/plain");
}

static void requests_by_iq(void **state)
{
	static const struct {
		const char *to, *inner, *answer;
	} rows[] = {
		{ "example.net", "<ping xmlns='urn:xmpp:ping'/>", "<iq type='result' id='q' from='example.net' to='juliet@example.com/b'/>" },
		{ "example.net", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "<identity category='gateway' type='simple' name='SIP'/>" },
		{ "example.net", "<query xmlns='http://jabber.org/protocol/disco#items'/>", "type='result'" },
		{ "example.net", "<query xmlns='jabber:iq:version'/>", "<name>Gatehouse</name>" },
		{ "example.net", "<time xmlns='urn:xmpp:time'/>", "<utc>" },
		{ "example.net", "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>", "<service-unavailable" },
		{ "romeo@example.net", "<ping xmlns='urn:xmpp:ping'/>", "<service-unavailable" },
		{ "romeo@example.net/dr4", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "<service-unavailable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t id = (uint64_t)PROG_IM << 56 | (i + 1);
		hub_send(p, id, "<iq type='get' id='q' from='juliet@example.com/b' to='%s'>%s</iq>", rows[i].to, rows[i].inner);
		assert_has(hub_got(p), rows[i].answer);
		assert_int_equal(hub_told(p, id), 0);
	}
	hub_send(p, (uint64_t)PROG_IM << 56 | 99, "<iq type='result' id='q' from='juliet@example.com/b' to='example.net'/>");
	assert_string_equal(hub_got(p), ""); /* ERR-13 */
}

int main(void)
{
#define PLAY(fn) cmocka_unit_test_setup_teardown(fn, open_play, close_play)
	const struct CMUnitTest tests[] = {
		PLAY(a_message_becomes_a_stanza), PLAY(what_cannot_pass_is_refused), PLAY(requests_that_go_nowhere),
		PLAY(sips_where_the_row_says_so), PLAY(to_a_resource), PLAY(ids_are_unique), PLAY(what_says_nothing), PLAY(times), PLAY(utf16),
		PLAY(settings_shape_it), PLAY(the_answer_waits_for_who_takes_it), PLAY(nobody_takes_it), PLAY(an_error_is_the_answer),
		PLAY(a_late_error_is_told), PLAY(an_answer_that_is_held), PLAY(a_door_that_dies_is_not_answered),
		PLAY(a_reply_keeps_the_call_id), PLAY(an_unknown_client_is_refused), PLAY(typing_is_shown),
		PLAY(a_text_ends_typing), PLAY(receipts_go_back), PLAY(receipts_switched_off), PLAY(options_are_told),
		PLAY(requests_by_iq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
