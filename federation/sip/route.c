#include "route.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

/* ---- rows ---- */

static bool is_host_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
	       c == '_' || c == ':';
}

static int read_hop(struct route *r, struct bytes text)
{
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = bytes_make(text.p + 1, text.n - 2);
	if (!text.n || text.n >= sizeof r->hop)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n; i++)
		if (!is_host_char(text.p[i]))
			return ERR_SYNTAX;
	memcpy(r->hop, text.p, text.n);
	return 0;
}

static void refuse(struct route *r, const char *why)
{
	if (!r->fault) {
		r->fault = why;
		r->is_refusable = true;
	}
}

static void read_route(struct route *r, const struct settings *s, struct bytes key)
{
	struct bytes hop = settings_text_at(s, SET_SIP_ROUTE_HOP, key);
	enum pattern_kind kind = (enum pattern_kind)settings_enum_at(s, SET_SIP_ROUTE_TYPE, key);
	const char *why;

	*r = (struct route){
		.name = key,
		.text = settings_text_at(s, SET_SIP_ROUTE_PATTERN, key),
		.method = settings_text_at(s, SET_SIP_ROUTE_METHOD, key),
		.port = (uint16_t)settings_int_at(s, SET_SIP_ROUTE_PORT, key),
		.protocol = (enum route_protocol)settings_enum_at(s, SET_SIP_ROUTE_PROTOCOL, key),
		.priority = (uint32_t)settings_int_at(s, SET_SIP_ROUTE_PRIORITY, key),
		.weight = (uint32_t)settings_int_at(s, SET_SIP_ROUTE_WEIGHT, key),
		.may_less_specific = settings_bool_at(s, SET_SIP_ROUTE_LESS, key),
		.is_in_service = settings_bool_at(s, SET_SIP_ROUTE_IN_SERVICE, key),
		.is_blocked = settings_bool_at(s, SET_SIP_ROUTE_BLOCK, key),
	};
	if (!r->text.n)
		refuse(r, "a route needs a pattern");
	else if (pattern_parse(kind, r->text, &r->pattern, &why) < 0)
		refuse(r, why);
	if (!hop.n && !r->is_blocked)
		refuse(r, "a route needs a next-hop, or block on");
	else if (hop.n && read_hop(r, hop) < 0)
		refuse(r, "next-hop is no host name or address");
}

/* ---- templates (B-STR-13) ---- */

struct templates {
	struct pattern v[ROUTE_TEMPLATES_MAX];
	size_t n;
	struct bytes bad; /* key of the first that cannot be used */
	const char *why;
};

static void read_templates(struct templates *t, const struct settings *s)
{
	struct bytes key;

	*t = (struct templates){ 0 };
	for (size_t at = 0; settings_next_key(s, SET_SIP_ROUTE_TEMPLATE, &at, &key);) {
		const char *why = "at most 5 templates";
		int rc = t->n == ROUTE_TEMPLATES_MAX ? ERR_LIMIT
		         : pattern_parse_template(settings_text_at(s, SET_SIP_ROUTE_TEMPLATE, key), &t->v[t->n], &why);
		if (rc == 0) {
			t->n++;
		} else if (!t->why) {
			t->bad = key;
			t->why = why;
		}
	}
}

static bool fits_some(const struct templates *t, const struct pattern *p)
{
	for (size_t i = 0; i < t->n; i++)
		if (pattern_fits(p, &t->v[i]))
			return true;
	return false;
}

/* ---- index: rows of one pattern hang together ---- */

/* Patterns, not their spelling: case of a domain. */
static int compare_pattern(const struct route *a, const struct route *b)
{
	int c = pattern_cmp(&a->pattern, &b->pattern);

	if (c == 0 && a->pattern.n != b->pattern.n)
		c = a->pattern.n < b->pattern.n ? -1 : 1;
	return c ? c : memcmp(a->pattern.v, b->pattern.v, a->pattern.n * sizeof a->pattern.v[0]);
}

static int compare(const void *a, const void *b)
{
	const struct route *x = *(struct route *const *)a, *y = *(struct route *const *)b;
	int c = compare_pattern(x, y);

	if (c)
		return c;
	return x->priority != y->priority ? (x->priority < y->priority ? -1 : 1) : bytes_cmp(x->name, y->name);
}

