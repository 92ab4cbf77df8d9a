/* A SIP client watches an XMPP user: rows SUB-S, SUB-P and PRE-X of the mapping, read from both sides' wires. */
#include "play.h"
#include "presence.h"

#include "base/err.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct play p;

#define assert_has(text, part) has(text, part, __LINE__)
#define assert_lacks(text, part) lacks(text, part, __LINE__)
static void has(const char *text, const char *part, int line)
{
	if (!strstr(text, part))
		fail_msg("line %d: no \"%s\" in \"%s\"", line, part, text);
}
static void lacks(const char *text, const char *part, int line)
{
	if (strstr(text, part))
		fail_msg("line %d: \"%s\" in \"%s\"", line, part, text);
}
#define assert_sent(n) assert_int_equal(p.n_requests, n)
#define assert_state_line(s) assert_has(play_header(&p, "Subscription-State"), s)

/* ---- the SIP client ---- */

struct client {
	const char *call_id, *contact;
	char tag[256]; /* gh-xlate's */
	unsigned seq;
};

static void send_as(struct client *c, const char *user, const char *expires, const char *more)
{
	char head[4096];
	bool is_inside = c->tag[0];

	c->seq++;
	snprintf(head, sizeof head,
		 "SUBSCRIBE sip:juliet@example.com SIP/2.0\nVia: SIP/2.0/TLS h.example.net;branch=z9hG4bKn%u\nMax-Forwards: 70\n"
		 "From: <sip:%s@example.net>;tag=his\nTo: <sip:juliet@example.com>%s%s\nCall-ID: %s\nCSeq: %u SUBSCRIBE\n"
		 "Contact: %s\nEvent: presence\nAccept: application/pidf+xml\n%s%s",
		 c->seq, user, is_inside ? ";tag=" : "", c->tag, c->call_id, c->seq, c->contact, expires, more);
	play_sip(&p, head, NULL);
	assert_true(p.answer.is_there);
	if (!is_inside && p.answer.status == 200)
		snprintf(c->tag, sizeof c->tag, "%s", p.answer.to_tag);
}

static struct client romeo;

static unsigned subscribe(const char *expires)
{
	send_as(&romeo, "romeo", expires, "");
	return p.answer.status;
}

#define STANZA(s) play_stanza(&p, s)
#define TO_ROMEO "from='juliet@example.com' to='romeo@example.net'"
#define TO_JULIET "from='romeo@example.net' to='juliet@example.com'"

static void assert_notify(const char *state)
{
	assert_sent(1);
	assert_int_equal(strncmp(play_line(&p), "NOTIFY ", 7), 0);
	assert_state_line(state);
}

static void pending(void)
{
	assert_int_equal(subscribe(""), 200);
	assert_notify("pending");
	play_respond(&p, 200, "");
	(void)play_got(&p);
}

/* With one resource there. */
static void active(void)
{
	pending();
	STANZA("<presence type='subscribed' " TO_ROMEO "/>");
	assert_notify("active");
	play_respond(&p, 200, "");
	STANZA("<presence from='juliet@example.com/balcony' to='romeo@example.net'/>");
	assert_notify("active");
	play_respond(&p, 200, "");
	(void)play_got(&p);
	play_wait(&p, 6000);
	assert_sent(0);
}

static struct pair *the_pair(void)
{
	return pair_find(p.x.presence, BYTES("juliet@example.com"), BYTES("romeo@example.net"));
}

static int set_up(void **state)
{
	(void)state;
	play_open(&p, "");
	romeo = (struct client){ .call_id = "c1@h", .contact = "<sip:romeo@example.net;gr=dr4>" };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	play_close(&p);
	return 0;
}

/* ---- asking and permission ---- */

