#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "server_impl.h"

const char *const turn_stat_names[TURN_STAT_COUNT] = {
	"turn.allocations", "turn.allocated", "turn.expired", "turn.refused", "turn.challenged", "turn.auth-failed",
	"turn.stale-nonce", "turn.quota", "turn.full", "turn.peer-denied", "turn.answers-saved", "turn.malformed",
	"turn.unknown", "turn.no-permission", "turn.rate-dropped", "turn.to-peer", "turn.to-peer-bytes", "turn.to-client",
	"turn.to-client-bytes", "turn.connections", "turn.moved", "turn.bindings", "turn.kernel", "turn.kernel-bytes",
	"turn.kernel-flows", "turn.kernel-refused",
};

struct turn_server *turn_server_new(struct loop *l, unsigned worker, const struct nonce_key *key,
                                    const struct turn_io *io, void *io_arg)
{
	static const struct turn_conf nothing = { .binding = TURN_BINDING_OFF, .is_draining = true };
	struct turn_server *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->loop = l;
	s->worker = worker;
	s->key = *key;
	s->io = io;
	s->io_arg = io_arg;
	s->conf = &nothing;
	list_init(&s->reservations);
	list_init(&s->pendings);
	map_init(&s->connections);
	allocation_table_init(&s->table, worker);
	flows_init(s);
	s->quota = quota_new(worker);
	s->budget = budget_new(0);
	loop_timer_init(&s->saved, answers_saved, s);
	drain_init(s);
	s->next_indication = random_u64();
	if (s->quota && s->budget)
		return s;
	quota_free(s->quota);
	budget_free(s->budget);
	free(s);
	return NULL;
}

void turn_server_free(struct turn_server *s)
{
	size_t at = 0;
	struct allocation *a;

	if (!s)
		return;
	loop_timer_del(s->loop, &s->saved);
	drain_fini(s);
	while ((a = map_next(&s->table.by_number, &at))) {
		allocation_end(s, a, "stop");
		at = 0;
	}
	flows_fini(s);
	reservations_free(s);
	pendings_free(s);
	map_fini(&s->connections);
	allocation_table_fini(&s->table);
	quota_free(s->quota);
	budget_free(s->budget);
	free(s);
}

void turn_server_set_key(struct turn_server *s, const struct nonce_key *key)
{
	s->key = *key;
}

void turn_server_set_door(struct turn_server *s, uint8_t door, const struct turn_door *d)
{
	if (door >= TURN_DOORS_MAX)
		return;
	s->has_door[door] = d != NULL;
	if (d)
		s->doors[door] = *d;
	else
		flows_put_all(s); /* what went in there goes out of the kernel */
}

enum peer_verdict peer_judge(const struct turn_conf *c, struct stunaddr *peer, const char **rule)
{
	peer_canonical(peer);
	if (own_relays_have(&c->own_relays, peer))
		return peer_rules_permit_own(&c->rules, peer, rule) ? PEER_OWN_RELAY : PEER_DENIED;
	return peer_rules_permit(&c->rules, peer, rule) ? PEER_PERMITTED : PEER_DENIED;
}

bool peer_is_own(const struct turn_server *s, const struct stunaddr *peer)
{
	struct stunaddr p = *peer;

	return own_relays_have(&s->conf->own_relays, &p);
}

static enum peer_verdict judge_again(void *arg, const struct stunaddr *peer)
{
	struct turn_server *s = arg;
	struct stunaddr p = *peer;
	const char *rule;

	return peer_judge(s->conf, &p, &rule);
}

/* Of a connection the port counts too. */
static enum peer_verdict judge_connection_again(void *arg, const struct stunaddr *peer)
{
	struct turn_server *s = arg;
	enum peer_verdict v = judge_again(s, peer);

	return v == PEER_OWN_RELAY && !own_relays_have_port(&s->conf->own_relays, peer->port) ? PEER_DENIED : v;
}

void turn_server_set(struct turn_server *s, const struct turn_conf *c)
{
	struct allocation *a;
	size_t at = 0;

	s->conf = c;
	quota_set(s->quota, &c->limits, loop_now(s->loop));
	if (c->answers_per_s != s->budget_per_s) {
		struct budget *b = budget_new(c->answers_per_s);
		if (b) {
			budget_free(s->budget);
			s->budget = b;
			s->budget_per_s = c->answers_per_s;
		}
	}
	while ((a = map_next(&s->table.by_number, &at))) {
		flows_drop_denied(s, a, judge_again);
		allocation_revoke(a, judge_again, s);
	}
	flows_put_all(s);
	connections_revoke(s, judge_connection_again, s);
	drain_set(s);
}

/* ---- allocations ---- */

void tell_usage(struct turn_server *s, const struct quota_user *u)
{
	s->io->tell_usage(s->io_arg, quota_user_name(u), quota_user_count(s->quota, u));
}

