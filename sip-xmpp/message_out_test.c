/* Page mode from XMPP to SIP: rows MSG-X, DLY, CMP and RCP of the mapping. */
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

static uint64_t next_id = (uint64_t)PROG_IM << 56;

/* A message from juliet to romeo; the id of its envelope. */
static uint64_t say(const char *attrs, const char *inner)
{
	hub_send(p, ++next_id, "<message from='juliet@example.com/balcony' to='romeo@example.net' %s>%s</message>", attrs, inner);
	return next_id;
}

static struct bytes header(enum siphdr h)
{
	return sipmsg_value(sip_last(p, 0)->m, h, 0);
}


static const char *text_of(struct bytes v)
{
	static char text[4][512];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(text[at], sizeof text[at], "%.*s", BYTES_FMT(v));
	return text[at];
}

/* ---- the table of RFC 7572, and what is added to it ---- */

static const struct {
	const char *row, *attrs, *inner;
	const char *has[4], *lacks;
} texts[] = {
	{ "MSG-X01", "type='chat' id='m1'", "<body>a &lt;b&gt; &amp; ü</body>", { "MESSAGE sip:romeo@example.net SIP/2.0\r\n", "Content-Type: text/plain;charset=UTF-8\r\n", "\r\n\r\na <b> & ü" }, NULL },
	{ "MSG-X01", "id='m1'", "<body>x</body>", { "\r\n\r\nx" }, NULL },
	{ "MSG-X02", "id='m1'", "<body>x</body>", { "From: <sip:juliet@example.com;gr=balcony>;tag=" }, NULL },
	{ "MSG-X03", "id='m1'", "<body>x</body>", { "To: <sip:romeo@example.net>\r\n" }, NULL },
	{ "MSG-X05", "id='m1'", "<subject>a&#13;&#10;Evil: b</subject><body>x</body>", { "Subject: a  Evil: b\r\n" }, "\r\nEvil" },
	{ "MSG-X05", "id='m1'", "<subject>alone</subject>", { "Subject: alone\r\n", "Content-Type: text/plain" }, NULL },
	{ "MSG-X07", "id='m1' xml:lang='cs'", "<body>x</body>", { "Content-Language: cs\r\n" }, NULL },
	{ "MSG-X08", "id='m1' xml:lang='en'", "<body xml:lang='cs'>ahoj</body><body>hello</body>", { "\r\n\r\nhello", "Content-Language: en\r\n" }, "ahoj" },
	{ "MSG-X08", "id='m1'", "<body xml:lang='cs'>ahoj</body><body xml:lang='de'>hallo</body>", { "\r\n\r\nahoj", "Content-Language: cs\r\n" }, "hallo" },
	{ "MSG-X09", "type='headline' id='m1'", "<body>x</body>", { "\r\n\r\nx" }, NULL },
	{ "MSG-X12", "type='chat' id='m1'", "<body>x</body><no-copy xmlns='urn:xmpp:hints'/>", { "\r\n\r\nx" }, "no-copy" },
	{ "MSG-X13", "type='chat' id='m1'", "<body>fallback</body><encrypted xmlns='eu.siacs.conversations.axolotl'><payload>SECRET</payload></encrypted>", { "\r\n\r\nfallback" }, "SECRET" },
	{ "MSG-X14", "type='chat' id='m1'", "<body>x</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><b>x</b></body></html>", { "Content-Type: text/plain" }, "<b>" },
	{ "MSG-X15", "type='chat' id='m1'", "<body>corrected</body><replace xmlns='urn:xmpp:message-correct:0' id='m0'/>", { "\r\n\r\ncorrected" }, "replace" },
	{ "DLY-01", "id='m1'", "<body>x</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/>", { "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n" }, NULL },
	{ "DLY-02", "id='m1'", "<body>x</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>", { "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n" }, NULL },
	{ "ERR-16", "id='m1'", "<body>x</body>", { "Max-Forwards: 70\r\n" }, NULL },
	{ "CMP-07", "type='chat' id='m1'", "<body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/>", { "\r\n\r\nx" }, "isComposing" },
	{ "RCP-08", "type='chat' id='m1'", "<body>x</body><request xmlns='urn:xmpp:receipts'/>", { "Content-Type: text/plain" }, "cpim" },
};