static struct bytes put_key(struct buf *b, enum pattern_kind kind, struct bytes text)
{
	size_t at = buf_len(b);

	buf_put_u8(b, (uint8_t)kind);
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		buf_put_u8(b, kind == PATTERN_DOMAIN && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c);
	}
	return bytes_skip(buf_bytes(b), at);
}

/* The exact pattern's text, its "\*" resolved. */
static struct bytes put_pattern(struct buf *b, const struct pattern *p)
{
	size_t at = buf_len(b);

	buf_put_u8(b, (uint8_t)p->kind);
	for (size_t i = 0; i < p->n; i++)
		buf_put_u8(b, (uint8_t)p->v[i]);
	return bytes_skip(buf_bytes(b), at);
}

/* One head: into the map when exact, else behind the other open ones. keys does not move: it has its size. */
static int add_head(struct routes *r, struct route *head)
{
	if (!pattern_is_exact(&head->pattern)) {
		r->open[r->n_open++] = head;
		return 0;
	}
	return map_add(&r->exact, put_pattern(&r->keys, &head->pattern), head);
}

static int link_all(struct routes *r, struct route **order, size_t n)
{
	struct route *head = NULL, *last = NULL;
	size_t n_same = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (!head || compare_pattern(head, order[i]) != 0) {
			rc = head ? add_head(r, head) : 0;
			head = order[i];
			n_same = 1;
		} else if (++n_same > ROUTES_SAME_MAX) {
			order[i]->fault = "100 routes with this pattern are there already"; /* B-STR-02 */
			continue;
		} else {
			last->same = order[i];
		}
		last = order[i];
	}
	return rc == 0 && head ? add_head(r, head) : rc;
}

static int index_all(struct routes *r)
{
	struct route **order = calloc(r->n + 1, sizeof *order);
	size_t n = 0, bytes = 1;
	int rc = ERR_NOMEM;

	r->open = calloc(r->n + 1, sizeof *r->open);
	for (size_t i = 0; order && i < r->n; i++) {
		if (r->v[i].fault)
			continue;
		order[n++] = &r->v[i];
		bytes += r->v[i].pattern.n + 1;
	}
	buf_init(&r->keys, bytes);
	if (order && r->open && buf_reserve(&r->keys, bytes)) {
		qsort(order, n, sizeof *order, compare);
		rc = link_all(r, order, n);
	}
	free(order);
	return rc;
}

static void mark_embedded(struct routes *r, const struct templates *t)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->v[i].fault && r->v[i].pattern.kind == PATTERN_USER && r->v[i].pattern.is_embedded &&
		    !fits_some(t, &r->v[i].pattern))
			r->v[i].fault = "its embedded wildcards fit no sip route-template";
}

int routes_init(struct routes *r, const struct settings *s)
{
	struct templates templates;
	struct bytes key;
	size_t n = 0;

	*r = (struct routes){ 0 };
	for (size_t at = 0; settings_next_key(s, SET_SIP_ROUTE_PATTERN, &at, &key);)
		n++;
	r->v = calloc(n + 1, sizeof *r->v);
	if (!r->v)
		return ERR_NOMEM;
	for (size_t at = 0; settings_next_key(s, SET_SIP_ROUTE_PATTERN, &at, &key);)
		read_route(&r->v[r->n++], s, key);
	read_templates(&templates, s);
	mark_embedded(r, &templates);
	int rc = index_all(r);
	if (rc < 0)
		routes_fini(r);
	return rc;
}

void routes_fini(struct routes *r)
{
	map_fini(&r->exact);
	buf_fini(&r->keys);
	free(r->open);
	free(r->v);
	*r = (struct routes){ 0 };
}