static void test_subscribe(void **state)
{
	(void)state;
	assert_int_equal(subscribe(""), 200); /* SUB-S01 */
	assert_has(p.answer.headers, "Expires: 3600\r\n");
	assert_has(p.answer.headers, "Contact: <sip:juliet@example.com>\r\n");
	assert_int_equal(strlen(p.answer.to_tag), 16);
	assert_notify("pending;expires=3600");
	assert_string_equal(play_body(&p), "");
	/* BUG-02 */
	assert_string_equal(play_line(&p), "NOTIFY sip:romeo@example.net;gr=dr4 SIP/2.0");
	assert_has(play_header(&p, "From"), "<sip:juliet@example.com>;tag=");
	assert_has(play_header(&p, "From"), p.answer.to_tag);
	assert_string_equal(play_header(&p, "To"), "<sip:romeo@example.net>;tag=his");
	assert_string_equal(play_header(&p, "CSeq"), "1 NOTIFY");
	assert_string_equal(play_header(&p, "Event"), "presence");
	assert_string_equal(play_header(&p, "Contact"), "<sip:juliet@example.com>");
	assert_string_equal(p.requests[0].peer, "example.net");
	assert_string_equal(play_got(&p), "<presence type='subscribe' " TO_JULIET "/>");
	play_respond(&p, 200, "");
	play_wait(&p, 10000);
	STANZA("<presence type='subscribed' " TO_ROMEO "/>"); /* SUB-S02 */
	assert_notify("active;expires=3590");
	assert_string_equal(play_body(&p), "");
	assert_string_equal(play_got(&p), "<presence type='probe' " TO_JULIET "/>");
}

static void test_denied(void **state)
{
	(void)state;
	pending(); /* SUB-S03 */
	STANZA("<presence type='unsubscribed' " TO_ROMEO "/>");
	assert_notify("terminated;reason=rejected");
	assert_string_equal(play_body(&p), "");
	play_respond(&p, 200, "");
	assert_null(the_pair());
	assert_string_equal(play_got(&p), "");
	romeo.tag[0] = 0;
	active(); /* SUB-S04 */
	STANZA("<presence type='unsubscribed' " TO_ROMEO "/>");
	assert_notify("terminated;reason=rejected");
	assert_has(play_body(&p), "<basic>closed</basic>");
	assert_lacks(play_body(&p), "open");
	play_respond(&p, 481, "");
	assert_null(the_pair());
}

static void test_refresh(void **state)
{
	(void)state;
	pending(); /* SUB-S05 */
	assert_int_equal(subscribe("Expires: 600\n"), 200);
	assert_notify("pending;expires=600");
	assert_string_equal(play_body(&p), "");
	play_respond(&p, 200, "");
	STANZA("<presence type='subscribed' " TO_ROMEO "/>");
	play_respond(&p, 200, "");
	assert_int_equal(subscribe(""), 200);
	assert_notify("active");
	assert_string_equal(play_body(&p), ""); /* not known */
	play_respond(&p, 200, "");
	STANZA("<presence from='juliet@example.com/balcony' to='romeo@example.net'/>");
	play_respond(&p, 200, "");
	assert_int_equal(subscribe(""), 200);
	assert_notify("active;expires=3600");
	assert_has(play_body(&p), "ID-balcony");
	assert_lacks(play_got(&p), "'subscribe'");
	romeo.seq = 1;
	assert_int_equal(subscribe(""), 500); /* RFC 3261 12.2.2 */
}

static void test_leaves(void **state)
{
	(void)state;
	active(); /* SUB-S06 */
	assert_int_equal(subscribe("Expires: 0\n"), 200);
	assert_has(p.answer.headers, "Expires: 0\r\n");
	assert_notify("terminated;reason=timeout");
	assert_has(play_body(&p), "<tuple id='ID-balcony'><status><basic>closed</basic></status></tuple></presence>");
	assert_string_equal(play_got(&p), "<presence type='unavailable' from='romeo@example.net/dr4' to='juliet@example.com'/>");
	play_respond(&p, 200, "");
	assert_null(the_pair());
	assert_int_equal(subscribe(""), 481); /* SUB-S10 */
}