static void text_becomes_a_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		uint64_t id = say(texts[i].attrs, texts[i].inner);
		const char *got = sip_got(p);
		for (size_t k = 0; k < 4 && texts[i].has[k]; k++)
			if (!strstr(got, texts[i].has[k]))
				fail_msg("%s: no \"%s\" in:\n%s", texts[i].row, texts[i].has[k], got);
		if (texts[i].lacks && strstr(got, texts[i].lacks))
			fail_msg("%s: \"%s\" in:\n%s", texts[i].row, texts[i].lacks, got);
		assert_int_equal(hub_told(p, id), 0);
		assert_string_equal(hub_got(p), ""); /* MSG-X06: 2xx says nothing */
	}
}

static void to_a_device(void **state)
{
	(void)state;
	hub_send(p, ++next_id, "<message from='juliet@example.com' to='romeo@example.net/dr4' id='m1'><body>x</body></message>");
	const char *got = sip_got(p);
	assert_has(got, "MESSAGE sip:romeo@example.net;gr=dr4 SIP/2.0\r\n"); /* MSG-X03 */
	assert_has(got, "To: <sip:romeo@example.net;gr=dr4>\r\n");
	assert_has(got, "From: <sip:juliet@example.com>;tag=");
	assert_string_equal(sip_last(p, 0)->peer, "example.net");
}

/* What becomes no MESSAGE. */
static void silent_ones(void **state)
{
	static const struct {
		const char *row, *attrs, *inner, *error;
	} rows[] = {
		{ "MSG-X05", "type='chat' id='m1'", "<subject>alone</subject>", NULL },
		{ "MSG-X11", "type='chat' id='m1'", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", NULL },
		{ "MSG-X11", "type='chat' id='m1'", "<received xmlns='urn:xmpp:receipts' id='q'/>", NULL },
		{ "MSG-X11", "type='chat' id='m1'", "<displayed xmlns='urn:xmpp:chat-markers:0' id='q'/>", NULL },
		{ "MSG-X11", "type='chat' id='m1'", "", NULL },
		{ "MSG-X11", "type='chat' id='m1'", "<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>", "feature-not-implemented" },
		{ "MSG-X12", "type='chat' id='m1'", "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body></message></forwarded></sent>", NULL },
		{ "MSG-X12", "id='m1'", "<body>y</body><result xmlns='urn:xmpp:mam:2' id='1'/>", NULL },
		{ "MSG-X09", "type='error' id='m1'", "<body>x</body><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", NULL },
		{ "MSG-X09", "type='groupchat' id='m1'", "<body>x</body>", "service-unavailable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t id = say(rows[i].attrs, rows[i].inner);
		if (*sip_got(p))
			fail_msg("%s: a MESSAGE goes out", rows[i].row);
		assert_int_equal(hub_told(p, id), 0);
		const char *got = hub_got(p);
		if (rows[i].error)
			assert_has(got, rows[i].error);
		else
			assert_string_equal(got, "");
	}
}

static void copy_of(char *out, size_t n, enum siphdr h)
{
	snprintf(out, n, "%.*s", BYTES_FMT(header(h)));
}

/* MSG-X04 */
static void threads_are_call_ids(void **state)
{
	char call[3][256], from[3][256];
	uint32_t seq[2];
	struct bytes method;

	(void)state;
	say("id='m1'", "<body>1</body><thread>a thread/1</thread>");
	copy_of(call[0], sizeof call[0], SIPH_CALL_ID);
	copy_of(from[0], sizeof from[0], SIPH_FROM);
	assert_true(sipmsg_cseq(sip_last(p, 0)->m, &seq[0], &method));
	say("id='m2'", "<body>2</body><thread>a thread/1</thread>");
	copy_of(call[1], sizeof call[1], SIPH_CALL_ID);
	copy_of(from[1], sizeof from[1], SIPH_FROM);
	assert_true(sipmsg_cseq(sip_last(p, 0)->m, &seq[1], &method));
	assert_string_equal(call[0], call[1]);
	assert_string_equal(from[0], from[1]);
	assert_int_equal(seq[1], seq[0] + 1);
	assert_has(call[0], "a%20thread%2F1@");
	hub_send(p, ++next_id, "<message from='nurse@example.com/x' to='romeo@example.net' id='m3'><body>3</body><thread>a thread/1</thread></message>");
	copy_of(call[2], sizeof call[2], SIPH_CALL_ID);
	assert_string_not_equal(call[0], call[2]);
	say("id='m4'", "<body>4</body>");
	assert_string_not_equal(text_of(header(SIPH_CALL_ID)), call[0]);
}

static void a_long_thread(void **state)
{
	char inner[1200] = "<body>1</body><thread>";
	char call[300];

	(void)state;
	memset(inner + strlen(inner), 't', 900);
	memcpy(inner + strlen("<body>1</body><thread>") + 900, "</thread>", 10);
	say("id='m1'", inner);
	copy_of(call, sizeof call, SIPH_CALL_ID);
	assert_true(strlen(call) < 256);
	say("id='m2'", inner);
	assert_string_equal(text_of(header(SIPH_CALL_ID)), call);
}

/* MSG-X06, section 2 */
static void refusals_come_back(void **state)
{
	static const struct {
		unsigned status;
		const char *headers, *error;
	} rows[] = {
		{ 404, NULL, "<item-not-found" },	{ 486, NULL, "<recipient-unavailable" },
		{ 503, NULL, "<internal-server-error" }, { 603, NULL, "<recipient-unavailable" },
		{ 301, "Contact: <sip:new@example.org>\n", "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:new@example.org</gone>" },
		{ 302, "Contact: <sip:new@example.org>\n", "<redirect xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:new@example.org</redirect>" }, /* MSG-X16 */
		{ 410, NULL, "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" },
	};

	(void)state;
	p->is_sip_silent = true;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t id = say("type='chat' id='m1'", "<body>x</body>");
		assert_int_equal(hub_told(p, id), 1); /* nobody has it yet */
		sip_answer(p, sip_last(p, 0)->id, rows[i].status, rows[i].headers, NULL);
		const char *got = hub_got(p);
		assert_has(got, "<message type='error' id='m1' from='romeo@example.net' to='juliet@example.com/balcony'>"); /* ERR-14 */
		assert_has(got, rows[i].error);
		assert_lacks(got, "<body");
		assert_int_equal(hub_told(p, id), 0);
	}
}

static void failures_come_back(void **state)
{
	static const struct {
		int why;
		unsigned status;
		const char *error;
	} rows[] = {
		{ ERR_TIMEOUT, 408, "<remote-server-timeout" }, /* MSG-X17 */
		{ ERR_DNS_NXDOMAIN, 404, "<remote-server-not-found" },
		{ ERR_CERT_NAME, 503, "certificate is not valid for this name" }, /* ERR-11 */
		{ ERR_CONN_REFUSED, 503, "<remote-server-timeout" },
	};

	(void)state;
	p->is_sip_silent = true;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t id = say("type='chat' id='m1'", "<body>x</body>");
		sip_fail(p, sip_last(p, 0)->id, rows[i].status, rows[i].why);
		assert_has(hub_got(p), rows[i].error);
		assert_int_equal(hub_told(p, id), 0);
	}
	/* A door that says nothing at all. */
	uint64_t id = say("type='chat' id='m1'", "<body>x</body>");
	play_wait(p, 41000);
	assert_has(hub_got(p), "<remote-server-timeout");
	assert_int_equal(hub_told(p, id), 0);
	sip_answer(p, sip_last(p, 0)->id, 200, NULL, NULL); /* too late: one outcome (MSG-X18) */
	assert_string_equal(hub_got(p), "");
}

