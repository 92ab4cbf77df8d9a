#include "session_impl.h"
#include "session_play.h"

#include "base/err.h"
#include "base/fsm_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Nobody takes the call and nobody says no: it is cancelled. Who takes it all the same is hung up. */
static void unanswered_call_is_cancelled(void **state)
{
	(void)state;
	from_juliet("m1", "<body>Hello</body>");
	assert_has(p.request, "INVITE ");
	play_wait(&p, 199000);
	assert_int_equal(p.n_cancels, 0);
	play_wait(&p, 1000);
	assert_int_equal(p.n_cancels, 1);
	assert_true(p.cancelled_id == p.request_id);
	assert_has(play_stanzas(&p), "id='m1'");
	play_answer(&p, 200, "Contact: <sip:pool.lync.example;transport=tls>\nContent-Type: application/sdp\n\n" SDP_LYNC);
	assert_has(p.request, "BYE sip:pool.lync.example;transport=tls SIP/2.0\r\n");
	assert_has(play_header(&p, "To"), ";tag=theirs");
	assert_string_equal(play_header(&p, "CSeq"), "2 BYE");
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

/* ---- MSRP ---- */

static int set_up_msrp(void **state)
{
	(void)state;
	play_open(&p, "gateway msrp = on\nsip listen-msrp-tls a = 192.0.2.9 2855\nsip msrp-host = gw.example.com 2856\n");
	return 0;
}

#define BOB "bob@example.net"
#define THEIRS "msrps://b.example.net:7777/bob1;tcp"
#define SDP_BOB(types, more) SDP "m=message 7777 TCP/TLS/MSRP *\r\na=accept-types:" types "\r\na=path:" THEIRS "\r\n" more

static void to_bob(const char *sid, const char *inner)
{
	play_stanza(&p, STANZA_MESSAGE, TYPE_CHAT, JULIET, BOB, sid, inner);
}

#define CONTACT_BOB "Contact: <sip:bob@b.example.net>\n"
#define IS_SDP "Content-Type: application/sdp\n\n"

/* Our session with bob, open. */
static void open_msrp(const char *types)
{
	char more[2048];

	to_bob("first1", "<body>Art thou there?</body><thread>T1</thread>");
	snprintf(more, sizeof more, CONTACT_BOB IS_SDP SDP "m=message 7777 TCP/TLS/MSRP *\r\na=accept-types:%s\r\na=path:" THEIRS "\r\n", types);
	play_answer(&p, 200, more);
	play_media_opened(&p);
}

/* Bob's session with Juliet, open. */
static void bob_calls(const char *method, unsigned cseq, const char *to_tag, const char *more)
{
	char text[4096];

	snprintf(text, sizeof text,
		 "%s sip:juliet@example.com SIP/2.0\nVia: SIP/2.0/TLS b.example.net;branch=z9hG4bK%u\nMax-Forwards: 70\n"
		 "From: <sip:" BOB ">;tag=b1\nTo: <sip:juliet@example.com>%s%s\nCall-ID: bobcall\nCSeq: %u %s\n"
		 "Contact: <sip:" BOB ";gr=dr4>\n%s",
		 method, cseq, *to_tag ? ";tag=" : "", to_tag, cseq, method, more);
	play_request(&p, text);
}

static char bob_tag[64];

static void open_bobs(void)
{
	bob_calls("INVITE", 1, "", IS_SDP SDP_BOB("text/plain message/cpim", ""));
	assert_int_equal(p.status, 200);
	snprintf(bob_tag, sizeof bob_tag, "%s", p.to_tag);
	bob_calls("ACK", 1, bob_tag, "");
	play_media_opened(&p);
}

static void ses_01_first_message_opens_a_session(void **state)
{
	(void)state;
	to_bob("first1", "<body>Art thou there?</body><thread>T1</thread>");
	assert_has(p.request, "INVITE sip:bob@example.net SIP/2.0\r\n");
	assert_has(play_header(&p, "Call-ID"), "T1.");
	assert_has(play_body(&p), "m=message 2856 TCP/TLS/MSRP *\r\n");
	assert_has(play_body(&p), "a=accept-types:text/plain message/cpim application/im-iscomposing+xml\r\n");
	assert_has(play_body(&p), "a=path:msrps://gw.example.com:2856/");
	assert_has(play_body(&p), "a=max-size:10000\r\n");
	assert_has(play_body(&p), "a=setup:actpass\r\n");
	/* announced before they can connect */
	assert_int_equal(p.n_media_opens, 1);
	assert_int_equal(p.media_flags, 1);
	assert_has(play_body(&p), p.media_ours);
	assert_int_equal(p.n_frames, 0);
	play_answer(&p, 200, CONTACT_BOB IS_SDP SDP_BOB("text/plain", ""));
	assert_has(p.request, "ACK sip:bob@b.example.net SIP/2.0\r\n");
	/* SES-13: without setup the offerer connects */
	assert_int_equal(p.n_media_opens, 2);
	assert_int_equal(p.media_flags, 3);
	assert_string_equal(p.media_theirs, THEIRS);
	assert_int_equal(p.n_frames, 0);
	play_media_opened(&p);
	/* SES-03 */
	assert_int_equal(p.n_frames, 1);
	assert_has(p.frame, "MSRP first1 SEND\r\nTo-Path: " THEIRS "\r\nFrom-Path: msrps://gw.example.com:2856/");
	assert_has(p.frame, "\r\nFailure-Report: no\r\n");
	assert_has(p.frame, "\r\nByte-Range: 1-15/15\r\n");
	assert_has(p.frame, "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nArt thou there?\r\n-------first1$\r\n");
	assert_null(strstr(p.frame, "Success-Report"));
	assert_int_equal(p.n_done, 1);
	to_bob("second", "<body>x</body><thread>T1</thread>");
	assert_int_equal(p.n_frames, 2);
	assert_int_equal(p.n_requests, 2);
}

static void ses_02_refused_session_is_page_mode(void **state)
{
	static const unsigned statuses[] = { 488, 415, 405, 501 };

	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		tear_down(state);
		set_up_msrp(state);
		struct jid bob = jid_of_normal(BYTES(BOB));
		to_bob("first1", "<body>Art thou there?</body><thread>T1</thread>");
		assert_has(p.request, "INVITE ");
		play_answer(&p, statuses[i], "");
		assert_true(session_is_paged(&p.x, &bob));
		assert_int_equal(p.n_media_closes, 1);
		unsigned invites = 0;
		to_bob("m2", "<body>again</body><thread>T1</thread>");
		for (struct bytes all = buf_bytes(&p.requests); all.n; all = bytes_skip(all, bytes_find(all, 0) + 1))
			invites += bytes_starts(all, BYTES("INVITE "));
		assert_int_equal(invites, 1);
		loop_fake_advance(p.loop, 24 * 3600 * 1000);
		assert_false(session_is_paged(&p.x, &bob));
	}
}

