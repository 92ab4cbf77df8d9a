#include "stream.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "run/session.h"

/* Plays: what the client sends, what it must see ('*' stands for anything), what the driver must
 * do, what the core answers. Each is played twice: in whole pieces and byte by byte. */

enum who {
	END,
	C,   /* the client sends */
	S,   /* it sees exactly this since the last S */
	A,   /* the actions since the last A, one a line: "name text data flags number" */
	EV,  /* an event of the driver */
};
struct line {
	enum who who;
	const char *text;
	struct stream_input in;
};

#define EVENT(...) { EV, NULL, { __VA_ARGS__ } }
#define TEXT(s) { (const uint8_t *)(s), sizeof(s) - 1 }

#define OPEN "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
#define HEADER OPEN "to='a.example' version='1.0'>"
#define OPENED_TO(from) "<?xml version='1.0'?>" OPEN "version='1.0' xml:lang='en' id='*'" from ">"
#define OPENED OPENED_TO(" from='a.example'")
#define ERROR(name) "<stream:error><" name " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define REQUIRED "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
#define MECHS "<mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-1-PLUS</mechanism>" \
	"<mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>"
#define SASL_NS "urn:ietf:params:xml:ns:xmpp-sasl"
#define AUTH_FEATURES "<stream:features><mechanisms xmlns='" SASL_NS "'>" MECHS "</mechanisms>" \
	"<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>" \
	"<channel-binding type='tls-server-end-point'/></sasl-channel-binding>" \
	"<authentication xmlns='urn:xmpp:sasl:2'>" MECHS "<inline><bind xmlns='urn:xmpp:bind:0'><inline>" \
	"<feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/><feature var='urn:xmpp:sm:3'/>" \
	"</inline></bind><sm xmlns='urn:xmpp:sm:3'/></inline></authentication></stream:features>"
#define BIND_FEATURES "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>" \
	"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>" \
	"<sm xmlns='urn:xmpp:sm:3'/>" SESSION_FEATURES
#define SESSION_FEATURES "<csi xmlns='urn:xmpp:csi:0'/><ver xmlns='urn:xmpp:features:rosterver'/>" \
	"<sub xmlns='urn:xmpp:features:pre-approval'/>" \
	"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:gatehouse:server' ver='abc='/></stream:features>"
#define BIND(id, inside) "<iq type='set' id='" id "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" inside "</bind></iq>"
#define STANZAS_NS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define SECURED EVENT(.event = E_SECURED, .has_exporter = true, .has_end_point = true)
#define AUTH_PLAIN "<auth xmlns='" SASL_NS "' mechanism='PLAIN'>AGEAYg==</auth>"
#define FAILURE2(name) "<failure xmlns='urn:xmpp:sasl:2'><" name " xmlns='" SASL_NS "'/></failure>"
#define FAST_COUNT(n) "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>bixh</initial-response>" \
	"<user-agent id='d'/><fast xmlns='urn:xmpp:fast:0' count='" n "'/></authenticate>"
#define FAILURE(name) "<failure xmlns='" SASL_NS "'><" name "/></failure>"

/* Pieces of plays. Direct TLS to the mechanisms; then PLAIN and bind to a session. */
#define TO_AUTH SECURED, { C, HEADER, { 0 } }, { S, OPENED AUTH_FEATURES, { 0 } }
#define TO_BIND \
	TO_AUTH, { C, AUTH_PLAIN, { 0 } }, { A, "auth-start PLAIN \\0a\\0b 3 0\n", { 0 } }, \
	EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")), \
	{ A, "logged-in a@a.example  0 0\n", { 0 } }, \
	{ S, "<success xmlns='" SASL_NS "'></success>", { 0 } }, { C, HEADER, { 0 } }, { S, OPENED BIND_FEATURES, { 0 } }
#define TO_SESSION \
	TO_BIND, { C, BIND("b1", "<resource>r</resource>"), { 0 } }, { A, "session-open r  16 0\n", { 0 } }, \
	EVENT(.event = E_OPENED, .text = TEXT("a@a.example/r")), \
	{ A, "session-ready a@a.example/r  0 0\n", { 0 } }, \
	{ S, "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@a.example/r</jid></bind></iq>", { 0 } }
#define TO_SM \
	TO_SESSION, { C, "<enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>", { 0 } }, { A, "sm-enable   1 60\n", { 0 } }, \
	EVENT(.event = E_SM_ENABLED, .data = TEXT("id9"), .number = 60), \
	{ S, "<enabled xmlns='urn:xmpp:sm:3' id='id9' resume='true' max='60'/>", { 0 } }
#define CLOSED(why) { A, "close " why "  0 0\n", { 0 } }
#define OVER { A, "close closed-by-client  1 0\n", { 0 } }

struct play {
	const char *name;
	bool has_fast, has_oauth, is_tls_optional, is_clear, is_draining;
	struct line lines[48];
};