/* MSG-X16 */
static void a_redirect_inside_the_domain(void **state)
{
	(void)state;
	p->is_sip_silent = true;
	uint64_t id = say("type='chat' id='m1'", "<body>x</body>");
	sip_got(p);
	sip_answer(p, sip_last(p, 0)->id, 302, "Contact: <sip:romeo2@example.net>\n", NULL);
	assert_has(sip_got(p), "MESSAGE sip:romeo2@example.net SIP/2.0\r\n");
	assert_int_equal(hub_told(p, id), 1);
	sip_answer(p, sip_last(p, 0)->id, 302, "Contact: <sip:romeo3@example.net>\n", NULL);
	assert_string_equal(sip_got(p), "");
	assert_has(hub_got(p), ">xmpp:romeo3@example.net</redirect>");
	assert_int_equal(hub_told(p, id), 0);
}

/* MSG-X10 */
static void size_limit(void **state)
{
	char inner[3000] = "<body>";

	(void)state;
	memset(inner + 6, 'x', 1200);
	memcpy(inner + 1206, "</body>", 8);
	uint64_t id = say("id='m1'", inner);
	assert_string_equal(sip_got(p), "");
	assert_has(hub_got(p), "<policy-violation");
	assert_int_equal(hub_told(p, id), 0);
	memcpy(inner + 6 + 600, "</body>", 8);
	say("id='m1'", inner);
	assert_has(sip_got(p), "MESSAGE ");
	play_set(p, "sip peer example.net message-max = 10000\n");
	memset(inner + 6, 'x', 1200);
	memcpy(inner + 1206, "</body>", 8);
	say("id='m1'", inner);
	assert_has(sip_got(p), "MESSAGE ");
}

