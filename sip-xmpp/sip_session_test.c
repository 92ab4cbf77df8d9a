#include "session_play.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct play p;

static int set_up(void **state)
{
	(void)state;
	play_open(&p, "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	play_close(&p);
	return 0;
}

#define SDP "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=session\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define SDP_LYNC SDP "m=message 5060 sip null\r\na=accept-types:text/plain multipart/alternative image/gif text/rtf\r\n"
#define SDP_MSRP SDP "m=message 7654 TCP/TLS/MSRP *\r\na=accept-types:text/plain\r\na=path:msrps://a.example:7654/x;tcp\r\n"

#define JULIET "juliet@example.com/balcony"
#define ROMEO "romeo@lync.example"


#define assert_has(text, what)                                                                     \
	do {                                                                                       \
		const char *text_ = (text);                                                        \
		if (!strstr(text_, what))                                                          \
			fail_msg("no \"%s\" in: %s", what, text_);                                 \
	} while (0)

/* A request from romeo's side; to_params: tag. */
static void from_romeo(const char *method, unsigned cseq, const char *to_tag, const char *more)
{
	char text[4096];

	snprintf(text, sizeof text,
		 "%s sip:juliet@example.com SIP/2.0\nVia: SIP/2.0/TLS a.lync.example;branch=z9hG4bK%u\nMax-Forwards: 70\n"
		 "From: <sip:" ROMEO ">;tag=r1;epid=01ab\nTo: <sip:juliet@example.com>%s%s\nCall-ID: call1\nCSeq: %u %s\n"
		 "Contact: <sip:" ROMEO ";opaque=user:epid:01ab;gruu>\n%s",
		 method, cseq, *to_tag ? ";tag=" : "", to_tag, cseq, method, more);
	play_request(&p, text);
}

static void from_juliet(const char *sid, const char *inner)
{
	play_stanza(&p, STANZA_MESSAGE, TYPE_CHAT, JULIET, ROMEO, sid, inner);
}

/* ---- without MSRP ---- */

static void ses_00_invitations_are_refused(void **state)
{
	static const char *const media[] = {
		SDP_MSRP,
		SDP "m=audio 4000 RTP/AVP 0\r\n",
		SDP "m=message 0 sip null\r\n",
		SDP,
		"not a description",
	};

	(void)state;
	for (size_t i = 0; i < sizeof media / sizeof media[0]; i++) {
		char more[1024];
		snprintf(more, sizeof more, "Content-Type: application/sdp\n\n%s", media[i]);
		from_romeo("INVITE", 1, "", more);
		assert_int_equal(p.status, 488);
		assert_has(p.headers, "Warning: 304 ");
	}
	from_romeo("INVITE", 1, "", "");
	assert_int_equal(p.status, 488);
	assert_int_equal(p.n_stanzas, 0);
	assert_int_equal(p.n_requests, 0);
}

static void requests_of_no_dialog_are_refused(void **state)
{
	static const char *const methods[] = { "INVITE", "BYE", "INFO", "UPDATE" };

	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		from_romeo(methods[i], 1, "nobody", "");
		assert_int_equal(p.status, 481);
	}
	unsigned before = p.n_answers;
	from_romeo("ACK", 1, "nobody", "");
	assert_int_equal(p.n_answers, before);
}

/* ---- MUC-00 ---- */

static void muc_00_mediated_invitation_is_declined(void **state)
{
	(void)state;
	play_stanza(&p, STANZA_MESSAGE, TYPE_NORMAL, "room@conf.example.com", ROMEO, "i1",
		    "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='" JULIET "'><reason>come</reason></invite></x>");
	const char *got = play_stanzas(&p);
	assert_has(got, "to='room@conf.example.com'");
	assert_has(got, "from='" ROMEO "'");
	assert_has(got, "<decline to='" JULIET "'><reason>");
	assert_int_equal(p.n_done, 1);
	assert_int_equal(p.n_requests, 0);
}

static void muc_00_direct_invitation_is_refused(void **state)
{
	(void)state;
	play_stanza(&p, STANZA_MESSAGE, TYPE_NORMAL, JULIET, ROMEO, "i2",
		    "<body>come</body><x xmlns='jabber:x:conference' jid='room@conf.example.com'/>");
	const char *got = play_stanzas(&p);
	assert_has(got, "id='i2'");
	assert_has(got, "service-unavailable");
	assert_int_equal(p.n_done, 1);
	assert_int_equal(p.n_requests, 0);
}

