/* gh-im between a door, gh-switch and gh-store that behave, hang, die or break the rules, as the
 * input says: one byte an event, then its arguments. When all have gone and time has passed, nothing
 * may be left of it. */
#include <stdio.h>
#include <stdlib.h>

#include "play/play.h"
#include "base/err.h"
#include "proto/hashed_token.h"
#include "run/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 4, EVENTS_MAX = 400, LOGINS = PLAY_CLIENTS_MAX - 1 };

struct stage {
	struct play p;
	struct bytes in;
	struct client *slots[SLOTS];
	uint64_t route;
	char token[128]; /* the last that alice got for FAST */
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

/* ---- what may be said ---- */

static const char *const people[] = { "alice", "bob", "carol", "dave" };
static const char *const resources[] = { "a", "b", "" };
static const char *const places[] = {
	"alice@a.example", "bob@a.example", "carol@a.example", "dave@a.example", "alice@a.example/a", "bob@a.example/b",
	"carol@a.example/x", "a.example", "remote@b.example", "remote@b.example/r", "a.example/x",
};
static const char *const messages[] = {
	"<message to='%s' id='1'><body>x</body></message>",
	"<message to='%s' id='2' type='chat'><body>x</body></message>",
	"<message to='%s' id='3' type='headline'><body>x</body></message>",
	"<message to='%s' id='4' type='groupchat'><body>x</body></message>",
	"<message to='%s' id='5' type='error'><body>x</body></message>",
	"<message to='%s' id='6' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
	"<message to='%s' id='7' type='chat'><body>x</body><private xmlns='urn:xmpp:carbons:2'/></message>",
	"<message to='%s' id='8' type='chat'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>",
};
static const char *const presences[] = {
	"<presence to='%s'/>", "<presence to='%s' type='unavailable'/>", "<presence to='%s' type='subscribe'/>",
	"<presence to='%s' type='subscribed'/>", "<presence to='%s' type='unsubscribe'/>",
	"<presence to='%s' type='unsubscribed'/>", "<presence to='%s' type='probe'/>", "<presence to='%s' type='error'/>",
};
static const char *const broadcasts[] = {
	"<presence/>", "<presence><priority>-1</priority></presence>", "<presence><priority>5</priority></presence>",
	"<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>",
	"<presence type='unavailable'/>", "<presence type='subscribe'/>", "<message><body>me</body></message>",
};
#define ROSTER(inner) "<query xmlns='jabber:iq:roster'>" inner "</query>"
#define BLOCK(verb, inner) "<" verb " xmlns='urn:xmpp:blocking'>" inner "</" verb ">"
#define PEP(inner) "<pubsub xmlns='http://jabber.org/protocol/pubsub'>" inner "</pubsub>"
static const char *const own_requests[] = {
	"<iq type='get' id='1'>" ROSTER("") "</iq>",
	"<iq type='set' id='2'>" ROSTER("<item jid='%s' name='N'><group>g</group></item>") "</iq>",
	"<iq type='set' id='3'>" ROSTER("<item jid='%s' subscription='remove'/>") "</iq>",
	"<iq type='get' id='4'>" BLOCK("blocklist", "") "</iq>",
	"<iq type='set' id='5'>" BLOCK("block", "<item jid='%s'/>") "</iq>",
	"<iq type='set' id='6'>" BLOCK("unblock", "<item jid='%s'/>") "</iq>",
	"<iq type='set' id='7'>" BLOCK("unblock", "") "</iq>",
	"<iq type='set' id='8'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
	"<iq type='set' id='9'><vCard xmlns='vcard-temp'><FN>%s</FN></vCard></iq>",
	"<iq type='set' id='10'><query xmlns='jabber:iq:private'><p xmlns='x:%s'/></query></iq>",
	"<iq type='get' id='11'><query xmlns='jabber:iq:private'><p xmlns='x:%s'/></query></iq>",
	"<iq type='set' id='18'>" PEP("<publish node='tune'><item id='%s'><t xmlns='x:t'/></item></publish>") "</iq>",
	"<iq type='set' id='19'>" PEP("<publish node='urn:xmpp:avatar:metadata'><item id='0123456789012345678901234567890123456789'>"
				      "<metadata xmlns='urn:xmpp:avatar:metadata'><info id='%s'/></metadata></item></publish>") "</iq>",
	"<iq type='set' id='20'>" PEP("<retract node='tune'><item id='%s'/></retract>") "</iq>",
	"<iq type='set' id='21'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='tune'/></pubsub></iq>",
	("<iq type='set' id='22'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='tune'>"
	 "<affiliation jid='%s' affiliation='publisher'/></affiliations></pubsub></iq>"),
	"<iq type='set' id='23'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='%s'/></storage></query></iq>",
	"<iq type='get' id='24'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>",
	"<iq type='set' id='25'><vCard xmlns='vcard-temp'><FN>%s</FN><PHOTO><BINVAL>YQ==</BINVAL></PHOTO></vCard></iq>",
	"<iq type='set' id='28'><enable xmlns='urn:xmpp:push:0' jid='remote@b.example/r' node='%s'><x xmlns='jabber:x:data' type='submit'/></enable></iq>",
	"<iq type='set' id='29'><enable xmlns='urn:xmpp:push:0' jid='%s' node='n'/></iq>",
	"<iq type='set' id='30'><disable xmlns='urn:xmpp:push:0' jid='%s'/></iq>",
};
static const char *const requests[] = {
	"<iq type='get' id='12' to='%s'><vCard xmlns='vcard-temp'/></iq>",
	"<iq type='get' id='13' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
	"<iq type='get' id='14' to='%s'><query xmlns='jabber:iq:last'/></iq>",
	"<iq type='get' id='15' to='%s'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
	"<iq type='result' id='16' to='%s'/>",
	"<iq type='get' id='17' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
	"<iq type='get' id='26' to='%s'>" PEP("<items node='tune'/>") "</iq>",
	"<iq type='set' id='27' to='%s'>" PEP("<subscribe node='tune' jid='alice@a.example'/>") "</iq>",
	"<iq type='result' id='caps1' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='tune+notify'/></query></iq>",
};
#define MAM(inner) "<iq type='set' id='20'><query xmlns='urn:xmpp:mam:2' queryid='q'>" inner "</query></iq>"
#define FORM(inner) "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>" inner "</x>"
#define SET(inner) "<set xmlns='http://jabber.org/protocol/rsm'>" inner "</set>"
static const char *const archive_requests[] = {
	MAM(""),
	MAM(SET("<max>2</max><before/>") "<flip-page/>"),
	MAM(FORM("<field var='with'><value>%s</value></field>") SET("<max>1</max>")),
	MAM(FORM("<field var='start'><value>2023-11-14T22:13:21Z</value></field>")),
	MAM(FORM("<field var='{urn:xmpp:fulltext:0}fulltext'><value>x</value></field>")),
	MAM(FORM("<field var='ids'><value>18bcfe56be87baefb1eae48c</value></field>")),
	"<iq type='get' id='21'><query xmlns='urn:xmpp:mam:2'/></iq>",
	"<iq type='get' id='22'><metadata xmlns='urn:xmpp:mam:2'/></iq>",
	"<iq type='get' id='23'><prefs xmlns='urn:xmpp:mam:2'/></iq>",
	"<iq type='set' id='24'><prefs xmlns='urn:xmpp:mam:2' default='roster'><never><jid>%s</jid></never></prefs></iq>",
	"<iq type='set' id='25'><prefs xmlns='urn:xmpp:mam:2' default='always'><always><jid>%s</jid></always></prefs></iq>",
	"<message to='%s' id='26' type='chat'><body>y</body><stanza-id xmlns='urn:xmpp:sid:0' by='bob@a.example' id='z'/></message>",
};
#define N(a) (sizeof(a) / sizeof(a)[0])
#define PICK(g, a) (a)[next(g) % N(a)]

/* ---- who is there ---- */

static void lose_all(struct stage *g)
{
	for (unsigned i = 0; i < g->p.n_clients; i++)
		g->p.clients[i].is_closed = true;
}

/* A channel that gh-im dropped because of what came over it: gh-super would start that program again. */
static void mend(struct stage *g)
{
	if (!bus_chan(g->p.door, PROG_IM, 0)) {
		door_leave(&g->p);
		lose_all(g);
		door_join(&g->p);
	}
	if (g->p.hub && !bus_chan(g->p.hub, PROG_IM, 0)) {
		hub_leave(&g->p);
		hub_join(&g->p);
	}
}

static bool is_on(const struct client *c)
{
	return c && !c->is_closed && c->full[0];
}

static struct client *someone(struct stage *g)
{
	return g->slots[next(g) % SLOTS];
}

static void leave_slot(struct client *c)
{
	if (c && !c->is_closed)
		client_lose(c);
}

/* A stream that gets as far as gh-store lets it. */
static struct client *log_in(struct stage *g, const char *name)
{
	unsigned slot = next(g) % SLOTS;