static void test_runs_out(void **state)
{
	(void)state;
	active(); /* SUB-S07; active took 6 s */
	play_wait(&p, 3593000);
	assert_sent(0);
	play_wait(&p, 2000);
	assert_notify("terminated;reason=timeout");
	assert_has(play_body(&p), "<basic>closed</basic>");
	assert_string_equal(play_got(&p), "<presence type='unavailable' from='romeo@example.net/dr4' to='juliet@example.com'/>");
	play_fail(&p, 408, ERR_TIMEOUT);
	assert_null(the_pair());
}

static void test_refusals(void **state)
{
	struct client c = romeo;

	(void)state;
	assert_int_equal(subscribe("Expires: 59\n"), 423); /* SUB-S08 */
	assert_string_equal(p.answer.headers, "Min-Expires: 60\r\n");
	assert_int_equal(subscribe("Expires: 100000\n"), 200); /* SUB-S09 */
	assert_has(p.answer.headers, "Expires: 86400\r\n");
	snprintf(c.tag, sizeof c.tag, "0123456789abcdef");
	c.call_id = "other@h";
	send_as(&c, "romeo", "", "");
	assert_int_equal(p.answer.status, 481); /* SUB-S10 */
	snprintf(c.tag, sizeof c.tag, "%s", romeo.tag);
	send_as(&c, "romeo", "", ""); /* the tag is right, the Call-ID is not */
	assert_int_equal(p.answer.status, 481);
}

static void raw(const char *more)
{
	char head[2048];

	snprintf(head, sizeof head, "SUBSCRIBE sip:juliet@example.com SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nMax-Forwards: 70\n"
		 "From: <sip:romeo@example.net>;tag=his\nTo: <sip:juliet@example.com>\nCall-ID: r@h\nCSeq: 1 SUBSCRIBE\n"
		 "Contact: <sip:romeo@example.net>\n%s", more);
	play_sip(&p, head, NULL);
}

static void test_packages(void **state)
{
	(void)state;
	raw(""); /* SUB-S11 */
	assert_int_equal(p.answer.status, 489);
	assert_has(p.answer.headers, "Allow-Events: presence");
	raw("Event: dialog\n");
	assert_int_equal(p.answer.status, 489);
	raw("Event: presence.winfo\n"); /* SUB-S16 */
	assert_int_equal(p.answer.status, 489);
	raw("Event: presence\nAccept: application/xpidf+xml\n"); /* SUB-S12 */
	assert_int_equal(p.answer.status, 406);
	raw("Event: presence\nAccept: text/plain, */*\n");
	assert_int_equal(p.answer.status, 200);
	raw("Event: presence;id=7\nAccept: \nSupported: eventlist\n"); /* SUB-S17 */
	assert_int_equal(p.answer.status, 200);
	assert_lacks(p.answer.headers, "Require");
	assert_sent(2);
	play_respond(&p, 200, "");
	assert_string_equal(play_header(&p, "Event"), "presence;id=7");
	play_sip(&p, "SUBSCRIBE sip:example.com SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nMax-Forwards: 70\n"
		"From: <sip:romeo@example.net>;tag=his\nTo: <sip:example.com>\nCall-ID: l@h\nCSeq: 1 SUBSCRIBE\n"
		"Contact: <sip:romeo@example.net>\nEvent: presence\nSupported: eventlist\n", NULL);
	assert_int_equal(p.answer.status, 404);
	play_sip(&p, "PUBLISH sip:juliet@example.com SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nMax-Forwards: 70\n"
		"From: <sip:romeo@example.net>;tag=his\nTo: <sip:juliet@example.com>\nCall-ID: p@h\nCSeq: 1 PUBLISH\n"
		"Event: presence\nExpires: 60\n", NULL); /* SUB-S18 */
	assert_int_equal(p.answer.status, 403);
}

