/* Rooms both ways (RFC 7702): a guest from SIP in a room of XMPP, or (first byte) a user of ours in a room of a focus,
 * with what either side may do in any order; the play has the media of one session at a time. Whatever happens, gh-xlate stays bounded, and lets go of everything at its end. */
#include "guest_impl.h"
#include "session_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { EVENTS_MAX = 200 };

#define ROMEO "romeo@example.net"
#define ROOM "capulet@rooms.example.com"
#define FOCUS "hall@example.net"
#define JULIET "juliet@example.com/balcony"
#define SETTINGS                                                                                   \
	"gateway msrp = on\nsip listen-msrp-tls a = 192.0.2.9 2855\nsip msrp-host = gw.example.com 2856\n"             \
	"gateway room-service rooms.example.com = on\n"
#define SDP                                                                                        \
	"Content-Type: application/sdp\n\nv=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"   \
	"m=message 7654 TCP/TLS/MSRP *\r\na=accept-types:message/cpim\r\na=path:msrps://192.0.2.1:7654/r1;tcp\r\n"     \
	"a=chatroom:nickname private-messages\r\n"
#define MUC_USER(inside) "<x xmlns='http://jabber.org/protocol/muc#user'>" inside "</x>"

static struct play p;
static const uint8_t *at, *end;
static char tag[64];
static unsigned seq;
static bool is_focus;

static unsigned byte(void)
{
	return at < end ? *at++ : 0;
}

static const char *word(const char *const *words, size_t n)
{
	return words[byte() % n];
}
#define WORD(words) word(words, sizeof(words) / sizeof(words)[0])

static void request(const char *method, const char *call, const char *to_tag, const char *more)
{
	char text[4096];

	seq++;
	snprintf(text, sizeof text,
		 "%s sip:" ROOM " SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK%u\nMax-Forwards: 70\n"
		 "From: \"Romeo\" <sip:" ROMEO ">;tag=%s\nTo: <sip:" ROOM ">%s%s\nCall-ID: %s@example.net\nCSeq: %u %s\n"
		 "Contact: <sip:" ROMEO ";gr=dr4>\n%s",
		 method, seq, call, *to_tag ? ";tag=" : "", to_tag, call, seq, method, more);
	play_request(&p, text);
	if (p.to_tag[0])
		snprintf(tag, sizeof tag, "%s", p.to_tag);
}

static void of_sip(void)
{
	static const char *const calls[] = { "a", "b", "w" };
	static const char *const mores[] = { "Event: conference\nExpires: 60\n", "Event: conference\nExpires: 0\n", "Event: conference\n",
					     "Refer-To: <sip:nurse@example.net>\n", "Refer-To: <>\n", "Content-Type: text/plain\n\nhi", "" };
	static const char *const methods[] = { "SUBSCRIBE", "REFER", "BYE", "ACK", "MESSAGE", "UPDATE", "INFO", "NOTIFY" };
	const char *method = WORD(methods), *call = WORD(calls);
	bool is_in_dialog = byte() & 1;

	request(method, call, is_in_dialog ? tag : "", WORD(mores));
}

static void of_room(void)
{
	static const char *const froms[] = { ROOM, ROOM "/Romeo", ROOM "/Romeo2", ROOM "/JuliC", FOCUS "/JuliC", ROOM "/\xc3\xa9" };
	static const char *const inners[] = {
		MUC_USER("<item affiliation='none' role='participant'/><status code='110'/>"), MUC_USER("<item role='moderator'/>"),
		MUC_USER("<item nick='Romeo2'/><status code='303'/><status code='110'/>"), MUC_USER("<destroy/>"), MUC_USER(""),
		"<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
		"<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", "<body>hello</body>",
		"<subject>s</subject>", "<body>x</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>", "",
	};
	static const enum stanza_type types[] = { TYPE_AVAILABLE, TYPE_UNAVAILABLE, TYPE_ERROR };
	static const enum stanza_type said[] = { TYPE_GROUPCHAT, TYPE_CHAT, TYPE_ERROR, TYPE_NORMAL };
	bool is_presence = byte() & 1;
	const char *from = WORD(froms), *inner = WORD(inners);
	enum stanza_type type = is_presence ? types[byte() % 3] : said[byte() % 4];

	play_stanza(&p, is_presence ? STANZA_PRESENCE : STANZA_MESSAGE, type, from, ROMEO "/dr4", byte() & 1 ? p.sid : "s1", inner);
}