static void other_refusals_are_errors(void **state)
{
	(void)state;
	to_bob("first1", "<body>Art thou there?</body><thread>T1</thread>");
	play_answer(&p, 480, "");
	assert_has(play_stanzas(&p), "recipient-unavailable");
	struct jid bob = jid_of_normal(BYTES(BOB));
	assert_false(session_is_paged(&p.x, &bob));
}

/* Their answer is of no use: the dialog ends and page mode serves. */
static void unusable_answers_end_the_dialog(void **state)
{
	static const char *const answers[] = {
		CONTACT_BOB IS_SDP SDP_MSRP "a=setup:holdconn\r\n",
		CONTACT_BOB IS_SDP SDP "m=message 7 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://b:7/x;tcp\r\n",
		CONTACT_BOB IS_SDP SDP_BOB("image/png", ""),
		CONTACT_BOB IS_SDP SDP "m=message 0 TCP/TLS/MSRP *\r\n",
		CONTACT_BOB,
	};

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		struct jid bob = jid_of_normal(BYTES(BOB));
		tear_down(state);
		set_up_msrp(state);
		to_bob("first1", "<body>Art thou there?</body><thread>T1</thread>");
		play_answer(&p, 200, answers[i]);
		struct bytes all = buf_bytes(&p.requests);
		unsigned byes = 0;
		for (; all.n; all = bytes_skip(all, bytes_find(all, 0) + 1))
			byes += bytes_starts(all, BYTES("BYE sip:bob@b.example.net"));
		assert_int_equal(byes, 1);
		assert_true(session_is_paged(&p.x, &bob));
		assert_int_equal(p.x.sessions->count, 0);
	}
}

