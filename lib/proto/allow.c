#include "proto/allow.h"

#include "base/err.h"
#include "base/text.h"

/* Rules and sites, and what they say of a request. */

enum { ARENA_MAX = 16 << 20 };

static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH" };
enum { METHODS = sizeof methods / sizeof methods[0], METHODS_USUAL = 1 << 0 | 1 << 1 | 1 << 2 };

unsigned allow_method(struct bytes method)
{
	for (unsigned i = 0; i < METHODS; i++)
		if (bytes_eq_str(method, methods[i]))
			return 1u << i;
	return 0;
}

int allow_methods(struct bytes text, unsigned *out)
{
	unsigned got = 0;

	while (text.n) {
		size_t n = 0;
		while (n < text.n && text.p[n] != ',' && text.p[n] != ' ')
			n++;
		unsigned one = allow_method(bytes_make(text.p, n));
		if (n && !one)
			return ERR_SYNTAX;
		got |= one;
		text = bytes_skip(text, n + 1);
	}
	*out = got ? got : METHODS_USUAL;
	return 0;
}

void allow_put_methods(struct buf *out, unsigned set, const char *between)
{
	bool is_first = true;

	for (unsigned i = 0; i < METHODS; i++) {
		if (!(set & 1u << i))
			continue;
		if (!is_first)
			buf_put_str(out, between);
		buf_put_str(out, methods[i]);
		is_first = false;
	}
}

void allow_init(struct allow_list *l)
{
	*l = (struct allow_list){ 0 };
	arena_init(&l->arena, ARENA_MAX);
}

void allow_fini(struct allow_list *l)
{
	arena_fini(&l->arena);
	*l = (struct allow_list){ 0 };
}

/* ---- rules ---- */

static bool is_text(struct bytes t, size_t max)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.p[i] < ' ' || t.p[i] == 0x7f)
			return false;
	return t.n <= max && text_is_utf8(t);
}

static int read_words(const struct allow_words *w, struct allow_rule *r, const char **why)
{
	unsigned set;

	if (allow_methods(w->methods, &set)) {
		*why = "the methods of a rule are GET, HEAD, OPTIONS, POST, PUT, DELETE, PATCH, with commas between";
		return ERR_SYNTAX;
	}
	if (w->match.n && !bytes_eq_nocase(w->match, BYTES("prefix")) && !bytes_eq_nocase(w->match, BYTES("exact"))) {
		*why = "a rule matches by prefix or exact";
		return ERR_SYNTAX;
	}
	if (!is_text(w->deployment, ALLOW_WORD_MAX) || !is_text(w->description, ALLOW_NOTE_MAX)) {
		*why = "a deployment is UTF-8 of 63 bytes at most, a description of 255";
		return ERR_SYNTAX;
	}
	r->methods = (uint16_t)set;
	r->is_exact = bytes_eq_nocase(w->match, BYTES("exact"));
	return 0;
}

static const struct allow_rule *same_as(const struct allow_list *l, const struct allow_rule *r)
{
	for (size_t i = 0; i < l->n_rules; i++) {
		const struct allow_rule *o = &l->rules[i];
		if (o->is_exact == r->is_exact && o->port == r->port && bytes_eq(o->host, r->host) && bytes_eq(o->path, r->path) &&
		    bytes_eq(o->deployment, r->deployment))
			return o;
	}
	return NULL;
}

static int keep_rule(struct allow_list *l, const struct allow_words *w, const struct allow_url *u, struct allow_rule *r, const char **why)
{
	r->host = bytes_of(u->host);
	r->path = buf_bytes(&u->path);
	r->port = u->port;
	r->deployment = w->deployment;
	if (same_as(l, r)) {
		*why = "there is another rule of the same URL, match and deployment";
		return ERR_EXISTS;
	}
	struct bytes *const texts[] = { &r->host, &r->path, &r->deployment, &r->name, &r->url, &r->description };
	r->name = w->name;
	r->url = w->url;
	r->description = w->description;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct bytes copy = arena_dup(&l->arena, *texts[i]);
		if (texts[i]->n && !copy.p)
			return ERR_NOMEM;
		*texts[i] = copy;
	}
	l->rules[l->n_rules++] = *r;
	return 0;
}

