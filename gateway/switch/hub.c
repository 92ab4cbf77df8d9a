#include "hub.h"

#include "base/err.h"
#include "base/log.h"

#define NAME(id, name) name,
const char *const hub_stat_names[HUB_STAT_COUNT] = { HUB_STATS(NAME) };
#undef NAME

static const enum prog prog_of_side[] = { [ROUTE_FROM_IM] = PROG_IM, [ROUTE_FROM_S2S] = PROG_S2S };
_Static_assert(sizeof prog_of_side / sizeof prog_of_side[0] == ROUTE_SIDE_COUNT, "a program for each side");

static const enum hub_stat refused_stats[] = {
	[ROUTE_HOPS] = HUB_REFUSED_HOPS,
	[ROUTE_LOOP] = HUB_REFUSED_LOOP,
	[ROUTE_NOT_HOSTED] = HUB_REFUSED_NOT_HOSTED,
	[ROUTE_FORGED] = HUB_REFUSED_FORGED,
	[ROUTE_DENIED] = HUB_REFUSED_DENIED,
	[ROUTE_RATE] = HUB_REFUSED_RATE,
};
_Static_assert(sizeof refused_stats / sizeof refused_stats[0] == ROUTE_VERDICT_COUNT, "a counter for each refusal");

enum { SCRATCH_BYTES_MAX = 16 << 10 };

void hub_init(struct hub *h, struct loop *l, struct bus *b)
{
	*h = (struct hub){ .loop = l, .bus = b };
	buf_init(&h->scratch, SCRATCH_BYTES_MAX);
}

void hub_fini(struct hub *h)
{
	route_fini(&h->route);
	for (int i = 0; i < ROUTE_SIDE_COUNT; i++)
		flight_fini(&h->flights[i]);
	buf_fini(&h->scratch);
}

void hub_apply(struct hub *h, const struct settings *s)
{
	int rc = route_read(&h->route, s);

	if (rc) {
		/* The old settings go away: fail closed until the next ones. */
		route_fini(&h->route);
		log_error("switch.settings.failed", LOG_STR("reason", err_name(rc)));
		return;
	}
	h->tap.is_on = settings_bool(s, SET_IM_ARCHIVE);
}

static int side_of(const struct chan *c, enum route_side *out)
{
	for (int i = 0; i < ROUTE_SIDE_COUNT; i++) {
		if (prog_of_side[i] == chan_prog(c)) {
			*out = (enum route_side)i;
			return 0;
		}
	}
	return ERR_PROTOCOL;
}

static enum route_side other(enum route_side side)
{
	return side == ROUTE_FROM_IM ? ROUTE_FROM_S2S : ROUTE_FROM_IM;
}

/* ---- answers to the origin ---- */

static void done(struct chan *to, uint64_t id, int rc)
{
	if (id == 0)
		return;
	struct buf *b = chan_begin(to, MSG_ROUTE_DONE, 0);
	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	(void)chan_end(to); /* an origin that has gone sends it again when it is back */
}

/* The error stanza goes before the confirmation, on the same channel: an origin that has the second
 * has the first. */
static int send_refusal(struct hub *h, struct chan *to, enum route_side side, const struct envelope *e,
                        const struct route_answer *a)
{
	const struct stanza_refusal why = { .error = route_verdict_error(a->verdict), .text = a->why };

	buf_clear(&h->scratch);
	if (!stanza_write_error(&h->scratch, e->kind, e->type, e->sid, e->to, e->from, &why))
		return 0; /* no answer is due to answers (RFC 6120 8.3.1) */
	const struct envelope answer = {
		.trace = e->trace,
		.door = side == ROUTE_FROM_IM ? DOOR_S2S : DOOR_CORE,
		.kind = e->kind,
		.type = TYPE_ERROR,
		.hops = 1,
		.from = e->to,
		.to = e->from,
		.sid = e->sid,
		.stanza = buf_bytes(&h->scratch),
	};
	envelope_encode(chan_begin(to, MSG_ROUTE, 0), &answer);
	return chan_end(to);
}

/* Some refusals are not spoken of: presence that comes and goes by itself (an error would tell of
 * each contact, for ever), and an address that the door cannot answer to. */
static bool is_quiet(const struct envelope *e, const struct route_answer *a)
{
	bool is_automatic = e->kind == STANZA_PRESENCE &&
			    (e->type == TYPE_AVAILABLE || e->type == TYPE_UNAVAILABLE || e->type == TYPE_PROBE);

	return is_automatic || a->verdict == ROUTE_FORGED;
}

