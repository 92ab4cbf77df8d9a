#include "s2s.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"
#include "check.h"
#include "conn.h"
#include "hail.h"
#include "post.h"
#include "show.h"

/* Names that strangers invent are forgotten sooner once there are PEERS_MANY of them. */
enum { PEER_KEEP_MS = 600000, PEER_KEEP_SHORT_MS = 2000, PEERS_MANY = 200, PEERS_SWEPT = 256 };
/* Memory is given back when so many peers and streams were freed. */
enum { FREED_TRIM = 1000 };
enum { REFUSALS_A_MINUTE = 120 };
enum { TICK_MS = 500, ACCEPT_PAUSE_MS = 500, ACCEPTS_A_TURN = 64, DONES_MAX_BYTES = 1 << 20, XML_IDLE_MAX = 64 };

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

void s2s_want_tick(struct s2s *s)
{
	if (!loop_timer_is_set(&s->tick))
		(void)loop_timer_set(s->loop, &s->tick, TICK_MS); /* the next stanza tries again */
}

void s2s_log_refused(struct s2s *s, struct bytes domain, const struct reason *why)
{
	struct peer *p = s2s_peer(s, domain);
	uint32_t held = 0, all_held = 0;

	if (why->rung >= RUNG_POLICY && why->rung <= RUNG_QUEUE)
		s->counts[STAT_REFUSED_POLICY + (why->rung - RUNG_POLICY)]++;
	if (!p || !log_limit_pass(&p->refused_log, 3, loop_now(s->loop), &held) ||
	    !log_limit_pass(&s->refused_log, REFUSALS_A_MINUTE, loop_now(s->loop), &all_held))
		return;
	log_warn("s2s.refused", LOG_BYTES("domain", domain), LOG_STR("rung", rung_name(why->rung)),
	         LOG_STR("reason", err_name(why->rc)), LOG_STR("text", why->text),
	         LOG_STR("advice", reason_advice(why)), LOG_INT("held", held + all_held));
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
	uint64_t keep_ms = s->peers.count > PEERS_MANY ? PEER_KEEP_SHORT_MS : PEER_KEEP_MS;
	return list_is_empty(&p->verifies) && loop_now(s->loop) > p->retry_ms &&
	       loop_now(s->loop) > p->used_ms + keep_ms;
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
	(void)malloc_trim(0); /* whether it gave anything back changes nothing */
}

static void on_tick(void *arg)
{
	struct s2s *s = arg;

	post_tick(s);
	sweep_peers(s);
	trim(s);
	if (s->peers.count || s->flights.n)
		s2s_want_tick(s);
}

/* ---- settings ---- */

static struct tls_store *make_store(struct s2s *s, const struct settings *set, struct s2s_conf *conf)
{
	struct tls_store *store = tls_store_new(s->keys);
	size_t at = 0;
	struct bytes key;
	struct conf_domain *d;
	int rc;

	if (!store)
		return NULL;
	while (settings_next_key(set, SET_CERTIFICATE_CHAIN, &at, &key)) {
		rc = tls_store_add_certificate(store, key, settings_text_at(set, SET_CERTIFICATE_CHAIN, key));
		if (rc < 0)
			log_error("s2s.certificate", LOG_BYTES("name", key), LOG_STR("reason", err_name(rc)));
	}
	at = 0;
	while ((d = map_next(&conf->domains, &at))) {
		rc = tls_store_add_domain(store, d->ascii, d->certificate);
		d->has_certificate = rc == 0 || rc == ERR_CERT_NAME;
		if (rc < 0) /* lesson 5: the exact name that is not covered */
			log_warn("s2s.domain", LOG_BYTES("domain", d->domain), LOG_BYTES("certificate", d->certificate),
			         LOG_STR("reason", err_name(rc)));
	}
	if (settings_bool(set, SET_TRUST_SYSTEM) && (rc = tls_store_trust_system(store)) < 0)
		log_warn("s2s.trust", LOG_STR("anchor", "system"), LOG_STR("reason", err_name(rc)));
	at = 0;
	while (settings_next_key(set, SET_TRUST_ANCHOR, &at, &key)) {
		rc = tls_store_trust_anchor(store, key, settings_text_at(set, SET_TRUST_ANCHOR, key));
		if (rc < 0)
			log_error("s2s.trust", LOG_BYTES("anchor", key), LOG_STR("reason", err_name(rc)));
	}
	return store;
}