static const struct play plays[] = {
	/* ---- the usual ways in ---- */
	{ "starttls, scram, bind, chat, end (RFC 6120 9.1)", .is_clear = true, .lines = {
		{ C, "<?xml version='1.0'?>" HEADER },
		{ S, OPENED REQUIRED },
		{ C, STARTTLS },
		{ S, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" },
		{ A, "start-tls a.example  0 0\n" },
		SECURED,
		{ C, HEADER },
		{ S, OPENED AUTH_FEATURES },
		{ C, "<auth xmlns='" SASL_NS "' mechanism='SCRAM-SHA-256-PLUS'>bixh</auth>" },
		{ A, "auth-start SCRAM-SHA-256-PLUS n,a 3 0\n" },
		EVENT(.event = E_CHALLENGE, .data = TEXT("r=1")),
		{ S, "<challenge xmlns='" SASL_NS "'>cj0x</challenge>" },
		{ C, "<response xmlns='" SASL_NS "'>cD0y</response>" },
		{ A, "auth-response  p=2 0 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example"), .data = TEXT("v=3")),
		{ S, "<success xmlns='" SASL_NS "'>dj0z</success>" },
		{ A, "logged-in a@a.example  0 0\n" },
		{ C, HEADER },
		{ S, OPENED BIND_FEATURES },
		{ C, BIND("x&apos;1", "") },
		{ A, "session-open   16 0\n" },
		EVENT(.event = E_OPENED, .text = TEXT("a@a.example/made")),
		{ S, "<iq type='result' id='x&apos;1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@a.example/made</jid></bind></iq>" },
		{ A, "session-ready a@a.example/made  0 0\n" },
		{ C, "<message to='B@b.Example/X' type='chat' id='m'><body>hi</body></message>" },
		{ A, "stanza message chat from=a@a.example/made to=b@b.example/X sid=m "
		     "<message from='a@a.example/made' to='b@b.example/X' type='chat' id='m'><body>hi</body></message>\n" },
		{ C, "<presence/> <presence to='' from='a@a.example'/>" },
		{ A, "stanza presence  from=a@a.example/made to= sid= <presence from='a@a.example/made'/>\n"
		     "stanza presence  from=a@a.example/made to= sid= <presence from='a@a.example/made'/>\n" },
		{ C, "</stream:stream>" },
		{ S, "</stream:stream>" },
		OVER } },
	{ "tls optional: clear login without PLAIN", .is_clear = true, .is_tls_optional = true, .lines = {
		{ C, HEADER },
		{ S, OPENED "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'></starttls>"
		     "<mechanisms xmlns='" SASL_NS "'><mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>" },
		{ C, AUTH_PLAIN },
		{ S, FAILURE("invalid-mechanism") },
		{ C, "<auth xmlns='" SASL_NS "' mechanism='SCRAM-SHA-1'>=</auth>" },
		{ A, "auth-start SCRAM-SHA-1  1 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")),
		{ A, "logged-in a@a.example  0 0\n" },
		{ S, "<success xmlns='" SASL_NS "'></success>" },
		{ C, HEADER },
		{ S, OPENED BIND_FEATURES } } },
	{ "legacy session request is a no-op that counts", .lines = {
		TO_SESSION,
		{ C, "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>" },
		{ S, "<iq type='result' id='s'/>" },
		{ A, "counted   0 0\n" } } },

	/* ---- SASL2, Bind 2 (XEP-0388, 0386) ---- */
	{ "sasl2 with bind2 and everything inline", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response>"
		     "<user-agent id='d'><software>s</software></user-agent>"
		     "<bind xmlns='urn:xmpp:bind:0'><tag>App</tag><inactive xmlns='urn:xmpp:csi:0'/>"
		     "<enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true' max='30'/></bind></authenticate>" },
		{ A, "auth-start PLAIN \\0a\\0b 7 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example"), .data = TEXT("v=3")),
		{ A, "logged-in a@a.example  0 0\nsession-open  App 31 30\n" },
		EVENT(.event = E_OPENED, .text = TEXT("a@a.example/App~1"), .data = TEXT("id9"), .number = 30),
		{ S, "<success xmlns='urn:xmpp:sasl:2'><additional-data>dj0z</additional-data>"
		     "<authorization-identifier>a@a.example/App~1</authorization-identifier><bound xmlns='urn:xmpp:bind:0'>"
		     "<enabled xmlns='urn:xmpp:sm:3' id='id9' resume='true' max='30'/></bound></success><stream:features>" SESSION_FEATURES },
		{ A, "session-ready a@a.example/App~1  0 0\n" },
		{ C, "<r xmlns='urn:xmpp:sm:3'/>" },
		{ A, "sm-request   0 0\n" } } },
	/* ---- FAST (XEP-0484) ---- */
	{ "fast: offered by what TLS gives; a token asked for", .has_fast = true, .lines = {
		EVENT(.event = E_SECURED, .has_exporter = true, .has_unique = true), { C, HEADER },
		{ S, OPENED "<stream:features>*<sm xmlns='urn:xmpp:sm:3'/><fast xmlns='urn:xmpp:fast:0'>"
		     "<mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication></stream:features>" },
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response>"
		     "<user-agent id='d'><software>s</software><device>pc</device></user-agent>"
		     "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/></authenticate>" },
		{ A, "auth-start PLAIN \\0a\\0b 7 0\nagent d (s, pc) HT-SHA-256-EXPR 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example"), .token = TEXT("secret-token:fast-&1"), .expires_ms = 86400000),
		{ A, "logged-in a@a.example  0 0\n" },
		{ S, "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@a.example</authorization-identifier>"
		     "<token xmlns='urn:xmpp:fast:0' expiry='1970-01-02T00:00:00Z' token='secret-token:fast-&amp;1'/></success>" BIND_FEATURES } } },
	{ "fast: all that TLS 1.2 gives", .has_fast = true, .lines = {
		EVENT(.event = E_SECURED, .has_end_point = true, .has_unique = true), { C, HEADER },
		{ S, OPENED "<stream:features>*<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-UNIQ</mechanism>"
		     "<mechanism>HT-SHA-256-ENDP</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>*</stream:features>" } } },
	{ "fast: a token used with a count, for the last time", .has_fast = true, .lines = {
		EVENT(.event = E_SECURED), { C, HEADER }, { S, OPENED "<stream:features>*</stream:features>" },
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>bixh</initial-response>"
		     "<user-agent id='d'/><fast xmlns='urn:xmpp:fast:0' count='7' invalidate='true'/></authenticate>" },
		{ A, "auth-start HT-SHA-256-NONE n,a 55 0\nagent d ()  7\n" } } },
	{ "fast: its mechanisms are for it alone, and none else is", .has_fast = true, .lines = {
		EVENT(.event = E_SECURED), { C, HEADER }, { S, OPENED "<stream:features>*</stream:features>" },
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>bixh</initial-response></authenticate>" },
		{ S, FAILURE2("invalid-mechanism") },
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>bixh</initial-response>"
		     "<fast xmlns='urn:xmpp:fast:0'/></authenticate>" },
		{ S, FAILURE2("invalid-mechanism") } } },
	{ "fast: nothing to bind to, nothing bound", .has_fast = true, .lines = {
		EVENT(.event = E_SECURED), { C, HEADER }, { S, OPENED "<stream:features>*</stream:features>" },
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-EXPR'><initial-response>bixh</initial-response>"
		     "<fast xmlns='urn:xmpp:fast:0'/></authenticate>" },
		{ S, FAILURE2("invalid-mechanism") } } },
	{ "fast: not in classic SASL", .has_fast = true, .lines = {
		EVENT(.event = E_SECURED), { C, HEADER }, { S, OPENED "<stream:features>*</stream:features>" },
		{ C, "<auth xmlns='" SASL_NS "' mechanism='HT-SHA-256-NONE'>bixh</auth>" }, { S, FAILURE("invalid-mechanism") } } },
	{ "fast: a count is a positive number", .has_fast = true, .lines = {
		EVENT(.event = E_SECURED), { C, HEADER }, { S, OPENED "<stream:features>*</stream:features>" },
		{ C, FAST_COUNT("0") }, { S, FAILURE2("malformed-request") },
		{ C, FAST_COUNT("9223372036854775808") }, { S, FAILURE2("malformed-request") } } },
	{ "oauthbearer: offered where there is a provider", .has_oauth = true, .lines = {
		EVENT(.event = E_SECURED), { C, HEADER },
		{ S, OPENED "<stream:features>*<mechanism>PLAIN</mechanism><mechanism>OAUTHBEARER</mechanism></mechanisms>*</stream:features>" },
		{ C, "<auth xmlns='" SASL_NS "' mechanism='OAUTHBEARER'>bixh</auth>" }, { A, "auth-start OAUTHBEARER n,a 3 0\n" } } },
	{ "oauthbearer: and nowhere else", .lines = {
		TO_AUTH, { C, "<auth xmlns='" SASL_NS "' mechanism='OAUTHBEARER'>bixh</auth>" }, { S, FAILURE("invalid-mechanism") } } },
	{ "oauthbearer: only inside TLS", .has_oauth = true, .is_clear = true, .is_tls_optional = true, .lines = {
		{ C, HEADER "<auth xmlns='" SASL_NS "' mechanism='OAUTHBEARER'>bixh</auth>" }, { S, "*" FAILURE("invalid-mechanism") } } },
	{ "fast: off", .lines = {
		TO_AUTH,
		{ C, FAST_COUNT("1") }, { S, FAILURE2("invalid-mechanism") } } },
	{ "sasl2 with a challenge, then the old bind", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'><initial-response>bixh</initial-response></authenticate>" },
		{ A, "auth-start SCRAM-SHA-1 n,a 7 0\n" },
		EVENT(.event = E_CHALLENGE, .data = TEXT("r=1")),
		{ S, "<challenge xmlns='urn:xmpp:sasl:2'>cj0x</challenge>" },
		{ C, "<response xmlns='urn:xmpp:sasl:2'>cD0y</response>" },
		{ A, "auth-response  p=2 0 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")),
		{ A, "logged-in a@a.example  0 0\n" },
		{ S, "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@a.example</authorization-identifier></success>" BIND_FEATURES },
		{ C, BIND("1", "") },
		{ A, "session-open   16 0\n" } } },
	{ "sasl2: resume inline", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response>"
		     "<resume xmlns='urn:xmpp:sm:3' previd='id9' h='4'/></authenticate>" },
		{ A, "auth-start PLAIN \\0a\\0b 7 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")),
		{ A, "logged-in a@a.example  0 0\nsession-resume id9  0 4\n" },
		EVENT(.event = E_RESUMED, .text = TEXT("a@a.example/r"), .number = 7),
		{ S, "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@a.example/r</authorization-identifier>"
		     "<resumed xmlns='urn:xmpp:sm:3' h='7' previd='id9'/></success>" },
		{ A, "session-ready a@a.example/r  1 0\n" },
		{ C, "<message from='a@a.example/r'/>" },
		{ A, "stanza message normal from=a@a.example/r to= sid= <message from='a@a.example/r'/>\n" } } },
	{ "sasl2: resume fails, bind2 goes on", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response>"
		     "<bind xmlns='urn:xmpp:bind:0'/><resume xmlns='urn:xmpp:sm:3' previd='id9' h='4'/></authenticate>" },
		{ A, "auth-start PLAIN \\0a\\0b 7 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")),
		{ A, "logged-in a@a.example  0 0\nsession-resume id9  0 4\n" },
		EVENT(.event = E_RESUME_FAILED, .condition = TEXT("item-not-found"), .has_number = true, .number = 5),
		{ A, "session-open   16 0\n" },
		EVENT(.event = E_OPENED, .text = TEXT("a@a.example/n")),
		{ S, "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@a.example/n</authorization-identifier>"
		     "<failed xmlns='urn:xmpp:sm:3' h='5'><item-not-found xmlns='" STANZAS_NS "'/></failed>"
		     "<bound xmlns='urn:xmpp:bind:0'></bound></success><stream:features><sm xmlns='urn:xmpp:sm:3'/>" SESSION_FEATURES },
		{ A, "session-ready a@a.example/n  0 0\n" } } },
	{ "sasl2: resume fails and no bind was asked", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response>"
		     "<resume xmlns='urn:xmpp:sm:3' previd='id9' h='4'/></authenticate>" },
		{ A, "auth-start PLAIN \\0a\\0b 7 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")),
		{ A, "logged-in a@a.example  0 0\nsession-resume id9  0 4\n" },
		EVENT(.event = E_RESUME_FAILED, .condition = TEXT("item-not-found")),
		{ S, "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@a.example</authorization-identifier>"
		     "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='" STANZAS_NS "'/></failed></success>" BIND_FEATURES } } },
	{ "sasl2: bind2 refused leaves the login", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response>"
		     "<bind xmlns='urn:xmpp:bind:0'/></authenticate>" },
		{ A, "auth-start PLAIN \\0a\\0b 7 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")),
		{ A, "logged-in a@a.example  0 0\nsession-open   16 0\n" },
		EVENT(.event = E_REFUSED, .condition = TEXT("resource-constraint")),
		{ S, "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@a.example</authorization-identifier></success>" BIND_FEATURES } } },
	{ "sasl2 failure keeps the SASL conditions", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response></authenticate>" },
		{ A, "auth-start PLAIN \\0a\\0b 7 0\n" },
		EVENT(.event = E_AUTH_FAILED, .condition = TEXT("not-authorized"), .text = TEXT("no & no")),
		{ S, "<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='" SASL_NS "'/><text xml:lang='en'>no &amp; no</text></failure>" } } },
	{ "sasl2: a resume without h", .lines = {
		TO_AUTH,
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><resume xmlns='urn:xmpp:sm:3' previd='x'/></authenticate>" },
		{ S, "<failure xmlns='urn:xmpp:sasl:2'><malformed-request xmlns='" SASL_NS "'/></failure>" } } },

	/* ---- SASL goes wrong ---- */
	{ "three failures end the stream (RFC 6120 6.4.4)", .lines = {
		TO_AUTH,
		{ C, AUTH_PLAIN }, { A, "auth-start PLAIN \\0a\\0b 3 0\n" },
		EVENT(.event = E_AUTH_FAILED, .condition = TEXT("not-authorized")), { S, FAILURE("not-authorized") },
		{ C, AUTH_PLAIN }, { A, "auth-start PLAIN \\0a\\0b 3 0\n" },
		EVENT(.event = E_AUTH_FAILED, .condition = TEXT("<evil/>")), { S, FAILURE("not-authorized") },
		{ C, "<auth xmlns='" SASL_NS "' mechanism='NONE'/>" },
		{ S, FAILURE("invalid-mechanism") "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		     "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'*>too many failed logins</text></stream:error></stream:stream>" },
		CLOSED("policy-violation") } },
	{ "base64 that is none", .lines = {
		TO_AUTH,
		{ C, "<auth xmlns='" SASL_NS "' mechanism='PLAIN'>AG*</auth>" },
		{ S, FAILURE("incorrect-encoding") } } },
	{ "abort in the middle", .lines = {
		TO_AUTH,
		{ C, "<auth xmlns='" SASL_NS "' mechanism='SCRAM-SHA-1'>bixh</auth>" },
		{ A, "auth-start SCRAM-SHA-1 n,a 3 0\n" },
		EVENT(.event = E_CHALLENGE, .data = TEXT("r=1")),
		{ S, "<challenge xmlns='" SASL_NS "'>cj0x</challenge>" },
		{ C, "<abort xmlns='" SASL_NS "'/>" },
		{ A, "auth-abort   0 0\n" },
		{ S, FAILURE("aborted") },
		{ C, AUTH_PLAIN },
		{ A, "auth-start PLAIN \\0a\\0b 3 0\n" } } },
	{ "a response of the other profile", .lines = {
		TO_AUTH,
		{ C, "<auth xmlns='" SASL_NS "' mechanism='SCRAM-SHA-1'>bixh</auth>" },
		{ A, "auth-start SCRAM-SHA-1 n,a 3 0\n" },
		EVENT(.event = E_CHALLENGE, .data = TEXT("r=1")),
		{ S, "<challenge xmlns='" SASL_NS "'>cj0x</challenge>" },
		{ C, "<response xmlns='urn:xmpp:sasl:2'>cD0y</response>" },
		{ A, "auth-abort   0 0\n" },
		{ S, FAILURE("malformed-request") },
		{ C, AUTH_PLAIN },
		{ A, "auth-start PLAIN \\0a\\0b 3 0\n" } } },
	{ "gh-im dies during a login: no try is counted", .lines = {
		TO_AUTH,
		{ C, AUTH_PLAIN }, { A, "auth-start PLAIN \\0a\\0b 3 0\n" },
		EVENT(.event = E_CORE_GONE), { S, FAILURE("temporary-auth-failure") },
		{ C, AUTH_PLAIN }, { A, "auth-start PLAIN \\0a\\0b 3 0\n" },
		EVENT(.event = E_CORE_GONE), { S, FAILURE("temporary-auth-failure") },
		{ C, AUTH_PLAIN }, { A, "auth-start PLAIN \\0a\\0b 3 0\n" },
		EVENT(.event = E_CORE_GONE), { S, FAILURE("temporary-auth-failure") } } },
	{ "what is pipelined behind a login waits for its answer", .lines = {
		TO_AUTH,
		{ C, AUTH_PLAIN "<message/>" },
		{ A, "auth-start PLAIN \\0a\\0b 3 0\n" },
		EVENT(.event = E_AUTH_FAILED, .condition = TEXT("not-authorized")),
		{ S, FAILURE("not-authorized") ERROR("not-authorized") },
		CLOSED("not-authorized") } },

	/* ---- order of things: nothing before its time (lesson 3) ---- */
	{ "tls required: a login before TLS", .is_clear = true, .lines = {
		{ C, HEADER }, { S, OPENED REQUIRED },
		{ C, AUTH_PLAIN }, { S, FAILURE("encryption-required") },
		{ C, STARTTLS }, { S, "<proceed*/>" }, { A, "start-tls a.example  0 0\n" } } },
	{ "tls required: a message before TLS", .is_clear = true, .lines = {
		{ C, HEADER }, { S, OPENED REQUIRED },
		{ C, "<message to='b@b.example'><body/></message>" }, { S, ERROR("not-authorized") }, CLOSED("not-authorized") } },
	{ "sasl2 in clear", .is_clear = true, .is_tls_optional = true, .lines = {
		{ C, HEADER }, { S, OPENED "*" },
		{ C, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'/>" },
		{ S, ERROR("not-authorized") }, CLOSED("not-authorized") } },
	{ "starttls injection: what was pipelined is dropped (5.4.3.3)", .is_clear = true, .lines = {
		{ C, HEADER STARTTLS HEADER AUTH_PLAIN }, { S, OPENED REQUIRED "<proceed*/>" },
		{ A, "start-tls a.example  0 0\n" },
		SECURED, { C, HEADER }, { S, OPENED AUTH_FEATURES } } },
	{ "starttls inside TLS", .lines = {
		TO_AUTH, { C, STARTTLS }, { S, ERROR("not-authorized") }, CLOSED("not-authorized") } },
	{ "a message before login", .lines = {
		TO_AUTH, { C, "<message/>" }, { S, ERROR("not-authorized") }, CLOSED("not-authorized") } },
	{ "a bind before login", .lines = {
		TO_AUTH, { C, BIND("1", "") }, { S, ERROR("not-authorized") }, CLOSED("not-authorized") } },
	{ "an iq before bind (7.1)", .lines = {
		TO_BIND, { C, "<iq type='get' id='1'><q xmlns='u'/></iq>" }, { S, ERROR("not-authorized") }, CLOSED("not-authorized") } },
	{ "enable before bind (XEP-0198 3)", .lines = {
		TO_BIND, { C, "<enable xmlns='urn:xmpp:sm:3'/>" },
		{ S, "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='" STANZAS_NS "'/></failed>" } } },
	{ "a second login", .lines = {
		TO_SESSION, { C, AUTH_PLAIN }, { S, ERROR("unsupported-stanza-type") }, CLOSED("unsupported-stanza-type") } },
	{ "a nested stream", .lines = {
		TO_SESSION, { C, HEADER "</stream:stream>" }, { S, ERROR("unsupported-stanza-type") }, CLOSED("unsupported-stanza-type") } },
	{ "another domain after login", .lines = {
		TO_AUTH, { C, AUTH_PLAIN }, { A, "auth-start PLAIN \\0a\\0b 3 0\n" },
		EVENT(.event = E_AUTH_OK, .text = TEXT("a@a.example")), { A, "logged-in a@a.example  0 0\n" },
		{ S, "<success*</success>" },
		{ C, OPEN "to='other.example' version='1.0'>" },
		{ S, OPENED ERROR("host-unknown") }, CLOSED("host-unknown") } },

	/* ---- headers ---- */
	{ "a domain that is not ours", .is_clear = true, .lines = {
		{ C, OPEN "to='x.example' version='1.0'>" }, { S, OPENED_TO("") ERROR("host-unknown") }, CLOSED("host-unknown") } },
	{ "no domain at all", .is_clear = true, .lines = {
		{ C, OPEN "version='1.0'>" }, { S, OPENED_TO("") ERROR("host-unknown") }, CLOSED("host-unknown") } },
	{ "domain in capitals", .is_clear = true, .lines = {
		{ C, OPEN "to='A.EXAMPLE' version='1.0'>" }, { S, OPENED REQUIRED } } },
	{ "no version (4.7.5)", .is_clear = true, .lines = {
		{ C, OPEN "to='a.example'>" }, { S, OPENED ERROR("unsupported-version") }, CLOSED("unsupported-version") } },
	{ "no new logins (RFC 6120 4.9.3.15)", .is_draining = true, .lines = {
		SECURED, { C, HEADER },
		{ S, OPENED "<stream:error><remote-connection-failed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		     "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>no new logins here now</text></stream:error></stream:stream>" },
		CLOSED("remote-connection-failed") } },
	{ "a newer version", .is_clear = true, .lines = {
		{ C, OPEN "to='a.example' version='1.5'>" }, { S, OPENED REQUIRED } } },
	{ "a server's stream", .is_clear = true, .lines = {
		{ C, "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>" },
		{ S, OPENED_TO("") ERROR("invalid-namespace") }, CLOSED("invalid-namespace") } },
	{ "another stream namespace", .is_clear = true, .lines = {
		{ C, "<stream:stream xmlns='jabber:client' xmlns:stream='urn:x' to='a.example' version='1.0'>" },
		{ S, OPENED_TO("") ERROR("invalid-namespace") }, CLOSED("invalid-namespace") } },
	{ "garbage before TLS", .is_clear = true, .lines = {
		{ C, "\x16\x03\x01\x02\x01" }, { S, OPENED_TO("") ERROR("not-well-formed") }, CLOSED("not-well-formed") } },
	{ "not XML", .is_clear = true, .lines = {
		{ C, "GET / HTTP/1.1\r\n" }, { S, OPENED_TO("") ERROR("not-well-formed") }, CLOSED("not-well-formed") } },
	{ "a DTD", .is_clear = true, .lines = {
		{ C, "<!DOCTYPE x [<!ENTITY a 'b'>]>" HEADER }, { S, OPENED_TO("") ERROR("restricted-xml") }, CLOSED("restricted-xml") } },

	/* ---- bad XML in a session ---- */
	{ "comment", .lines = { TO_SESSION, { C, "<!-- x -->" }, { S, ERROR("restricted-xml") }, CLOSED("restricted-xml") } },
	{ "processing instruction", .lines = { TO_SESSION, { C, "<?x y?>" }, { S, ERROR("restricted-xml") }, CLOSED("restricted-xml") } },
	{ "entity", .lines = { TO_SESSION, { C, "<message><body>&boo;</body></message>" }, { S, "<stream:error>*</stream:stream>" }, { A, "close *  0 0\n" } } },
	{ "bad UTF-8", .lines = { TO_SESSION, { C, "<message><body>\xff\xfe</body></message>" }, { S, "<stream:error>*</stream:stream>" }, { A, "close *  0 0\n" } } },
	{ "tags that do not match", .lines = { TO_SESSION, { C, "<message></iq>" }, { S, ERROR("not-well-formed") }, CLOSED("not-well-formed") } },
	{ "a stanza of servers", .lines = { TO_SESSION, { C, "<message xmlns='jabber:server'/>" }, { S, ERROR("invalid-namespace") }, CLOSED("invalid-namespace") } },
	{ "an element nobody knows", .lines = { TO_SESSION, { C, "<thing xmlns='urn:x'/>" }, { S, ERROR("unsupported-stanza-type") }, CLOSED("unsupported-stanza-type") } },
	{ "the client's stream error", .lines = { TO_SESSION, { C, "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>" }, { S, "</stream:stream>" }, OVER } },

	/* ---- stanzas that do not pass ---- */
	{ "forged from (8.1.2.1)", .lines = {
		TO_SESSION, { C, "<message from='eve@a.example/r' to='b@b.example'/>" }, { S, ERROR("invalid-from") }, CLOSED("invalid-from") } },
	{ "from of another resource", .lines = {
		TO_SESSION, { C, "<message from='a@a.example/other'/>" }, { S, ERROR("invalid-from") }, CLOSED("invalid-from") } },
	{ "own from in capitals is own", .lines = {
		TO_SESSION, { C, "<message from='A@A.example/r' id='2'/>" },
		{ A, "stanza message normal from=a@a.example/r to= sid=2 <message from='a@a.example/r' id='2'/>\n" } } },
	{ "to that is no address", .lines = {
		TO_SESSION, { C, "<message to='@' id='7'><body>x</body></message>" },
		{ S, "<message type='error' id='7' from='a.example' to='a@a.example/r'><error type='modify' by='a.example'>"
		     "<jid-malformed xmlns='" STANZAS_NS "'/></error></message>" },
		{ A, "counted   0 0\n" } } },
	{ "an error to a bad address is not answered", .lines = {
		TO_SESSION, { C, "<message to='@' type='error'/>" }, { A, "counted   0 0\n" } } },
	{ "iq without type", .lines = {
		TO_SESSION, { C, "<iq id='8'><q xmlns='u'/></iq>" },
		{ S, "<iq type='error' id='8' from='a.example' to='a@a.example/r'><error type='modify' by='a.example'>"
		     "<bad-request xmlns='" STANZAS_NS "'/></error></iq>" },
		{ A, "counted   0 0\n" } } },
	{ "a resource that is none", .lines = {
		TO_BIND, { C, BIND("9", "<resource>&#7;</resource>") }, { S, "*" }, { A, "*" } } },
	{ "bind refused, and tried again", .lines = {
		TO_BIND, { C, BIND("9", "<resource>q</resource>") }, { A, "session-open q  16 0\n" },
		EVENT(.event = E_REFUSED, .condition = TEXT("conflict")),
		{ S, "<iq type='error' id='9'><error type='cancel'><conflict xmlns='" STANZAS_NS "'/></error></iq>" },
		{ C, BIND("10", "") }, { A, "session-open   16 0\n" } } },

	/* ---- XEP-0198 ---- */
	{ "enable, request, answer, ack, in order with stanzas", .lines = {
		TO_SM,
		{ C, "<message id='1'/><r xmlns='urn:xmpp:sm:3'/><message id='2'/><a xmlns='urn:xmpp:sm:3' h='4294967295'/>" },
		{ A, "stanza message normal from=a@a.example/r to= sid=1 <message from='a@a.example/r' id='1'/>\n"
		     "sm-request   0 0\n"
		     "stanza message normal from=a@a.example/r to= sid=2 <message from='a@a.example/r' id='2'/>\n"
		     "sm-ack   0 4294967295\n" },
		EVENT(.event = E_SM_ANSWER, .number = 2), { S, "<a xmlns='urn:xmpp:sm:3' h='2'/>" } } },
	{ "enable twice", .lines = {
		TO_SM, { C, "<enable xmlns='urn:xmpp:sm:3'/>" },
		{ S, "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='" STANZAS_NS "'/></failed>" } } },
	{ "an ack without a number", .lines = {
		TO_SM, { C, "<a xmlns='urn:xmpp:sm:3' h='x'/>" },
		{ S, "<stream:error><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>*</stream:stream>" }, CLOSED("bad-format") } },
	{ "enabled without resumption", .lines = {
		TO_SESSION, { C, "<enable xmlns='urn:xmpp:sm:3'/>" }, { A, "sm-enable   0 0\n" },
		EVENT(.event = E_SM_ENABLED), { S, "<enabled xmlns='urn:xmpp:sm:3'/>" } } },
	{ "resume in the old way", .lines = {
		TO_BIND, { C, "<resume xmlns='urn:xmpp:sm:3' previd='id9' h='3'/>" }, { A, "session-resume id9  0 3\n" },
		EVENT(.event = E_RESUMED, .text = TEXT("a@a.example/r"), .number = 6),
		{ S, "<resumed xmlns='urn:xmpp:sm:3' h='6' previd='id9'/>" }, { A, "session-ready a@a.example/r  1 0\n" },
		{ C, "<r xmlns='urn:xmpp:sm:3'/>" }, { A, "sm-request   0 0\n" } } },
	{ "resume fails, bind goes on", .lines = {
		TO_BIND, { C, "<resume xmlns='urn:xmpp:sm:3' previd='id9' h='3'/>" }, { A, "session-resume id9  0 3\n" },
		EVENT(.event = E_RESUME_FAILED, .condition = TEXT("item-not-found"), .has_number = true, .number = 2),
		{ S, "<failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found xmlns='" STANZAS_NS "'/></failed>" },
		{ C, BIND("1", "") }, { A, "session-open   16 0\n" } } },
	{ "resume without h", .lines = {
		TO_BIND, { C, "<resume xmlns='urn:xmpp:sm:3' previd='id9'/>" },
		{ S, "<failed xmlns='urn:xmpp:sm:3'><bad-request xmlns='" STANZAS_NS "'/></failed>" } } },
	{ "resume in a session", .lines = {
		TO_SESSION, { C, "<resume xmlns='urn:xmpp:sm:3' previd='id9' h='1'/>" },
		{ S, "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='" STANZAS_NS "'/></failed>" } } },

	/* ---- XEP-0352, signs of life, ends ---- */
	{ "client state", .lines = {
		TO_SESSION, { C, "<inactive xmlns='urn:xmpp:csi:0'/><active xmlns='urn:xmpp:csi:0'/>" },
		{ A, "csi   0 0\ncsi   1 0\n" } } },
	{ "silent client without SM: a space", .lines = {
		TO_SESSION, EVENT(.event = E_SILENT), { S, " " }, EVENT(.event = E_SILENT), { S, " " } } },
	{ "silent client with SM: asked, then given up", .lines = {
		TO_SM, EVENT(.event = E_SILENT), { S, "<r xmlns='urn:xmpp:sm:3'/>" },
		{ C, "<a xmlns='urn:xmpp:sm:3' h='0'/>" }, { A, "sm-ack   0 0\n" },
		EVENT(.event = E_SILENT), { S, "<r xmlns='urn:xmpp:sm:3'/>" },
		EVENT(.event = E_SILENT), { S, ERROR("connection-timeout") }, CLOSED("connection-timeout") } },
	{ "not logged in in time", .lines = {
		TO_AUTH, EVENT(.event = E_TIMEOUT), { S, ERROR("connection-timeout") }, CLOSED("connection-timeout") } },
	{ "time is up during the handshake: nothing can be said", .lines = {
		EVENT(.event = E_TIMEOUT), CLOSED("connection-timeout") } },
	{ "killed by the core", .lines = {
		TO_SESSION, EVENT(.event = E_KILL, .error = STREAM_CONFLICT, .text = TEXT("replaced"), .data = TEXT("<why/>")),
		{ S, "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>*replaced*<why/></stream:error></stream:stream>" }, CLOSED("conflict"),
		{ C, "<message/>" } } },
	{ "gh-im dies under a session", .lines = {
		TO_SESSION, EVENT(.event = E_CORE_GONE), { S, "<stream:error><reset *</stream:stream>" }, CLOSED("reset") } },
	{ "late answers of the core do nothing", .lines = {
		TO_SESSION, EVENT(.event = E_AUTH_OK, .text = TEXT("x@a.example")), EVENT(.event = E_RESUMED), EVENT(.event = E_CHALLENGE) } },
};

static const char *caps_of_a(void *arg, struct bytes domain)
{
	(void)arg;
	return bytes_eq_str(domain, "a.example") ? "abc=" : NULL;
}

static bool hosts_a(void *arg, struct bytes domain)
{
	(void)arg;
	return bytes_eq_str(domain, "a.example") || bytes_eq_str(domain, "other.example");
}

static const char *const act_names[] = {
	"start-tls", "auth-start", "auth-response", "auth-abort", "logged-in", "session-open", "session-resume",
	"sm-enable", "sm-request", "sm-ack", "csi", "stanza", "counted", "session-ready", "close",
};
_Static_assert(sizeof act_names / sizeof act_names[0] == STREAM_ACT_COUNT, "a name for each action");

struct stage {
	struct stream_rules rules;
	struct xml_pool *pool;
	struct stream s;
	struct buf sent, scratch, acts;
	struct arena arena;
	struct stream_out out;
};

static void put_data(struct buf *b, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i])
			buf_put_u8(b, v.p[i]);
		else
			buf_put_str(b, "\\0");
	}
}