static void see(const struct turn_server *s, const struct allocation *a, struct turn_seen *out)
{
	uint64_t now = loop_now(s->loop);

	*out = (struct turn_seen){
		.number = a->number,
		.client = a->client,
		.user = quota_user_name(a->hold.user),
		.relayed = a->relay[0].seen,
		.relayed2 = a->relay[1].fd >= 0 ? a->relay[1].seen : (struct stunaddr){ 0 },
		.age_s = (uint32_t)((now - a->born_ms) / 1000),
		.left_s = (uint32_t)((a->expires_ms > now ? a->expires_ms - now : 0) / 1000),
		.permissions = allocation_count_permissions(a, now),
		.channels = allocation_count_channels(a, now),
		.connections = a->n_connections,
		.to_peer = a->to_peer,
		.to_peer_bytes = a->to_peer_bytes,
		.to_client = a->to_client,
		.to_client_bytes = a->to_client_bytes,
		.dropped = a->dropped,
	};
}

static void tell_ended(struct turn_server *s, const struct allocation *a, const char *reason)
{
	struct turn_seen seen;

	see(s, a, &seen);
	s->io->ended(s->io_arg, &seen, reason);
}

void allocation_end(struct turn_server *s, struct allocation *a, const char *reason)
{
	char name[STUNMSG_USERNAME_MAX];
	struct bytes user = a->hold.user ? quota_user_name(a->hold.user) : BYTES_NONE;
	uint32_t left = a->hold.user ? quota_user_count(s->quota, a->hold.user) - 1 : 0;

	memcpy(name, user.p ? user.p : (const uint8_t *)"", user.n);
	flows_drop(s, a);
	connections_end(s, a);
	if (reason)
		tell_ended(s, a, reason);
	loop_timer_del(s->loop, &a->timer);
	for (unsigned i = 0; i < 2; i++)
		s->io->relay_close(s->io_arg, &a->relay[i]);
	if (a->hold.user) {
		quota_leave(s->quota, &a->hold);
		s->io->tell_usage(s->io_arg, bytes_make(name, user.n), left);
		s->stats[TURN_STAT_ALLOCATIONS]--;
	}
	allocation_free(&s->table, a);
	drain_check(s);
}

static void on_time(void *arg)
{
	struct allocation *a = arg;
	struct turn_server *s = a->server;

	s->stats[TURN_STAT_EXPIRED]++;
	allocation_end(s, a, "expired");
}

void allocation_set_timer(struct turn_server *s, struct allocation *a)
{
	uint64_t now = loop_now(s->loop);

	if (!a->timer.fn)
		loop_timer_init(&a->timer, on_time, a);
	if (loop_timer_set(s->loop, &a->timer, a->expires_ms > now ? a->expires_ms - now : 0) < 0)
		log_error("turn.timer.failed", LOG_STR("why", "out of memory: the allocation ends with its client's word only"));
}

uint32_t lifetime_granted(const struct request *r)
{
	const struct turn_conf *c = r->s->conf;
	uint64_t now_s = loop_wall_ms(r->s->loop) / 1000;
	uint32_t want = r->m->has & STUN_HAS_LIFETIME ? r->m->lifetime_s : c->lifetime_s;

	if (want < c->lifetime_s)
		want = c->lifetime_s;
	if (want > c->lifetime_max_s)
		want = c->lifetime_max_s;
	if (r->who.is_token && r->who.expires_s < now_s + want)
		want = r->who.expires_s > now_s ? (uint32_t)(r->who.expires_s - now_s) : 0;
	return want;
}

struct turn_relay *relay_for(struct allocation *a, const struct stunaddr *peer)
{
	for (unsigned i = 0; i < 2; i++)
		if (a->relay[i].fd >= 0 && a->relay[i].at.family == peer->family)
			return &a->relay[i];
	return NULL;
}

static void note_peer(struct request *r, const struct stunaddr *peer, const char *rule)
{
	char text[STUNADDR_TEXT_BYTES + 64];

	r->s->stats[TURN_STAT_PEER_DENIED]++;
	stunaddr_text(peer, text);
	size_t n = strlen(text);
	(void)snprintf(text + n, sizeof text - n, ": %s", rule);
	note_refused(r, "peer", text);
}

bool peer_is_permitted(struct request *r, struct stunaddr *peer)
{
	const char *rule;

	if (peer_judge(r->s->conf, peer, &rule) != PEER_DENIED)
		return true;
	note_peer(r, peer, rule);
	return false;
}

bool peer_port_is_permitted(struct request *r, const struct stunaddr *peer)
{
	if (!peer_is_own(r->s, peer) || own_relays_have_port(&r->s->conf->own_relays, peer->port))
		return true;
	note_peer(r, peer, "port of this box outside turn port-min and turn port-max");
	return false;
}

/* ---- packets of clients ---- */

