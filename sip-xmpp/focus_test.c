/* An XMPP user in a room of a SIP conference focus (RFC 7702 5): rows MUC-X01 to MUC-X10 and their halves of
 * MUC-S10 and MUC-S11. */
#include "focus_impl.h"
#include "session_play.h"

#include "base/err.h"
#include "base/fsm_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define JULIET "juliet@example.com/balcony"
#define ROOM "capulet@example.net"
#define MUC_X "<x xmlns='http://jabber.org/protocol/muc'/>"
#define THEIRS "msrps://conf.example.net:7777/room1;tcp"
#define SDP "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 7777 TCP/TLS/MSRP *\r\n" \
	    "a=accept-types:message/cpim\r\na=accept-wrapped-types:text/plain\r\na=path:" THEIRS "\r\n"
#define FEATURES "a=chatroom:nickname private-messages\r\n"
#define OK_HEAD "Contact: <sip:" ROOM ";transport=tls>;isfocus\nContent-Type: application/sdp\n"
#define OK OK_HEAD "\n" SDP FEATURES

static struct play p;
static unsigned cseq;
static char subscribe_call_id[128], subscribe_tag[128], session_call_id[128], session_tag[128];

static int set_up(void **state)
{
	(void)state;
	cseq = 0;
	play_open(&p, "gateway msrp = on\nsip listen-msrp-tls a = 192.0.2.9 2855\nsip msrp-host = gw.example.com 2856\n");
	return 0;
}

static int set_up_off(void **state)
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

static void presence(enum stanza_type type, const char *to, const char *inner)
{
	play_stanza(&p, STANZA_PRESENCE, type, JULIET, to, "join1", inner);
}

static void keep_tag(char *out, size_t size)
{
	const char *tag = strstr(play_header(&p, "From"), ";tag=");

	assert_non_null(tag);
	snprintf(out, size, "%s", tag + 5);
}

/* Says status to the last frame. */
static void respond(unsigned status)
{
	char id[64], text[256];

	assert_int_equal(sscanf(p.frame, "MSRP %63s", id), 1);
	snprintf(text, sizeof text, "MSRP %s %u Said\n-------%s$\n", id, status, id);
	play_frame(&p, text);
}

static void call(const char *answer)
{
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	assert_has(p.request, "INVITE ");
	snprintf(session_call_id, sizeof session_call_id, "%s", play_header(&p, "Call-ID"));
	keep_tag(session_tag, sizeof session_tag);
	play_answer(&p, 200, answer);
	play_media_opened(&p);
}

static void subscribed(void)
{
	assert_has(p.request, "SUBSCRIBE ");
	snprintf(subscribe_call_id, sizeof subscribe_call_id, "%s", play_header(&p, "Call-ID"));
	keep_tag(subscribe_tag, sizeof subscribe_tag);
	play_answer(&p, 200, "Contact: <sip:" ROOM ">;isfocus\nExpires: 600\n");
}

static void notify(const char *state, const char *document)
{
	char text[8192];

	cseq++;
	snprintf(text, sizeof text,
		 "NOTIFY sip:juliet@example.com;gr=balcony SIP/2.0\nVia: SIP/2.0/TLS conf.example.net;branch=z9hG4bKn%u\nMax-Forwards: 70\n"
		 "From: <sip:" ROOM ">;tag=theirs\nTo: <sip:juliet@example.com;gr=balcony>;tag=%s\nCall-ID: %s\nCSeq: %u NOTIFY\nEvent: conference\n"
		 "Contact: <sip:" ROOM ">\nSubscription-State: %s\n%s\n%s",
		 cseq, subscribe_tag, subscribe_call_id, cseq, state, *document ? "Content-Type: application/conference-info+xml\n" : "", document);
	play_request(&p, text);
}

#define DOC(attrs, inside) "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:" ROOM "' " attrs ">" inside "</conference-info>"
#define USER(uri, name, more)                                                                      \
	"<user entity='" uri "' " more "><display-text>" name "</display-text><endpoint entity='" uri "'><status>connected</status></endpoint></user>"
#define ROMEO_USER USER("sip:romeo@example.net;gr=dr4", "Romeo", "state='full'")
#define OUR_USER USER("sip:juliet@example.com;gr=balcony", "JuliC", "state='full'")
#define FIRST_LIST                                                                                 \
	DOC("state='full' version='1'",                                                            \
	    "<conference-description><subject>Balconies</subject></conference-description><users>" OUR_USER ROMEO_USER "</users>")