static void note_agent(struct stage *g)
{
	const struct stream_agent t = stream_agent(&g->s);

	buf_putf(&g->acts, "agent %.*s (%.*s) %.*s %llu\n", BYTES_FMT(t.id), BYTES_FMT(t.name), BYTES_FMT(t.wanted),
		 (unsigned long long)t.count);
}

static void note_actions(struct stage *g)
{
	for (unsigned i = 0; i < g->out.n_actions; i++) {
		const struct stream_action *a = &g->out.actions[i];
		const struct envelope *e = &g->out.envelope;
		buf_putf(&g->acts, "%s ", act_names[a->act]);
		if (a->act == ACT_STANZA)
			buf_putf(&g->acts, "%s %s from=%.*s to=%.*s sid=%.*s %.*s\n", stanza_kind_name(e->kind),
				 stanza_type_name(e->type), BYTES_FMT(e->from), BYTES_FMT(e->to), BYTES_FMT(e->sid),
				 BYTES_FMT(e->stanza));
		else {
			put_data(&g->acts, a->text);
			buf_put_u8(&g->acts, ' ');
			put_data(&g->acts, a->data);
			buf_putf(&g->acts, " %u %u\n", a->flags, a->number);
			if (a->act == ACT_AUTH_START && g->rules.offers_fast)
				note_agent(g);
		}
	}
}