/* MSG-X19 */
static void one_at_a_time(void **state)
{
	uint64_t id[3];

	(void)state;
	p->is_sip_silent = true;
	id[0] = say("id='m1'", "<body>first</body>");
	id[1] = say("id='m2'", "<body>second</body>");
	hub_send(p, ++next_id, "<message from='nurse@example.com/x' to='romeo@example.net' id='m3'><body>other</body></message>");
	id[2] = next_id;
	const char *got = sip_got(p);
	assert_has(got, "first");
	assert_has(got, "other"); /* another pair does not wait */
	assert_lacks(got, "second");
	sip_answer(p, sip_last(p, 1)->id, 200, NULL, NULL);
	assert_int_equal(hub_told(p, id[0]), 0);
	assert_int_equal(hub_told(p, id[1]), 1);
	assert_has(sip_got(p), "second");
	sip_answer(p, sip_last(p, 0)->id, 480, NULL, NULL);
	assert_has(hub_got(p), "id='m2'");
	assert_int_equal(hub_told(p, id[1]), 0);
}

static void the_queue_is_bounded(void **state)
{
	(void)state;
	p->is_sip_silent = true;
	for (int i = 0; i < 100; i++)
		say("id='m'", "<body>x</body>");
	assert_string_equal(hub_got(p), "");
	uint64_t id = say("id='last'", "<body>x</body>");
	const char *got = hub_got(p);
	assert_has(got, "id='last'");
	assert_has(got, "<resource-constraint");
	assert_int_equal(hub_told(p, id), 0);
	/* Nobody answers there: those behind get the same error instead of waiting as long each. */
	sip_fail(p, sip_last(p, 0)->id, 408, ERR_TIMEOUT);
	got = hub_got(p);
	unsigned n = 0;
	for (const char *at = got; (at = strstr(at, "<remote-server-timeout")); at++)
		n++;
	assert_int_equal(n, 100);
}

static void without_the_door_nothing_is_taken(void **state)
{
	(void)state;
	p->is_sip_silent = true;
	uint64_t first = say("id='m1'", "<body>x</body>");
	sip_leave(p);
	assert_has(hub_got(p), "<remote-server-timeout"); /* it may have been delivered: not sent again */
	assert_int_equal(hub_told(p, first), 0);
	uint64_t id = say("id='m2'", "<body>x</body>");
	assert_int_equal(hub_told(p, id), ERR_AGAIN);
	assert_string_equal(hub_got(p), "");
	sip_join(p);
	p->is_sip_silent = false;
	hub_send(p, id, "<message from='juliet@example.com/balcony' to='romeo@example.net' id='m2'><body>x</body></message>");
	assert_int_equal(hub_told(p, id), 0);
	assert_has(sip_got(p), "MESSAGE ");
}

/* gh-switch came back and its origins sent all again. */
static void what_is_known_is_not_sent_twice(void **state)
{
	(void)state;
	p->is_sip_silent = true;
	uint64_t id = say("id='m1'", "<body>once</body>");
	assert_has(sip_got(p), "once");
	hub_leave(p);
	hub_join(p);
	hub_send(p, id, "<message from='juliet@example.com/balcony' to='romeo@example.net' id='m1'><body>once</body></message>");
	assert_string_equal(sip_got(p), "");
	sip_answer(p, sip_last(p, 0)->id, 200, NULL, NULL);
	assert_int_equal(hub_told(p, id), 0);
	hub_send(p, id, "<message from='juliet@example.com/balcony' to='romeo@example.net' id='m1'><body>once</body></message>");
	assert_string_equal(sip_got(p), "");
	assert_int_equal(hub_told(p, id), 0);
}

static void switched_off(void **state)
{
	(void)state;
	play_set(p, "gateway messages = off\n");
	uint64_t id = say("id='m1'", "<body>x</body>");
	assert_has(hub_got(p), "<service-unavailable");
	assert_int_equal(hub_told(p, id), 0);
	assert_string_equal(sip_got(p), "");
}