/* Juliet is inside, with Romeo. */
static void enter(const char *answer)
{
	call(answer);
	if (strstr(p.frame, "NICKNAME"))
		respond(200);
	subscribed();
	notify("active;expires=600", FIRST_LIST);
	assert_int_equal(p.status, 200);
}

static void inside(void)
{
	enter(OK);
	(void)play_stanzas(&p);
}

static void from_room(const char *method, unsigned n, const char *more)
{
	char text[4096];

	snprintf(text, sizeof text,
		 "%s sip:juliet@example.com;gr=balcony SIP/2.0\nVia: SIP/2.0/TLS conf.example.net;branch=z9hG4bKs%u\nMax-Forwards: 70\n"
		 "From: <sip:" ROOM ">;tag=theirs\nTo: <sip:juliet@example.com;gr=balcony>;tag=%s\nCall-ID: %s\nCSeq: %u %s\n%s",
		 method, n, session_tag, session_call_id, n, method, more);
	play_request(&p, text);
}

static void cpim_send(const char *id, const char *from, const char *to, const char *text)
{
	char cpim[2048], frame[4096];

	snprintf(cpim, sizeof cpim, "From: %s\r\nTo: %s\r\n\r\nContent-Type: text/plain\r\n\r\n%s", from, to, text);
	size_t n = strlen(cpim);
	int at = snprintf(frame, sizeof frame, "MSRP %s SEND\nMessage-ID: m%s\nByte-Range: 1-%zu/%zu\nContent-Type: message/cpim\n\n", id, id, n, n);
	for (size_t i = 0; i < n; i++) /* play_frame turns LF into CRLF */
		if (cpim[i] != '\r')
			frame[at++] = cpim[i];
	snprintf(frame + at, sizeof frame - (size_t)at, "\n-------%s$\n", id);
	play_frame(&p, frame);
}

static void groupchat(const char *sid, const char *inner)
{
	play_stanza(&p, STANZA_MESSAGE, TYPE_GROUPCHAT, JULIET, ROOM, sid, inner);
}

/* ---- coming in ---- */

static void muc_x01_invite(void **state)
{
	(void)state;
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	assert_has(p.request, "INVITE sip:" ROOM " SIP/2.0");
	assert_has(play_header(&p, "From"), "\"JuliC\" <sip:juliet@example.com;gr=balcony>;tag=");
	assert_has(play_header(&p, "To"), "<sip:" ROOM ">");
	assert_has(play_header(&p, "Supported"), "timer");
	assert_has(play_body(&p), "a=accept-types:message/cpim\r\n");
	assert_has(play_body(&p), "a=accept-wrapped-types:text/plain\r\n");
	assert_has(play_body(&p), "a=chatroom:nickname private-messages\r\n");
	assert_int_equal(p.n_done, 1);
	assert_int_equal(p.done_rc, 0);
	assert_string_equal(play_stanzas(&p), "");
}

static void muc_x02_order_of_coming_in(void **state)
{
	(void)state;
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	play_answer(&p, 200, OK);
	assert_has(p.request, "ACK ");
	assert_int_equal(p.n_frames, 0);
	play_media_opened(&p);
	assert_int_equal(p.n_frames, 2);
	assert_has(p.frame_before, " SEND\r\n");
	assert_not(p.frame_before, "Content-Type");
	assert_has(p.frame, " NICKNAME\r\nTo-Path: " THEIRS "\r\n");
	assert_has(p.frame, "Use-Nickname: \"JuliC\"\r\n");
	assert_has(p.request, "ACK ");
	respond(200);
	assert_has(p.request, "SUBSCRIBE sip:" ROOM " SIP/2.0");
	assert_string_equal(play_header(&p, "Event"), "conference");
	assert_string_equal(play_header(&p, "Expires"), "600");
	assert_string_equal(play_header(&p, "Accept"), "application/conference-info+xml");
}