static void test_errors(void **state)
{
	static const struct {
		const char *error, *reason;
	} rows[] = {
		{ "cancel'><item-not-found", "terminated;reason=noresource" }, { "cancel'><remote-server-not-found", "terminated;reason=noresource" },
		{ "auth'><forbidden", "terminated;reason=rejected" }, { "auth'><not-authorized", "terminated;reason=rejected" },
		{ "wait'><remote-server-timeout", "terminated;reason=giveup;retry-after=300" },
		{ "wait'><resource-constraint", "terminated;reason=giveup;retry-after=300" },
	};
	char stanza[400];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) { /* SUB-S13 */
		pending();
		snprintf(stanza, sizeof stanza, "<presence type='error' " TO_ROMEO "><error type='%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>", rows[i].error);
		STANZA(stanza);
		assert_notify(rows[i].reason);
		play_respond(&p, 200, "");
		assert_null(the_pair());
		romeo.tag[0] = 0;
	}
}

static void test_dialog_lost(void **state)
{
	(void)state;
	active(); /* SUB-S14 */
	STANZA("<presence from='juliet@example.com/balcony' to='romeo@example.net'><show>away</show></presence>");
	play_respond(&p, 481, "");
	assert_string_equal(play_got(&p), "<presence type='unavailable' from='romeo@example.net/dr4' to='juliet@example.com'/>");
	assert_null(the_pair());
	romeo.tag[0] = 0;
	active();
	STANZA("<presence from='juliet@example.com/balcony' to='romeo@example.net'><show>away</show></presence>");
	play_fail(&p, 408, ERR_TIMEOUT);
	assert_has(play_got(&p), "unavailable");
	assert_null(the_pair());
	romeo.tag[0] = 0;
	active(); /* a server that is not well for a moment is notified again */
	STANZA("<presence from='juliet@example.com/balcony' to='romeo@example.net'><show>away</show></presence>");
	play_fail(&p, 503, ERR_CLOSED);
	play_wait(&p, 11000);
	assert_notify("active");
	assert_has(play_body(&p), "away");
	play_respond(&p, 200, "");
	assert_non_null(the_pair());
}

static void test_two_clients(void **state)
{
	struct client other = { .call_id = "c2@h", .contact = "<sip:romeo@192.0.2.9>" };

	(void)state;
	active(); /* SUB-S15 */
	send_as(&other, "romeo", "", "");
	assert_int_equal(p.answer.status, 200);
	assert_string_equal(play_got(&p), "");
	assert_notify("active");
	assert_has(play_body(&p), "ID-balcony");
	play_respond(&p, 200, "");
	play_wait(&p, 6000);
	STANZA("<presence from='juliet@example.com/balcony' to='romeo@example.net'><show>dnd</show></presence>");
	assert_sent(2);
	play_respond(&p, 200, "");
	assert_has(play_line(&p), "sip:romeo@192.0.2.9");
	assert_has(play_body(&p), "<show xmlns='jabber:client'>dnd</show>");
	play_respond(&p, 200, "");
	send_as(&other, "romeo", "Expires: 0\n", "");
	assert_string_equal(play_got(&p), ""); /* the other client is there still */
	play_respond(&p, 200, "");
	assert_non_null(the_pair());
}

/* SUB-P03: what is addressed to one watcher is told to nobody else. */
static void test_no_leak(void **state)
{
	struct client mercutio = { .call_id = "m@h", .contact = "<sip:mercutio@192.0.2.8>" };

	(void)state;
	active();
	send_as(&mercutio, "mercutio", "", "");
	play_respond(&p, 200, "");
	STANZA("<presence type='subscribed' from='juliet@example.com' to='mercutio@example.net'/>");
	play_respond(&p, 200, "");
	STANZA("<presence from='juliet@example.com/secret' to='romeo@example.net'/>");
	assert_sent(1);
	assert_has(play_header(&p, "To"), "romeo@example.net");
	play_respond(&p, 200, "");
	send_as(&mercutio, "mercutio", "", "");
	assert_sent(1);
	assert_lacks(play_body(&p), "secret");
}