static void read_all(struct stage *g)
{
	while (stream_next(&g->s, &g->out))
		note_actions(g);
}

static void expect(const char *play, size_t line, struct buf *got, const char *want)
{
	const char *text = buf_cstr(got);

	if (fnmatch(want, text, FNM_NOESCAPE) != 0) {
		print_error("play: %s, line %zu\nwant: %s\ngot:  %s\n", play, line, want, text);
		fail();
	}
	buf_clear(got);
}

static void feed(struct stage *g, struct bytes in, bool drips)
{
	for (size_t n = drips ? 1 : in.n; in.n; in = bytes_skip(in, n)) {
		stream_feed(&g->s, (struct bytes){ in.p, n }, &g->out);
		note_actions(g);
		read_all(g);
	}
}

static void play_line(struct stage *g, const struct play *p, size_t i, bool drips)
{
	const struct line *l = &p->lines[i];

	switch (l->who) {
	case C:
		feed(g, bytes_of(l->text), drips);
		break;
	case S:
		expect(p->name, i, &g->sent, l->text);
		break;
	case A:
		expect(p->name, i, &g->acts, l->text);
		break;
	default:
		stream_event(&g->s, &l->in, &g->out);
		note_actions(g);
		read_all(g);
	}
}

static void play(const struct play *p, bool drips)
{
	struct stage g = { .rules = {
		.is_tls_required = !p->is_tls_optional, .offers_plain = true, .offers_fast = p->has_fast, .offers_oauth = p->has_oauth, .auth_tries = 3,
		.is_draining = p->is_draining,
		.limits = xml_limits_default, .is_hosted = hosts_a, .caps_of = caps_of_a } };

	g.pool = xml_pool_new(4);
	buf_init(&g.sent, 1 << 20);
	buf_init(&g.scratch, 1 << 20);
	buf_init(&g.acts, 1 << 20);
	arena_init(&g.arena, 1 << 20);
	g.out = (struct stream_out){ .send = &g.sent, .scratch = &g.scratch, .arena = &g.arena };
	assert_int_equal(stream_init(&g.s, &g.rules, g.pool, !p->is_clear), 0);
	size_t i = 0;
	for (; p->lines[i].who != END; i++)
		play_line(&g, p, i, drips);
	expect(p->name, i, &g.sent, "");
	expect(p->name, i, &g.acts, "");
	stream_fini(&g.s);
	arena_fini(&g.arena);
	buf_fini(&g.sent);
	buf_fini(&g.scratch);
	buf_fini(&g.acts);
	xml_pool_free(g.pool);
}

