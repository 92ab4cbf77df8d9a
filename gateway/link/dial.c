#include "trunk.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

/* Core: the connections to edges. Each has a place of its own, whose connection is dialled again when it ends. */

enum {
	SIGNALS = 2, /* connections of each kind: one that is cut leaves the other (mra.md 2.3) */
	BULKS = 2,
	PLACES = SIGNALS + BULKS,
	BACKOFF_MIN_MS = 500,
	BACKOFF_MAX_MS = 5000,
	ALARM_TRIES = 3, /* in a row, of all signalling connections */
};

struct place {
	struct edge *edge;
	struct trunk *trunk;
	struct dns_query *query;
	struct loop_timer timer;
	enum trunk_kind kind;
	uint32_t failures; /* in a row */
	char why[64];
};

struct edge {
	struct joint *joint;
	char name[LINK_NAME_BYTES], host[256];
	uint16_t port;
	uint8_t pin[32], pin_n;
	struct place places[PLACES];
};

const char *edge_name(const struct edge *e)
{
	return e->name;
}

struct bytes edge_pin(const struct edge *e)
{
	return bytes_make(e->pin, e->pin_n);
}

/* ---- whether it is there ---- */

static void update_alarm(struct edge *e)
{
	bool is_up = false, is_down = true;
	const char *why = "";

	for (size_t i = 0; i < SIGNALS; i++) {
		const struct place *p = &e->places[i];
		is_up = is_up || (p->trunk && p->trunk->is_up);
		is_down = is_down && p->failures >= ALARM_TRIES;
		if (p->why[0])
			why = p->why;
	}
	if (is_up) {
		alarm_clear(ALARM_LINK_DOWN, e->name);
		alarm_clear(ALARM_LINK_REFUSED, e->name);
	} else if (is_down)
		alarm_raise(ALARM_LINK_DOWN, e->name, ALARM_USUAL, why);
}

/* ---- one connection ---- */

static void wait_again(struct place *p)
{
	struct joint *j = p->edge->joint;
	uint64_t ms = BACKOFF_MAX_MS;

	if (p->failures < 4)
		ms = (uint64_t)BACKOFF_MIN_MS << p->failures;
	/* Not all cores at once when an edge comes back. */
	if (loop_timer_set(j->loop, &p->timer, ms / 2 + random_below((uint32_t)(ms / 2 + 1))))
		die("link.dial", "no memory for a timer"); /* it would never be dialled again */
}

static void fail(struct place *p, const char *why)
{
	struct joint *j = p->edge->joint;

	snprintf(p->why, sizeof p->why, "%s", why);
	if (p->failures++ == 0)
		log_warn("link.dial.failed", LOG_STR("edge", p->edge->name), LOG_STR("kind", p->kind == TRUNK_BULK ? "bulk" : "signal"),
		         LOG_STR("reason", why));
	j->stats[STAT_DIAL_FAILED]++;
	update_alarm(p->edge);
	wait_again(p);
}

static struct place *place_of(struct edge *e, const struct trunk *t)
{
	for (size_t i = 0; i < PLACES; i++)
		if (e->places[i].trunk == t)
			return &e->places[i];
	return NULL;
}

void dial_lost(struct edge *e, struct trunk *t, const char *why)
{
	struct place *p = place_of(e, t);

	if (!p)
		return; /* it is being forgotten */
	p->trunk = NULL;
	if (!t->is_up) {
		fail(p, why);
		return;
	}
	snprintf(p->why, sizeof p->why, "%s", why);
	p->failures = 0;
	update_alarm(e);
	wait_again(p);
}

void dial_up(struct edge *e, struct trunk *t)
{
	struct place *p = place_of(e, t);

	p->failures = 0;
	p->why[0] = '\0';
	update_alarm(e);
}

/* The addresses of a host are taken in turn. */
static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct place *p = arg;
	struct sockaddr_storage to;

	p->query = NULL;
	if (a->rc || a->n == 0) {
		fail(p, err_name(a->rc ? a->rc : ERR_DNS_NODATA));
		return;
	}
	socklen_t n = dns_addr_sockaddr(&a->addrs[p->failures % a->n], p->edge->port, &to);
	int rc = trunk_dial(p->edge->joint, p->edge, p->kind, (struct sockaddr *)&to, n, &p->trunk);
	if (rc)
		fail(p, err_name(rc));
}