static void html_where_it_is_wanted(void **state)
{
	(void)state;
	play_set(p, "gateway html = on\nsip peer example.net message-max = 10000\n");
	say("id='m1'", "<body>x</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
		       "<p onclick='evil()'><b>x</b><script>evil()</script><a href='javascript:evil()'>l</a></p></body></html>");
	const char *got = sip_got(p); /* MSG-X14 */
	assert_has(got, "Content-Type: multipart/alternative;");
	assert_has(got, "\r\n\r\nx\r\n--");
	assert_has(got, "<html><body><p><strong>x</strong><a>l</a></p></body></html>");
	assert_lacks(got, "evil");
}

/* ---- typing ---- */

#define STATE(name) "<" name " xmlns='http://jabber.org/protocol/chatstates'/>"
#define COMPOSING(state) "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>" state "</state></isComposing>"

static void sip_types(void)
{
	sip_message(p, "", "application/im-iscomposing+xml", COMPOSING("active"));
	hub_got(p);
}

static void states_go_out(void **state)
{
	(void)state;
	say("type='chat' id='m1'", STATE("composing"));
	assert_string_equal(sip_got(p), ""); /* CMP-09 */
	sip_types();
	say("type='chat' id='m2'", STATE("composing"));
	const char *got = sip_got(p); /* CMP-02 */
	assert_has(got, "Content-Type: application/im-iscomposing+xml\r\n");
	assert_has(got, "<state>active</state>");
	say("type='chat' id='m3'", STATE("paused"));
	say("type='chat' id='m4'", STATE("composing"));
	say("type='chat' id='m5'", STATE("inactive"));
	assert_string_equal(sip_got(p), ""); /* CMP-11 */
	play_wait(p, 10000);
	got = sip_got(p);
	assert_has(got, "<state>idle</state>");
	assert_lacks(got, "<state>active</state>");
	play_wait(p, 10000);
	say("type='chat' id='m6'", STATE("composing"));
	assert_has(sip_got(p), "<state>active</state>");
	play_wait(p, 14000);
	assert_string_equal(sip_got(p), "");
	play_wait(p, 2000);
	assert_has(sip_got(p), "<state>idle</state>"); /* CMP-06 */
	play_wait(p, 20000);
	say("type='chat' id='m7'", STATE("gone"));
	assert_string_equal(sip_got(p), ""); /* CMP-03 */
}

static void a_peer_that_takes_no_states(void **state)
{
	(void)state;
	sip_types();
	p->sip_status = 415;
	say("type='chat' id='m1'", STATE("composing"));
	assert_has(sip_got(p), "isComposing");
	assert_string_equal(hub_got(p), ""); /* CMP-08: nothing is shown */
	p->sip_status = 0;
	say("type='chat' id='m3'", STATE("paused"));
	play_wait(p, 60000);
	assert_string_equal(sip_got(p), ""); /* neither what waited nor idle */
	sip_types();
	say("type='chat' id='m2'", STATE("composing"));
	assert_string_equal(sip_got(p), "");
}

static void states_switched_off(void **state)
{
	(void)state;
	play_set(p, "gateway chat-states = off\n");
	sip_types();
	say("type='chat' id='m1'", STATE("composing"));
	assert_string_equal(sip_got(p), "");
}

/* ---- receipts ---- */

#define CPIM_HEAD "From: <sip:romeo@example.net>\r\nTo: <sip:juliet@example.com>\r\n"

/* From then on romeo takes CPIM. */
static void sip_shows_cpim(void)
{
	sip_message(p, "", "message/cpim", CPIM_HEAD "\r\nContent-Type: text/plain\r\n\r\nhi");
	hub_got(p);
}

static void imdn_from_sip(const char *kind, const char *status, const char *id)
{
	char text[1024];

	snprintf(text, sizeof text,
		 CPIM_HEAD "NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: z9\r\n\r\nContent-Type: message/imdn+xml\r\n"
		 "Content-Disposition: notification\r\n\r\n<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>%s</message-id>"
		 "<datetime>2026-01-01T00:00:00Z</datetime><%s-notification><status><%s/></status></%s-notification></imdn>",
		 id, kind, status, kind);
	uint64_t unit = sip_message(p, "", "message/cpim", text);
	assert_int_equal(sip_answered(p, unit)->status, 200);
}