/* ---- Lync calls ---- */

static const char *lync_calls(const char *more)
{
	char text[2048];

	snprintf(text, sizeof text, "%sContent-Type: application/sdp\n\n" SDP_LYNC, more);
	from_romeo("INVITE", 1, "", text);
	return p.to_tag;
}

static void msg_s22_lync_session(void **state)
{
	char tag[64];

	(void)state;
	snprintf(tag, sizeof tag, "%s", lync_calls("ms-text-format: text/plain; charset=UTF-8;msgr=WAA=;ms-body=SGkgSnVsaWV0\n"));
	assert_int_equal(p.status, 200);
	assert_has(p.body, "m=message 5060 sip null\r\n");
	assert_has(p.body, "a=accept-types:text/plain\r\n");
	assert_has(p.headers, "Contact: <sip:juliet@example.com>\r\n");
	assert_has(p.headers, "Content-Type: application/sdp\r\n");
	const char *got = play_stanzas(&p);
	assert_has(got, "<message type='chat'");
	assert_has(got, "from='romeo@lync.example/01ab'");
	assert_has(got, "<body>Hi Juliet</body><thread>call1</thread>");
	from_romeo("ACK", 1, tag, "");
	/* their texts */
	from_romeo("MESSAGE", 2, tag, "Content-Type: text/plain; charset=UTF-8\n\na < b");
	assert_int_equal(p.status, 200);
	assert_has(play_stanzas(&p), "<body>a &lt; b</body>");
	/* ours go into the dialog */
	from_juliet("m1", "<body>Wherefore?</body><thread>call1</thread>");
	assert_has(p.request, "MESSAGE sip:romeo@lync.example;opaque=user:epid:01ab;gruu SIP/2.0\r\n");
	assert_string_equal(play_header(&p, "Call-ID"), "call1");
	assert_has(play_header(&p, "From"), tag);
	assert_has(play_header(&p, "To"), ";epid=01ab");
	assert_has(play_header(&p, "To"), ";tag=r1");
	assert_string_equal(play_body(&p), "Wherefore?");
	assert_int_equal(p.n_done, 0);
	play_answer(&p, 200, "");
	assert_int_equal(p.n_done, 1);
	/* and go to the device that answered */
	from_romeo("MESSAGE", 3, tag, "Content-Type: text/plain\n\nx");
	assert_has(play_stanzas(&p), "to='" JULIET "'");
	/* the end */
	from_romeo("BYE", 4, tag, "");
	assert_int_equal(p.status, 200);
	assert_has(play_stanzas(&p), "<gone xmlns='http://jabber.org/protocol/chatstates'/>");
	from_romeo("MESSAGE", 5, tag, "Content-Type: text/plain\n\nx");
	assert_int_not_equal(p.status, 200);
}

static void msg_s23_other_types_are_refused(void **state)
{
	static const char *const types[] = { "text/rtf", "image/gif", "text/x-msmsgsinvite", "application/x-ms-ink", "multipart/alternative" };
	char tag[64], more[256];

	(void)state;
	snprintf(tag, sizeof tag, "%s", lync_calls("ms-text-format: text/rtf; charset=UTF-8; ms-body=SGk=\n"));
	assert_int_equal(p.status, 200);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		snprintf(more, sizeof more, "Content-Type: %s\n\nInvitation-Command: INVITE", types[i]);
		from_romeo("MESSAGE", 2 + (unsigned)i, tag, more);
		assert_int_equal(p.status, 415);
		assert_has(p.headers, "Accept: text/plain\r\n");
	}
	assert_int_equal(p.n_stanzas, 0);
}

static void in_dialog_cseq_must_grow(void **state)
{
	char tag[64];

	(void)state;
	snprintf(tag, sizeof tag, "%s", lync_calls(""));
	from_romeo("MESSAGE", 5, tag, "Content-Type: text/plain\n\nx");
	assert_int_equal(p.status, 200);
	from_romeo("MESSAGE", 4, tag, "Content-Type: text/plain\n\ny");
	assert_int_equal(p.status, 500);
	assert_int_equal(p.n_stanzas, 1);
}