static void of_juliet(void)
{
	static const char *const tos[] = { FOCUS "/JuliC", FOCUS "/Other", FOCUS };
	static const char *const inners[] = { "<x xmlns='http://jabber.org/protocol/muc'/>", "<body>hi</body>", "",
					      MUC_USER("<invite to='nurse@example.net'/>") };
	static const enum stanza_type types[] = { TYPE_AVAILABLE, TYPE_UNAVAILABLE };
	static const enum stanza_type said[] = { TYPE_GROUPCHAT, TYPE_CHAT, TYPE_NORMAL };
	bool is_presence = byte() & 1;
	const char *to = WORD(tos), *inner = WORD(inners);

	play_stanza(&p, is_presence ? STANZA_PRESENCE : STANZA_MESSAGE, is_presence ? types[byte() % 2] : said[byte() % 3], JULIET, to, "j1", inner);
}

static void of_msrp(void)
{
	static const char *const frames[] = {
		"MSRP t001 SEND\nMessage-ID: m001\nByte-Range: 1-*/*\nContent-Type: message/cpim\n\nFrom: <sip:" ROMEO ">\nTo: <sip:" ROOM ">\n\nContent-Type: text/plain\n\nhi\n-------t001$\n",
		"MSRP t002 SEND\nMessage-ID: m002\nByte-Range: 1-*/*\nContent-Type: message/cpim\n\nFrom: <sip:" ROMEO ">\nTo: <sip:" ROOM ";gr=JuliC>\n\nContent-Type: text/plain\n\nhi\n-------t002$\n",
		"MSRP n001 NICKNAME\nUse-Nickname: \"Romeo2\"\n-------n001$\n", "MSRP n002 NICKNAME\nUse-Nickname: \"\n-------n002$\n",
		"MSRP t003 SEND\nMessage-ID: m003\n-------t003$\n", "MSRP t004 481 Gone\n-------t004$\n", "MSRP t005 200 OK\n-------t005$\n",
		"MSRP t006 SEND\nMessage-ID: m006\nByte-Range: 1-2/2\nContent-Type: message/cpim\n\nhi\n-------t006$\n",
	};

	const char *frame = WORD(frames);

	if (p.media_ours[0] && p.media_theirs[0]) /* gh-sip passes whole frames only */
		play_frame(&p, frame);
}

static void answer(void)
{
	static const unsigned statuses[] = { 200, 202, 403, 404, 481, 486, 488, 503 };
	unsigned status = statuses[byte() % (sizeof statuses / sizeof statuses[0])];

	if (p.request_id)
		play_answer(&p, status, status == 200 ? "Contact: <sip:" FOCUS ">;isfocus\n" SDP : "");
}

static void event(void)
{
	switch (byte() % 10) {
	case 0: is_focus ? of_juliet() : request("INVITE", "a", "", SDP); break;
	case 1: request("ACK", "a", tag, ""); break;
	case 2: play_media_opened(&p); break;
	case 3: byte() % 4 ? play_media_opened(&p) : play_media_closed(&p, -1); break;
	case 4: of_msrp(); break;
	case 5: of_room(); break;
	case 6: of_sip(); break;
	case 7: is_focus ? of_juliet() : of_room(); break;
	case 8: answer(); break;
	default: play_wait(&p, byte() * 200u); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	at = data;
	end = data + size;
	tag[0] = '\0';
	seq = 0;
	is_focus = byte() & 1;
	play_open(&p, SETTINGS);
	for (unsigned i = 0; i < EVENTS_MAX && at < end; i++) {
		event();
		(void)play_stanzas(&p);
	}
	play_close(&p);
	return 0;
}