static void muc_x03_list_is_presences_and_subject(void **state)
{
	(void)state;
	enter(OK);
	const char *got = play_stanzas(&p), *romeo, *own, *subject;
	romeo = strstr(got, "from='" ROOM "/Romeo' to='" JULIET "'>");
	own = strstr(got, "from='" ROOM "/JuliC' to='" JULIET "'>");
	subject = strstr(got, "<subject>Balconies</subject>");
	assert_non_null(romeo);
	assert_non_null(own);
	assert_non_null(subject);
	assert_true(romeo < own && own < subject);
	assert_has(romeo, "<item affiliation='none' role='participant'/></x>");
	assert_has(own, "<item affiliation='none' role='participant'/><status code='110'/></x>");
	assert_has(got, "<message type='groupchat' from='" ROOM "' ");
	assert_int_equal(p.n_stanzas, 3);
}

static void room_without_list_is_entered(void **state)
{
	(void)state;
	call(OK);
	respond(200);
	assert_has(p.request, "SUBSCRIBE ");
	play_answer(&p, 489, "");
	const char *got = play_stanzas(&p);
	assert_has(got, "/JuliC'");
	assert_has(got, "code='110'");
	assert_has(got, "<subject></subject>");
}

static void silent_list_is_not_waited_for(void **state)
{
	(void)state;
	call(OK);
	respond(200);
	subscribed();
	play_wait(&p, FOCUS_LIST_MS - 1);
	assert_string_equal(play_stanzas(&p), "");
	play_wait(&p, 1);
	assert_has(play_stanzas(&p), "code='110'");
}

static void room_without_nicknames(void **state)
{
	(void)state;
	enter(OK_HEAD "\n" SDP "a=chatroom\r\n");
	assert_int_equal(p.n_frames, 1); /* the empty SEND */
	assert_has(play_stanzas(&p), "code='110'");
	presence(TYPE_AVAILABLE, ROOM "/Other", "");
	assert_has(play_stanzas(&p), "<not-acceptable");
}

static void muc_x04_partial_lists(void **state)
{
	(void)state;
	inside();
	notify("active", DOC("state='partial' version='2'", "<users state='partial'>" USER("sip:nurse@example.net", "Nurse", "state='full'") "</users>"));
	const char *got = play_stanzas(&p);
	assert_has(got, "<presence from='" ROOM "/Nurse'");
	assert_not(got, "Romeo");
	notify("active", DOC("state='partial' version='3'", "<users state='partial'><user entity='sip:romeo@example.net;gr=dr4' state='deleted'/></users>"));
	got = play_stanzas(&p);
	assert_has(got, "<presence type='unavailable' from='" ROOM "/Romeo'");
	assert_has(got, "role='none'");
	assert_not(got, "Nurse");
	/* an old one changes nothing */
	notify("active", DOC("state='partial' version='3'", "<users state='partial'><user entity='sip:nurse@example.net' state='deleted'/></users>"));
	assert_string_equal(play_stanzas(&p), "");
	/* a gap is asked about in the same dialog */
	unsigned before = p.n_requests;
	notify("active", DOC("state='partial' version='9'", "<users state='partial'>" ROMEO_USER "</users>"));
	assert_int_equal(p.status, 200);
	assert_int_equal(p.n_requests, before + 1);
	assert_has(p.request, "SUBSCRIBE ");
	assert_string_equal(play_header(&p, "Call-ID"), subscribe_call_id);
	assert_string_equal(play_stanzas(&p), "");
	notify("active", DOC("state='full' version='10'", "<users>" OUR_USER ROMEO_USER "</users>"));
	got = play_stanzas(&p);
	assert_has(got, "<presence type='unavailable' from='" ROOM "/Nurse'");
	assert_has(got, "<presence from='" ROOM "/Romeo'");
	assert_not(got, "JuliC");
}

static void lists_that_cannot_be_read(void **state)
{
	(void)state;
	inside();
	notify("active", "<conference-info");
	assert_int_equal(p.status, 400);
	cseq -= 2;
	notify("active", FIRST_LIST);
	assert_int_equal(p.status, 500); /* CSeq is behind */
	snprintf(subscribe_tag, sizeof subscribe_tag, "nobody");
	notify("active", FIRST_LIST);
	assert_int_equal(p.status, 481);
	assert_string_equal(play_stanzas(&p), "");
}