	if (g->p.n_clients >= LOGINS)
		return NULL;
	leave_slot(g->slots[slot]);
	return g->slots[slot] = client_auth(&g->p, name);
}

static void ev_login(struct stage *g)
{
	const char *name = PICK(g, people), *resource = PICK(g, resources);
	uint32_t flags = next(g) & (SESSION_SM | SESSION_SM_RESUME | SESSION_CARBONS | SESSION_CSI_INACTIVE);
	struct client *c = log_in(g, name);

	if (c && c->answer == MSG_AUTH_OK)
		client_open(c, resource, flags, "tag", 60);
}

static void ev_resume(struct stage *g)
{
	const char *name = PICK(g, people);
	struct client *old = someone(g);
	char id[64] = "";

	if (old)
		(void)snprintf(id, sizeof id, "%s", old->sm_id);
	struct client *c = log_in(g, name);
	if (c && c->answer == MSG_AUTH_OK)
		client_resume(c, id, next(g));
}

static void ev_end(struct stage *g)
{
	struct client *c = someone(g);

	if (!c || c->is_closed)
		return;
	if (next(g) & 1)
		client_lose(c);
	else
		client_leave(c);
}

static void ev_door(struct stage *g)
{
	door_leave(&g->p);
	lose_all(g);
	door_join(&g->p);
}

static void ev_restart(struct stage *g)
{
	if (!g->p.store.bus || !g->p.hub)
		return;
	im_restart(&g->p);
	lose_all(g);
}

/* ---- what they say ---- */

static void say(struct stage *g, const char *const *list, size_t n)
{
	struct client *c = someone(g);
	const char *fmt = list[next(g) % n], *to = PICK(g, places);
	char text[512];

	if (!is_on(c))
		return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof text, fmt, to);
#pragma GCC diagnostic pop
	client_send(c, "%s", text);
}