static void refused_stanza_is_the_answer(void **state)
{
	char tag[64], sid[128];

	(void)state;
	snprintf(tag, sizeof tag, "%s", lync_calls(""));
	p.is_hub_silent = true;
	from_romeo("MESSAGE", 2, tag, "Content-Type: text/plain\n\nx");
	assert_int_equal(p.status, 0);
	snprintf(sid, sizeof sid, "%s", p.sid);
	play_stanza(&p, STANZA_MESSAGE, TYPE_ERROR, "juliet@example.com", ROMEO "/01ab", sid,
		    "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
	assert_int_equal(p.status, 604);
}

/* The error comes after the message was taken: there was nobody (SES-11). */
static void ses_11_late_error_ends_the_session(void **state)
{
	char sid[128];

	(void)state;
	(void)lync_calls("ms-text-format: text/plain;ms-body=SGk=\n");
	assert_int_equal(p.status, 200);
	snprintf(sid, sizeof sid, "%s", p.sid);
	play_stanza(&p, STANZA_MESSAGE, TYPE_ERROR, "juliet@example.com", ROMEO "/01ab", sid,
		    "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
	assert_has(p.request, "BYE ");
	assert_has(play_header(&p, "Reason"), "cause=404");
	assert_has(play_header(&p, "To"), ";tag=r1");
}

static void msg_s24_idle_session_ends(void **state)
{
	char tag[64];

	(void)state;
	snprintf(tag, sizeof tag, "%s", lync_calls(""));
	from_romeo("ACK", 1, tag, "");
	play_wait(&p, 599000);
	assert_int_equal(p.n_requests, 0);
	from_romeo("MESSAGE", 2, tag, "Content-Type: text/plain\n\nx");
	play_wait(&p, 599000);
	assert_int_equal(p.n_requests, 0);
	play_wait(&p, 1000);
	assert_int_equal(p.n_requests, 1);
	assert_has(p.request, "BYE ");
	play_answer(&p, 200, "");
	/* the next message opens a new one */
	from_juliet("m9", "<body>again</body>");
	assert_has(p.request, "INVITE sip:romeo@lync.example SIP/2.0\r\n");
}

static void unacknowledged_answer_ends(void **state)
{
	(void)state;
	(void)lync_calls("");
	play_wait(&p, 31999);
	assert_int_equal(p.n_requests, 0);
	play_wait(&p, 1);
	assert_has(p.request, "BYE ");
}

/* SES-12 */
static void ses_12_refreshes_are_answered(void **state)
{
	char tag[64];

	(void)state;
	snprintf(tag, sizeof tag, "%s", lync_calls("Require: timer\nSession-Expires: 300;refresher=uac\n"));
	assert_int_equal(p.status, 200);
	assert_has(p.headers, "Session-Expires: 300;refresher=uac\r\n");
	from_romeo("ACK", 1, tag, "");
	play_wait(&p, 200000);
	from_romeo("INVITE", 2, tag, "Session-Expires: 300\nContent-Type: application/sdp\n\n" SDP_LYNC);
	assert_int_equal(p.status, 200);
	assert_has(p.body, "m=message 5060 sip null\r\n");
	from_romeo("ACK", 2, tag, "");
	play_wait(&p, 200000);
	from_romeo("UPDATE", 3, tag, "Session-Expires: 300\n");
	assert_int_equal(p.status, 200);
	assert_string_equal(p.body, "");
	assert_int_equal(p.n_requests, 0);
	play_wait(&p, 300000); /* no refresh */
	assert_has(p.request, "BYE ");
}

/* CMP-12, CMP-05, CMP-11: from Lync */
static void cmp_12_typing_from_lync(void **state)
{
	char tag[64];
	unsigned n = 1;

	(void)state;
	snprintf(tag, sizeof tag, "%s", lync_calls(""));
	from_romeo("ACK", 1, tag, "");
#define ACTIVITY(s) "Content-Type: application/xml\n\n<KeyboardActivity><status status=\"" s "\"/></KeyboardActivity>"
	from_romeo("INFO", ++n, tag, ACTIVITY("type"));
	assert_int_equal(p.status, 200);
	assert_has(play_stanzas(&p), "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>call1</thread>");
	from_romeo("INFO", ++n, tag, ACTIVITY("idle"));
	from_romeo("INFO", ++n, tag, ACTIVITY("type"));
	from_romeo("INFO", ++n, tag, ACTIVITY("idle"));
	assert_string_equal(play_stanzas(&p), "");
	play_wait(&p, 10000);
	assert_has(play_stanzas(&p), "<active ");
	assert_int_equal(p.n_stanzas, 2);
	play_wait(&p, 10000);
	from_romeo("INFO", ++n, tag, ACTIVITY("type"));
	assert_has(play_stanzas(&p), "<composing ");
	play_wait(&p, 120000);
	assert_has(play_stanzas(&p), "<active ");
	from_romeo("INFO", ++n, tag, "Content-Type: text/plain\n\nhello");
	assert_int_equal(p.status, 415);
	from_romeo("INFO", ++n, tag, "Content-Type: application/xml\n\n<KeyboardActivity><sta");
	assert_int_equal(p.status, 200);
	assert_string_equal(play_stanzas(&p), "");
}

/* ---- we call Lync ---- */

static void open_ours(void)
{
	from_juliet("m1", "<body>Hello</body><thread>T 1</thread>");
	play_answer(&p, 200, "Contact: <sip:pool.lync.example;transport=tls>\nContent-Type: application/sdp\n\n" SDP_LYNC);
}

static void msg_x20_message_opens_a_session(void **state)
{
	(void)state;
	from_juliet("m1", "<body>Hello</body><thread>T 1</thread>");
	from_juliet("m2", "<body>there</body><thread>T 1</thread>");
	assert_int_equal(p.n_requests, 1);
	assert_has(p.request, "INVITE sip:romeo@lync.example SIP/2.0\r\n");
	assert_has(play_header(&p, "From"), "<sip:juliet@example.com;gr=balcony>;tag=");
	assert_string_equal(play_header(&p, "To"), "<sip:romeo@lync.example>");
	assert_string_equal(play_header(&p, "Contact"), "<sip:juliet@example.com;gr=balcony>");
	assert_has(play_header(&p, "Call-ID"), "T%201.");
	assert_string_equal(play_header(&p, "Content-Type"), "application/sdp");
	assert_has(play_body(&p), "m=message 5060 sip null\r\n");
	play_answer(&p, 200, "Record-Route: <sip:edge.lync.example;lr>\nContact: <sip:pool.lync.example;transport=tls>\n"
	                     "Content-Type: application/sdp\n\n" SDP_LYNC);
	/* ACK with the INVITE's number (BUG-04), then one message at a time */
	assert_int_equal(p.n_requests, 3);
	struct bytes all = buf_bytes(&p.requests);
	const char *ack = (const char *)all.p + strlen((const char *)all.p) + 1;
	assert_has(ack, "ACK sip:pool.lync.example;transport=tls SIP/2.0\r\n");
	assert_has(ack, "CSeq: 1 ACK\r\n");
	assert_has(p.request, "MESSAGE sip:pool.lync.example;transport=tls SIP/2.0\r\n");
	assert_string_equal(play_header(&p, "Route"), "<sip:edge.lync.example;lr>");
	assert_string_equal(play_header(&p, "CSeq"), "2 MESSAGE");
	assert_has(play_header(&p, "To"), ";tag=theirs");
	assert_string_equal(play_body(&p), "Hello");
	play_answer(&p, 200, "");
	assert_string_equal(play_body(&p), "there");
	play_answer(&p, 200, "");
	assert_int_equal(p.n_done, 2);
	assert_int_equal(p.n_stanzas, 0);
}

static void msg_x20_refusals_are_errors(void **state)
{
	static const struct {
		unsigned status;
		const char *condition;
	} rows[] = { { 488, "not-acceptable" }, { 415, "not-acceptable" }, { 480, "recipient-unavailable" }, { 404, "item-not-found" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		from_juliet("m1", "<body>Hello</body>");
		assert_has(p.request, "INVITE ");
		play_answer(&p, rows[i].status, "");
		const char *got = play_stanzas(&p);
		assert_has(got, "id='m1'");
		assert_has(got, rows[i].condition);
		assert_int_equal(p.n_done, i + 1);
		assert_has(p.request, "INVITE "); /* and no MESSAGE */
	}
	from_juliet("m2", "<body>Hello</body>");
	play_fail(&p, 408, ERR_TIMEOUT);
	assert_has(play_stanzas(&p), "remote-server-timeout");
}

/* The other side has forgotten the dialog: the message goes into a new one, once. */
static void lost_dialog_is_opened_again(void **state)
{
	(void)state;
	open_ours();
	play_answer(&p, 481, "");
	assert_has(p.request, "INVITE sip:romeo@lync.example SIP/2.0\r\n");
	play_answer(&p, 200, "Contact: <sip:pool2.lync.example>\nContent-Type: application/sdp\n\n" SDP_LYNC);
	assert_has(p.request, "MESSAGE sip:pool2.lync.example SIP/2.0\r\n");
	assert_string_equal(play_body(&p), "Hello");
	assert_int_equal(p.n_done, 0);
	play_answer(&p, 481, "");
	assert_has(play_stanzas(&p), "item-not-found");
	assert_int_equal(p.n_done, 1);
}

static void unanswered_message_is_not_sent_twice(void **state)
{
	(void)state;
	open_ours();
	unsigned before = p.n_requests;
	play_fail(&p, 408, ERR_TIMEOUT);
	assert_int_equal(p.n_requests, before);
	assert_has(play_stanzas(&p), "remote-server-timeout");
	assert_int_equal(p.n_done, 1);
}

/* CMP-12, CMP-06, CMP-07, CMP-11: to Lync */
static void cmp_12_typing_to_lync(void **state)
{
#define STATE(s) "<" s " xmlns='http://jabber.org/protocol/chatstates'/><thread>T 1</thread>"
	(void)state;
	open_ours();
	play_answer(&p, 200, "");
	unsigned before = p.n_requests;
	from_juliet("s1", STATE("composing"));
	assert_int_equal(p.n_requests, before + 1);
	assert_has(p.request, "INFO ");
	assert_string_equal(play_header(&p, "Content-Type"), "application/xml");
	assert_string_equal(play_body(&p), "<KeyboardActivity><status status=\"type\"/></KeyboardActivity>");
	play_answer(&p, 200, "");
	from_juliet("s2", STATE("paused"));
	from_juliet("s3", STATE("composing"));
	assert_int_equal(p.n_requests, before + 1);
	play_wait(&p, 14999);
	assert_int_equal(p.n_requests, before + 1);
	play_wait(&p, 1); /* no news for 15 s */
	assert_int_equal(p.n_requests, before + 2);
	assert_has(play_body(&p), "status=\"idle\"");
	assert_int_equal(p.n_done, 4);
}

/* CMP-03 */
static void cmp_03_gone_ends_the_session(void **state)
{
	(void)state;
	open_ours();
	from_juliet("s1", STATE("gone")); /* not before what was written has arrived */
	assert_has(p.request, "MESSAGE ");
	play_answer(&p, 200, "");
	from_juliet("s2", STATE("gone"));
	assert_has(p.request, "BYE sip:pool.lync.example;transport=tls SIP/2.0\r\n");
	assert_string_equal(play_header(&p, "CSeq"), "3 BYE");
	assert_string_equal(play_stanzas(&p), "");
}

static void queue_has_an_end(void **state)
{
	(void)state;
	for (int i = 0; i < 101; i++)
		from_juliet("m1", "<body>Hello</body>");
	assert_int_equal(p.n_requests, 1);
	assert_int_equal(p.n_stanzas, 1);
	assert_has(play_stanzas(&p), "resource-constraint");
}

/* Who writes from elsewhere, or to somebody else, has a session of his own. */
static void sessions_are_apart(void **state)
{
	(void)state;
	open_ours();
	play_stanza(&p, STANZA_MESSAGE, TYPE_CHAT, "nurse@example.com/x", ROMEO, "n1", "<body>Hello</body><thread>T 1</thread>");
	assert_has(p.request, "INVITE ");
	assert_has(play_header(&p, "From"), "<sip:nurse@example.com;gr=x>");
	unsigned before = p.n_requests;
	/* a request with the tags of one and the Call-ID of another */
	from_romeo("MESSAGE", 2, "theirs", "Content-Type: text/plain\n\nx");
	assert_int_not_equal(p.status, 200);
	assert_int_equal(p.n_requests, before);
}

#define play_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		play_test(ses_00_invitations_are_refused),
		play_test(requests_of_no_dialog_are_refused),
		play_test(muc_00_mediated_invitation_is_declined),
		play_test(muc_00_direct_invitation_is_refused),
		play_test(msg_s22_lync_session),
		play_test(msg_s23_other_types_are_refused),
		play_test(in_dialog_cseq_must_grow),
		play_test(refused_stanza_is_the_answer),
		play_test(ses_11_late_error_ends_the_session),
		play_test(msg_s24_idle_session_ends),
		play_test(unacknowledged_answer_ends),
		play_test(ses_12_refreshes_are_answered),
		play_test(cmp_12_typing_from_lync),
		play_test(msg_x20_message_opens_a_session),
		play_test(msg_x20_refusals_are_errors),
		play_test(lost_dialog_is_opened_again),
		play_test(unanswered_message_is_not_sent_twice),
		play_test(cmp_12_typing_to_lync),
		play_test(cmp_03_gone_ends_the_session),
		play_test(queue_has_an_end),
		play_test(sessions_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