static void test_look(void **state)
{
	(void)state;
	assert_int_equal(subscribe("Expires: 0\n"), 200); /* SUB-P02 */
	assert_sent(0);
	assert_string_equal(play_got(&p), "<presence type='probe' " TO_JULIET "/>");
	STANZA("<presence from='juliet@example.com/a' to='romeo@example.net'/>");
	STANZA("<presence from='juliet@example.com/b' to='romeo@example.net'/>");
	play_wait(&p, 400);
	assert_notify("terminated;reason=timeout");
	assert_has(play_body(&p), "ID-a");
	assert_has(play_body(&p), "ID-b");
	play_respond(&p, 200, "");
	assert_null(the_pair());
	assert_string_equal(play_got(&p), "");
	romeo.tag[0] = 0;
	assert_int_equal(subscribe("Expires: 0\n"), 200);
	play_wait(&p, 4800);
	assert_sent(0);
	play_wait(&p, 300);
	assert_notify("terminated;reason=timeout");
	assert_string_equal(play_body(&p), "");
	play_respond(&p, 200, "");
	(void)play_got(&p);
	/* with a subscription beside it, what is known is told at once */
	romeo.tag[0] = 0;
	active();
	struct client look = { .call_id = "look@h", .contact = "<sip:romeo@192.0.2.9>" };
	send_as(&look, "romeo", "Expires: 0\n", "");
	assert_notify("terminated;reason=timeout");
	assert_has(play_body(&p), "ID-balcony");
	assert_string_equal(play_got(&p), "");
	assert_int_equal(p.x.presence->n, 2);
	play_respond(&p, 200, "");
	assert_int_equal(p.x.presence->n, 1);
}

/* ---- presence ---- */

static void show(const char *resource, const char *inside)
{
	char stanza[1000];

	snprintf(stanza, sizeof stanza, "<presence from='juliet@example.com/%s' to='romeo@example.net'%s", resource, inside);
	STANZA(stanza);
}

static void test_resources(void **state)
{
	(void)state;
	active();
	show("1phone", "><priority>2</priority></presence>"); /* PRE-X11, X03, X07 */
	assert_notify("active");
	assert_has(play_body(&p), "<tuple id='ID-balcony'>");
	assert_has(play_body(&p), "<tuple id='ID-1phone'>");
	assert_has(play_body(&p), "priority='0.015'>sip:juliet@example.com;gr=1phone</contact>");
	play_respond(&p, 200, "");
	play_wait(&p, 6000);
	show("1phone", " type='unavailable'/>"); /* PRE-X02 */
	assert_has(play_body(&p), "<tuple id='ID-1phone'><status><basic>closed</basic></status></tuple>");
	assert_has(play_body(&p), "<tuple id='ID-balcony'><status><basic>open</basic>");
	play_respond(&p, 200, "");
	play_wait(&p, 6000);
	show("balcony", " type='unavailable'/>"); /* PRE-X12 */
	assert_has(play_body(&p), "<tuple id='ID-balcony'><status><basic>closed</basic></status></tuple></presence>");
	assert_lacks(play_body(&p), "1phone");
	play_respond(&p, 200, "");
	play_wait(&p, 6000);
	show("x", " xml:lang='cs'><status>V hovoru</status></presence>"); /* PRE-X05, X10 */
	assert_string_equal(play_header(&p, "Content-Language"), "cs");
	assert_string_equal(play_header(&p, "Content-Type"), "application/pidf+xml");
	assert_has(play_body(&p), "<note xml:lang='cs'>V hovoru</note>");
	assert_has(play_body(&p), "entity='pres:juliet@example.com'"); /* PRE-X04 */
	play_respond(&p, 200, "");
	play_wait(&p, 6000);
	STANZA("<presence type='unavailable' " TO_ROMEO "/>"); /* nobody is there at all */
	assert_has(play_body(&p), "closed");
	play_respond(&p, 200, "");
	assert_sent(0);
}

