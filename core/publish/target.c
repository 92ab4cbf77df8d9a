#include "publish.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

/* A service inside, and the connections to it: found by its name, proved by its certificate, kept for a while. */

static const struct http1_limits answer_limits = { .line_bytes = 8 << 10, .head_bytes = 32 << 10, .fields = HTTP1_FIELDS_MAX, .body_bytes = INT64_MAX };
static const char *const alpn[] = { "http/1.1", NULL };

/* ---- how the target is ---- */

static void is_there(struct target *t)
{
	if (!t->is_up)
		log_info("publish.target.up", LOG_STR("target", t->conf.key));
	t->is_up = t->is_known = true;
	t->why[0] = '\0';
	t->good_ms = loop_now(t->publish->loop);
	alarm_clear(ALARM_TARGET_UNREACHABLE, t->conf.key);
}

static void is_away(struct target *t, const char *step, int rc, const char *words)
{
	(void)snprintf(t->why, sizeof t->why, "%s: %s%s%.80s", step, err_text(rc), words && *words ? ": " : "", words ? words : "");
	if (t->is_up || !t->is_known)
		log_warn("publish.target.failed", LOG_STR("target", t->conf.key), LOG_STR("step", step), LOG_STR("reason", err_name(rc)),
		         LOG_STR("what", words ? words : ""));
	t->is_up = false;
	t->is_known = true;
	alarm_raise(ALARM_TARGET_UNREACHABLE, t->conf.key, ALARM_USUAL, t->why);
}

/* ---- ends of connections ---- */

static void close_outlet(struct outlet *o)
{
	struct target *t = o->target;
	struct publish *p = t->publish;

	if (o->is_gone)
		return;
	o->is_gone = true;
	dns_cancel(o->query);
	o->query = NULL;
	link_close(&o->link);
	loop_timer_del(p->loop, &o->idle);
	t->n_idle -= o->is_ready && !o->exchange;
	t->n_outlets--;
	list_del(&o->node);
	list_add_tail(&p->gone_outlets, &o->node);
	loop_defer_call(p->loop, &p->sweep);
}

void outlet_sweep(struct publish *p)
{
	LIST_EACH (it, &p->gone_outlets) {
		struct outlet *o = LIST_OWNER(it, struct outlet, node);
		list_del(it);
		if (o->has_reader)
			http1_reader_fini(&o->reader);
		free(o);
	}
}

static void on_idle(void *arg)
{
	close_outlet(arg);
}

void outlet_leave(struct outlet *o, bool may_keep)
{
	struct target *t = o->target;

	o->exchange = NULL;
	if (o->is_gone)
		return;
	t->n_idle += o->is_ready; /* close_outlet takes it off again */
	if (!may_keep || !o->is_ready || o->is_old || t->n_idle > IDLE_TARGET_MAX || !t->is_seen || loop_timer_set(t->publish->loop, &o->idle, IDLE_MS)) {
		close_outlet(o);
		return;
	}
	o->is_used = true;
	link_pause(&o->link, false);
}

static void try_address(struct outlet *o);

/* Before it is ready: the next address, or the end. */
static void fail(struct outlet *o, const char *step, int rc, const char *words)
{
	struct exchange *x = o->exchange;

	link_close(&o->link);
	if (o->addr_at + 1 < o->addrs.n && !o->is_ready) {
		o->addr_at++;
		try_address(o);
		return;
	}
	is_away(o->target, step, rc, words);
	o->exchange = NULL;
	close_outlet(o);
	if (x)
		exchange_failed(x, rc == ERR_TIMEOUT || rc == ERR_DNS_TIMEOUT ? 504 : 502, "the service cannot be reached");
}

/* ---- the connection ---- */

static void on_connected(void *arg)
{
	struct outlet *o = arg;
	struct publish *p = o->target->publish;
	struct tls_options options = { .side = TLS_CLIENT, .server_name = o->target->conf.verify, .alpn = alpn };
	struct tls *t = NULL;
	int rc = p->store ? tls_new(p->store, &options, &t) : ERR_BAD_STATE;

	if (!rc)
		rc = link_start_tls(&o->link, t, CONNECT_MS);
	if (rc)
		fail(o, "tls", rc, "");
}

/* RFC 9110 4.3.4: the certificate is of an authority that is trusted, and names the host. */
static void on_secured(void *arg)
{
	struct outlet *o = arg;
	struct target *t = o->target;
	struct tls_demand d = { .domain_ascii = t->conf.verify, .domain = bytes_of(t->conf.verify), .allow_wildcard = true,
				.authority = bytes_of(t->conf.authority) };
	struct tls_verdict v;

	tls_verify(o->link.tls, &d, &v);
	if (v.rc) {
		o->addr_at = o->addrs.n; /* another address does not make it right */
		fail(o, "certificate", v.rc, v.hint);
		return;
	}
	http1_reader_init_responses(&o->reader, &answer_limits);
	o->has_reader = o->is_ready = true;
	t->publish->stats[STAT_CONNECTED]++;
	is_there(t);
	if (o->exchange) {
		exchange_ready(o->exchange);
		return;
	}
	outlet_leave(o, true);
	o->is_used = false;
}

static void on_data(void *arg, struct bytes in)
{
	struct outlet *o = arg;

	if (o->exchange)
		exchange_answered(o->exchange, in);
	else
		close_outlet(o); /* nothing was asked */
}

