#include "flow_impl.h"

/* Channels between UDP clients and UDP peers in the kernel's path (net/fastpath.h). The engine stays the
 * owner: it says how long, reads what has passed, and takes out. Indications: flow_send.c. */

enum { TICK_MS = 50, TICKS = 1000 / TICK_MS }; /* a round a second, a slice at a time */
enum { GROUP_TOTAL = 1 };                      /* users' groups are their addresses in memory */

static bool is_any(const struct stunaddr *a)
{
	static const uint8_t none[16];

	return memcmp(a->ip, none, sizeof none) == 0;
}

/* RFC 8656 9, 12: as long as permission, channel (if there is one) and allocation all hold. */
static uint64_t left_of(struct allocation *a, const struct flow_wish *w, uint64_t now)
{
	uint64_t end = w->ends_ms < a->expires_ms ? w->ends_ms : a->expires_ms;
	uint64_t permission = permission_ends_ms(a, w->peer);

	end = permission < end ? permission : end;
	return end > now ? end - now : 0;
}

/* False: nothing of it belongs into the kernel now. Which of our addresses a client of a listener on all of
 * them speaks to is not known here. */
static bool describe(struct turn_server *s, struct allocation *a, const struct flow_wish *w, struct fastpath_flow *out)
{
	const struct turn_relay *relay = relay_for(a, w->peer);
	const struct turn_door *door = &s->doors[a->client.door];
	uint64_t left_ms = left_of(a, w, loop_now(s->loop));

	if (!s->has_kernel || quota_wants_each(s->quota) || a->client.transport != TURN_UDP || a->is_tcp || a->is_orphan || !relay || left_ms < 1000)
		return false;
	if (!s->has_door[a->client.door] || is_any(&door->at) || is_any(&relay->at) || peer_is_own(s, w->peer))
		return false;
	*out = (struct fastpath_flow){
		.client = a->client.from, .server = door->at, .relay = relay->at, .peer = *w->peer,
		.channel = w->channel, .lasts_s = (uint32_t)(left_ms / 1000),
		.caps = { { (uintptr_t)a->hold.user, quota_share_user(s->quota, a->hold.user) },
		          { GROUP_TOTAL, quota_share_total(s->quota) } },
	};
	return true;
}

static void add_counts(struct turn_server *s, struct allocation *a, const struct fastpath_counts *c)
{
	uint64_t bytes = c->to_peer_bytes + c->to_client_bytes;

	a->to_peer += c->to_peer;
	a->to_peer_bytes += c->to_peer_bytes;
	a->to_client += c->to_client;
	a->to_client_bytes += c->to_client_bytes;
	a->dropped += c->dropped;
	s->stats[TURN_STAT_TO_PEER] += c->to_peer;
	s->stats[TURN_STAT_TO_PEER_BYTES] += c->to_peer_bytes;
	s->stats[TURN_STAT_TO_CLIENT] += c->to_client;
	s->stats[TURN_STAT_TO_CLIENT_BYTES] += c->to_client_bytes;
	s->stats[TURN_STAT_RATE_DROPPED] += c->dropped;
	s->stats[TURN_STAT_KERNEL] += c->to_peer + c->to_client;
	s->stats[TURN_STAT_KERNEL_BYTES] += bytes;
	quota_charge(s->quota, a->hold.user, bytes, loop_now(s->loop));
}

void flow_drop(struct turn_server *s, struct allocation *a, uint32_t *flow)
{
	struct fastpath_counts counts = { 0 };

	if (!*flow)
		return;
	s->io->fast_del(s->io_arg, *flow, &counts);
	*flow = 0;
	s->stats[TURN_STAT_KERNEL_FLOWS]--;
	add_counts(s, a, &counts);
}

/* The timer that reads the counters. False: without memory for it nothing goes where its bytes would not be counted. */
static bool watch(struct turn_server *s)
{
	return loop_timer_is_set(&s->flow_timer) || loop_timer_set(s->loop, &s->flow_timer, TICK_MS) == 0;
}

static void add(struct turn_server *s, uint32_t *flow, const struct fastpath_flow *f)
{
	if (!watch(s) || s->io->fast_add(s->io_arg, f, flow) < 0) {
		*flow = 0;
		s->stats[TURN_STAT_KERNEL_REFUSED]++; /* it passes by user space */
		return;
	}
	s->stats[TURN_STAT_KERNEL_FLOWS]++;
}