static void ev_message(struct stage *g)
{
	say(g, messages, N(messages));
}
static void ev_presence(struct stage *g)
{
	say(g, presences, N(presences));
}
static void ev_broadcast(struct stage *g)
{
	say(g, broadcasts, N(broadcasts));
}
static void ev_own_request(struct stage *g)
{
	say(g, own_requests, N(own_requests));
}
static void ev_request(struct stage *g)
{
	say(g, requests, N(requests));
}

static void ev_archive(struct stage *g)
{
	say(g, archive_requests, N(archive_requests));
}

static void ev_sm(struct stage *g)
{
	struct client *c = someone(g);
	unsigned what = next(g);

	if (!is_on(c))
		return;
	if (what % 4 == 0)
		client_enable_sm(c, what & 4, 60);
	else if (what % 4 == 1)
		client_request(c);
	else
		client_ack(c, what / 4);
}

static void ev_stuck(struct stage *g)
{
	struct client *c = someone(g);

	if (!is_on(c))
		return;
	if (c->is_stuck)
		client_unstick(c);
	else
		c->is_stuck = true;
}

/* ---- the other peers ---- */

static void ev_time(struct stage *g)
{
	static const uint64_t steps[] = { 10, 60, 1000, 70000 };

	play_wait(&g->p, PICK(g, steps));
}

