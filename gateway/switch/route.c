#include "switch.h"

#include "base/err.h"

#include <stdio.h>

enum { REFUSALS_PER_MINUTE = 60 };

/* What a refusal says to the sender, and to the administrator. */
static const struct refusal {
	enum stanza_error error;
	const char *text, *advice;
} refusals[ROUTE_VERDICT_COUNT] = {
	[ROUTE_NOT_HOSTED] = { STANZA_ITEM_NOT_FOUND, "This domain does not live here", "add it with: set domain DOMAIN certificate NAME" },
	[ROUTE_DENIED] = { STANZA_NOT_ALLOWED, "Federation with this domain is not allowed", "allow it with: set federation peer DOMAIN action allow (set sip peer for a SIP domain)" },
	[ROUTE_RATE] = { STANZA_RESOURCE_CONSTRAINT, "Too many stanzas, slow down", "raise federation peer DOMAIN rate (sip peer DOMAIN rate), or ask the partner" },
	[ROUTE_HOPS] = { STANZA_REMOTE_SERVER_NOT_FOUND, "Too many hops", "a routing loop: look at static hosts of peers" },
	[ROUTE_LOOP] = { STANZA_REMOTE_SERVER_NOT_FOUND, "The stanza would go back to where it came from", "the core routed a hosted domain outward" },
	[ROUTE_FORGED] = { STANZA_NOT_ALLOWED, "The sender's domain is not one of that door", "a partner sent from a domain of ours, or SIP from a domain without a row" },
};

static const char *const verdict_names[] = { "passed", "away", "not-hosted", "denied", "rate",
					     "hops",   "loop", "forged",     "full" };
_Static_assert(sizeof verdict_names / sizeof verdict_names[0] == ROUTE_VERDICT_COUNT, "one name a verdict");

const char *route_verdict_name(enum route_verdict v)
{
	return verdict_names[v];
}

static void put_done(struct chan *to, uint64_t id, uint32_t rc)
{
	struct buf *b = chan_begin(to, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, rc);
	(void)chan_end(to); /* an origin that has gone sends again when it is back */
}

static void done(struct chan *to, const struct envelope *e, int rc)
{
	if (e->id)
		put_done(to, e->id, (uint32_t)rc);
}

static int pass(struct chan *to, const struct envelope *e)
{
	struct envelope next = *e;

	next.hops++;
	envelope_encode(chan_begin(to, MSG_ROUTE, 0), &next);
	return chan_end(to);
}

/* The error goes back the way the stanza came. It has no id: nobody waits for it. */
static void send_error(struct chan *back, const struct envelope *e, const struct refusal *r)
{
	struct stanza_refusal why = { .error = r->error, .text = r->text, .by = hub_domain(e->to) };
	struct buf stanza;
	struct envelope answer = { .trace = e->trace, .door = DOOR_CORE, .kind = e->kind, .type = TYPE_ERROR,
				   .hops = e->hops, .from = e->to, .to = e->from, .sid = e->sid };

	buf_init(&stanza, 16384);
	if (stanza_write_error(&stanza, (enum stanza_kind)e->kind, (enum stanza_type)e->type, e->sid, e->to, e->from, &why) &&
	    !buf_failed(&stanza)) {
		answer.stanza = buf_bytes(&stanza);
		(void)pass(back, &answer); /* the sender's channel is full of its own answers then */
	}
	buf_fini(&stanza);
}

static void log_refusal(struct hub *h, const struct envelope *e, enum route_verdict v, const char *why)
{
	uint32_t held;

	if (!log_limit_pass(&h->refusals, REFUSALS_PER_MINUTE, loop_now(h->loop), &held))
		return;
	log_warn("switch.refused", LOG_ID("trace", e->trace), LOG_BYTES("from", hub_domain(e->from)),
		 LOG_BYTES("to", hub_domain(e->to)), LOG_STR("reason", verdict_names[v]), LOG_STR("policy", why),
		 LOG_STR("advice", refusals[v].advice), LOG_INT("suppressed", held));
}

static void log_envelope(const struct hub *h, const struct envelope *e, enum route_verdict v, bool from_core)
{
	struct bytes remote = hub_domain(from_core ? e->to : e->from);

	log_debug_of(hub_is_watched(h, remote), "switch.route", LOG_ID("trace", e->trace),
		     LOG_STR("direction", from_core ? "out" : "in"), LOG_BYTES("domain", remote),
		     LOG_STR("kind", stanza_kind_name((enum stanza_kind)e->kind)), LOG_STR("verdict", verdict_names[v]));
}

static enum route_verdict try_pass(struct hub *h, const struct envelope *e, enum hub_side side, bool from_core)
{
	struct chan *to = bus_next(h->bus, from_core ? h->doors[side] : h->core, NULL);
	struct flight *flight = from_core ? &h->to_door[side] : &h->to_core[side];