static void occupants_are_bounded(void **state)
{
	(void)state;
	inside();
	for (unsigned k = 0; k < 12; k++) {
		char text[8192];
		int at = snprintf(text, sizeof text, "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:r' state='partial' version='%u'><users state='partial'>", k + 2);
		for (unsigned i = 0; i < 50; i++)
			at += snprintf(text + at, sizeof text - (size_t)at, "<user entity='sip:u%u@example.net' state='full'/>", k * 50 + i);
		snprintf(text + at, sizeof text - (size_t)at, "</users></conference-info>");
		notify("active", text);
		assert_int_equal(p.status, 200);
		(void)play_stanzas(&p);
	}
	const struct focus *f = LIST_OWNER(p.x.foci->all.next, struct focus, node);
	assert_int_equal(f->n_occupants, FOCUS_OCCUPANTS_MAX);
}

/* ---- what is said ---- */

static void muc_x05_groupchat(void **state)
{
	(void)state;
	inside();
	groupchat("said1", "<body>O Romeo</body><extra xmlns='urn:x'/>");
	assert_has(p.frame, " SEND\r\n");
	assert_has(p.frame, "Content-Type: message/cpim\r\n");
	assert_not(p.frame, "Failure-Report: no");
	assert_has(p.frame, "From: <sip:juliet@example.com;gr=balcony>\r\n");
	assert_has(p.frame, "To: <sip:" ROOM ">\r\n");
	assert_has(p.frame, "DateTime: ");
	assert_has(p.frame, "\r\n\r\nO Romeo\r\n-------");
	assert_string_equal(play_stanzas(&p), "");
	respond(200);
	const char *got = play_stanzas(&p);
	assert_has(got, "<message type='groupchat' from='" ROOM "/JuliC' to='" JULIET "' id='said1'>");
	assert_has(got, "<body>O Romeo</body>");
	assert_has(got, "urn:x");
}

static void refused_messages_are_errors(void **state)
{
	static const struct { unsigned status; const char *error; } rows_[] = {
		{ 403, "<forbidden" }, { 408, "<remote-server-timeout" }, { 413, "<policy-violation" }, { 415, "<feature-not-implemented" },
	};

	(void)state;
	inside();
	for (size_t i = 0; i < sizeof rows_ / sizeof rows_[0]; i++) {
		groupchat("said2", "<body>hi</body>");
		respond(rows_[i].status);
		const char *got = play_stanzas(&p);
		assert_has(got, rows_[i].error);
		assert_has(got, "id='said2'");
	}
	groupchat("said3", "<body>hi</body>");
	play_wait(&p, FOCUS_SENT_MS);
	assert_has(play_stanzas(&p), "<remote-server-timeout");
	groupchat("said4", "<subject>new</subject>");
	assert_has(play_stanzas(&p), "<forbidden");
}

static void messages_that_wait_are_bounded(void **state)
{
	(void)state;
	inside();
	for (int i = 0; i < FOCUS_SENT_MAX; i++)
		groupchat("many", "<body>hi</body>");
	assert_string_equal(play_stanzas(&p), "");
	groupchat("more", "<body>hi</body>");
	assert_has(play_stanzas(&p), "<resource-constraint");
}

static void others_are_heard(void **state)
{
	(void)state;
	inside();
	cpim_send("t001", "<sip:romeo@example.net;gr=dr4>", "<sip:" ROOM ">", "I take thee <at> thy word");
	assert_has(p.frame, "MSRP t001 200 OK");
	const char *got = play_stanzas(&p);
	assert_has(got, "<message type='groupchat' from='" ROOM "/Romeo' to='" JULIET "'");
	assert_has(got, "<body>I take thee &lt;at");
	cpim_send("t002", "<sip:romeo@example.net;gr=dr4>", "<sip:" ROOM ";gr=JuliC>", "psst");
	got = play_stanzas(&p);
	assert_has(got, "<message type='chat' from='" ROOM "/Romeo'");
	assert_has(got, "<x xmlns='http://jabber.org/protocol/muc#user'/>");
	cpim_send("t003", "<sip:juliet@example.com;gr=balcony>", "<sip:" ROOM ">", "her own");
	assert_string_equal(play_stanzas(&p), "");
	play_frame(&p, "MSRP t004 SEND\nMessage-ID: m444\nByte-Range: 1-2/2\nContent-Type: text/plain\n\nhi\n-------t004$\n");
	assert_has(p.frame, "MSRP t004 415");
}

