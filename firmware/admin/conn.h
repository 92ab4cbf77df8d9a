/* conn.h - one HTTP connection: a link, a reader, one request at a time and its answer. */
#ifndef ADMIN_CONN_H
#define ADMIN_CONN_H

#include "admin.h"

#include "net/link.h"
#include "proto/http1.h"

enum {
	CONN_BODY_MAX = 8 << 20,        /* of operators */
	CONN_BODY_STRANGER_MAX = 8192,  /* of those who have not logged in */
	CONN_QUEUE_MAX = 40 << 20,      /* one answer of gh-conf and more */
	CONN_HIGH_WATER = 1 << 20,      /* beyond that an answer pauses */
};

/* What is kept of a request while it is read and answered. */
struct request {
	struct http1_path path;
	enum http1_method method;
	struct buf text;         /* what the views below point into */
	struct bytes raw_path, query, host, authorization, cookie, csrf, content_type, accept, if_none_match, origin;
	bool is_minor_0, is_kept, takes_gzip;
	bool is_background;      /* a page asks by itself: that keeps no session alive */
	struct buf body;
};

/* Whoever makes an answer over more than one turn. */
struct conn;
struct conn_work {
	void (*gone)(void *work);    /* the connection has ended: forget it */
	void (*drained)(void *work); /* the client has taken what was queued; optional */
};

struct conn {
	struct list node;
	struct admin *admin;
	struct link link;
	struct http1_reader reader;
	struct request request;
	struct loop_timer timer;
	struct loop_defer again;  /* reads on */
	struct peer_address peer;
	struct address_count *address;
	const struct conn_work *work;
	void *work_arg;
	bool is_redirect, is_gone;
	bool is_answering; /* between the whole request and the end of its answer */
	bool is_body_dropped; /* it has been answered before its body was read */
	bool is_ending;    /* closes after the answer */
	bool is_chunked;   /* the answer */
};

extern const char conn_tls_name[];

/* Takes over an accepted descriptor; closes it on failure. ERR_LIMIT, ERR_NOMEM. */
int conn_open(struct admin *a, int fd, const struct sockaddr *from, bool is_redirect);
/* Closes at once. reason: for the log. */
void conn_drop(struct conn *c, const char *reason);
void conn_sweep(struct admin *a);
void conn_drop_all(struct admin *a);

/* ---- answering; one answer a request ---- */
/* A further field for the answer that begins next: put before respond or begin. */
struct conn_fields {
	struct {
		const char *name;
		struct bytes value;
	} v[8];
	size_t n;
};
void conn_field(struct conn_fields *f, const char *name, const char *value);
/* A whole answer. type NULL: no body. fields may be NULL. */
void conn_respond(struct conn *c, int status, const char *type, struct bytes body, const struct conn_fields *fields);
/* RFC 9457. code: our word for the cause; detail names the place. */
void conn_problem(struct conn *c, int status, const char *code, const char *detail);
/* The same as a JSON object, appended. */
void problem_put(struct buf *out, struct conn *c, int status, const char *code, struct bytes detail);
/* An answer piece by piece. */
void conn_begin(struct conn *c, int status, const char *type);
void conn_put(struct conn *c, struct bytes b);
void conn_end(struct conn *c);
/* Somebody works on the answer. */
void conn_set_work(struct conn *c, const struct conn_work *w, void *arg);

/* route.c: a whole request is there. */
void route_request(struct conn *c);
/* metrics.c: GET /metrics. */
void metrics_route(struct conn *c);
/* Before the body: may it be so long, may it come at all? Answers and gives false when not. */
bool route_admit(struct conn *c, const struct http1_request *q);

#endif