int allow_add_rule(struct allow_list *l, const struct allow_words *w, const char **why)
{
	struct allow_rule r = { .port = 0 };
	struct allow_url u;

	*why = "";
	if (l->n_rules == ALLOW_RULES_MAX) {
		*why = "there are more rules than 1000";
		return ERR_LIMIT;
	}
	if (!l->rules && !(l->rules = arena_alloc(&l->arena, ALLOW_RULES_MAX * sizeof *l->rules)))
		return ERR_NOMEM;
	int rc = allow_url_parse(w->url, &u, why);
	if (!rc && bytes_find(w->url, '?') < w->url.n) {
		*why = "a rule's URL has no query";
		rc = ERR_SYNTAX;
	}
	if (!rc)
		rc = read_words(w, &r, why);
	if (!rc)
		rc = keep_rule(l, w, &u, &r, why);
	allow_url_fini(&u);
	return rc;
}

/* ---- sites ---- */

int allow_add_site(struct allow_list *l, struct bytes key, struct bytes host, struct bytes deployment)
{
	char name[ALLOW_HOST_MAX + 1];
	uint16_t port;

	if (bytes_find(host, ':') < host.n || allow_host(host, name, &port))
		return ERR_SYNTAX;
	if (allow_site_of(l, name))
		return ERR_EXISTS;
	if (l->n_sites == ALLOW_SITES_MAX)
		return ERR_LIMIT;
	struct allow_site s = { arena_dup(&l->arena, key), arena_dup(&l->arena, bytes_of(name)), arena_dup(&l->arena, deployment) };
	if ((key.n && !s.key.p) || !s.host.p || (deployment.n && !s.deployment.p))
		return ERR_NOMEM;
	l->sites[l->n_sites++] = s;
	return 0;
}

const struct allow_site *allow_site_of(const struct allow_list *l, const char *host)
{
	for (size_t i = 0; i < l->n_sites; i++)
		if (bytes_eq_str(l->sites[i].host, host))
			return &l->sites[i];
	return NULL;
}

/* ---- a request ---- */

/* Whole segments: /wiki is the beginning of /wiki and of /wiki/a, not of /wikileaks. */
static bool fits(const struct allow_rule *r, struct bytes path)
{
	if (r->is_exact || !bytes_starts(path, r->path))
		return bytes_eq(path, r->path);
	return path.n == r->path.n || r->path.p[r->path.n - 1] == '/' || path.p[r->path.n] == '/';
}

/* Of two that fit: the longer path; then the one that is exact; then the one of the site's deployment. */
static bool is_better(const struct allow_rule *r, const struct allow_rule *than)
{
	if (!than || r->path.n != than->path.n)
		return !than || r->path.n > than->path.n;
	if (r->is_exact != than->is_exact)
		return r->is_exact;
	return r->deployment.n > 0 && than->deployment.n == 0;
}

void allow_judge(const struct allow_list *l, const char *host, uint16_t port, struct bytes method, struct bytes path, struct allow_answer *out)
{
	const struct allow_site *site = allow_site_of(l, host);
	const struct allow_rule *best = NULL;

	for (size_t i = 0; site && i < l->n_rules; i++) {
		const struct allow_rule *r = &l->rules[i];
		if (r->port == port && bytes_eq(r->host, site->host) && (r->deployment.n == 0 || bytes_eq(r->deployment, site->deployment)) &&
		    fits(r, path) && is_better(r, best))
			best = r;
	}
	*out = (struct allow_answer){ .site = site, .rule = best };
	out->verdict = !site                                     ? ALLOW_NO_SITE
	               : !best                                   ? ALLOW_NO_RULE
	               : best->methods & allow_method(method)    ? ALLOW_YES
	                                                         : ALLOW_NO_METHOD;
}

const char *allow_verdict_text(enum allow_verdict v)
{
	static const char *const texts[] = {
		[ALLOW_YES] = "a rule allows it",
		[ALLOW_NO_SITE] = "no target has this name",
		[ALLOW_NO_RULE] = "no rule is about this path",
		[ALLOW_NO_METHOD] = "the rule about this path does not have the method",
	};

	return texts[v];
}

bool allow_try(const struct allow_list *l, struct bytes url, struct bytes method, struct bytes deployment, struct allow_answer *out,
               const char **why)
{
	struct allow_url u;

	*out = (struct allow_answer){ .verdict = ALLOW_NO_RULE };
	int rc = allow_url_parse(url, &u, why);
	if (!rc) {
		allow_judge(l, u.host, u.port, method, buf_bytes(&u.path), out);
		*why = allow_verdict_text(out->verdict);
	}
	allow_url_fini(&u);
	if (rc || out->verdict != ALLOW_YES)
		return false;
	if (deployment.n && !bytes_eq(deployment, out->site->deployment)) {
		*why = "the target is of another deployment";
		return false;
	}
	return true;
}