	if (!to)
		return ROUTE_AWAY;
	/* Nobody waits for an envelope without an id. */
	if (e->id && flight_add(flight, e->id, from_core ? hub_domain(e->to) : BYTES_NONE))
		return ROUTE_FULL;
	if (pass(to, e) == 0)
		return ROUTE_PASSED;
	flight_del(flight, e->id);
	return ROUTE_FULL;
}

int hub_on_route(void *arg, struct chan *from, const struct frame *f)
{
	struct hub *h = arg;
	struct envelope e;
	const char *why;
	bool from_core = h->settings && chan_prog(from) == h->core;
	int rc = envelope_decode(f->body, &e);

	if (rc)
		return rc;
	switch_stats[from_core ? STAT_IN_CORE : STAT_IN_DOOR]++;
	if (!hub_has(h, chan_prog(from))) { /* our first settings are on their way, or the role has changed */
		done(from, &e, ERR_AGAIN);
		return 0;
	}
	enum hub_side side;
	enum route_verdict v = hub_judge(h, &e, chan_prog(from), &side, &why);
	if (v == ROUTE_PASSED)
		v = try_pass(h, &e, side, from_core);
	switch_stats[STAT_VERDICT + v]++;
	hub_tap_all(h, &e, v);
	log_envelope(h, &e, v, from_core);
	if (v == ROUTE_AWAY || v == ROUTE_FULL) {
		done(from, &e, v == ROUTE_AWAY ? ERR_AGAIN : ERR_FULL);
	} else if (v != ROUTE_PASSED) {
		log_refusal(h, &e, v, why);
		send_error(from, &e, &refusals[v]);
		done(from, &e, 0); /* answered: the origin need not keep it */
	}
	return 0;
}

static bool side_of_prog(const struct hub *h, enum prog p, enum hub_side *out)
{
	for (unsigned side = 0; side < HUB_SIDES; side++)
		if (h->doors[side] == p) {
			*out = (enum hub_side)side;
			return true;
		}
	return false;
}

bool hub_has(const struct hub *h, enum prog p)
{
	enum hub_side side;

	return h->settings && (p == h->core || side_of_prog(h, p, &side));
}

int hub_on_route_done(void *arg, struct chan *from, const struct frame *f)
{
	struct hub *h = arg;
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	uint32_t rc = wire_u32(&w);
	unsigned prog = (unsigned)(id >> 56), instance = id >> 48 & 0xff;
	enum hub_side side;

	if (wire_end(&w) || prog >= PROG_COUNT || (enum prog)prog == chan_prog(from))
		return ERR_PROTOCOL;
	if (!hub_has(h, chan_prog(from)))
		return 0;
	bool is_of_core = prog == h->core, is_by_core = chan_prog(from) == h->core;
	/* What a side sent, the core confirms; what the core sent, a side. */
	if (is_of_core == is_by_core || !side_of_prog(h, is_of_core ? chan_prog(from) : (enum prog)prog, &side))
		return 0;
	/* gh-s2s found nobody: the core sends it again, and then it goes the other way. */
	if (is_of_core && side == HUB_XMPP && (int32_t)rc == ERR_UNSUPPORTED) {
		elsewhere_add(&h->elsewhere, flight_domain(&h->to_door[side], id), loop_now(h->loop));
		rc = (uint32_t)ERR_AGAIN;
	}
	/* Also one that is not known to be under way: this program may have been started again since. */
	flight_del(is_of_core ? &h->to_door[side] : &h->to_core[side], id);
	put_done(bus_chan(h->bus, (enum prog)prog, instance), id, rc);
	return 0;
}

static void give_back(struct hub *h, struct flight *had)
{
	uint64_t id;

	while ((id = flight_take(had)))
		put_done(bus_chan(h->bus, (enum prog)(id >> 56), id >> 48 & 0xff), id, (uint32_t)ERR_AGAIN);
	flight_fini(had);
}

void hub_give_back(struct hub *h)
{
	for (unsigned side = 0; side < HUB_SIDES; side++) {
		give_back(h, &h->to_door[side]);
		give_back(h, &h->to_core[side]);
	}
}

void hub_down(struct hub *h, struct chan *c)
{
	bool is_core = chan_prog(c) == h->core;
	enum hub_side gone;

	if (!hub_has(h, chan_prog(c)) || (!is_core && !side_of_prog(h, chan_prog(c), &gone)))
		return;
	/* What it had goes back; what it sent itself it will send again, under the same ids. */
	for (unsigned side = 0; side < HUB_SIDES; side++) {
		if (!is_core && side != gone)
			continue;
		give_back(h, is_core ? &h->to_core[side] : &h->to_door[side]);
		flight_fini(is_core ? &h->to_door[side] : &h->to_core[side]);
	}
}