static void muc_x06_private_message(void **state)
{
	(void)state;
	inside();
	play_stanza(&p, STANZA_MESSAGE, TYPE_CHAT, JULIET, ROOM "/Romeo", "pm1", "<body>psst</body>");
	assert_has(p.frame, "To: <sip:" ROOM ";gr=Romeo>\r\n");
	respond(200);
	assert_string_equal(play_stanzas(&p), "");
	play_stanza(&p, STANZA_MESSAGE, TYPE_CHAT, JULIET, ROOM "/Nobody", "pm2", "<body>psst</body>");
	respond(404);
	assert_has(play_stanzas(&p), "<item-not-found");
}

static void muc_x06_room_without_private_messages(void **state)
{
	(void)state;
	enter(OK_HEAD "\n" SDP "a=chatroom:nickname\r\n");
	(void)play_stanzas(&p);
	unsigned before = p.n_frames;
	play_stanza(&p, STANZA_MESSAGE, TYPE_CHAT, JULIET, ROOM "/Romeo", "pm1", "<body>psst</body>");
	assert_has(play_stanzas(&p), "<feature-not-implemented");
	assert_int_equal(p.n_frames, before);
}

/* ---- nicknames ---- */

static void muc_x07_taken_nickname(void **state)
{
	(void)state;
	inside();
	presence(TYPE_AVAILABLE, ROOM "/Romeo", "");
	assert_has(p.frame, "Use-Nickname: \"Romeo\"\r\n");
	respond(425);
	const char *got = play_stanzas(&p);
	assert_has(got, "type='error'");
	assert_has(got, "<conflict");
	assert_has(got, "from='" ROOM "/Romeo'");
	groupchat("said1", "<body>still</body>");
	respond(200);
	assert_has(play_stanzas(&p), "from='" ROOM "/JuliC'");
}

static void muc_x07_taken_at_the_join(void **state)
{
	(void)state;
	call(OK);
	respond(425);
	const char *got = play_stanzas(&p);
	assert_has(got, "<presence type='error'");
	assert_has(got, "from='" ROOM "/JuliC'");
	assert_has(got, "<conflict");
	assert_has(p.request, "BYE ");
	assert_int_equal(p.n_media_closes, 1);
	assert_int_equal(p.x.foci->count, 0);
}

static void new_nickname(void **state)
{
	(void)state;
	inside();
	presence(TYPE_AVAILABLE, ROOM "/Ju\"li", "");
	assert_has(p.frame, "Use-Nickname: \"Ju\\\"li\"\r\n");
	respond(200);
	const char *got = play_stanzas(&p);
	assert_has(got, "<presence type='unavailable' from='" ROOM "/JuliC'");
	assert_has(got, "nick='Ju\"li'");
	assert_has(got, "<status code='110'/><status code='303'/>");
	assert_has(got, "<presence from='" ROOM "/Ju\"li'");
}

/* MUC-S11 */
static void display_text_is_the_nickname(void **state)
{
	(void)state;
	inside();
	notify("active", DOC("state='partial' version='2'",
			     "<users state='partial'>" USER("sip:romeo@example.net;gr=dr4", "Montague", "state='full'")
			     USER("sip:other@example.net", " MONTAGUE ", "state='full'") "<user entity='sip:nurse@example.net' state='full'/></users>"));
	const char *got = play_stanzas(&p);
	assert_has(got, "<presence type='unavailable' from='" ROOM "/Romeo'");
	assert_has(got, "nick='Montague'/><status code='303'/>");
	assert_has(got, "<presence from='" ROOM "/Montague'");
	assert_has(got, "<presence from='" ROOM "/MONTAGUE 2'");
	assert_has(got, "<presence from='" ROOM "/nurse'");
}

/* MUC-S10 */
static void new_subject(void **state)
{
	(void)state;
	inside();
	notify("active", DOC("state='partial' version='2'", "<conference-description><subject>Tombs</subject></conference-description>"));
	const char *got = play_stanzas(&p);
	assert_has(got, "<message type='groupchat' from='" ROOM "'");
	assert_has(got, "<subject>Tombs</subject>");
	assert_not(got, "<body");
}

/* ---- others are called ---- */

