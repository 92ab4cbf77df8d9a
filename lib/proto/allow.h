/* proto/allow.h - the allow list of the HTTP reverse proxy (mra.md M-15): which web services inside people outside reach, and by
 * which rules. A site is a name that people outside ask for; a rule is a URL at a site, whole or as a beginning, and methods.
 * Of the rules that fit the longest counts, and its methods decide. What no rule fits is refused.
 *
 * A path is normalised once, here, before it is compared, and what was compared is what is sent: no second reader can find another
 * place in it. Pure. */
#ifndef PROTO_ALLOW_H
#define PROTO_ALLOW_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	ALLOW_RULES_MAX = 1000,
	ALLOW_SITES_MAX = 64,
	ALLOW_PATH_MAX = 2048,
	ALLOW_HOST_MAX = 253,
	ALLOW_URL_MAX = 2400,
	ALLOW_WORD_MAX = 63,  /* a deployment, a key */
	ALLOW_NOTE_MAX = 255, /* a description */
};

/* ---- paths (RFC 3986 6.2.2) ---- */
/* Appends the normal form of a path: unreserved characters are decoded, others encoded in capitals, "." and ".." resolved, slashes
 * single. ERR_SYNTAX with *why (static text): encoded or raw backslash, ';', '%', encoded slash, control characters, bytes that are
 * not UTF-8, characters that are no path's, ".." above the root. ERR_LIMIT. */
int allow_path(struct bytes path, struct buf *out, const char **why);

/* ---- URLs ---- */
struct allow_url {
	char host[ALLOW_HOST_MAX + 1]; /* lower case, A-labels */
	uint16_t port;
	struct buf path; /* normal */
};
/* "https://host[:port]/path"; a query is looked at and left out. ERR_SYNTAX with *why. allow_url_fini in either case. */
int allow_url_parse(struct bytes url, struct allow_url *out, const char **why);
void allow_url_fini(struct allow_url *u);
/* A Host field into name and port (443 where it says none). ERR_SYNTAX. */
int allow_host(struct bytes host, char out[static ALLOW_HOST_MAX + 1], uint16_t *port);

/* ---- methods ---- */
/* One bit for each that may be in a rule; 0: none of them. */
unsigned allow_method(struct bytes method);
/* "GET,HEAD" or "GET HEAD"; empty: GET, HEAD, OPTIONS. ERR_SYNTAX. */
int allow_methods(struct bytes text, unsigned *out);
/* "GET,HEAD" */
void allow_put_methods(struct buf *out, unsigned methods, const char *between);

/* ---- the list ---- */
struct allow_rule {
	struct bytes name; /* of its settings */
	struct bytes url, deployment, description;
	struct bytes host, path;
	uint16_t port;
	uint16_t methods;
	bool is_exact;
};
struct allow_site {
	struct bytes key; /* of its settings */
	struct bytes host, deployment;
};
struct allow_list {
	struct arena arena; /* what the views are of */
	struct allow_rule *rules;
	struct allow_site sites[ALLOW_SITES_MAX];
	size_t n_rules, n_sites;
};

void allow_init(struct allow_list *l);
void allow_fini(struct allow_list *l);

/* A rule as text: of a CSV row, of settings. */
struct allow_words {
	struct bytes name, url, deployment, methods, match, description;
};
/* ERR_SYNTAX with *why; ERR_EXISTS: there is one of the same URL, match and deployment; ERR_LIMIT; ERR_NOMEM. */
int allow_add_rule(struct allow_list *l, const struct allow_words *w, const char **why);
/* host: a name that people outside ask for. ERR_SYNTAX, ERR_EXISTS, ERR_LIMIT, ERR_NOMEM. */
int allow_add_site(struct allow_list *l, struct bytes key, struct bytes host, struct bytes deployment);
/* NULL: there is none of this name. */
const struct allow_site *allow_site_of(const struct allow_list *l, const char *host);

enum allow_verdict { ALLOW_YES, ALLOW_NO_SITE, ALLOW_NO_RULE, ALLOW_NO_METHOD };
struct allow_answer {
	enum allow_verdict verdict;
	const struct allow_site *site; /* NULL: ALLOW_NO_SITE */
	const struct allow_rule *rule; /* that decided; NULL: none fits */
};
/* path: normal. */
void allow_judge(const struct allow_list *l, const char *host, uint16_t port, struct bytes method, struct bytes path,
                 struct allow_answer *out);
const char *allow_verdict_text(enum allow_verdict v);

/* ---- CSV (RFC 4180) ---- */
enum { ALLOW_CSV_MAX = 1 << 20, ALLOW_CSV_ROWS_MAX = 10000 };
struct allow_error {
	unsigned line;
	const char *why; /* static text */
};
/* Url,Deployment,HttpMethods,MatchType,Description: by the names in the first row, in any order; only Url must be there. fn: what it
 * does not return 0 for ends the reading, with *why of its own. Views are valid during the call. */
typedef int (*allow_rule_fn)(void *arg, const struct allow_words *w, const char **why);
int allow_read_rules(struct bytes csv, allow_rule_fn fn, void *arg, struct allow_error *error);
void allow_write_head(struct buf *out);
void allow_write_rule(struct buf *out, const struct allow_rule *r);

/* Url,ExpectedResult,Deployment,Description,HttpMethod: what an administrator wants to hold. */
struct allow_test {
	struct bytes url, deployment, description, method;
	bool is_allowed; /* expected: allow, not block */
	unsigned line;
};
typedef int (*allow_test_fn)(void *arg, const struct allow_test *t, const char **why);
int allow_read_tests(struct bytes csv, allow_test_fn fn, void *arg, struct allow_error *error);
/* As the front would judge a request. *why: static text. deployment: that the site must have; empty: any. */
bool allow_try(const struct allow_list *l, struct bytes url, struct bytes method, struct bytes deployment, struct allow_answer *out,
               const char **why);

#endif