static void ev_store(struct stage *g)
{
	struct play_store *s = &g->p.store;
	unsigned what = next(g);

	switch (what % 6) {
	case 0:
		s->is_slow = !s->is_slow;
		break;
	case 1:
		s->slow_ops ^= UINT64_C(1) << next(g) % STORE_OP_COUNT;
		break;
	case 2:
		s->sick_ops ^= UINT64_C(1) << next(g) % STORE_OP_COUNT;
		break;
	case 3:
		if (s->bus)
			store_leave(&g->p);
		break;
	case 4:
		if (!s->bus)
			store_join(&g->p);
		break;
	default:
		if (s->bus)
			play_store_sync(s);
	}
	play_run(&g->p);
}

/* From another domain: the same stanzas with a sender put in. */
static void come_in(struct stage *g)
{
	static const char *const from[] = { "remote@b.example", "remote@b.example/r", "x@c.example/y" };
	const char *const *lists[] = { messages, presences, requests };
	static const size_t sizes[] = { N(messages), N(presences), N(requests) };
	unsigned which = next(g) % 3;
	const char *fmt = lists[which][next(g) % sizes[which]], *to = PICK(g, places), *sender = PICK(g, from);
	char text[512], whole[640];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof text, fmt, to);
#pragma GCC diagnostic pop
	size_t tag = strcspn(text, " ");
	(void)snprintf(whole, sizeof whole, "%.*s from='%s'%s", (int)tag, text, sender, text + tag);
	hub_send(&g->p, next(g) & 3 ? ++g->route : g->route, whole);
}

static void ev_hub(struct stage *g)
{
	switch (next(g) % 5) {
	case 0:
		g->p.is_hub_silent = !g->p.is_hub_silent;
		break;
	case 1:
		if (g->p.hub)
			hub_done(&g->p, g->p.sent_id, next(g) & 1 ? ERR_FULL : 0);
		break;
	case 2:
		if (g->p.hub)
			hub_leave(&g->p);
		else
			hub_join(&g->p);
		break;
	default:
		if (g->p.hub)
			come_in(g);
	}
	play_run(&g->p);
}

/* A door that was broken into may send any body of any of its messages. */
static void ev_raw(struct stage *g)
{
	static const enum msg types[] = {
		MSG_AUTH_START, MSG_AUTH_RESPONSE, MSG_AUTH_ABORT, MSG_SESSION_OPEN, MSG_SESSION_RESUME,
		MSG_SESSION_CLOSED, MSG_SESSION_CSI, MSG_SM_ENABLE, MSG_SM_REQUEST, MSG_SM_ACK, MSG_STANZA, MSG_WRITTEN,
	};
	enum msg type = PICK(g, types);
	struct client *c = someone(g);
	size_t n = next(g);
	struct bytes body = bytes_make(g->in.p, n < g->in.n ? n : g->in.n);
	struct chan *im = bus_chan(g->p.door, PROG_IM, 0);

	if (!c)
		return;
	g->in = bytes_skip(g->in, n);
	struct buf *b = chan_begin(im, type, 0);
	if (type != MSG_WRITTEN)
		wire_put_u64(b, c->conn);
	buf_put_bytes(b, body);
	must(chan_end(im) == 0);
	play_run(&g->p);
}