static void on_drained(void *arg)
{
	struct outlet *o = arg;

	if (o->exchange)
		exchange_drained(o->exchange);
}

static void on_closed(void *arg, int why)
{
	struct outlet *o = arg;
	struct exchange *x = o->exchange;

	if (o->is_gone)
		return;
	if (!o->is_ready) {
		fail(o, "connect", why ? why : ERR_CLOSED, o->link.words);
		return;
	}
	if (x)
		exchange_ended(x, why);
	else
		close_outlet(o);
}

static const struct link_owner owner = { .connected = on_connected, .secured = on_secured, .data = on_data, .drained = on_drained,
					 .closed = on_closed };

static void try_address(struct outlet *o)
{
	struct publish *p = o->target->publish;
	struct sockaddr_storage to;
	socklen_t n = dns_addr_sockaddr(&o->addrs.addrs[o->addr_at], o->target->conf.port, &to);
	int rc = link_connect(&o->link, p->loop, (struct sockaddr *)&to, n, NULL, 0, CONNECT_MS, &owner, o, BODY_QUEUE_MAX);

	if (rc)
		fail(o, "connect", rc, "");
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct outlet *o = arg;

	o->query = NULL;
	o->addrs = *a;
	o->addr_at = 0;
	if (a->rc || a->n == 0) {
		o->addrs.n = 0;
		fail(o, "dns", a->rc ? a->rc : ERR_DNS_NODATA, "");
		return;
	}
	try_address(o);
}

static struct outlet *outlet_new(struct target *t, struct exchange *x)
{
	struct publish *p = t->publish;
	struct outlet *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	o->target = t;
	o->exchange = x;
	loop_timer_init(&o->idle, on_idle, o);
	o->query = dns_addr(p->dns, t->conf.host, on_addresses, o);
	if (!o->query) {
		free(o);
		return NULL;
	}
	list_add_tail(&t->outlets, &o->node);
	t->n_outlets++;
	return o;
}

int outlet_take(struct target *t, struct exchange *x, bool is_fresh, struct outlet **out)
{
	LIST_EACH (it, &t->outlets) {
		struct outlet *o = LIST_OWNER(it, struct outlet, node);
		if (is_fresh || !o->is_ready || o->exchange)
			continue;
		loop_timer_del(t->publish->loop, &o->idle);
		t->n_idle--;
		t->publish->stats[STAT_REUSED]++;
		o->exchange = x;
		*out = o;
		return 0;
	}
	if (t->n_outlets - t->n_idle >= OUTLETS_TARGET_MAX)
		return ERR_FULL;
	*out = outlet_new(t, x);
	return *out ? 0 : ERR_NOMEM;
}

/* ---- targets ---- */

static void on_probe(void *arg)
{
	struct target *t = arg;
	uint64_t now = loop_now(t->publish->loop);
	bool is_sure = t->is_up && now - t->good_ms < PROBE_MS;

	if (!is_sure && t->n_outlets < OUTLETS_TARGET_MAX)
		(void)outlet_new(t, NULL); /* without memory: next time */
	if (loop_timer_set(t->publish->loop, &t->probe, PROBE_MS))
		die("publish.target", "no memory for a timer"); /* nobody would look again */
}

struct target *target_of(struct publish *p, struct bytes key)
{
	for (size_t i = 0; i < p->n_targets; i++)
		if (bytes_eq_str(key, p->targets[i]->conf.key))
			return p->targets[i];
	return NULL;
}

static void end_outlets(struct target *t)
{
	LIST_EACH (it, &t->outlets) {
		struct outlet *o = LIST_OWNER(it, struct outlet, node);
		struct exchange *x = o->exchange;
		o->exchange = NULL;
		t->n_idle += o->is_ready && x;
		close_outlet(o);
		if (x)
			exchange_failed(x, 503, "the service is being moved");
	}
}

void target_renew(struct target *t)
{
	LIST_EACH (it, &t->outlets) {
		struct outlet *o = LIST_OWNER(it, struct outlet, node);
		if (!o->exchange)
			close_outlet(o);
		else
			o->is_old = true;
	}
	if (loop_timer_set(t->publish->loop, &t->probe, 0))
		die("publish.target", "no memory for a timer");
	t->good_ms = 0;
}

int target_set(struct publish *p, const struct target_conf *c)
{
	struct target *t = target_of(p, bytes_of(c->key));

	if (!t) {
		if (p->n_targets == TARGETS_MAX || !(t = calloc(1, sizeof *t)))
			return ERR_NOMEM;
		t->publish = p;
		list_init(&t->outlets);
		loop_timer_init(&t->probe, on_probe, t);
		p->targets[p->n_targets++] = t;
	} else if (strcmp(t->conf.host, c->host) != 0 || t->conf.port != c->port || strcmp(t->conf.verify, c->verify) != 0 ||
	           strcmp(t->conf.authority, c->authority) != 0) {
		end_outlets(t);
		t->is_up = t->is_known = false;
	}
	t->conf = *c;
	t->is_seen = true;
	return 0;
}

void target_free(struct target *t)
{
	end_outlets(t);
	loop_timer_del(t->publish->loop, &t->probe);
	alarm_clear(ALARM_TARGET_UNREACHABLE, t->conf.key);
	free(t);
}