static void configure_dns(struct s2s *s)
{
	const char *servers[CONF_DNS_SERVERS_MAX];
	struct dns_config c = { .servers = servers, .n_servers = s->conf.n_dns_servers,
		                .query_ms = s->conf.dns_query_ms, .budget_ms = s->conf.dns_budget_ms,
		                .validates = s->conf.dns_validates };
	int rc;

	for (unsigned i = 0; i < s->conf.n_dns_servers; i++)
		servers[i] = s->conf.dns_servers[i];
	rc = c.n_servers ? dns_configure(s->dns, &c) : 0;
	if (rc < 0)
		log_error("s2s.dns", LOG_STR("reason", err_name(rc)));
	dns_forget(s->dns, BYTES_NONE);
}

static bool rows_differ(const struct policy_row *a, const struct policy_row *b)
{
	return a->auth != b->auth || a->is_tls_required != b->is_tls_required || a->has_pin != b->has_pin ||
	       memcmp(a->pin, b->pin, sizeof a->pin) != 0 || !bytes_eq(a->authority, b->authority) ||
	       a->may_wildcard != b->may_wildcard;
}

/* What a change means for an open stream: nothing, an orderly end and a new one under the new rule,
 * or an error (lesson 16). */
enum verdict { KEEP, RENEW, REFUSE, GONE };

static enum verdict judge_pair(struct bytes local, struct bytes remote, const struct s2s_conf *old,
                               const struct s2s_conf *new)
{
	struct policy_rule before = policy_for(&old->policy, remote), now = policy_for(&new->policy, remote);

	if (!now.is_allowed)
		return REFUSE;
	if (local.n && !conf_domain(new, local))
		return GONE;
	return rows_differ(before.row, now.row) ? RENEW : KEEP;
}

static enum verdict judge_conn(struct conn *c, const struct s2s_conf *old, const struct s2s_conf *new)
{
	enum verdict worst = KEEP, v;

	if (c->stream.remote)
		worst = judge_pair(bytes_of(c->stream.local), bytes_of(c->stream.remote), old, new);
	LIST_EACH(it, &c->stream.pairs) {
		const struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		v = judge_pair(bytes_of(p->local), bytes_of(p->remote), old, new);
		worst = v > worst ? v : worst;
	}
	return worst;
}

static void judge_all(struct s2s *s, const struct s2s_conf *old)
{
	struct { uint64_t id; enum verdict v; } *todo = calloc(s->conns.count + 1, sizeof *todo);
	size_t at = 0, n = 0;
	struct conn *c;

	if (!todo)
		die("s2s.apply", "no memory to close what the new settings forbid");
	while ((c = map_next(&s->conns, &at))) {
		enum verdict v = c->is_gone ? KEEP : judge_conn(c, old, &s->conf);
		if (v != KEEP) {
			todo[n].id = c->id;
			todo[n++].v = v;
		}
	}
	for (size_t i = 0; i < n; i++) {
		c = conn_find(s, todo[i].id);
		if (!c)
			continue;
		conn_close(c, todo[i].v == REFUSE ? STREAM_POLICY_VIOLATION : todo[i].v == GONE ? STREAM_HOST_GONE : -1,
		           NULL);
	}
	free(todo);
}

/* New settings may be the cure of an old failure (lesson 10). */
static void retry_all(struct s2s *s)
{
	size_t at = 0;
	struct peer *p;

	while ((p = map_next(&s->peers, &at))) {
		peer_retry_now(p, loop_now(s->loop));
		LIST_EACH(it, &p->pairs)
			LIST_OWNER(it, struct pair, node)->is_alone = false;
	}
}

static void arm_all(struct s2s *s)
{
	size_t at = 0;
	struct conn *c;

	while ((c = map_next(&s->conns, &at)))
		if (!c->is_gone)
			conn_arm(c);
}

static void apply(void *program, const struct settings *set)
{
	struct s2s *s = program;
	struct s2s_conf old = s->conf, new;
	bool had_conf = s->has_conf;
	struct tls_store *store;

	if (conf_init(&new, set) < 0 || !(store = make_store(s, set, &new)))
		die("s2s.apply", "no memory for the settings");
	s->conf = new;
	s->has_conf = true;
	tls_store_free(s->certificates); /* open streams keep it */
	s->certificates = store;
	configure_dns(s);
	if (had_conf) {
		judge_all(s, &old);
		conf_fini(&old);
		arm_all(s);
		retry_all(s);
	}
}

/* ---- listeners ---- */

