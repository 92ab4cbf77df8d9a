#include "s2s.h"

#include <malloc.h>
#include <stdlib.h>

#include "apply.h"
#include "base/err.h"
#include "base/random.h"
#include "check.h"
#include "conn.h"
#include "hail.h"
#include "handover.h"
#include "listener.h"
#include "net/dns_command.h"
#include "post.h"
#include "sender.h"
#include "show.h"
#include "tap.h"
#include "trouble.h"

/* Lines a minute: of one peer, of all strangers. */
enum { REFUSED_LINES = 3, STRANGER_LINES = 60 };
enum { PEERS_SWEPT = 256 };
/* Memory is given back when so many peers and streams were freed. */
enum { FREED_TRIM = 1000 };
enum { TICK_MS = 500, PEER_KEEP_MS = 600000, DONES_MAX_BYTES = 1 << 20, XML_IDLE_MAX = 64 };

#define S2S_STAT_MEMBER(id, name) name,
static const char *const stat_names[] = { S2S_STAT_TABLE(S2S_STAT_MEMBER) };
#undef S2S_STAT_MEMBER

/* ---- shared by the program's files ---- */

struct peer *s2s_peer(struct s2s *s, struct bytes domain)
{
	struct peer *p = map_get(&s->peers, domain);

	if (p)
		return p;
	p = peer_new(domain, loop_now(s->loop));
	if (p && map_add(&s->peers, bytes_of(p->domain), p) < 0) {
		peer_free(p);
		p = NULL;
	}
	if (p)
		s2s_want_tick(s);
	return p;
}

struct peer *s2s_find_peer(struct s2s *s, struct bytes domain)
{
	return domain.n ? map_get(&s->peers, domain) : NULL;
}

void s2s_want_tick(struct s2s *s)
{
	if (!loop_timer_is_set(&s->tick))
		(void)loop_timer_set(s->loop, &s->tick, TICK_MS); /* the next stanza tries again */
}

/* A row of its own makes a domain worth remembering; what strangers call themselves is not. */
static bool may_log_refused(struct s2s *s, struct bytes domain, uint32_t *held)
{
	struct policy_rule rule = policy_for(&s->conf.policy, domain);
	struct peer *p = bytes_eq(rule.row->key, domain) ? s2s_peer(s, domain) : s2s_find_peer(s, domain);

	if (p)
		return log_limit_pass(&p->refused_log, REFUSED_LINES, loop_now(s->loop), held);
	return log_limit_pass(&s->stranger_log, STRANGER_LINES, loop_now(s->loop), held);
}

void s2s_log_refused(struct s2s *s, struct bytes domain, const struct reason *why)
{
	uint32_t held = 0;

	if (why->rung >= RUNG_POLICY && why->rung <= RUNG_QUEUE)
		s->counts[STAT_REFUSED_POLICY + (why->rung - RUNG_POLICY)]++;
	if (!may_log_refused(s, domain, &held))
		return;
	log_warn("s2s.refused", LOG_BYTES("domain", domain), LOG_STR("rung", rung_name(why->rung)),
	         LOG_STR("reason", err_name(why->rc)), LOG_STR("text", why->text),
	         LOG_STR("advice", reason_advice(why)), LOG_INT("held", held));
}

void s2s_arena_enter(struct s2s *s)
{
	if (s->arena_users++ == 0)
		arena_reset(&s->arena);
}

void s2s_arena_leave(struct s2s *s)
{
	s->arena_users--;
}

/* ---- the tick ---- */

static bool peer_is_idle(struct s2s *s, const struct peer *p)
{
	for (const struct list *it = p->pairs.next; it != &p->pairs; it = it->next) {
		const struct pair *pair = LIST_OWNER(it, struct pair, node);
		if (pair->queue.n || conn_find(s, pair->conn) || conn_find(s, pair->dialing))
			return false;
	}
	return list_is_empty(&p->verifies) && loop_now(s->loop) > p->retry_ms &&
	       loop_now(s->loop) > p->used_ms + PEER_KEEP_MS;
}

/* Removal changes the map: first found, then removed. */
static size_t sweep_some(struct s2s *s)
{
	struct peer *idle[PEERS_SWEPT], *p;
	size_t at = 0, n = 0;

	while (n < PEERS_SWEPT && (p = map_next(&s->peers, &at)))
		if (peer_is_idle(s, p))
			idle[n++] = p;
	for (size_t i = 0; i < n; i++) {
		(void)map_del(&s->peers, bytes_of(idle[i]->domain)); /* it is idle[i] */
		trouble_over(s, idle[i]);
		peer_free(idle[i]);
	}
	return n;
}

/* Peers without anything to remember go, so that a flood of names leaves nothing behind. */
static void sweep_peers(struct s2s *s)
{
	size_t n;

	do {
		n = sweep_some(s);
		s->n_freed += n;
	} while (n == PEERS_SWEPT);
}

static void trim(struct s2s *s)
{
	if (s->n_freed < FREED_TRIM)
		return;
	s->n_freed = 0;
	xml_pool_trim(s->xml);
	(void)malloc_trim(0); /* whether it gave anything back changes nothing */
}

static void on_tick(void *arg)
{
	struct s2s *s = arg;

	post_tick(s);
	trouble_streams_tick(s);
	sweep_peers(s);
	trim(s);
	sender_sweep(&s->senders, loop_now(s->loop));
	if (s->peers.count || s->senders.count || s->flights.n)
		s2s_want_tick(s);
}