static void test_rate(void **state)
{
	char inside[64];

	(void)state;
	active(); /* PRE-X13 */
	unsigned before = p.n_sent;
	for (int i = 0; i < 20; i++) {
		snprintf(inside, sizeof inside, "><status>s%d</status></presence>", i);
		show("balcony", inside);
		if (p.n_requests)
			play_respond(&p, 200, "");
		play_wait(&p, 50);
	}
	assert_int_equal(p.n_sent - before, 1);
	play_wait(&p, 3500);
	assert_sent(0);
	play_wait(&p, 600);
	assert_notify("active");
	assert_has(play_body(&p), "s19"); /* the last state wins */
	play_respond(&p, 200, "");
	play_wait(&p, 10000);
	assert_int_equal(p.n_sent - before, 2);
	show("balcony", "><status>s19</status></presence>"); /* nothing new */
	assert_sent(0);
	show("balcony", "><status>t1</status></presence>");
	show("balcony", "><status>t2</status></presence>");
	assert_sent(1); /* one under way at a time */
	play_wait(&p, 6000);
	assert_sent(1);
	play_respond(&p, 200, "");
	assert_sent(1);
	assert_has(play_body(&p), "t2");
}

/* ---- routes, restarts, limits ---- */

static void test_routes(void **state)
{
	(void)state;
	send_as(&romeo, "romeo", "", "Record-Route: <sip:p2.example.net;lr>, <sip:p1.example.net;lr>\n");
	assert_has(p.answer.headers, "Record-Route: <sip:p2.example.net;lr>\r\nRecord-Route: <sip:p1.example.net;lr>\r\n");
	assert_string_equal(play_line(&p), "NOTIFY sip:romeo@example.net;gr=dr4 SIP/2.0");
	assert_has(p.requests[0].text, "sip:p2.example.net;lr");
	assert_true(strstr(p.requests[0].text, "p2.example") < strstr(p.requests[0].text, "p1.example"));
	play_respond(&p, 200, "");
	struct client strict = { .call_id = "s@h", .contact = "<sip:romeo@192.0.2.9>" };
	send_as(&strict, "romeo", "", "Record-Route: <sip:old.example.net>\n");
	assert_string_equal(play_line(&p), "NOTIFY sip:old.example.net SIP/2.0");
	assert_has(play_header(&p, "Route"), "<sip:romeo@192.0.2.9>");
}

static void test_parameters_are_kept(void **state)
{
	(void)state;
	play_sip(&p, "SUBSCRIBE sip:juliet@example.com SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nMax-Forwards: 70\n"
		"From: <sip:romeo@example.net>;tag=his;epid=01ab\nTo: <sip:juliet@example.com>\nCall-ID: l@h\nCSeq: 1 SUBSCRIBE\n"
		"Contact: <sip:romeo@example.net;opaque=user:epid:X;gruu>\nEvent: presence\n", NULL);
	assert_int_equal(p.answer.status, 200);
	assert_string_equal(play_line(&p), "NOTIFY sip:romeo@example.net;opaque=user:epid:X;gruu SIP/2.0"); /* ADR-29 */
	assert_has(play_header(&p, "To"), "epid=01ab");
}

static void test_restart(void **state)
{
	(void)state;
	active();
	play_wait(&p, 2000);
	assert_int_equal(p.n_rows, 1);
	play_restart(&p, 60000);
	assert_sent(0);
	play_wait(&p, 61000);
	assert_has(play_got(&p), "<presence type='probe' " TO_JULIET "/>"); /* SUB-S19 */
	assert_sent(0); /* SIP sees nothing of it */
	assert_int_equal(subscribe(""), 200);
	assert_notify("active");
	unsigned seq = (unsigned)atoi(play_header(&p, "CSeq"));
	assert_true(seq > 3);
	play_respond(&p, 200, "");
	show("balcony", "/>");
	assert_has(play_body(&p), "ID-balcony");
	play_respond(&p, 200, "");
	play_restart(&p, 7200000); /* it ran out meanwhile */
	play_wait(&p, 61000);
	assert_notify("terminated;reason=timeout");
	play_respond(&p, 200, "");
	play_wait(&p, 3000);
	assert_int_equal(p.n_rows, 0);
}