static void watch_listeners(struct s2s *s, unsigned events)
{
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++)
		if (s->listeners[i].fd >= 0 && loop_watch_set(&s->listeners[i].watch, events) < 0)
			log_error("s2s.listener", LOG_STR("address", s->listeners[i].addr), LOG_STR("reason", "nomem"));
}

static void on_pause_over(void *arg)
{
	watch_listeners(arg, LOOP_READ);
}

/* No descriptor or memory left (EMFILE and its kin): newcomers stay with the kernel for a while. */
static void pause_accept(struct s2s *s, int why)
{
	uint32_t held;

	if (loop_timer_set(s->loop, &s->accept_pause, ACCEPT_PAUSE_MS) < 0)
		return; /* no memory even for the timer: go round once more */
	watch_listeners(s, 0);
	if (log_limit_pass(&s->limit_log, 5, loop_now(s->loop), &held))
		log_warn("s2s.accept.paused", LOG_INT("errno", why), LOG_INT("streams", s->conns.count), LOG_INT("held", held));
}

static void on_listener(void *arg, unsigned events)
{
	struct s2s_listener *l = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				pause_accept(l->s2s, errno);
			return;
		}
		conn_accept(l->s2s, fd, l->is_tls);
	}
}

static struct s2s_listener *find_listener(struct s2s *s, bool is_tls, const char *addr, uint16_t port)
{
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++) {
		struct s2s_listener *l = &s->listeners[i];
		if (l->fd >= 0 && l->is_tls == is_tls && l->port == port && strcmp(l->addr, addr) == 0)
			return l;
	}
	return NULL;
}

static void listener_close(struct s2s_listener *l)
{
	if (l->fd < 0)
		return;
	loop_watch_del(&l->watch);
	(void)close(l->fd); /* a listener has nothing to lose */
	l->fd = -1;
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	struct s2s *s = program;
	bool is_tls = strcmp(name, "s2s-tls") == 0;
	struct s2s_listener *l = find_listener(s, is_tls, addr, port);

	if (l)
		listener_close(l);
	if (fd < 0)
		return;
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++) {
		l = &s->listeners[i];
		if (l->fd >= 0)
			continue;
		(void)snprintf(l->addr, sizeof l->addr, "%s", addr); /* it is an address */
		l->port = port;
		l->is_tls = is_tls;
		if (loop_watch_add(s->loop, &l->watch, fd, LOOP_READ, on_listener, l) < 0)
			break;
		l->fd = fd;
		log_info("s2s.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
		return;
	}
	log_error("s2s.listener", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", "full"));
	(void)close(fd); /* as above */
}

/* ---- life ---- */

static int prepare(struct proc *p, void **program)
{
	struct s2s *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NOMEM;
	s->proc = p;
	s->loop = proc_loop(p);
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++)
		s->listeners[i] = (struct s2s_listener){ .s2s = s, .fd = -1 };
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

	log_debug("s2s.step", LOG_STR("domain", st->remote ? st->remote : ""), LOG_STR("from", stream_state_name(from)),
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
	flights_init(&s->flights);
	loop_timer_init(&s->tick, on_tick, s);
	loop_timer_init(&s->stop, on_stop_over, s);
	loop_timer_init(&s->accept_pause, on_pause_over, s);
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
		post_switch_up(s);
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

/* Streams end in order; the peers learn that we go. */
static void stop(void *program, uint32_t grace_ms)
{
	struct s2s *s = program;
	uint64_t *ids = calloc(s->conns.count + 1, sizeof *ids);
	size_t at = 0, n = 0;
	struct conn *c;

	s->is_stopping = true;
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++)
		listener_close(&s->listeners[i]);
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
	{ MSG_ROUTE_DONE, post_route_done },
	{ MSG_KEY_SIGNED, on_key_signed },
	{ MSG_KEY_FAILED, on_key_failed },
};

static const struct proc_command commands[] = {
	{ "show federation", show_federation },
	{ "federation check", check_command },
	{ "federation retry", show_retry },
	{ "federation close", show_close },
};

static const struct proc_def s2s_program = {
	.prog = PROG_S2S,
	.backend = LOOP_LIBEVENT,
	.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
	.commands = commands, .n_commands = sizeof commands / sizeof commands[0],
	.prepare = prepare, .init = init, .apply = apply, .listener = listener,
	.up = up, .down = down, .stop = stop,
};

int main(int argc, char **argv)
{
	return proc_main(argc, argv, &s2s_program);
}