static void dial(void *arg)
{
	struct place *p = arg;
	struct joint *j = p->edge->joint;

	if (j->is_stopping)
		return;
	j->stats[STAT_DIALLED]++;
	p->query = dns_addr(j->dns, p->edge->host, on_addresses, p);
	if (!p->query)
		fail(p, "nomem");
}

/* ---- which edges ---- */

static void forget(struct joint *j, size_t at, const char *why)
{
	struct edge *e = j->edges[at];

	for (size_t i = 0; i < PLACES; i++) {
		struct place *p = &e->places[i];
		struct trunk *t = p->trunk;
		p->trunk = NULL;
		dns_cancel(p->query);
		loop_timer_del(j->loop, &p->timer);
		if (t) {
			trunk_drop(t, why);
			t->edge = NULL;
		}
	}
	alarm_clear(ALARM_LINK_DOWN, e->name);
	alarm_clear(ALARM_LINK_REFUSED, e->name);
	log_info("link.edge.forgotten", LOG_STR("edge", e->name));
	free(e);
	j->edges[at] = NULL;
}

static bool read_edge(const struct settings *s, struct bytes key, struct edge *out)
{
	struct bytes pin = settings_text_at(s, SET_LINK_EDGE_PIN, key);

	*out = (struct edge){ .pin_n = 0 };
	if (key.n >= sizeof out->name || setting_split_host(settings_text_at(s, SET_LINK_EDGE_ADDRESS, key), 0, out->host, &out->port))
		return false; /* nowhere to dial yet */
	snprintf(out->name, sizeof out->name, "%.*s", BYTES_FMT(key));
	if (pin.n && text_unhex(pin, out->pin, sizeof out->pin)) {
		log_error("link.edge.failed", LOG_BYTES("edge", key), LOG_STR("reason", "pin"));
		return false; /* gh-conf lets none through; dialling without it would be worse */
	}
	out->pin_n = pin.n ? sizeof out->pin : 0;
	return true;
}

static bool is_same(const struct edge *a, const struct edge *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port && bytes_eq(edge_pin(a), edge_pin(b));
}

static void begin(struct joint *j, size_t at, const struct edge *as)
{
	struct edge *e = malloc(sizeof *e);

	if (!e) {
		log_error("link.edge.failed", LOG_STR("edge", as->name), LOG_STR("reason", "nomem"));
		return;
	}
	*e = *as;
	e->joint = j;
	for (size_t i = 0; i < PLACES; i++) {
		struct place *p = &e->places[i];
		*p = (struct place){ .edge = e, .kind = i < SIGNALS ? TRUNK_SIGNAL : TRUNK_BULK };
		loop_timer_init(&p->timer, dial, p);
		if (loop_timer_set(j->loop, &p->timer, 0))
			die("link.dial", "no memory for a timer");
	}
	j->edges[at] = e;
}

void dial_apply(struct joint *j, const struct settings *s)
{
	struct edge wanted[LINK_EDGES_MAX];
	bool is_there[LINK_EDGES_MAX] = { false };
	size_t n = 0;
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_LINK_EDGE_ADDRESS, &at, &key);) {
		if (n < LINK_EDGES_MAX)
			n += read_edge(s, key, &wanted[n]);
		else
			log_error("link.edge.failed", LOG_BYTES("edge", key), LOG_STR("reason", "limit"));
	}
	for (size_t i = 0; i < LINK_EDGES_MAX; i++) {
		size_t k = 0;
		while (j->edges[i] && k < n && !is_same(j->edges[i], &wanted[k]))
			k++;
		if (j->edges[i] && k < n)
			is_there[k] = true;
		else if (j->edges[i])
			forget(j, i, "settings");
	}
	for (size_t k = 0, i = 0; k < n; k++) {
		if (is_there[k])
			continue;
		while (j->edges[i])
			i++; /* no more are wanted than there are places */
		begin(j, i, &wanted[k]);
	}
}

void dial_fini(struct joint *j)
{
	for (size_t i = 0; i < LINK_EDGES_MAX; i++)
		if (j->edges[i])
			forget(j, i, "stopping");
}

bool dial_next(const struct joint *j, size_t *at, struct edge_place *out)
{
	for (; *at < (size_t)LINK_EDGES_MAX * PLACES; ++*at) {
		const struct edge *e = j->edges[*at / PLACES];
		if (!e)
			continue;
		const struct place *p = &e->places[*at % PLACES];
		*out = (struct edge_place){ .edge = e->name, .why = p->why, .kind = p->kind, .trunk = p->trunk };
		snprintf(out->address, sizeof out->address, "%s port %u", e->host, e->port);
		++*at;
		return true;
	}
	return false;
}