static void test_server_restarts(void **state)
{
	(void)state;
	active();
	play_switch_up(&p); /* SUB-S19 */
	play_wait(&p, 61000);
	assert_string_equal(play_got(&p), "<presence type='probe' " TO_JULIET "/>");
	assert_sent(0);
}

static void test_limits(void **state)
{
	char call_id[32];
	struct client c = romeo;

	(void)state;
	for (int i = 0; i < PRESENCE_DIALOGS_MAX; i++) {
		snprintf(call_id, sizeof call_id, "n%d@h", i);
		c = (struct client){ .call_id = call_id, .contact = "<sip:romeo@192.0.2.9>" };
		send_as(&c, "romeo", "", "");
		assert_int_equal(p.answer.status, 200);
		play_respond(&p, 200, "");
	}
	c = (struct client){ .call_id = "more@h", .contact = "<sip:romeo@192.0.2.9>" };
	send_as(&c, "romeo", "", "");
	assert_int_equal(p.answer.status, 480);
	assert_has(p.answer.headers, "Retry-After: 300");
	play_close(&p);
	play_open(&p, "gateway subscriptions-max = 1\n");
	c.call_id = "a@h";
	send_as(&c, "romeo", "", "");
	assert_int_equal(p.answer.status, 200);
	play_respond(&p, 200, "");
	c = (struct client){ .call_id = "b@h", .contact = "<sip:paris@192.0.2.9>" };
	send_as(&c, "paris", "", "");
	assert_int_equal(p.answer.status, 480);
	assert_null(pair_find(p.x.presence, BYTES("juliet@example.com"), BYTES("paris@example.net")));
}

/* With the sanitizer its count of bytes, else malloc's. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : m.uordblks + m.hblkhd;
}

/* Ten thousand subscriptions: what each costs in memory, the played gh-store's row included. */
static void test_memory(void **state)
{
	enum { N = 10000 };
	char stanza[200];

	(void)state;
	p.is_quiet = true;
	size_t before = allocated();
	for (int i = 0; i < N / 2; i++) {
		struct client c = { .call_id = stanza, .contact = "<sip:romeo@192.0.2.1>" };
		char user[32];
		snprintf(user, sizeof user, "r%d", i);
		snprintf(stanza, sizeof stanza, "call-%d@host.example.net", i);
		send_as(&c, user, "", "");
		snprintf(stanza, sizeof stanza, "<presence type='subscribed' from='juliet@example.com' to='%s@example.net'/>", user);
		STANZA(stanza);
		snprintf(stanza, sizeof stanza, "<presence from='juliet@example.com/balcony' to='%s@example.net'><status>In a call</status></presence>", user);
		STANZA(stanza);
		snprintf(stanza, sizeof stanza, "<presence type='subscribe' from='u%d@example.com' to='r%d@example.net'/>", i, i);
		STANZA(stanza);
		(void)play_got(&p);
	}
	assert_int_equal(p.x.presence->n, N);
	size_t each = (allocated() - before) / N;
	print_message("%zu bytes a subscription\n", each);
	assert_true(each > 300 && each < 2048);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_subscribe), T(test_denied), T(test_refresh), T(test_leaves), T(test_runs_out), T(test_refusals), T(test_packages),
		T(test_errors), T(test_dialog_lost), T(test_two_clients), T(test_no_leak), T(test_look), T(test_resources), T(test_rate),
		T(test_routes), T(test_parameters_are_kept), T(test_restart), T(test_server_restarts), T(test_limits), T(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