static void all_plays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof plays / sizeof plays[0]; i++) {
		play(&plays[i], false);
		play(&plays[i], true);
	}
}

/* ---- limits ---- */

static void open_stage(struct stage *g)
{
	*g = (struct stage){ .rules = { .is_tls_required = true, .offers_plain = true, .auth_tries = 3,
					.limits = xml_limits_default, .is_hosted = hosts_a, .caps_of = caps_of_a } };
	g->pool = xml_pool_new(4);
	buf_init(&g->sent, 1 << 20);
	buf_init(&g->scratch, 1 << 20);
	buf_init(&g->acts, 1 << 20);
	arena_init(&g->arena, 1 << 22);
	g->out = (struct stream_out){ .send = &g->sent, .scratch = &g->scratch, .arena = &g->arena };
	assert_int_equal(stream_init(&g->s, &g->rules, g->pool, true), 0);
	stream_event(&g->s, &(struct stream_input){ .event = E_SECURED }, &g->out);
}

static void close_stage(struct stage *g)
{
	stream_fini(&g->s);
	arena_fini(&g->arena);
	buf_fini(&g->sent);
	buf_fini(&g->scratch);
	buf_fini(&g->acts);
	xml_pool_free(g->pool);
}

/* A parser, and a buffer for the 10000 bytes of one element: 16 KiB, which xml_stream_held counts
 * three times because Expat has its own. */