static void ses_04_send_is_a_message(void **state)
{
	(void)state;
	open_bobs();
	assert_has(p.body, "m=message 2856 TCP/TLS/MSRP *\r\n");
	assert_null(strstr(p.body, "a=setup"));
	assert_int_equal(p.media_flags, 1);
	play_frame(&p, "MSRP t234 SEND\nMessage-ID: m111\nByte-Range: 1-5/5\nContent-Type: text/plain\n\nHi <3\n-------t234$\n");
	const char *got = play_stanzas(&p);
	assert_has(got, "<message type='chat' id='");
	assert_has(got, "from='bob@example.net/dr4' to='juliet@example.com'");
	assert_has(got, "<body>Hi &lt;3</body><thread>bobcall</thread>");
	assert_null(strstr(got, "<request"));
	assert_has(p.frame, "MSRP t234 200 OK\r\nTo-Path: " THEIRS "\r\n");
	/* who wants no answer gets none */
	unsigned before = p.n_frames;
	play_frame(&p, "MSRP t235 SEND\nMessage-ID: m112\nFailure-Report: no\nByte-Range: 1-1/1\nContent-Type: text/plain\n\nx\n-------t235$\n");
	play_frame(&p, "MSRP t236 SEND\nMessage-ID: m113\nFailure-Report: partial\nByte-Range: 1-1/1\nContent-Type: text/plain\n\nx\n-------t236$\n");
	assert_int_equal(p.n_frames, before);
	/* message/cpim with a time of old (DLY-04) */
	play_frame(&p, "MSRP t237 SEND\nMessage-ID: m114\nContent-Type: message/cpim\n\nFrom: <sip:" BOB ">\nTo: <sip:juliet@example.com>\n"
		       "DateTime: 2000-12-13T15:40:00+02:00\n\nContent-Type: text/plain; charset=utf-8\n\nold\n-------t237$\n");
	got = play_stanzas(&p);
	assert_has(got, "<body>old</body>");
	assert_has(got, "stamp='2000-12-13T13:40:00Z'");
	assert_has(p.frame, "MSRP t237 200 OK");
	play_frame(&p, "MSRP t238 FOO\n-------t238$\n");
	assert_has(p.frame, "MSRP t238 501 ");
	/* one that only says that it is there */
	play_frame(&p, "MSRP t239 SEND\nMessage-ID: m115\nByte-Range: 1-0/0\n-------t239$\n");
	assert_has(p.frame, "MSRP t239 200 ");
	assert_string_equal(play_stanzas(&p), "");
}

static void ses_05_chunks_are_joined(void **state)
{
	(void)state;
	open_bobs();
#define CHUNK(id, range, text, flag) "MSRP " id " SEND\nMessage-ID: m1234\nByte-Range: " range "\nContent-Type: text/plain\n\n" text "\n-------" id flag "\n"
	play_frame(&p, CHUNK("c001", "4-6/9", "def", "+"));
	assert_has(p.frame, "MSRP c001 200 ");
	play_frame(&p, CHUNK("c002", "7-9/9", "ghi", "$"));
	assert_string_equal(play_stanzas(&p), "");
	play_frame(&p, CHUNK("c003", "1-3/9", "abc", "+"));
	assert_has(play_stanzas(&p), "<body>abcdefghi</body>");
	/* given up */
	play_frame(&p, CHUNK("c004", "1-*/9", "abc", "+"));
	play_frame(&p, CHUNK("c005", "4-*/9", "", "#"));
	play_frame(&p, CHUNK("c006", "4-9/9", "defghi", "$"));
	assert_string_equal(play_stanzas(&p), "");
	play_wait(&p, 30000);
	/* too slow */
	play_frame(&p, CHUNK("c007", "1-3/9", "abc", "+"));
	play_wait(&p, 30000);
	play_frame(&p, CHUNK("c008", "4-9/9", "defghi", "$"));
	assert_string_equal(play_stanzas(&p), "");
}

