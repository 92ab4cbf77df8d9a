/* api.h - the REST API under /api/v1: what its rows share. */
#ifndef ADMIN_API_H
#define ADMIN_API_H

#include "conn.h"
#include "session.h"

struct api_row;
typedef void (*api_fn)(struct conn *c, struct session *s, const struct api_row *row);
struct api_row {
	enum http1_method method;
	const char *path;  /* below /api/v1, segments with '/' between; "..." at the end takes any further */
	const char *words; /* what is asked of gh-conf; further segments and members of the body follow */
	api_fn fn;
	bool is_open; /* without a session */
	const char *help;
};

extern const struct api_row api_table[];
extern const size_t api_count;

/* A request whose first segments are "api", "v1". */
void api_route(struct conn *c);

/* api_schema.c: every setting, as JSON. */
void api_schema(struct conn *c, struct session *s, const struct api_row *row);

#endif
