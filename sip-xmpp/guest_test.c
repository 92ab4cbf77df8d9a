/* A SIP user in a room of XMPP (RFC 7702 6): rows MUC-00, MUC-S01 to MUC-S11 and DLY-06. */
#include "guest_impl.h"
#include "session_play.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ROMEO "romeo@example.net"
#define MEMBER ROMEO "/dr4"
#define ROOM "capulet@rooms.example.com"
#define SERVICE "gateway room-service rooms.example.com = on\n"
#define MSRP_ON "gateway msrp = on\nsip listen-msrp-tls a = 192.0.2.9 2855\nsip msrp-host = gw.example.com 2856\n"
#define OFFER                                                                                      \
	"Content-Type: application/sdp\n\nv=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"   \
	"m=message 7654 TCP/TLS/MSRP *\r\na=accept-types:message/cpim text/plain\r\na=accept-wrapped-types:text/plain\r\n" \
	"a=path:msrps://192.0.2.1:7654/romeo1;tcp\r\na=chatroom:nickname private-messages\r\n"
#define X(inside) "<x xmlns='http://jabber.org/protocol/muc#user'>" inside "</x>"
#define ITEM "<item affiliation='none' role='participant'/>"

static struct play p;
static char tag[64];
static unsigned seq;

static int set_up(void **state)
{
	(void)state;
	seq = 0;
	play_open(&p, MSRP_ON SERVICE);
	return 0;
}