/* alice logs in, by password or by the last token that she got (XEP-0484). */
static void ev_fast(struct stage *g)
{
	static const char *const wanted[] = { "HT-SHA-256-NONE", "HT-SHA-256-EXPR", "HT-X", NULL };
	unsigned slot = next(g) % SLOTS, what = next(g);
	bool by_token = what & 1;
	uint8_t in[16 + HASHED_TOKEN_BYTES] = "alice";
	static const char plain[] = "\0alice\0" PLAY_PASSWORD;

	if (g->p.n_clients >= LOGINS)
		return;
	leave_slot(g->slots[slot]);
	struct client *c = g->slots[slot] = client_new(&g->p);
	must(hashed_token_make(bytes_of(g->token), HASHED_TOKEN_INITIATOR, BYTES_NONE, in + 6) == 0);
	client_auth_start(c, &(struct auth_try){
		.mechanism = by_token ? "HT-SHA-256-NONE" : "PLAIN", .client = "pc", .wanted = wanted[what >> 1 & 3],
		.flags = (uint8_t)(AUTH_HAS_INITIAL | AUTH_TLS | AUTH_SASL2 | (by_token ? AUTH_FAST : 0) |
				   (what & 8 ? AUTH_FAST_INVALIDATE : 0)),
		.initial = by_token ? bytes_make(in, 6 + HASHED_TOKEN_BYTES) : bytes_make(plain, sizeof plain - 1),
		.count = what >> 4 });
	if (c->answer == MSG_AUTH_OK && c->token[0])
		memcpy(g->token, c->token, sizeof g->token);
	if (c->answer == MSG_AUTH_OK)
		client_open(c, "fast", 0, "", 0);
}

/* ---- the play ---- */

static void (*const events[])(struct stage *g) = {
	ev_login, ev_resume, ev_end, ev_door, ev_restart, ev_message, ev_presence, ev_broadcast, ev_own_request,
	ev_request, ev_sm, ev_stuck, ev_time, ev_store, ev_hub, ev_raw, ev_fast, ev_archive,
};

/* All peers are well, all clients go, time passes: then everything is done, and forgotten. */
static void end(struct stage *g)
{
	struct play *p = &g->p;

	mend(g);
	p->store.is_slow = false;
	p->store.slow_ops = p->store.sick_ops = 0;
	p->is_hub_silent = false;
	if (!p->store.bus)
		store_join(p);
	if (p->hub) /* what it did not answer is sent to the next one */
		hub_leave(p);
	hub_join(p);
	play_store_sync(&p->store);
	for (unsigned i = 0; i < p->n_clients; i++)
		if (!p->clients[i].is_closed)
			client_leave(&p->clients[i]);
	play_wait(p, 250 * 1000); /* resumption, then idle people */
	must(p->im.sessions.count == 0 && p->im.resumable.count == 0);
	must(p->im.logins.count == 0);
	must(p->im.asks.count == 0 && p->im.ask_bytes == 0);
	must(p->im.remote.count == 0 && p->im.remote_bytes == 0);
	must(list_is_empty(&p->im.young));
	must(p->im.users.count == 0);
	must(play_store_journal(&p->store) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage *g = calloc(1, sizeof *g);

	must(g != NULL);
	play_open(&g->p, "im unacknowledged = 100\nim roster-max = 5\nim sessions-per-user = 3\nim push b.example content = body\n"
	          "im push a.example content = sender\nim push-per-user = 2\n"
			 "im temporary-subscriptions = on\nim temporary-subscriptions-max = 3\nim temporary-subscriptions-ttl = 5\n"
			 "im offline-per-user = 5\nim resume = 60\nim scram-iterations = 4096\n");
	g->in = bytes_make(data, size);
	for (unsigned i = 0; g->in.n && i < EVENTS_MAX; i++) {
		mend(g);
		events[next(g) % N(events)](g);
	}
	end(g);
	play_close(&g->p);
	free(g);
	return 0;
}
