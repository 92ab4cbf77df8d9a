#include "show.h"

#include "base/err.h"
#include "base/text.h"
#include "conn.h"
#include "post.h"
#include "proto/jid.h"

/* The domain argument, normalised; "" without one. */
static int read_domain(struct s2s *s, const struct bytes *args, size_t n_args, struct bytes *out)
{
	if (n_args == 0 || args[0].n == 0) {
		*out = BYTES_NONE;
		return 0;
	}
	return jid_parse_domain(args[0], &s->arena, out);
}

static void put_time(struct proc_ask *ask, const char *key, uint64_t wall_ms)
{
	char text[TEXT_TIME_BYTES];

	text_time(wall_ms, false, text);
	proc_record_str(ask, key, text);
}

static uint64_t wall_of(struct s2s *s, uint64_t mono_ms)
{
	return loop_wall_ms(s->loop) - (loop_now(s->loop) - mono_ms);
}

static void put_reason(struct proc_ask *ask, const char *key, const struct reason *why)
{
	struct buf b;

	if (why->rung == RUNG_NONE)
		return;
	buf_init(&b, 512);
	reason_write(&b, why);
	proc_record_str(ask, key, buf_cstr(&b));
	proc_record_str(ask, "reason", err_name(why->rc));
	proc_record_str(ask, "advice", reason_advice(why));
	buf_fini(&b);
}

static void put_certificate(struct proc_ask *ask, const struct conn *c)
{
	if (!c->has_verdict)
		return;
	proc_record_str(ask, "certificate", c->verdict.rc ? err_text(c->verdict.rc) : "valid");
	proc_record_str(ask, "subject", c->verdict.subject);
	proc_record_str(ask, "issuer", c->verdict.issuer);
	proc_record_str(ask, "expires", c->verdict.not_after);
}

static void put_pairs(struct proc_ask *ask, struct conn *c)
{
	struct buf b;
	const char *proof = "";

	buf_init(&b, 4096);
	LIST_EACH(it, &c->stream.pairs) {
		const struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (p->state != PAIR_PROVEN)
			continue;
		buf_putf(&b, "%s%s %s %s", buf_len(&b) ? ", " : "", p->local,
		         p->is_in && p->is_out ? "<->" : p->is_out ? "->" : "<-", p->remote);
		proof = p->proof;
	}
	proc_record_str(ask, "pairs", buf_cstr(&b));
	proc_record_str(ask, "proof", proof);
	buf_fini(&b);
}

static void show_conn(struct s2s *s, struct proc_ask *ask, struct conn *c)
{
	const struct stream *st = &c->stream;

	proc_record_begin(ask);
	proc_record_str(ask, "type", "stream");
	proc_record_str(ask, "domain", st->remote ? st->remote : "");
	proc_record_str(ask, "local", st->local ? st->local : "");
	proc_record_str(ask, "direction", st->is_bidi ? "both" : c->is_out ? "out" : "in");
	proc_record_str(ask, "state", c->dial == DIAL_SRV || c->dial == DIAL_ADDR ? "resolving"
	                             : st->state == SS_OUT_START ? "connecting" : stream_state_name(st->state));
	put_pairs(ask, c);
	proc_record_str(ask, "address", c->address);
	proc_record_int(ask, "port", c->port);
	proc_record_str(ask, "tls", c->tls_version[0] ? c->tls_version : "none");
	proc_record_str(ask, "cipher", c->tls_cipher);
	put_certificate(ask, c);
	proc_record_str(ask, "sm", st->sm.is_on ? "on" : "off");
	proc_record_int(ask, "unacked", c->n_sent);
	proc_record_int(ask, "in", (int64_t)st->n_stanzas_in);
	proc_record_int(ask, "out", (int64_t)st->n_stanzas_out);
	put_time(ask, "since", wall_of(s, c->since_ms));
	put_reason(ask, "error", &st->why);
	proc_record_end(ask);
}