/* ---- life ---- */

static int prepare(struct proc *p, void **program)
{
	struct s2s *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NOMEM;
	s->proc = p;
	s->loop = proc_loop(p);
	listener_init_all(s);
	if (tls_prepare() < 0)
		log_warn("s2s.trust", LOG_STR("anchor", "system"), LOG_STR("reason", "not-found"));
	s->keys = keyproxy_new(s->loop, proc_bus(p));
	if (!s->keys)
		return ERR_NOMEM;
	*program = s;
	return 0;
}

static void on_trace(void *arg, uint8_t from, uint8_t event, uint8_t to)
{
	const struct stream *st = arg;
	const struct conn *c = LIST_OWNER(arg, struct conn, stream); /* all streams of this program are in one */

	log_debug_of(conf_is_watched(&c->s2s->conf, bytes_of(st->remote)), "s2s.step", LOG_ID("id", c->id),
	             LOG_STR("domain", st->remote ? st->remote : ""), LOG_STR("from", stream_state_name(from)),
	             LOG_STR("event", stream_in_fsm.event_names[event]), LOG_STR("to", stream_state_name(to)));
}

static void on_stop_over(void *arg)
{
	struct s2s *s = arg;

	proc_exit(s->proc, 0);
}

static int init(void *program)
{
	struct s2s *s = program;

	s->xml = xml_pool_new(XML_IDLE_MAX);
	s->dns = dns_new(s->loop);
	if (!s->xml || !s->dns)
		return ERR_NOMEM;
	arena_init(&s->arena, S2S_ARENA_BYTES);
	random_bytes(s->dialback_secret, sizeof s->dialback_secret);
	buf_init(&s->dones, DONES_MAX_BYTES);
	address_table_init(&s->strangers);
	flights_init(&s->flights);
	taps_init(&s->taps, s->loop);
	loop_timer_init(&s->tick, on_tick, s);
	loop_timer_init(&s->stop, on_stop_over, s);
	s->env = (struct stream_env){
		.conf = &s->conf, .pool = s->xml, .arena = &s->arena, .trace = on_trace,
		.dialback_secret = bytes_make(s->dialback_secret, sizeof s->dialback_secret),
	};
	stats_register(&s->stats, stat_names, s->counts, STAT_COUNT);
	return 0;
}

static void up(void *program, struct chan *c)
{
	struct s2s *s = program;

	if (chan_prog(c) == PROG_SWITCH)
		handover_switch_up(s);
}

static void down(void *program, struct chan *c)
{
	struct s2s *s = program;

	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(s->keys);
}

static int on_key_signed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct s2s *)program)->keys, f);
}

static int on_key_failed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct s2s *)program)->keys, f);
}

static int on_staple(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return tls_news_on_staple(&((struct s2s *)program)->news, f);
}

static int on_revoked(void *program, struct chan *from, const struct frame *f)
{
	struct s2s *s = program;
	bool is_new;
	int rc = tls_news_on_revoked(&s->news, f, &is_new);

	(void)from;
	if (!rc && is_new)
		apply_revoked(s);
	return rc;
}

/* Streams end in order; the peers learn that we go. */
static void s2s_stop(void *program, uint32_t grace_ms)
{
	struct s2s *s = program;
	uint64_t *ids = calloc(s->conns.count + 1, sizeof *ids);
	size_t at = 0, n = 0;
	struct conn *c;

	s->is_stopping = true;
	listener_close_all(s);
	while (ids && (c = map_next(&s->conns, &at)))
		ids[n++] = c->id;
	for (size_t i = 0; i < n; i++)
		if ((c = conn_find(s, ids[i])))
			conn_close(c, STREAM_SYSTEM_SHUTDOWN, NULL);
	free(ids);
	if (n == 0 || loop_timer_set(s->loop, &s->stop, grace_ms < 1000 ? grace_ms / 2 : 500) < 0)
		proc_exit(s->proc, 0);
}

static const struct bus_handler handlers[] = {
	{ MSG_ROUTE, post_route },
	{ MSG_ROUTE_DONE, handover_on_done },
	{ MSG_KEY_SIGNED, on_key_signed },
	{ MSG_KEY_FAILED, on_key_failed },
	{ MSG_STAPLE, on_staple },
	{ MSG_REVOKED, on_revoked },
	{ MSG_PARTNER_CONNECTION, listener_on_front },
};

static void lookup(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_lookup_command(((struct s2s *)program)->dns, ask, args, n);
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct s2s *)program)->dns, ask, args, n);
}

static const struct proc_command commands[] = {
	{ "show federation", show_federation },
	{ "federation check", check_command },
	{ "capture federation", s2s_tap_command },
	{ "federation retry", show_retry },
	{ "federation close", show_close },
	{ "dns lookup", lookup },
	{ "dns flush", flush_dns },
};

static const struct proc_def s2s_program = {
	.prog = PROG_S2S,
	.backend = LOOP_LIBEVENT,
	.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
	.commands = commands, .n_commands = sizeof commands / sizeof commands[0],
	.prepare = prepare, .init = init, .apply = apply_settings, .listener = listener_change,
	.up = up, .down = down, .stop = s2s_stop,
};

int main(int argc, char **argv)
{
	return proc_main(argc, argv, &s2s_program);
}