enum { HELD_MAX = (3 * 16 + 24) << 10 };

/* Bytes repeated without end before login: the stream closes and holds little. */
static void flood(const char *start, const char *unit, const char *error)
{
	struct stage g;
	char pattern[128];

	open_stage(&g);
	feed(&g, bytes_of(start), false);
	for (int i = 0; i < 300000 && g.s.state != S_CLOSED; i++) {
		feed(&g, bytes_of(unit), false);
		assert_true(xml_stream_held(&g.s.xml) <= HELD_MAX);
	}
	assert_int_equal(g.s.state, S_CLOSED);
	(void)snprintf(pattern, sizeof pattern, "*<stream:error><%s *", error);
	expect(unit, 0, &g.sent, pattern);
	close_stage(&g);
}

static void floods_before_login(void **state)
{
	(void)state;
	flood("", " ", "policy-violation");                             /* slow drip of nothing */
	flood("<stream:stream ", "a", "policy-violation");              /* a header without end */
	flood(HEADER, "<a>", "policy-violation");                       /* depth bomb */
	flood(HEADER "<auth x='", "yyyyyyyyyyyyyyyyyyyyyyyy", "policy-violation"); /* huge attribute */
	flood(HEADER "<auth>", "<b/>", "policy-violation");             /* elements */
	flood(HEADER, " ", "policy-violation");
}