bool flow_put(struct turn_server *s, struct allocation *a, const struct flow_wish *w, uint32_t *flow)
{
	struct fastpath_flow f;

	if (!describe(s, a, w, &f)) {
		flow_drop(s, a, flow);
		return false;
	}
	if (!*flow)
		add(s, flow, &f);
	else if (s->io->fast_renew(s->io_arg, *flow, &f) < 0)
		flow_drop(s, a, flow);
	return true;
}

uint64_t flow_read(struct turn_server *s, struct allocation *a, uint32_t flow)
{
	struct fastpath_counts counts;

	if (!flow || s->io->fast_read(s->io_arg, flow, &counts) < 0)
		return 0;
	add_counts(s, a, &counts);
	return counts.to_peer + counts.to_client;
}

/* What a peer with a channel sends goes by the channel (RFC 8656 12.7): no flow of indications has it any more. */
static void put(struct turn_server *s, struct allocation *a, struct channel *c)
{
	const struct flow_wish w = { .peer = &c->peer, .channel = c->number, .ends_ms = c->expires_ms };

	if (c->expires_ms > loop_now(s->loop))
		send_flow_end(s, a, &c->peer);
	(void)flow_put(s, a, &w, &c->flow);
}

void flows_put(struct turn_server *s, struct allocation *a, const struct stunaddr *peer)
{
	for (uint16_t i = 0; i < a->n_channels; i++)
		if (!peer || stunaddr_eq_ip(&a->channels[i].peer, peer))
			put(s, a, &a->channels[i]);
	send_flows_put(s, a, peer);
}

void flows_put_all(struct turn_server *s)
{
	struct allocation *a;

	for (size_t at = 0; (a = map_next(&s->table.by_number, &at));)
		flows_put(s, a, NULL);
}

void flows_drop(struct turn_server *s, struct allocation *a)
{
	for (uint16_t i = 0; i < a->n_channels; i++)
		flow_drop(s, a, &a->channels[i].flow);
	send_flows_drop(s, a);
}

void flows_prune(struct turn_server *s, struct allocation *a)
{
	uint64_t now = loop_now(s->loop);

	for (uint16_t i = 0; i < a->n_channels; i++)
		if (a->channels[i].expires_ms <= now)
			flow_drop(s, a, &a->channels[i].flow);
}

void flows_drop_denied(struct turn_server *s, struct allocation *a, enum peer_verdict (*judge)(void *arg, const struct stunaddr *peer))
{
	for (uint16_t i = 0; i < a->n_channels; i++)
		if (a->channels[i].flow && judge(s, &a->channels[i].peer) == PEER_DENIED)
			flow_drop(s, a, &a->channels[i].flow);
}

void flows_read(struct turn_server *s, struct allocation *a)
{
	for (uint16_t i = 0; i < a->n_channels; i++)
		(void)flow_read(s, a, a->channels[i].flow);
	send_flows_read(s, a);
}

void flows_renew_soon(struct turn_server *s)
{
	s->must_renew = true;
}

static void visit(struct turn_server *s, struct allocation *a)
{
	flows_prune(s, a);
	send_flows_prune(s, a);
	flows_read(s, a);
	if (s->is_renewing)
		flows_put(s, a, NULL);
}

/* A table that grows or shrinks meanwhile may show an allocation twice or not in this round: the next has it. */
static void on_tick(void *arg)
{
	struct turn_server *s = arg;
	struct allocation *a = NULL;

	for (size_t n = s->table.by_number.count / TICKS + 1; n > 0; n--) {
		a = map_next(&s->table.by_number, &s->flow_at);
		if (!a)
			break;
		visit(s, a);
	}
	if (!a) {
		s->flow_at = 0;
		s->is_renewing = s->must_renew;
		s->must_renew = false;
	}
	if (s->stats[TURN_STAT_KERNEL_FLOWS] > 0 && loop_timer_set(s->loop, &s->flow_timer, TICK_MS) < 0)
		turn_server_kernel(s, false); /* as in watch() */
}

void flows_init(struct turn_server *s)
{
	loop_timer_init(&s->flow_timer, on_tick, s);
}

void flows_fini(struct turn_server *s)
{
	loop_timer_del(s->loop, &s->flow_timer);
}

void turn_server_kernel(struct turn_server *s, bool is_there)
{
	s->has_kernel = is_there && s->io->fast_add;
	flows_put_all(s);
}

void turn_server_read_kernel(struct turn_server *s)
{
	struct allocation *a;

	for (size_t at = 0; (a = map_next(&s->table.by_number, &at));)
		flows_read(s, a);
}