static void refuse(struct hub *h, struct chan *from, enum route_side side, const struct envelope *e,
                   const struct route_answer *a)
{
	h->stats[refused_stats[a->verdict]]++;
	log_debug("switch.refused", LOG_ID("trace", e->trace), LOG_BYTES("peer", a->peer), LOG_STR("reason", a->why));
	int rc = is_quiet(e, a) ? 0 : send_refusal(h, from, side, e, a);
	done(from, e->id, rc ? ERR_AGAIN : 0);
}

/* ---- envelopes ---- */

static int forward(struct hub *h, enum route_side side, const struct envelope *e)
{
	struct chan *to = bus_chan(h->bus, prog_of_side[other(side)], 0);
	struct envelope onward = *e;

	if (!to) {
		h->stats[HUB_AWAY]++;
		return ERR_AGAIN;
	}
	/* Past the high-water mark the origin keeps it, rather than this process. */
	int rc = h->is_full[other(side)] ? ERR_FULL : 0;
	if (rc == 0 && e->id)
		rc = flight_add(&h->flights[side], e->id);
	if (rc == 0) {
		onward.hops++;
		envelope_encode(chan_begin(to, MSG_ROUTE, 0), &onward);
		rc = chan_end(to);
	}
	if (rc) {
		flight_del(&h->flights[side], e->id);
		h->stats[HUB_FULL]++;
		return ERR_AGAIN;
	}
	h->stats[side == ROUTE_FROM_IM ? HUB_OUT : HUB_IN]++;
	tap_copy(&h->tap, side, e);
	h->stats[HUB_TAP_COPIED] = h->tap.copied;
	h->stats[HUB_TAP_FAILED] = h->tap.failed;
	return 0;
}

/* `log debug domain`: lines of one peer, whatever the level. */
static void log_peer(const struct hub *h, enum route_side side, const struct envelope *e,
                     const struct route_answer *a, const char *verdict)
{
	if (!h->route.settings || !settings_bool_at(h->route.settings, SET_LOG_DEBUG_DOMAIN, a->peer))
		return;
	const struct log_kv kv[] = {
		LOG_ID("trace", e->trace),
		LOG_STR("direction", side == ROUTE_FROM_IM ? "out" : "in"),
		LOG_BYTES("peer", a->peer),
		LOG_STR("kind", stanza_kind_name(e->kind)),
		LOG_STR("verdict", verdict),
	};
	log_write(LOG_LEVEL_DEBUG, "switch.route", kv, sizeof kv / sizeof kv[0]);
}

int hub_on_route(void *hub, struct chan *from, const struct frame *f)
{
	struct hub *h = hub;
	struct envelope e;
	struct route_answer a;
	enum route_side side;
	const char *verdict;

	int rc = side_of(from, &side);
	if (rc == 0)
		rc = envelope_decode(f->body, &e);
	if (rc)
		return rc;
	route_judge(&h->route, side, &e, loop_now(h->loop), &a);
	verdict = a.why;
	if (a.verdict != ROUTE_PASS)
		refuse(h, from, side, &e, &a);
	else if (forward(h, side, &e)) {
		done(from, e.id, ERR_AGAIN);
		verdict = "again";
	}
	log_peer(h, side, &e, &a, verdict);
	if (h->watch)
		h->watch(h->watch_arg, side, &e, &a, verdict);
	return 0;
}

/* To the program and instance that the id names, if the envelope went that way. */
static void pass_done(struct hub *h, enum route_side origin, uint64_t id, int rc)
{
	enum prog prog = (enum prog)(id >> 56);

	if (prog != prog_of_side[origin] || !flight_del(&h->flights[origin], id))
		return; /* sent again meanwhile and confirmed before, or never sent */
	h->stats[HUB_DONE]++;
	done(bus_chan(h->bus, prog, (unsigned)(id >> 48 & 0xff)), id, rc);
}

int hub_on_route_done(void *hub, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	int rc = (int)wire_u32(&w);
	enum route_side side;

	if (wire_end(&w) || side_of(from, &side))
		return ERR_PROTOCOL;
	pass_done(hub, other(side), id, rc);
	return 0;
}

/* ---- programs come and go ---- */

void hub_down(struct hub *h, struct chan *c)
{
	enum route_side side;
	uint64_t id;

	if (side_of(c, &side))
		return;
	h->is_full[side] = false;
	/* What it had from the other side is not confirmed and will not be. */
	struct flight *flight = &h->flights[other(side)];
	while ((id = flight_take(flight))) {
		h->stats[HUB_LOST]++;
		done(bus_chan(h->bus, (enum prog)(id >> 56), (unsigned)(id >> 48 & 0xff)), id, ERR_AGAIN);
	}
	/* What it sent will be sent again, with the same ids. */
	flight_fini(&h->flights[side]);
}

void hub_pressure(struct hub *h, struct chan *c, bool is_full)
{
	enum route_side side;

	if (side_of(c, &side) == 0)
		h->is_full[side] = is_full;
}