static int set_up_off(void **state)
{
	(void)state;
	seq = 0;
	play_open(&p, SERVICE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	play_close(&p);
	return 0;
}

/* call: names the dialog by its Call-ID and From tag; to_tag "" begins one. */
static void from_romeo(const char *method, const char *call, const char *to_tag, const char *more)
{
	char text[8192];

	seq++;
	snprintf(text, sizeof text,
		 "%s sip:" ROOM " SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK%u\nMax-Forwards: 70\n"
		 "From: \"Romeo \\\"M\\\"\" <sip:" ROMEO ">;tag=%s\nTo: <sip:" ROOM ">%s%s\nCall-ID: %s@example.net\nCSeq: %u %s\n"
		 "Contact: <sip:" ROMEO ";gr=dr4>\n%s",
		 method, seq, call, *to_tag ? ";tag=" : "", to_tag, call, seq, method, more);
	play_request(&p, text);
}

static void from_room(enum stanza_kind kind, enum stanza_type type, const char *nick, const char *sid, const char *inner)
{
	char from[128];

	snprintf(from, sizeof from, "%s%s%s", ROOM, *nick ? "/" : "", nick);
	play_stanza(&p, kind, type, from, MEMBER, sid, inner);
}

#define NICK "Romeo \"M\""

static void call(void)
{
	from_romeo("INVITE", "call", "", OFFER);
	assert_int_equal(p.status, 200);
	snprintf(tag, sizeof tag, "%s", p.to_tag);
	from_romeo("ACK", "call", tag, "");
	play_media_opened(&p);
}

static void inside(void)
{
	call();
	from_room(STANZA_PRESENCE, TYPE_AVAILABLE, "JuliC", "", X("<item affiliation='owner' role='moderator'/>"));
	from_room(STANZA_PRESENCE, TYPE_AVAILABLE, NICK, "", X(ITEM "<status code='110'/>"));
	(void)play_stanzas(&p);
}

static void watch(void)
{
	from_romeo("SUBSCRIBE", "watch", "", "Event: conference\nAccept: application/conference-info+xml\nExpires: 600\n");
	assert_int_equal(p.status, 200);
}

static void say(const char *id, const char *to)
{
	char text[1024], cpim[512];
	size_t n;

	snprintf(cpim, sizeof cpim, "From: <sip:" ROMEO ">\nTo: <%s>\nDateTime: 2026-11-25T20:00:00Z\n\nContent-Type: text/plain; charset=utf-8\n\nhello", to);
	n = strlen(cpim) + 6; /* its six lines end with CRLF on the wire */
	snprintf(text, sizeof text, "MSRP %s SEND\nMessage-ID: m%s\nByte-Range: 1-%zu/%zu\nContent-Type: message/cpim\n\n%s\n-------%s$\n", id, id,
		 n, n, cpim, id);
	play_frame(&p, text);
}

/* ---- */

static void muc_00_rooms_are_off(void **state)
{
	(void)state;
	from_romeo("INVITE", "call", "", OFFER);
	assert_int_equal(p.status, 488);
	assert_has(p.headers, "Warning: 304 ");
	from_romeo("MESSAGE", "m", "", "Content-Type: text/plain\n\nhello");
	assert_int_equal(p.status, 405);
	assert_has(p.headers, "Allow: ");
	assert_string_equal(play_stanzas(&p), "");
	from_room(STANZA_MESSAGE, TYPE_NORMAL, "", "i1", X("<invite from='juliet@example.com'/>"));
	assert_has(play_stanzas(&p), "<decline to='juliet@example.com'>");
}

static void muc_00_a_message_is_no_way_in(void **state)
{
	(void)state;
	from_romeo("MESSAGE", "m", "", "Content-Type: text/plain\n\nhello");
	assert_int_equal(p.status, 405);
	from_romeo("INVITE", "call", "", "Content-Type: application/sdp\n\nv=0\r\no=- 0 0 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 1.1.1.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n");
	assert_int_equal(p.status, 488);
}

static void muc_s01_join(void **state)
{
	(void)state;
	from_romeo("INVITE", "call", "", OFFER);
	assert_int_equal(p.status, 200);
	assert_has(p.headers, ">;isfocus\r\n");
	assert_has(p.body, "a=chatroom:nickname private-messages\r\n");
	assert_has(p.body, "a=accept-types:message/cpim\r\n");
	snprintf(tag, sizeof tag, "%s", p.to_tag);
	assert_string_equal(play_stanzas(&p), "");
	from_romeo("ACK", "call", tag, "");
	play_media_opened(&p);
	const char *got = play_stanzas(&p);
	assert_has(got, "<presence from='" MEMBER "'");
	assert_has(got, "to='" ROOM "/Romeo \"M\"'");
	assert_has(got, "<x xmlns='http://jabber.org/protocol/muc'/>");
	from_romeo("INVITE", "second", "", OFFER);
	assert_int_equal(p.status, 486);
}

static void muc_s02_who_is_there_is_told_once_all_is_known(void **state)
{
	(void)state;
	call();
	watch();
	assert_has(play_header(&p, "Subscription-State"), "active;expires=600");
	assert_string_equal(play_body(&p), "");
	play_answer(&p, 200, "");
	from_room(STANZA_PRESENCE, TYPE_AVAILABLE, "JuliC", "", X("<item affiliation='owner' role='moderator'/>"));
	play_wait(&p, 2000);
	assert_string_equal(play_body(&p), ""); /* not yet */
	from_room(STANZA_PRESENCE, TYPE_AVAILABLE, NICK, "", X(ITEM "<status code='110'/>"));
	play_wait(&p, 2000);
	assert_has(p.request, "NOTIFY ");
	assert_has(play_header(&p, "Event"), "conference");
	assert_has(play_header(&p, "Content-Type"), "application/conference-info+xml");
	assert_has(play_body(&p), "state='full'");
	assert_has(play_body(&p), "<display-text>JuliC</display-text><roles><entry>moderator</entry></roles>");
	assert_has(play_body(&p), "entity='sip:" ROOM ";gr=JuliC'");
	assert_has(play_body(&p), "<display-text>Romeo &quot;M&quot;</display-text>");
	assert_has(play_body(&p), "<user-count>2</user-count>");
	play_answer(&p, 200, "");
	from_room(STANZA_PRESENCE, TYPE_UNAVAILABLE, "JuliC", "", X("<item affiliation='owner' role='none'/>"));
	play_wait(&p, 2000);
	assert_not(play_body(&p), "JuliC");
	play_answer(&p, 481, "");
	from_room(STANZA_PRESENCE, TYPE_AVAILABLE, "Nurse", "", X(ITEM));
	p.n_requests = 0;
	play_wait(&p, 5000);
	assert_int_equal(p.n_requests, 0);
}

static void muc_s02_a_subscription_ends(void **state)
{
	(void)state;
	inside();
	from_romeo("SUBSCRIBE", "w", "", "Event: conference\nExpires: 5\n");
	assert_int_equal(p.status, 200);
	char watch_tag[64];
	snprintf(watch_tag, sizeof watch_tag, "%s", p.to_tag);
	assert_has(play_body(&p), "Romeo");
	play_answer(&p, 200, "");
	from_romeo("SUBSCRIBE", "w", watch_tag, "Event: conference\nExpires: 5\n");
	assert_int_equal(p.status, 200);
	play_answer(&p, 200, "");
	play_wait(&p, 5100);
	assert_has(play_header(&p, "Subscription-State"), "terminated;reason=timeout");
	from_romeo("SUBSCRIBE", "w", watch_tag, "Event: conference\nExpires: 5\n");
	assert_int_equal(p.status, 481);
}

static void who_is_not_inside_sees_nobody(void **state)
{
	(void)state;
	from_romeo("SUBSCRIBE", "watch", "", "Event: conference\nExpires: 600\n");
	assert_int_equal(p.status, 403);
	from_romeo("REFER", "refer", "", "Refer-To: <sip:nurse@example.net>\n");
	assert_int_equal(p.status, 403);
}

static void refuse(const char *nick, const char *condition)
{
	char inner[512];

	snprintf(inner, sizeof inner, "<x xmlns='http://jabber.org/protocol/muc'/><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", condition);
	from_room(STANZA_PRESENCE, TYPE_ERROR, nick, "", inner);
}

static void muc_s03_conflicts_and_other_errors(void **state)
{
	(void)state;
	call();
	(void)play_stanzas(&p);
	refuse(NICK, "conflict");
	assert_has(play_stanzas(&p), "to='" ROOM "/Romeo \"M\"2'");
	refuse(NICK "2", "conflict");
	assert_has(play_stanzas(&p), "to='" ROOM "/Romeo \"M\"3'");
	refuse(NICK "3", "conflict");
	assert_has(play_stanzas(&p), "to='" ROOM "/Romeo \"M\"4'");
	refuse(NICK "4", "conflict");
	assert_has(p.request, "BYE ");
	assert_has(play_header(&p, "Reason"), "SIP;cause=");
}

static void muc_s03_refused(void **state)
{
	static const struct {
		const char *condition, *reason;
	} rows[] = { { "forbidden", "cause=403" }, { "registration-required", "cause=407" }, { "item-not-found", "cause=404" },
		     { "not-authorized", "cause=401" }, { "service-unavailable", "cause=403" } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		call();
		refuse(NICK, rows[i].condition);
		assert_has(p.request, "BYE ");
		assert_has(play_header(&p, "Reason"), "SIP;cause=");
		if (i < 3 && !strstr(play_header(&p, "Reason"), rows[i].reason))
			fail_msg("%s: %s", rows[i].condition, play_header(&p, "Reason"));
		tear_down(state);
		set_up(state);
	}
}

static void muc_s03_a_room_that_is_silent(void **state)
{
	(void)state;
	call();
	play_wait(&p, GUEST_JOIN_MS + 1);
	assert_has(p.request, "BYE ");
	assert_has(play_header(&p, "Reason"), "cause=408");
	assert_has(play_stanzas(&p), "type='unavailable'");
}

static void muc_s04_a_message_is_taken_when_it_is_back(void **state)
{
	char sid[128];
	unsigned before;

	(void)state;
	inside();
	before = p.n_frames;
	say("t001", "sip:" ROOM);
	assert_int_equal(p.n_frames, before); /* not yet */
	const char *got = play_stanzas(&p);
	assert_has(got, "<message type='groupchat' from='" MEMBER "'");
	assert_has(got, "to='" ROOM "'");
	assert_has(got, "<body>hello</body>");
	snprintf(sid, sizeof sid, "%s", p.sid);
	from_room(STANZA_MESSAGE, TYPE_GROUPCHAT, NICK, sid, "<body>hello</body>");
	assert_int_equal(p.n_frames, before + 1); /* the answer, and no copy */
	assert_has(p.frame, "MSRP t001 200 ");
	say("t002", "sip:" ROOM);
	play_wait(&p, GUEST_SENT_MS + 1);
	assert_has(p.frame, "MSRP t002 408 ");
	say("t003", "sip:" ROOM);
	from_room(STANZA_MESSAGE, TYPE_ERROR, "", p.sid, "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
	assert_has(p.frame, "MSRP t003 403 ");
}

static void messages_of_the_others(void **state)
{
	(void)state;
	inside();
	from_room(STANZA_MESSAGE, TYPE_GROUPCHAT, "JuliC", "g1", "<body>O Romeo &lt;3</body>");
	assert_has(p.frame, "Content-Type: message/cpim\r\n");
	assert_has(p.frame, "From: <sip:" ROOM ";gr=JuliC>\r\n");
	assert_has(p.frame, "To: <sip:" ROOM ">\r\n");
	assert_has(p.frame, "\r\n\r\nO Romeo <3");
	from_room(STANZA_MESSAGE, TYPE_CHAT, "JuliC", "p1", "<body>psst</body>" X(""));
	assert_has(p.frame, "To: <sip:" ROMEO ">\r\n");
	assert_has(p.frame, "From: <sip:" ROOM ";gr=JuliC>\r\n");
}

static void dly_06_history_in_order(void **state)
{
	(void)state;
	inside();
	from_room(STANZA_MESSAGE, TYPE_GROUPCHAT, "JuliC", "h1", "<body>first</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-25T10:00:00Z'/>");
	from_room(STANZA_MESSAGE, TYPE_GROUPCHAT, NICK, "h2", "<body>second</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-25T11:00:00Z'/>");
	assert_has(p.frame_before, "DateTime: 2026-11-25T10:00:00Z\r\n");
	assert_has(p.frame_before, "first");
	assert_has(p.frame, "DateTime: 2026-11-25T11:00:00Z\r\n");
	assert_has(p.frame, "second");
}

static void muc_s05_private_messages(void **state)
{
	(void)state;
	inside();
	say("p001", "sip:" ROOM ";gr=JuliC");
	const char *got = play_stanzas(&p);
	assert_has(got, "<message type='chat' from='" MEMBER "'");
	assert_has(got, "to='" ROOM "/JuliC'");
	assert_has(got, "<x xmlns='http://jabber.org/protocol/muc#user'/>");
	assert_has(p.frame, "MSRP p001 200 ");
	say("p002", "sip:other@rooms.example.com");
	assert_has(p.frame, "MSRP p002 404 ");
	play_frame(&p, "MSRP p003 SEND\nMessage-ID: m003\nByte-Range: 1-2/2\nContent-Type: text/plain\n\nhi\n-------p003$\n");
	assert_has(p.frame, "MSRP p003 415 ");
}

static void nickname(const char *id, const char *nick)
{
	char text[256];

	snprintf(text, sizeof text, "MSRP %s NICKNAME\nUse-Nickname: %s\n-------%s$\n", id, nick, id);
	play_frame(&p, text);
}

static void muc_s06_s11_nicknames(void **state)
{
	(void)state;
	inside();
	nickname("n001", "\"JuliC\"");
	assert_has(play_stanzas(&p), "to='" ROOM "/JuliC'");
	refuse("JuliC", "conflict");
	assert_has(p.frame, "MSRP n001 425 ");
	nickname("n002", "\"Montague \\\\ Son\"");
	assert_has(play_stanzas(&p), "to='" ROOM "/Montague \\ Son'");
	from_room(STANZA_PRESENCE, TYPE_UNAVAILABLE, NICK, "", X("<item affiliation='none' role='participant' nick='Montague \\ Son'/><status code='303'/><status code='110'/>"));
	from_room(STANZA_PRESENCE, TYPE_AVAILABLE, "Montague \\ Son", "", X(ITEM "<status code='110'/>"));
	assert_has(p.frame, "MSRP n002 200 ");
	nickname("n003", "Montague");
	assert_has(p.frame, "MSRP n003 424 ");
	nickname("n004", "\"\"");
	assert_has(p.frame, "MSRP n004 424 ");
	from_romeo("BYE", "call", tag, "");
	assert_has(play_stanzas(&p), "to='" ROOM "/Montague \\ Son'");
}

static void muc_s07_refer(void **state)
{
	(void)state;
	inside();
	from_romeo("REFER", "call", tag, "Refer-To: <sip:benvolio@example.net>\n");
	assert_int_equal(p.status, 202);
	assert_has(play_stanzas(&p), "<invite to='benvolio@example.net'/>");
	assert_has(p.request, "NOTIFY ");
	assert_has(play_header(&p, "Event"), "refer");
	assert_has(play_header(&p, "Subscription-State"), "terminated;reason=noresource");
	assert_has(play_body(&p), "SIP/2.0 100 Trying");
	from_romeo("REFER", "call", tag, "Refer-To: <sip:benvolio@example.net;method=BYE>\n");
	assert_int_equal(p.status, 400);
	from_romeo("REFER", "call", tag, "Refer-To: <tel:+1>\n");
	assert_int_equal(p.status, 400);
}

static void muc_s08_bye(void **state)
{
	(void)state;
	inside();
	watch();
	play_answer(&p, 200, "");
	from_romeo("BYE", "call", tag, "");
	assert_int_equal(p.status, 200);
	assert_has(play_stanzas(&p), "<presence type='unavailable' from='" MEMBER "'");
	assert_has(play_header(&p, "Subscription-State"), "terminated;reason=noresource");
	from_room(STANZA_MESSAGE, TYPE_GROUPCHAT, "JuliC", "g1", "<body>gone?</body>");
	assert_has(play_stanzas(&p), "<error"); /* the room takes him off its list */
}

static void muc_s09_kicked_banned_destroyed(void **state)
{
	static const struct {
		const char *inside, *reason;
	} rows[] = {
		{ "<item affiliation='none' role='none'><reason>Avaunt</reason></item><status code='307'/><status code='110'/>", "text=\"Avaunt\"" },
		{ "<item affiliation='outcast' role='none'/><status code='301'/><status code='110'/>", "banned" },
		{ "<item affiliation='none' role='none'/><destroy><reason>Say \"bye\"</reason></destroy>", "text=\"Say 'bye'\"" },
		{ "<item affiliation='none' role='none'/><status code='332'/><status code='110'/>", "ended the visit" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char inner[512];
		inside();
		snprintf(inner, sizeof inner, X("%s"), rows[i].inside);
		from_room(STANZA_PRESENCE, TYPE_UNAVAILABLE, NICK, "", inner);
		assert_has(p.request, "BYE ");
		assert_has(play_header(&p, "Reason"), rows[i].reason);
		assert_string_equal(play_stanzas(&p), "");
		tear_down(state);
		set_up(state);
	}
}

static void muc_s10_subject(void **state)
{
	(void)state;
	inside();
	watch();
	play_answer(&p, 200, "");
	from_room(STANZA_MESSAGE, TYPE_GROUPCHAT, "JuliC", "s1", "<subject>Balconies &amp; more</subject>");
	play_wait(&p, 2000);
	assert_has(play_body(&p), "<subject>Balconies &amp; more</subject>");
}

static void the_media_is_lost(void **state)
{
	(void)state;
	inside();
	play_media_closed(&p, ERR_CONN_RESET);
	assert_has(play_stanzas(&p), "<presence type='unavailable' from='" MEMBER "'");
	assert_has(p.request, "BYE ");
}

static void a_domain_without_the_setting(void **state)
{
	(void)state;
	tear_down(state);
	play_open(&p, MSRP_ON);
	from_romeo("INVITE", "call", "", OFFER);
	assert_int_equal(p.status, 404);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(muc_00_rooms_are_off, set_up_off, tear_down),
		T(muc_00_a_message_is_no_way_in), T(muc_s01_join), T(muc_s02_who_is_there_is_told_once_all_is_known),
		T(muc_s02_a_subscription_ends), T(who_is_not_inside_sees_nobody), T(muc_s03_conflicts_and_other_errors),
		T(muc_s03_refused), T(muc_s03_a_room_that_is_silent), T(muc_s04_a_message_is_taken_when_it_is_back),
		T(messages_of_the_others), T(dly_06_history_in_order), T(muc_s05_private_messages), T(muc_s06_s11_nicknames),
		T(muc_s07_refer), T(muc_s08_bye), T(muc_s09_kicked_banned_destroyed), T(muc_s10_subject), T(the_media_is_lost),
		T(a_domain_without_the_setting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