static void receipts_are_asked_for(void **state)
{
	(void)state;
	sip_shows_cpim();
	say("type='chat' id='m1'", "<body>x</body><request xmlns='urn:xmpp:receipts'/>");
	const char *got = sip_got(p); /* RCP-06 */
	assert_has(got, "Content-Type: message/cpim\r\n");
	assert_has(got, "\r\nFrom: <sip:juliet@example.com>\r\nTo: <sip:romeo@example.net>\r\nDateTime: ");
	assert_has(got, "NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\nimdn.Disposition-Notification: positive-delivery\r\n\r\n"
			"Content-Type: text/plain; charset=UTF-8\r\n\r\nx");
	say("type='chat' id='m2'", "<body>x</body><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>"
				   "<delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/>");
	got = sip_got(p);
	assert_has(got, "imdn.Disposition-Notification: positive-delivery, display\r\n"); /* RCP-07 */
	assert_has(got, "DateTime: 2026-01-02T03:04:05Z\r\n"); /* DLY-01 */
	/* RCP-11 */
	imdn_from_sip("delivery", "delivered", "m1");
	got = hub_got(p);
	assert_has(got, "<received xmlns='urn:xmpp:receipts' id='m1'/>");
	assert_has(got, " to='juliet@example.com/balcony'");
	assert_lacks(got, "<request"); /* RCP-13 */
	assert_lacks(got, "<body");
	imdn_from_sip("delivery", "delivered", "m1"); /* once */
	assert_string_equal(hub_got(p), "");
	imdn_from_sip("display", "displayed", "m2");
	assert_has(hub_got(p), "<displayed xmlns='urn:xmpp:chat-markers:0' id='m2'/>");
	imdn_from_sip("delivery", "failed", "m2");
	got = hub_got(p);
	assert_has(got, "<message type='error' id='m2'");
	assert_has(got, "<recipient-unavailable");
	/* one that overtakes the answer; one for what was refused */
	p->is_sip_silent = true;
	say("type='chat' id='m3'", "<body>x</body><request xmlns='urn:xmpp:receipts'/>");
	imdn_from_sip("delivery", "delivered", "m3");
	assert_has(hub_got(p), "<received xmlns='urn:xmpp:receipts' id='m3'/>");
	sip_answer(p, sip_last(p, 0)->id, 200, NULL, NULL);
	say("type='chat' id='m4'", "<body>x</body><request xmlns='urn:xmpp:receipts'/>");
	sip_answer(p, sip_last(p, 0)->id, 480, NULL, NULL);
	assert_has(hub_got(p), "<recipient-unavailable");
	imdn_from_sip("delivery", "delivered", "m4");
	assert_string_equal(hub_got(p), "");
	imdn_from_sip("delivery", "delivered", "unheard-of"); /* RCP-12 */
	assert_string_equal(hub_got(p), "");
}

static void cpim_that_is_refused_goes_plain(void **state)
{
	(void)state;
	sip_shows_cpim();
	p->is_sip_silent = true;
	uint64_t id = say("type='chat' id='m1'", "<body>x</body><request xmlns='urn:xmpp:receipts'/>");
	assert_has(sip_got(p), "message/cpim");
	sip_answer(p, sip_last(p, 0)->id, 415, NULL, NULL);
	const char *got = sip_got(p); /* RCP-08 */
	assert_has(got, "Content-Type: text/plain");
	sip_answer(p, sip_last(p, 0)->id, 200, NULL, NULL);
	assert_int_equal(hub_told(p, id), 0);
	assert_string_equal(hub_got(p), ""); /* no receipt is invented */
	p->is_sip_silent = false;
	sip_shows_cpim();
	say("type='chat' id='m2'", "<body>x</body><request xmlns='urn:xmpp:receipts'/>");
	assert_lacks(sip_got(p), "message/cpim");
}

int main(void)
{
#define PLAY(fn) cmocka_unit_test_setup_teardown(fn, open_play, close_play)
	const struct CMUnitTest tests[] = {
		PLAY(text_becomes_a_message), PLAY(to_a_device), PLAY(silent_ones), PLAY(threads_are_call_ids), PLAY(a_long_thread),
		PLAY(refusals_come_back), PLAY(failures_come_back), PLAY(a_redirect_inside_the_domain), PLAY(size_limit),
		PLAY(one_at_a_time), PLAY(the_queue_is_bounded), PLAY(without_the_door_nothing_is_taken),
		PLAY(what_is_known_is_not_sent_twice), PLAY(switched_off), PLAY(html_where_it_is_wanted), PLAY(states_go_out),
		PLAY(a_peer_that_takes_no_states), PLAY(states_switched_off), PLAY(receipts_are_asked_for),
		PLAY(cpim_that_is_refused_goes_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