static void show_pair(struct s2s *s, struct proc_ask *ask, const struct pair *p)
{
	const struct peer *peer = p->peer;
	uint64_t now = loop_now(s->loop);

	proc_record_begin(ask);
	proc_record_str(ask, "type", "queue");
	proc_record_str(ask, "domain", peer->domain);
	proc_record_str(ask, "local", p->local);
	proc_record_str(ask, "state", conn_find(s, p->conn) ? "ready"
	                             : conn_find(s, p->dialing) ? "connecting"
	                             : now < peer->retry_ms ? "waiting" : "idle");
	proc_record_int(ask, "queue", p->queue.n);
	proc_record_int(ask, "queue-bytes", (int64_t)p->queue.bytes);
	proc_record_int(ask, "sent", (int64_t)p->n_sent);
	proc_record_int(ask, "bounced", (int64_t)p->n_bounced);
	if (now < peer->retry_ms)
		proc_record_int(ask, "retry-in", (int64_t)((peer->retry_ms - now + 999) / 1000));
	put_reason(ask, "error", &peer->last);
	if (peer->last_wall_ms)
		put_time(ask, "error-at", peer->last_wall_ms);
	proc_record_end(ask);
}

/* Domains of a policy row that never had a stream are worth a line when asked for by name. */
static void show_policy(struct s2s *s, struct proc_ask *ask, struct bytes domain)
{
	struct policy_rule rule = policy_for(&s->conf.policy, domain);

	proc_record_begin(ask);
	proc_record_str(ask, "type", "policy");
	proc_record_text(ask, "domain", domain);
	proc_record_str(ask, "state", rule.is_allowed ? "allowed" : "denied");
	proc_record_str(ask, "why", rule.why);
	proc_record_text(ask, "row", rule.row->key);
	proc_record_str(ask, "tls", rule.row->is_tls_required ? "required" : "optional");
	proc_record_str(ask, "auth", policy_auth_name((enum policy_auth)rule.row->auth));
	proc_record_end(ask);
}

void show_federation(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct s2s *s = program;
	struct bytes domain;
	size_t at = 0;
	struct conn *c;
	struct peer *p;

	if (read_domain(s, args, n_args, &domain) < 0) {
		proc_done(ask, ERR_SYNTAX, "not a domain");
		return;
	}
	if (domain.n)
		show_policy(s, ask, domain);
	while ((c = map_next(&s->conns, &at)))
		if (!c->is_gone && (!domain.n || (c->stream.remote && bytes_eq_str(domain, c->stream.remote))))
			show_conn(s, ask, c);
	at = 0;
	while ((p = map_next(&s->peers, &at))) {
		if (domain.n && !bytes_eq_str(domain, p->domain))
			continue;
		LIST_EACH(it, &p->pairs)
			show_pair(s, ask, LIST_OWNER(it, struct pair, node));
	}
	proc_done(ask, 0, "");
}

void show_retry(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct s2s *s = program;
	struct bytes domain;
	size_t at = 0;
	struct peer *p;

	if (read_domain(s, args, n_args, &domain) < 0) {
		proc_done(ask, ERR_SYNTAX, "not a domain");
		return;
	}
	dns_forget(s->dns, domain); /* a negative answer must not outlive this (lesson 10) */
	while ((p = map_next(&s->peers, &at)))
		if (!domain.n || bytes_eq_str(domain, p->domain))
			peer_retry_now(p, loop_now(s->loop));
	post_tick(s);
	proc_done(ask, 0, "");
}

void show_close(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct s2s *s = program;
	struct bytes domain = BYTES_NONE;
	size_t at = 0, n = 0;
	struct conn *c;
	uint64_t ids[256];

	if (read_domain(s, args, n_args, &domain) < 0 || !domain.n) {
		proc_done(ask, ERR_SYNTAX, "which domain?");
		return;
	}
	/* closing changes the map: first the ids */
	while (n < 256 && (c = map_next(&s->conns, &at)))
		if (!c->is_gone && c->stream.remote && bytes_eq_str(domain, c->stream.remote))
			ids[n++] = c->id;
	for (size_t i = 0; i < n; i++)
		if ((c = conn_find(s, ids[i])))
			conn_close(c, -1, NULL);
	proc_record_begin(ask);
	proc_record_int(ask, "closed", (int64_t)n);
	proc_record_end(ask);
	proc_done(ask, 0, "");
}