static void ses_06_too_large(void **state)
{
	(void)state;
	open_bobs();
	play_frame(&p, CHUNK("c001", "1-3/10001", "abc", "+"));
	assert_has(p.frame, "MSRP c001 413 ");
	play_frame(&p, CHUNK("c002", "1-3/3", "abc", "$"));
	assert_has(play_stanzas(&p), "<body>abc</body>");
}

static void ses_07_unknown_type(void **state)
{
	(void)state;
	open_bobs();
	play_frame(&p, "MSRP t234 SEND\nMessage-ID: m111\nByte-Range: 1-1/1\nContent-Type: image/png\n\nx\n-------t234$\n");
	assert_has(p.frame, "MSRP t234 415 ");
	play_frame(&p, "MSRP t235 SEND\nMessage-ID: m112\nContent-Type: message/cpim\n\nFrom: <sip:a@b>\nTo: <sip:c@d>\n\n"
		       "Content-Type: image/png\n\nx\n-------t235$\n");
	assert_has(p.frame, "MSRP t235 415 ");
	assert_string_equal(play_stanzas(&p), "");
}

/* SES-08, CMP-04 */
static void ses_08_bye(void **state)
{
	(void)state;
	open_bobs();
	bob_calls("BYE", 2, bob_tag, "");
	assert_int_equal(p.status, 200);
	assert_has(play_stanzas(&p), "<gone xmlns='http://jabber.org/protocol/chatstates'/><thread>bobcall</thread>");
	assert_int_equal(p.n_media_closes, 1);
	assert_int_equal(p.n_requests, 0);
}

static void ses_09_idle(void **state)
{
	(void)state;
	open_msrp("text/plain");
	play_wait(&p, 300000);
	play_frame(&p, CHUNK("c001", "1-3/3", "abc", "$"));
	play_wait(&p, 599999);
	assert_has(p.request, "ACK ");
	(void)play_stanzas(&p);
	play_wait(&p, 1);
	assert_has(p.request, "BYE ");
	assert_has(play_stanzas(&p), "<gone ");
	assert_int_equal(p.n_media_closes, 1);
}

static void ses_12_reinvite_keeps_the_media(void **state)
{
	char ours[512];

	(void)state;
	open_bobs();
	snprintf(ours, sizeof ours, "%s", p.media_ours);
	bob_calls("INVITE", 2, bob_tag, "Session-Expires: 1800;refresher=uac\n" IS_SDP SDP_BOB("text/plain", ""));
	assert_int_equal(p.status, 200);
	assert_has(p.body, ours);
	assert_int_equal(p.n_media_opens, 1);
	assert_int_equal(p.n_media_closes, 0);
	play_frame(&p, CHUNK("c001", "1-3/3", "abc", "$"));
	assert_has(play_stanzas(&p), "<body>abc</body>");
}

static void ses_13_setup(void **state)
{
	static const struct {
		const char *theirs;
		const char *ours;
		uint8_t flags; /* 2: we connect */
	} offers[] = { { "active", "passive", 1 }, { "actpass", "passive", 1 }, { "passive", "active", 3 } };
	static const struct {
		const char *theirs;
		uint8_t flags;
	} answers[] = { { "active", 1 }, { "passive", 3 } };

	for (size_t i = 0; i < 3; i++) {
		char more[1024];
		tear_down(state);
		set_up_msrp(state);
		snprintf(more, sizeof more, IS_SDP SDP_BOB("text/plain", "a=setup:%s\r\n"), offers[i].theirs);
		bob_calls("INVITE", 1, "", more);
		assert_int_equal(p.status, 200);
		snprintf(more, sizeof more, "a=setup:%s\r\n", offers[i].ours);
		assert_has(p.body, more);
		assert_int_equal(p.media_flags, offers[i].flags);
	}
	for (size_t i = 0; i < 2; i++) {
		char more[1024];
		tear_down(state);
		set_up_msrp(state);
		to_bob("first1", "<body>x</body><thread>T1</thread>");
		snprintf(more, sizeof more, CONTACT_BOB IS_SDP SDP_BOB("text/plain", "a=setup:%s\r\n"), answers[i].theirs);
		play_answer(&p, 200, more);
		assert_int_equal(p.media_flags, answers[i].flags);
	}
	tear_down(state);
	set_up_msrp(state);
	bob_calls("INVITE", 1, "", IS_SDP SDP_BOB("text/plain", "a=setup:holdconn\r\n"));
	assert_int_equal(p.status, 488);
}

