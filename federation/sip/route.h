/* route.h - static routes (B-STR-01 to B-STR-15): from method and Request-URI to next hops, in the order to
 * try them. Pure.
 *
 * The most specific pattern that matches decides; users before domains, and of one pattern a row for the
 * method before one for all. Routes of one pattern go by priority, and by weight among equals (B-STR-09,
 * -10). Less specific patterns come behind, as long as every route before allows it (B-STR-11). A blocked
 * route ends the list (B-STR-12). */
#ifndef GSIP_ROUTE_H
#define GSIP_ROUTE_H

#include "base/buf.h"
#include "base/map.h"
#include "pattern.h"
#include "run/settings.h"

enum { ROUTES_SAME_MAX = 100, ROUTE_TEMPLATES_MAX = 5, ROUTE_TRIES_MAX = 32 };
enum route_protocol { ROUTE_TCP, ROUTE_UDP, ROUTE_TLS }; /* order of the setting's range */

struct route {
	struct bytes name;
	struct bytes text; /* of the pattern */
	struct pattern pattern;
	struct bytes method; /* empty: all */
	char hop[256];
	uint16_t port; /* 0: hop is the name of an SRV record (B-STR-06) */
	enum route_protocol protocol;
	uint32_t priority, weight;
	bool may_less_specific, is_in_service, is_blocked;
	const char *fault; /* NULL; or why the row is not used, for the operator. Static */
	bool is_refusable; /* fault: a commit must not bring it */
	struct route *same; /* the next with this pattern */
};

struct routes {
	struct route *v; /* by name */
	size_t n;
	struct route **open; /* patterns with wildcards, the most specific first */
	size_t n_open;
	struct map exact; /* first route of an exact pattern, by kind and text */
	struct buf keys;  /* of the map */
};

/* s must outlive the routes. Rows that cannot be used stay with their fault. ERR_NOMEM. */
int routes_init(struct routes *r, const struct settings *s);
void routes_fini(struct routes *r);
/* The first row that a commit must not bring: 0; or ERR_* with its path and what is wrong (static). Rows over
 * the limit for one pattern, or that fit no template, are not refused but not used (B-STR-02, -13). */
enum { ROUTE_PATH_BYTES = 320 };
int routes_check(const struct settings *s, char path[static ROUTE_PATH_BYTES], const char **why);

struct route_ask {
	struct bytes method, user, host; /* user without escapes */
	/* Uniform in 0..bound-1; for weights. */
	uint32_t (*random)(uint32_t bound);
};
struct route_answer {
	size_t n;
	const struct route *v[ROUTE_TRIES_MAX];
	const struct route *blocked_by; /* what matched and blocks; nothing stands behind it */
};
void routes_find(const struct routes *r, const struct route_ask *ask, struct route_answer *out);

#endif