static void attribute_flood(void **state)
{
	struct stage g;
	struct buf b;

	(void)state;
	open_stage(&g);
	buf_init(&b, 1 << 16);
	buf_put_str(&b, HEADER "<auth");
	for (int i = 0; i < 100; i++)
		buf_putf(&b, " a%d='1'", i);
	buf_put_str(&b, "/>");
	feed(&g, buf_bytes(&b), false);
	assert_int_equal(g.s.state, S_CLOSED);
	expect("attributes", 0, &g.sent, "*<stream:error><policy-violation *");
	buf_fini(&b);
	close_stage(&g);
}

/* No row is hidden behind another of the same state and event; the picture can be printed. */
static void table_is_sound(void **state)
{
	struct buf b;

	(void)state;
	for (size_t i = 0; i < stream_fsm.n_rows; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(stream_fsm.rows[i].state == stream_fsm.rows[k].state &&
				     stream_fsm.rows[i].event == stream_fsm.rows[k].event);
	buf_init(&b, 1 << 16);
	fsm_print(&stream_fsm, &b);
	assert_false(buf_failed(&b));
	assert_non_null(strstr(buf_cstr(&b), "\"auth\" -> \"auth-asked\" [label=\"auth2\"]"));
	buf_fini(&b);
}

static void struct_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct stream) <= 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_plays),
		cmocka_unit_test(floods_before_login),
		cmocka_unit_test(attribute_flood),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(struct_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