/* Who connects speaks first (RFC 4975 5.4). */
static void connecting_side_says_so(void **state)
{
	(void)state;
	bob_calls("INVITE", 1, "", IS_SDP SDP_BOB("text/plain", "a=setup:passive\r\n"));
	play_media_opened(&p);
	assert_int_equal(p.n_frames, 0);
	bob_calls("ACK", 1, p.to_tag, "");
	assert_int_equal(p.n_frames, 1);
	assert_has(p.frame, "SEND\r\n");
	assert_has(p.frame, "Byte-Range: 1-0/0\r\n");
	assert_null(strstr(p.frame, "Content-Type"));
}

/* RCP-01, RCP-02 */
static void rcp_receipts_of_ours(void **state)
{
	char message_id[64] = "", report[512];

	(void)state;
	open_msrp("text/plain");
	to_bob("asked1", "<body>hello</body><request xmlns='urn:xmpp:receipts'/><thread>T1</thread>");
	assert_has(p.frame, "\r\nSuccess-Report: yes\r\nFailure-Report: no\r\n");
	assert_int_equal(sscanf(strstr(p.frame, "Message-ID: "), "Message-ID: %40[^\r]", message_id), 1);
	snprintf(report, sizeof report, "MSRP r001 REPORT\nMessage-ID: %s\nByte-Range: 1-5/5\nStatus: 000 200 OK\n-------r001$\n", message_id);
	unsigned before = p.n_frames;
	play_frame(&p, report);
	const char *got = play_stanzas(&p);
	assert_has(got, "<received xmlns='urn:xmpp:receipts' id='asked1'/>");
	assert_null(strstr(got, "<body"));
	assert_int_equal(p.n_frames, before); /* a REPORT has no answer */
	play_frame(&p, report);               /* once */
	play_frame(&p, "MSRP r002 REPORT\nMessage-ID: other\nByte-Range: 1-5/5\nStatus: 000 200 OK\n-------r002$\n");
	assert_string_equal(play_stanzas(&p), "");
}

/* RCP-03, RCP-04, RCP-13 */
static void rcp_receipts_of_theirs(void **state)
{
	char sid[128], received[256];

	(void)state;
	open_bobs();
	play_frame(&p, "MSRP t234 SEND\nMessage-ID: m111\nByte-Range: 1-5/5\nSuccess-Report: yes\nContent-Type: text/plain\n\nhello\n-------t234$\n");
	assert_has(play_stanzas(&p), "<request xmlns='urn:xmpp:receipts'/>");
	snprintf(sid, sizeof sid, "%s", p.sid);
	snprintf(received, sizeof received, "<received xmlns='urn:xmpp:receipts' id='%s'/>", sid);
	to_bob("r1", received);
	assert_has(p.frame, " REPORT\r\n");
	assert_has(p.frame, "\r\nMessage-ID: m111\r\nByte-Range: 1-5/5\r\nStatus: 000 200\r\n-------");
	unsigned before = p.n_frames;
	to_bob("r2", received);
	to_bob("r3", "<received xmlns='urn:xmpp:receipts' id='nothing'/>");
	assert_int_equal(p.n_frames, before);
}