static const struct method {
	uint16_t method;
	void (*fn)(struct request *r);
} methods[] = {
	{ STUN_ALLOCATE, request_allocate },
	{ STUN_REFRESH, request_refresh },
	{ STUN_CREATE_PERMISSION, request_permission },
	{ STUN_CHANNEL_BIND, request_channel },
	{ STUN_CONNECT, request_connect },
	{ STUN_CONNECTION_BIND, request_connection_bind },
};

static const struct method *method_of(uint16_t m)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (methods[i].method == m)
			return &methods[i];
	return NULL;
}

static void on_request(struct request *r)
{
	const struct method *m = method_of(r->m->method);

	if (r->m->method == STUN_BINDING) {
		request_binding(r);
		return;
	}
	if (!m || r->m->is_classic) {
		r->s->stats[TURN_STAT_UNKNOWN]++;
		reply_error(r, 400);
		return;
	}
	if (!request_authenticate(r))
		return;
	if (r->m->n_unknown) {
		reply_error(r, 420);
		return;
	}
	m->fn(r);
}

static void on_stun(struct turn_server *s, const struct turn_path *from, struct turn_packet *p)
{
	struct stunmsg m;
	int rc = stunmsg_parse(bytes_make(p->p, p->n), &m);
	struct request r = { .s = s, .path = from, .m = &m };

	if (rc < 0) {
		s->stats[TURN_STAT_MALFORMED]++;
		m.n_unknown = 0;
		m.has_fingerprint = false;
		if (rc == ERR_RANGE && m.class == STUN_REQUEST)
			reply_error(&r, 400);
		return;
	}
	if (m.class == STUN_INDICATION && m.method == STUN_SEND)
		relay_send(s, from, &m, p);
	else if (m.class == STUN_REQUEST) {
		r.a = allocation_of_path(&s->table, from);
		on_request(&r);
	} else if (m.class != STUN_INDICATION || m.method != STUN_BINDING) /* a Binding indication keeps NATs open */
		s->stats[TURN_STAT_UNKNOWN]++;
}

/* RFC 7983: 64 to 79. RFC 5766 had channels up to 127, and no other protocol of our doors begins so. */
static bool is_channel_data(const struct turn_server *s, const struct turn_packet *p)
{
	return p->n > 0 && (p->p[0] & 0xc0) == 0x40 && (p->p[0] <= CHANNEL_MAX >> 8 || s->conf->has_old_channels);
}

void turn_server_client(struct turn_server *s, const struct turn_path *from, struct turn_packet *p)
{
	if (is_channel_data(s, p))
		relay_channel_data(s, from, p);
	else
		on_stun(s, from, p);
}

void turn_server_client_gone(struct turn_server *s, const struct turn_path *p)
{
	struct allocation *a = allocation_of_path(&s->table, p);

	if (!a)
		return;
	/* RFC 8016 3.3: with a ticket the client may come back from elsewhere until it expires. */
	if (a->has_ticket)
		a->is_orphan = true;
	else
		allocation_end(s, a, "connection");
}

bool turn_server_may_answer(struct turn_server *s, const struct stunaddr *to)
{
	return answer_may_go(s, to);
}

bool turn_server_has(struct turn_server *s, const struct turn_path *p)
{
	return allocation_of_path(&s->table, p) != NULL;
}

void turn_server_heard(struct turn_server *s, unsigned worker, struct bytes user, uint32_t allocations)
{
	if (quota_hear(s->quota, worker, user, allocations) < 0)
		log_warn("turn.usage.lost", LOG_BYTES("user", user), LOG_STR("why", "out of memory or a wrong worker number"));
	flows_renew_soon(s); /* it may have another share now */
	drain_check(s);
}

void turn_server_worker_gone(struct turn_server *s, unsigned worker)
{
	quota_worker_gone(s->quota, worker);
	flows_renew_soon(s); /* as above */
	connections_worker_gone(s, worker);
	drain_check(s);
}

/* ---- to be seen ---- */

bool turn_server_next(struct turn_server *s, size_t *at, struct turn_seen *out)
{
	struct allocation *a = map_next(&s->table.by_number, at);

	if (!a)
		return false;
	flows_read(s, a);
	see(s, a, out);
	return true;
}

bool turn_server_next_user(struct turn_server *s, size_t *at, struct bytes *user, uint32_t *allocations)
{
	const struct quota_user *u = quota_next(s->quota, at);

	if (!u)
		return false;
	*user = quota_user_name(u);
	*allocations = quota_user_count(s->quota, u);
	return true;
}

size_t turn_server_count(const struct turn_server *s)
{
	return s->table.by_number.count;
}

uint64_t *turn_server_stats(struct turn_server *s)
{
	return s->stats;
}

int turn_server_end(struct turn_server *s, uint64_t number)
{
	struct allocation *a = allocation_of_number(&s->table, number);

	if (!a)
		return ERR_NOT_FOUND;
	allocation_end(s, a, "operator");
	return 0;
}