static void muc_x08_invitation_is_refer(void **state)
{
#define INVITE_BENVOLIO "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='benvolio@example.com'><reason>come</reason></invite></x>"
	(void)state;
	inside();
	play_stanza(&p, STANZA_MESSAGE, TYPE_NORMAL, JULIET, ROOM, "inv1", INVITE_BENVOLIO);
	assert_has(p.request, "REFER sip:" ROOM);
	assert_string_equal(play_header(&p, "Refer-To"), "<sip:benvolio@example.com>");
	unsigned done = p.n_done;
	play_answer(&p, 202, "Contact: <sip:" ROOM ">\n");
	assert_int_equal(p.n_done, done + 1);
	assert_string_equal(play_stanzas(&p), "");
	from_room("NOTIFY", 1, "Event: refer\nSubscription-State: terminated;reason=noresource\nContact: <sip:" ROOM ">\nContent-Type: message/sipfrag\n\nSIP/2.0 100 Trying\r\n");
	assert_int_equal(p.status, 200);
	play_stanza(&p, STANZA_MESSAGE, TYPE_NORMAL, JULIET, ROOM, "inv2", INVITE_BENVOLIO);
	play_answer(&p, 403, "");
	assert_has(play_stanzas(&p), "<forbidden");
}

/* ---- leaving ---- */

static void muc_x09_leaving(void **state)
{
	(void)state;
	inside();
	presence(TYPE_UNAVAILABLE, ROOM "/JuliC", "");
	const char *got = play_stanzas(&p);
	assert_has(got, "<presence type='unavailable' from='" ROOM "/JuliC'");
	assert_has(got, "<status code='110'/>");
	assert_has(p.request, "BYE ");
	assert_string_equal(play_header(&p, "Call-ID"), session_call_id);
	assert_int_equal(p.n_media_closes, 1);
	assert_int_equal(p.x.foci->count, 0);
	assert_int_equal(p.x.sessions->count, 0);
	struct bytes sent = buf_bytes(&p.requests);
	assert_non_null(memmem(sent.p, sent.n, "\r\nExpires: 0\r\n", 14)); /* the subscription ends too */
}

static void leaving_before_the_answer(void **state)
{
	(void)state;
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	presence(TYPE_UNAVAILABLE, ROOM "/JuliC", "");
	assert_has(play_stanzas(&p), "<presence type='unavailable' from='" ROOM "/JuliC'");
	play_answer(&p, 200, OK);
	assert_has(p.request, "BYE ");
	assert_int_equal(p.x.sessions->count, 0);
	assert_string_equal(play_stanzas(&p), "");
}