int routes_check(const struct settings *s, char path[static ROUTE_PATH_BYTES], const char **why)
{
	struct templates templates;
	struct routes r;
	int rc = routes_init(&r, s);

	*why = "no memory";
	(void)snprintf(path, ROUTE_PATH_BYTES, "sip route");
	for (size_t i = 0; rc == 0 && i < r.n; i++) {
		if (!r.v[i].is_refusable)
			continue;
		(void)snprintf(path, ROUTE_PATH_BYTES, "sip route %.*s", BYTES_FMT(r.v[i].name)); /* cut is fine */
		*why = r.v[i].fault;
		rc = ERR_SYNTAX;
	}
	read_templates(&templates, s);
	if (rc == 0 && templates.why) {
		(void)snprintf(path, ROUTE_PATH_BYTES, "sip route-template %.*s", BYTES_FMT(templates.bad));
		*why = templates.why;
		rc = ERR_SYNTAX;
	}
	routes_fini(&r);
	return rc;
}

/* ---- finding ---- */

struct walk {
	const struct route_ask *ask;
	struct route_answer *out;
	bool is_over;
};

struct group {
	const struct route *v[ROUTES_SAME_MAX];
	size_t n;
};

/* Index among the first k of v, by weight (B-STR-10). */
static size_t pick(const struct route *const *v, size_t k, uint32_t (*random)(uint32_t bound))
{
	uint32_t sum = 0, at;
	size_t i = 0;

	for (size_t j = 0; j < k; j++)
		sum += v[j]->weight;
	at = random(sum);
	while (i + 1 < k && at >= v[i]->weight)
		at -= v[i++]->weight;
	return i;
}

/* The rows come by priority; equals are drawn. */
static void shuffle(struct group *g, uint32_t (*random)(uint32_t bound))
{
	for (size_t i = 0; i < g->n; i++) {
		size_t k = 1;
		while (i + k < g->n && g->v[i + k]->priority == g->v[i]->priority)
			k++;
		size_t at = i + pick(g->v + i, k, random);
		const struct route *first = g->v[at];
		g->v[at] = g->v[i];
		g->v[i] = first;
	}
}

static bool is_for(const struct route *r, struct bytes method, bool is_own)
{
	if (!r->is_in_service)
		return false;
	return is_own ? r->method.n && bytes_eq(r->method, method) : r->method.n == 0;
}

static void take_group(struct walk *w, const struct route *head, bool is_own_method)
{
	struct group g = { .n = 0 };

	for (const struct route *r = head; r; r = r->same) {
		if (!is_for(r, w->ask->method, is_own_method) || g.n == sizeof g.v / sizeof g.v[0])
			continue;
		if (r->is_blocked && !w->out->blocked_by)
			w->out->blocked_by = r;
		w->is_over |= r->is_blocked || !r->may_less_specific;
		g.v[g.n++] = r;
	}
	if (w->out->blocked_by)
		return;
	shuffle(&g, w->ask->random);
	for (size_t i = 0; i < g.n && w->out->n < ROUTE_TRIES_MAX; i++)
		w->out->v[w->out->n++] = g.v[i];
}

static void take(struct walk *w, const struct route *head)
{
	if (head && !w->is_over)
		take_group(w, head, true);
	if (head && !w->is_over)
		take_group(w, head, false);
}

static const struct route *find_exact(const struct routes *r, enum pattern_kind kind, struct bytes text)
{
	struct buf key;

	if (!text.n || text.n > PATTERN_MAX)
		return NULL;
	buf_init(&key, PATTERN_MAX + 1);
	const struct route *head = map_get(&r->exact, put_key(&key, kind, text));
	buf_fini(&key);
	return head;
}

static void take_kind(struct walk *w, const struct routes *r, enum pattern_kind kind, struct bytes text)
{
	if (!text.n)
		return;
	take(w, find_exact(r, kind, text));
	for (size_t i = 0; i < r->n_open && !w->is_over; i++)
		if (r->open[i]->pattern.kind == kind && pattern_matches(&r->open[i]->pattern, text))
			take(w, r->open[i]);
}

void routes_find(const struct routes *r, const struct route_ask *ask, struct route_answer *out)
{
	struct walk w = { .ask = ask, .out = out };

	*out = (struct route_answer){ 0 };
	take_kind(&w, r, PATTERN_USER, ask->user);
	take_kind(&w, r, PATTERN_DOMAIN, ask->host);
}