static void states_go_to_who_takes_them(void **state)
{
	(void)state;
	open_msrp("text/plain application/im-iscomposing+xml");
	to_bob("s1", STATE("composing"));
	assert_has(p.frame, "Content-Type: application/im-iscomposing+xml\r\n");
	assert_has(p.frame, "<state>active</state>");
	play_frame(&p, "MSRP t234 SEND\nMessage-ID: m111\nContent-Type: application/im-iscomposing+xml\n\n"
		       "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state></isComposing>\n-------t234$\n");
	assert_has(play_stanzas(&p), "<composing ");
	tear_down(state);
	set_up_msrp(state);
	open_msrp("text/plain");
	unsigned before = p.n_frames;
	to_bob("s1", STATE("composing"));
	assert_int_equal(p.n_frames, before);
}

static void cpim_for_who_takes_nothing_else(void **state)
{
	(void)state;
	open_msrp("message/cpim");
	assert_has(p.frame, "Content-Type: message/cpim\r\n");
	assert_has(p.frame, "\r\n\r\nArt thou there?");
	assert_has(p.frame, "<sip:bob@example.net>");
}

static void lost_media_ends_the_dialog(void **state)
{
	(void)state;
	open_msrp("text/plain");
	play_media_closed(&p, ERR_CONN_RESET);
	assert_has(p.request, "BYE ");
	assert_has(play_stanzas(&p), "<gone ");
	assert_int_equal(p.x.sessions->count, 0);
	/* media that never comes */
	to_bob("m2", "<body>x</body><thread>T1</thread>");
	play_answer(&p, 200, CONTACT_BOB IS_SDP SDP_BOB("text/plain", ""));
	unsigned before = p.n_requests;
	play_wait(&p, 30000);
	assert_true(p.n_requests > before);
}

/* `sip host`: in-dialog requests come back to this box. */
static void contact_names_this_box(void **state)
{
	tear_down(state);
	play_open(&p, "sip host = gw.example.com 5061\n");
	from_juliet("m1", "<body>Hello</body>");
	assert_string_equal(play_header(&p, "Contact"), "<sip:juliet@gw.example.com:5061;gr=balcony>");
	(void)lync_calls("");
	assert_has(p.headers, "Contact: <sip:juliet@gw.example.com:5061>\r\n");
}

static void session_without_thread_is_page_mode(void **state)
{
	(void)state;
	to_bob("m1", "<body>x</body>");
	assert_null(strstr(p.request, "INVITE "));
}

/* GATEHOUSE_UPDATE_DOCS writes it anew. */
static void picture_is_of_the_table(void **state)
{
	(void)state;
	fsm_check_picture(&session_fsm, "docs/architecture/sip-session.dot");
}

#define msrp_test(f) cmocka_unit_test_setup_teardown(f, set_up_msrp, tear_down)
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
		play_test(unanswered_call_is_cancelled),
		play_test(msg_x20_refusals_are_errors),
		play_test(lost_dialog_is_opened_again),
		play_test(unanswered_message_is_not_sent_twice),
		play_test(cmp_12_typing_to_lync),
		play_test(cmp_03_gone_ends_the_session),
		play_test(queue_has_an_end),
		play_test(sessions_are_apart),
		msrp_test(ses_01_first_message_opens_a_session),
		msrp_test(ses_02_refused_session_is_page_mode),
		msrp_test(other_refusals_are_errors),
		msrp_test(unusable_answers_end_the_dialog),
		msrp_test(ses_04_send_is_a_message),
		msrp_test(ses_05_chunks_are_joined),
		msrp_test(ses_06_too_large),
		msrp_test(ses_07_unknown_type),
		msrp_test(ses_08_bye),
		msrp_test(ses_09_idle),
		msrp_test(ses_12_reinvite_keeps_the_media),
		msrp_test(ses_13_setup),
		msrp_test(connecting_side_says_so),
		msrp_test(rcp_receipts_of_ours),
		msrp_test(rcp_receipts_of_theirs),
		msrp_test(states_go_to_who_takes_them),
		msrp_test(cpim_for_who_takes_nothing_else),
		msrp_test(lost_media_ends_the_dialog),
		msrp_test(session_without_thread_is_page_mode),
		play_test(contact_names_this_box),
		cmocka_unit_test(picture_is_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
