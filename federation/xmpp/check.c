#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "proto/jid.h"

/* One walk. Owned by its connection; the operator's question by the walk. */
struct check {
	struct proc_ask *ask;
	bool has_features, has_auth, is_over;
	uint8_t last_state;
};

static void record(struct check *k, const char *step, const char *result, const char *detail, const char *advice)
{
	proc_record_begin(k->ask);
	proc_record_str(k->ask, "step", step);
	proc_record_str(k->ask, "result", result);
	proc_record_str(k->ask, "detail", detail);
	proc_record_str(k->ask, "advice", advice);
	proc_record_end(k->ask);
}

static void record_reason(struct check *k, const char *step, const struct reason *why)
{
	struct buf b;

	buf_init(&b, 512);
	reason_write(&b, why);
	record(k, step, "failed", buf_cstr(&b), reason_advice(why));
	buf_fini(&b);
}

static void record_rc(struct check *k, const char *step, enum rung rung, int rc, const char *text)
{
	struct reason why = { 0 };

	reason_set(&why, rung, rc, text);
	record_reason(k, step, &why);
}

static void done(struct check *k, int rc)
{
	if (k->is_over)
		return;
	k->is_over = true;
	proc_done(k->ask, rc, rc ? "the domain cannot be reached" : "the domain can be reached");
	k->ask = NULL;
}

void check_note_dns(struct conn *c, const struct dns_srv_answer *a)
{
	char line[360];

	if (!c->check || c->check->is_over || a->rc < 0)
		return; /* check_failed says it */
	for (size_t i = 0; i < a->n; i++) {
		const struct dns_target *t = &a->targets[i];
		(void)snprintf(line, sizeof line, "%s port %u%s%s%s", t->host, t->port,
		               t->is_direct_tls ? " direct TLS" : "", a->is_fallback ? " (no SRV records)" : "",
		               t->is_secure ? " (DNSSEC)" : "");
		record(c->check, "dns", "ok", line, "");
	}
}

void check_note_addrs(struct conn *c, const char *host, const struct dns_addr_answer *a)
{
	char line[360], text[DNS_ADDR_TEXT_BYTES];

	if (!c->check || c->check->is_over)
		return;
	if (a->rc < 0 || !a->n) {
		record_rc(c->check, "address", RUNG_DNS, a->rc ? a->rc : ERR_DNS_NODATA, host);
		return;
	}
	for (size_t i = 0; i < a->n; i++) {
		dns_addr_text(&a->addrs[i], text);
		(void)snprintf(line, sizeof line, "%s is %s", host, text);
		record(c->check, "address", "ok", line, "");
	}
}

void check_note_address(struct conn *c, int rc)
{
	char line[REASON_TEXT_BYTES];

	if (!c->check || c->check->is_over)
		return;
	(void)snprintf(line, sizeof line, "%s port %u", c->address, c->port);
	if (rc < 0)
		record_rc(c->check, "tcp", rc == ERR_TLS ? RUNG_TLS : RUNG_TCP, rc, line);
	else
		record(c->check, "tcp", "ok", line, "");
}

void check_note_tls(struct conn *c)
{
	char line[120];

	if (!c->check || c->check->is_over)
		return;
	(void)snprintf(line, sizeof line, "%s %s%s", c->tls_version, c->tls_cipher,
	               c->is_direct_tls ? ", direct" : ", by STARTTLS");
	record(c->check, "tls", "ok", line, "");
}

void check_note_verdict(struct conn *c)
{
	const struct tls_verdict *v = &c->verdict;
	struct policy_rule rule;
	char line[640];

	if (!c->check || c->check->is_over)
		return;
	rule = policy_for(&c->s2s->conf.policy, bytes_of(c->stream.remote));
	(void)snprintf(line, sizeof line, "%s, issued by %s, valid until %s", v->subject, v->issuer, v->not_after);
	record(c->check, "certificate", "seen", line, "");
	if (v->rc == 0)
		record(c->check, "certificate", "ok", v->proof ? v->proof : "", "");
	else if (policy_may_dialback(&rule)) /* the walk goes on; otherwise check_failed says it */
		record_rc(c->check, "certificate", RUNG_CERTIFICATE, v->rc, "dialback is left");
}

static void note_features(struct check *k, const struct feature_set *f)
{
	char line[120];

	(void)snprintf(line, sizeof line, "%s%s%s%s", f->has_external ? "EXTERNAL " : "",
	               f->has_dialback ? "dialback " : "", f->has_bidi ? "bidi " : "", f->has_sm ? "sm" : "");
	record(k, "features", "ok", line[0] ? line : "none", "");
	k->has_features = true;
}

void check_step(struct conn *c)
{
	struct check *k = c->check;
	const struct stream *st = &c->stream;
	bool is_past_offer;

	if (!k || k->is_over)
		return;
	is_past_offer = st->state == SS_OUT_AUTH || st->state == SS_OUT_DIALBACK || st->state == SS_OUT_OPEN;
	if (is_past_offer && !k->has_features)
		note_features(k, &st->features);
	if (st->state != SS_READY)
		return;
	struct stream_pair *p = LIST_OWNER(st->pairs.next, struct stream_pair, node);
	record(k, "authentication", "ok", p->proof ? p->proof : "", "");
	record(k, "stream", "ok", st->sm.is_on ? "ready, acknowledged delivery" : "ready", "");
	done(k, 0);
	conn_close(c, -1, NULL);
}

void check_failed(struct conn *c, const struct reason *why)
{
	if (!c->check || c->check->is_over)
		return;
	record_reason(c->check, rung_name(why->rung), why);
	done(c->check, why->rc);
}

void check_conn_gone(struct conn *c)
{
	if (!c->check)
		return;
	done(c->check, ERR_CLOSED);
	free(c->check);
	c->check = NULL;
}

/* The local domain that asks: the argument behind the domain, or the first of ours. */
static const struct conf_domain *pick_local(struct s2s *s, struct bytes want)
{
	const struct conf_domain *best = NULL, *d;
	size_t at = 0;

	if (want.n)
		return conf_domain(&s->conf, want);
	while ((d = map_next(&s->conf.domains, &at)))
		if (!best || bytes_cmp(d->domain, best->domain) < 0)
			best = d;
	return best;
}

void check_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct s2s *s = program;
	struct bytes remote;
	const struct conf_domain *local = pick_local(s, n_args > 1 ? args[1] : BYTES_NONE);
	struct check *k;
	struct conn *c;

	if (n_args == 0 || jid_parse_domain(args[0], &s->arena, &remote) < 0 || conf_domain(&s->conf, remote)) {
		proc_done(ask, ERR_SYNTAX, "give the domain of a partner");
		return;
	}
	if (!local) {
		proc_done(ask, ERR_NOT_FOUND, "no domain lives here: set domain NAME certificate");
		return;
	}
	k = calloc(1, sizeof *k);
	c = k ? conn_new_out(s, local->domain, remote, false) : NULL;
	if (!c) {
		free(k);
		proc_done(ask, ERR_LIMIT, "too many streams");
		return;
	}
	k->ask = ask;
	c->check = k;
	struct policy_rule rule = policy_for(&s->conf.policy, remote);
	if (rule.is_allowed)
		record(k, "policy", "ok", rule.why, "");
	dns_forget(s->dns, remote);
	(void)loop_timer_set(s->loop, &c->timer, s->conf.setup_ms); /* the steps have limits of their own */
	dial_begin(c);
}