static void muc_x10_refused_calls(void **state)
{
	static const struct { unsigned status; const char *error; } rows_[] = {
		{ 403, "<forbidden" }, { 404, "<item-not-found" }, { 486, "<service-unavailable" }, { 488, "<not-acceptable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows_ / sizeof rows_[0]; i++) {
		presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
		play_answer(&p, rows_[i].status, "");
		const char *got = play_stanzas(&p);
		assert_has(got, "<presence type='error'");
		assert_has(got, "from='" ROOM "/JuliC'");
		assert_has(got, "id='join1'");
		assert_has(got, rows_[i].error);
		assert_int_equal(p.x.foci->count, 0);
		assert_int_equal(p.x.sessions->count, 0);
	}
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	play_fail(&p, 408, ERR_TIMEOUT);
	assert_has(play_stanzas(&p), "<remote-server-timeout");
}

static void user_who_answers_is_no_room(void **state)
{
	(void)state;
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	play_answer(&p, 200, "Contact: <sip:" ROOM ">\nContent-Type: application/sdp\n\n" SDP FEATURES);
	assert_has(p.request, "BYE ");
	assert_has(play_stanzas(&p), "<not-acceptable");
	assert_int_equal(p.x.sessions->count, 0);
}

static void room_that_hangs_up(void **state)
{
	(void)state;
	inside();
	from_room("BYE", 2, "");
	assert_int_equal(p.status, 200);
	const char *got = play_stanzas(&p);
	assert_has(got, "<presence type='unavailable' from='" ROOM "/JuliC'");
	assert_has(got, "<status code='110'/><status code='307'/>");
	assert_int_equal(p.x.foci->count, 0);
}

static void room_that_is_no_more(void **state)
{
	(void)state;
	inside();
	notify("terminated;reason=noresource", DOC("state='deleted' version='2'", ""));
	assert_has(play_stanzas(&p), "<destroy/>");
	assert_has(p.request, "BYE ");
	assert_int_equal(p.x.foci->count, 0);
}

static void lost_media_is_told(void **state)
{
	(void)state;
	inside();
	groupchat("said1", "<body>hi</body>");
	play_media_closed(&p, ERR_CLOSED);
	const char *got = play_stanzas(&p);
	assert_has(got, "<status code='110'/><status code='333'/>");
	assert_has(got, "<recipient-unavailable");
	assert_has(p.request, "BYE ");
	assert_int_equal(p.x.foci->count, 0);
}

static void user_who_is_gone_leaves(void **state)
{
	(void)state;
	inside();
	presence(TYPE_ERROR, ROOM "/Romeo", "<error type='cancel'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
	assert_has(p.request, "BYE ");
	assert_int_equal(p.x.foci->count, 0);
}

/* ---- the clock ---- */

static void subscription_is_refreshed(void **state)
{
	(void)state;
	inside();
	unsigned before = p.n_requests;
	play_wait(&p, (600 - 60) * 1000 - 1);
	assert_int_equal(p.n_requests, before);
	play_wait(&p, 2);
	assert_int_equal(p.n_requests, before + 1);
	assert_has(p.request, "SUBSCRIBE ");
	assert_has(play_header(&p, "To"), ";tag=theirs");
	play_answer(&p, 481, "");
	assert_has(p.request, "SUBSCRIBE ");
	assert_null(strstr(play_header(&p, "To"), ";tag="));
	assert_true(strcmp(play_header(&p, "Call-ID"), subscribe_call_id) != 0);
	play_answer(&p, 423, "Min-Expires: 1800\n");
	assert_string_equal(play_header(&p, "Expires"), "1800");
	assert_string_equal(play_stanzas(&p), "");
}

/* Whatever the focus does, SUBSCRIBEs do not chase each other. */
static void focus_that_never_has_enough(void **state)
{
	(void)state;
	inside();
	unsigned before = p.n_requests;
	for (unsigned i = 0; i < 50; i++) {
		notify("active", DOC("state='partial' version='70'", "<users state='partial'>" ROMEO_USER "</users>"));
		assert_int_equal(p.status, 200);
		if (p.n_requests > before + i)
			play_answer(&p, 200, "Contact: <sip:" ROOM ">\nExpires: 0\n");
	}
	assert_int_equal(p.n_requests, before + FOCUS_HASTY_MAX);
	play_wait(&p, FOCUS_AGAIN_MS - 1000);
	assert_int_equal(p.n_requests, before + FOCUS_HASTY_MAX);
	play_wait(&p, 2000);
	assert_int_equal(p.n_requests, before + FOCUS_HASTY_MAX + 1);
}

static void session_is_refreshed(void **state)
{
	(void)state;
	enter("Require: timer\nSession-Expires: 400;refresher=uac\n" OK);
	(void)play_stanzas(&p);
	play_wait(&p, 200000);
	assert_has(p.request, "INVITE ");
	assert_string_equal(play_header(&p, "Session-Expires"), "400;refresher=uac");
	assert_has(play_body(&p), p.media_ours);
	play_answer(&p, 200, "Session-Expires: 400;refresher=uac\n" OK);
	assert_has(p.request, "ACK ");
	assert_int_equal(p.n_media_closes, 0);
	play_wait(&p, 200000);
	assert_has(p.request, "INVITE ");
	play_answer(&p, 481, "");
	assert_has(play_stanzas(&p), "<status code='333'/>");
}

/* RFC 4028 10: who was to refresh the session has not. */
static void session_that_is_not_refreshed_ends(void **state)
{
	(void)state;
	enter("Require: timer\nSession-Expires: 400;refresher=uas\n" OK);
	(void)play_stanzas(&p);
	play_wait(&p, 399000);
	assert_string_equal(play_stanzas(&p), "");
	play_wait(&p, 2000);
	assert_has(play_stanzas(&p), "<status code='333'/>");
	assert_has(p.request, "BYE ");
}

/* ---- limits and off ---- */

static void rooms_of_a_user_are_bounded(void **state)
{
	(void)state;
	for (int i = 0; i <= FOCI_PER_USER_MAX; i++) {
		char room[64];
		snprintf(room, sizeof room, "room%d@example.net/J", i);
		assert_string_equal(play_stanzas(&p), "");
		presence(TYPE_AVAILABLE, room, MUC_X);
	}
	assert_has(play_stanzas(&p), "<resource-constraint");
	assert_int_equal(p.x.foci->count, FOCI_PER_USER_MAX);
}

static void client_that_forgot_is_told_again(void **state)
{
	(void)state;
	inside();
	unsigned before = p.n_requests;
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	const char *got = play_stanzas(&p);
	assert_has(got, "/Romeo'");
	assert_has(got, "code='110'");
	assert_has(got, "<subject>Balconies</subject>");
	assert_int_equal(p.n_requests, before);
}

static void messages_to_nobody(void **state)
{
	(void)state;
	inside();
	unsigned before = p.n_frames;
	play_stanza(&p, STANZA_MESSAGE, TYPE_GROUPCHAT, JULIET, ROOM "/Romeo", "g1", "<body>hi</body>");
	assert_has(play_stanzas(&p), "<bad-request");
	play_stanza(&p, STANZA_MESSAGE, TYPE_CHAT, JULIET, ROOM, "g2", "<body>hi</body>");
	assert_has(play_stanzas(&p), "<bad-request");
	assert_int_equal(p.n_frames, before);
}

/* What another device of hers, or another user, sends is not in her name. */
static void devices_are_apart(void **state)
{
	(void)state;
	inside();
	unsigned before = p.n_frames;
	play_stanza(&p, STANZA_MESSAGE, TYPE_GROUPCHAT, "juliet@example.com/chamber", ROOM, "g1", "<body>hi</body>");
	assert_has(play_stanzas(&p), "<not-acceptable");
	play_stanza(&p, STANZA_PRESENCE, TYPE_UNAVAILABLE, "nurse@example.com/x", ROOM "/JuliC", "u1", "");
	assert_int_equal(p.n_frames, before);
	assert_int_equal(p.x.foci->count, 1);
}

/* The door dies: everybody hears of it. */
static void door_that_falls(void **state)
{
	(void)state;
	inside();
	xlate_down(&p.x, bus_chan(p.bus, PROG_SIP, 0));
	play_run(&p);
	assert_has(play_stanzas(&p), "<status code='333'/>");
	assert_int_equal(p.x.foci->count, 0);
	assert_int_equal(p.x.sessions->count, 0);
}

static void who_is_not_inside(void **state)
{
	(void)state;
	groupchat("g1", "<body>hi</body>");
	assert_has(play_stanzas(&p), "<not-acceptable");
	presence(TYPE_AVAILABLE, ROOM, MUC_X);
	assert_has(play_stanzas(&p), "<jid-malformed");
	assert_int_equal(p.n_requests, 0);
}

static void muc_00_off(void **state)
{
	(void)state;
	presence(TYPE_AVAILABLE, ROOM "/JuliC", MUC_X);
	const char *got = play_stanzas(&p);
	assert_has(got, "type='error'");
	assert_has(got, "<service-unavailable");
	assert_int_equal(p.n_requests, 0);
}

static void picture_is_of_the_table(void **state)
{
	(void)state;
	fsm_check_picture(&focus_fsm, "docs/architecture/focus.dot");
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(muc_x01_invite),
		test(muc_x02_order_of_coming_in),
		test(muc_x03_list_is_presences_and_subject),
		test(room_without_list_is_entered),
		test(silent_list_is_not_waited_for),
		test(room_without_nicknames),
		test(muc_x04_partial_lists),
		test(lists_that_cannot_be_read),
		test(occupants_are_bounded),
		test(muc_x05_groupchat),
		test(refused_messages_are_errors),
		test(messages_that_wait_are_bounded),
		test(others_are_heard),
		test(muc_x06_private_message),
		test(muc_x06_room_without_private_messages),
		test(muc_x07_taken_nickname),
		test(muc_x07_taken_at_the_join),
		test(new_nickname),
		test(display_text_is_the_nickname),
		test(new_subject),
		test(muc_x08_invitation_is_refer),
		test(muc_x09_leaving),
		test(leaving_before_the_answer),
		test(muc_x10_refused_calls),
		test(user_who_answers_is_no_room),
		test(room_that_hangs_up),
		test(room_that_is_no_more),
		test(lost_media_is_told),
		test(user_who_is_gone_leaves),
		test(subscription_is_refreshed),
		test(focus_that_never_has_enough),
		test(session_is_refreshed),
		test(session_that_is_not_refreshed_ends),
		test(rooms_of_a_user_are_bounded),
		test(client_that_forgot_is_told_again),
		test(messages_to_nobody),
		test(devices_are_apart),
		test(door_that_falls),
		test(who_is_not_inside),
		cmocka_unit_test_setup_teardown(muc_00_off, set_up_off, tear_down),
		cmocka_unit_test(picture_is_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
