/* gh-xlate between a SIP door and gh-switch that behave, hang, die or refuse, as the input says: one byte an event,
 * then its arguments. Every message ends in exactly one of delivered and refused, and when all have settled
 * nothing is left of it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "page_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS_MAX = 300, SAYS_MAX = 256, ASKS_MAX = 256, SIP_WAITS_MS = 39000 };

/* A text from XMPP. */
struct say {
	uint64_t id;
	char text[1024];
	bool is_told;
	unsigned delivered, refused;
};
/* A text from SIP. */
struct ask {
	uint64_t unit;
	bool is_lost; /* its door died */
	unsigned status;
};

struct stage {
	struct play p;
	struct bytes in;
	struct say says[SAYS_MAX];
	unsigned n_says;
	struct ask asks[ASKS_MAX];
	unsigned n_asks;
	char sid[128]; /* of the last stanza to XMPP */
};

#define must(is_so) must_be(is_so, #is_so)
static void must_be(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static unsigned next(struct stage *g)
{
	unsigned v = g->in.n ? g->in.p[0] : 0;

	g->in = bytes_skip(g->in, 1);
	return v;
}
#define N(a) (sizeof(a) / sizeof(a)[0])
#define PICK(g, a) (a)[next(g) % N(a)]

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* ---- what has happened ---- */

static void look_at_says(struct stage *g, const char *stanzas)
{
	char mark[64];

	for (unsigned i = 0; i < g->n_says; i++) {
		struct say *s = &g->says[i];
		int rc = hub_told(&g->p, s->id);
		s->is_told |= rc == 0;
		snprintf(mark, sizeof mark, "type='error' id='m%u'", i);
		s->refused += count_of(stanzas, mark);
	}
}

/* Responses of 2xx to what carried a text; each is looked at once. */
static void look_at_units(struct stage *g)
{
	for (unsigned i = 0; i < PLAY_UNITS_MAX; i++) {
		struct play_unit *u = &g->p.units[i];
		if (!u->m || u->status < 200 || u->status > 299)
			continue;
		char body[4096];
		unsigned k;
		struct bytes b = sipmsg_body(u->m);
		snprintf(body, sizeof body, "%.*s", BYTES_FMT(b));
		const char *at = strstr(body, "text-");
		if (at && sscanf(at, "text-%u-", &k) == 1 && k < g->n_says)
			g->says[k].delivered++;
		u->status = 999;
	}
}

static void look(struct stage *g)
{
	const char *stanzas = hub_got(&g->p);

	look_at_says(g, stanzas);
	look_at_units(g);
	if (*hub_sid(stanzas))
		snprintf(g->sid, sizeof g->sid, "%s", hub_sid(stanzas));
	for (unsigned i = 0; i < g->n_asks; i++)
		if (!g->asks[i].status)
			g->asks[i].status = sip_answered(&g->p, g->asks[i].unit)->status;
	sip_got(&g->p);
}

/* ---- events ---- */

static void send_say(struct stage *g, const struct say *s)
{
	if (g->p.hub)
		hub_send(&g->p, s->id, "%s", s->text);
}

static void ev_say(struct stage *g)
{
	static const char *const froms[] = { "juliet@example.com/balcony", "nurse@example.com/x" };
	static const char *const extras[] = {
		"", "<thread>t1</thread>", "<thread>call1</thread>", "<request xmlns='urn:xmpp:receipts'/>",
		"<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>", "<subject>s</subject>",
	};
	unsigned k = g->n_says;

	if (k == SAYS_MAX || !g->p.hub)
		return;
	struct say *s = &g->says[g->n_says++];
	s->id = (uint64_t)PROG_IM << 56 | (k + 1);
	unsigned big = next(g) % 8 == 0 ? 700 : 1;
	snprintf(s->text, sizeof s->text, "<message from='%s' to='romeo@example.net' id='m%u' type='chat'><body>text-%u-%0*u</body>%s</message>",
		 PICK(g, froms), k, k, (int)big, 0, PICK(g, extras));
	send_say(g, s);
}

static void ev_sign(struct stage *g)
{
	static const char *const signs[] = {
		"<composing xmlns='http://jabber.org/protocol/chatstates'/>", "<paused xmlns='http://jabber.org/protocol/chatstates'/>",
		"<gone xmlns='http://jabber.org/protocol/chatstates'/>", "<received xmlns='urn:xmpp:receipts' id='%s'/>",
		"<displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/>",
	};
	char sign[256];

	if (!g->p.hub)
		return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(sign, sizeof sign, PICK(g, signs), g->sid);
#pragma GCC diagnostic pop
	hub_send(&g->p, 0, "<message from='juliet@example.com/balcony' to='romeo@example.net' id='s' type='chat'>%s</message>", sign);
}

#define CPIM "From: <sip:romeo@example.net>\r\nTo: <sip:juliet@example.com>\r\n"
static void ev_ask(struct stage *g)
{
	static const struct {
		const char *type, *body;
	} bodies[] = {
		{ "text/plain", "hello" },
		{ "text/html", "<b>hello" },
		{ "image/png", "hello" },
		{ "application/im-iscomposing+xml", "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>active</state></isComposing>" },
		{ "application/im-iscomposing+xml", "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>idle</state></isComposing>" },
		{ "message/cpim", CPIM "NS: i <urn:ietf:params:imdn>\r\ni.Message-ID: q\r\ni.Disposition-Notification: positive-delivery, display\r\n\r\nContent-Type: text/plain\r\n\r\nhello" },
		{ "message/cpim", CPIM "\r\nContent-Type: message/imdn+xml\r\n\r\n<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>m0</message-id><delivery-notification><status><failed/></status></delivery-notification></imdn>" },
		{ "message/cpim", CPIM "\r\nContent-Type: message/imdn+xml\r\n\r\n<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>m1</message-id><display-notification><status><displayed/></status></display-notification></imdn>" },
	};
	unsigned i = next(g) % N(bodies);

	if (g->n_asks == ASKS_MAX || !g->p.sip)
		return;
	uint64_t unit = sip_message(&g->p, "", bodies[i].type, bodies[i].body);
	g->asks[g->n_asks++] = (struct ask){ .unit = unit };
}

static struct play_unit *open_unit(struct stage *g)
{
	unsigned from = next(g);

	for (unsigned i = 0; i < PLAY_UNITS_MAX; i++) {
		struct play_unit *u = &g->p.units[(from + i) % PLAY_UNITS_MAX];
		if (u->m && !u->is_answered && u->at_ms + SIP_WAITS_MS > loop_now(g->p.loop))
			return u;
	}
	return NULL;
}

static void ev_answer(struct stage *g)
{
	static const unsigned statuses[] = { 200, 202, 302, 404, 415, 480, 503, 603, 301 };
	struct play_unit *u = g->p.sip ? open_unit(g) : NULL;
	unsigned status = PICK(g, statuses);

	if (u)
		sip_answer(&g->p, u->id, status, status / 100 == 3 ? "Contact: <sip:other@example.net>\n" : NULL, NULL);
}

static void ev_fail(struct stage *g)
{
	static const int whys[] = { ERR_TIMEOUT, ERR_DNS_NXDOMAIN, ERR_CONN_REFUSED, ERR_CERT_NAME, ERR_DENIED };
	struct play_unit *u = g->p.sip ? open_unit(g) : NULL;

	if (u)
		sip_fail(&g->p, u->id, 503, PICK(g, whys));
}

static void ev_done(struct stage *g)
{
	if (g->p.hub && g->p.sent_id)
		hub_done(&g->p, g->p.sent_id, next(g) % 2 ? 0 : ERR_AGAIN);
}

static void ev_error(struct stage *g)
{
	static const char *const conditions[] = { "item-not-found", "service-unavailable", "gone", "x" };

	if (g->p.hub && *g->sid)
		hub_send(&g->p, 0, "<message type='error' id='%s' from='juliet@example.com' to='romeo@example.net/dr4'><error type='cancel'>"
			 "<%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", g->sid, PICK(g, conditions));
}

static void sip_comes_and_goes(struct stage *g)
{
	if (!g->p.sip) {
		sip_join(&g->p);
		return;
	}
	sip_leave(&g->p);
	for (unsigned i = 0; i < PLAY_UNITS_MAX; i++)
		g->p.units[i].is_answered = true; /* it died with them */
	for (unsigned i = 0; i < g->n_asks; i++)
		g->asks[i].is_lost = true;
}

/* As gh-im does: what was not confirmed goes out again. */
static void say_again(struct stage *g)
{
	for (unsigned i = 0; i < g->n_says; i++) {
		if (!g->says[i].is_told)
			send_say(g, &g->says[i]);
		look(g);
	}
}

static void hub_comes_and_goes(struct stage *g)
{
	if (g->p.hub) {
		hub_leave(&g->p);
	} else {
		hub_join(&g->p);
		look(g);
		say_again(g);
	}
}

static void ev_settings(struct stage *g)
{
	static const char *const rows[] = { "", "gateway messages = off\n", "sip peer example.net hold-answer = on\n",
					    "gateway receipts = off\ngateway chat-states = off\n", "gateway message-type = chat\ngateway html = on\n" };

	play_set(&g->p, PICK(g, rows));
}

static void step(struct stage *g)
{
	switch (next(g) % 16) {
	case 0:
	case 1:
	case 2:
		ev_say(g);
		break;
	case 3:
		ev_sign(g);
		break;
	case 4:
	case 5:
		ev_ask(g);
		break;
	case 6:
		g->p.is_sip_silent = !g->p.is_sip_silent;
		break;
	case 7:
	case 8:
		ev_answer(g);
		break;
	case 9:
		ev_fail(g);
		break;
	case 10:
		g->p.is_hub_silent = !g->p.is_hub_silent;
		break;
	case 11:
		ev_done(g);
		break;
	case 12:
		ev_error(g);
		break;
	case 13:
		sip_comes_and_goes(g);
		break;
	case 14:
		hub_comes_and_goes(g);
		break;
	case 15:
		if (next(g) % 8 == 0)
			ev_settings(g);
		else
			play_wait(&g->p, next(g) * (g->p.hub ? 200 : 4)); /* origins do not wait for ever either */
		break;
	}
	look(g);
}

/* ---- the end ---- */

static void settle(struct stage *g)
{
	g->p.is_sip_silent = g->p.is_hub_silent = false;
	if (!g->p.sip)
		sip_join(&g->p);
	/* What it was silent about is sent again when it is new. */
	if (g->p.hub)
		hub_comes_and_goes(g);
	hub_comes_and_goes(g);
	for (unsigned i = 0; i < 4; i++) {
		play_wait(&g->p, 50000);
		look(g);
		say_again(g);
	}
}

static void check(struct stage *g)
{
	must(g->p.x.requests_in.count == 0 && g->p.x.requests_out.count == 0);
	must(g->p.x.stanzas_in.count == 0 && g->p.x.stanzas_out.count == 0);
	for (unsigned i = 0; i < g->n_says; i++) {
		const struct say *s = &g->says[i];
		must(s->is_told);
		/* A report of failure may follow delivery, and an error that was under way when gh-switch died may come twice. */
		if (s->delivered + (s->refused > 0) == 0 || s->delivered > 1)
			fprintf(stderr, "m%u: delivered %u, refused %u\n%s\n", i, s->delivered, s->refused, s->text);
		must(s->delivered <= 1);
		must(s->delivered + (s->refused > 0) >= 1);
	}
	for (unsigned i = 0; i < g->n_asks; i++)
		must(g->asks[i].status || g->asks[i].is_lost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stage g;

	g = (struct stage){ .in = bytes_make(data, size) };
	play_open(&g.p, "");
	for (unsigned i = 0; i < EVENTS_MAX && g.in.n; i++)
		step(&g);
	settle(&g);
	check(&g);
	play_close(&g.p);
	return 0;
}
