/* gateway/proxy/web_pair.h - a pair of sockets to gh-publish, which carries one request after another of one client's connection
 * (proto/forward.h). It is never used for another client: what was told with it (whose address it is) stays true, and whatever goes
 * wrong in it, no client sees another's answer. One request at a time; between two it is idle and counts nowhere. */
#ifndef PROXY_WEB_PAIR_H
#define PROXY_WEB_PAIR_H

#include "net/link.h"
#include "proto/http1.h"

struct conn;
struct exchange;
struct proxy;

enum { WEB_PAIRS_IDLE_MAX = 8 }; /* of one connection: HTTP/2 asks for many things at once, and then for nothing */

struct web_pair {
	struct list node; /* conn.web_pairs; later proxy.gone_web_pairs */
	struct conn *conn;
	struct exchange *x; /* NULL: idle */
	struct link link;
	struct http1_reader answer;
	bool is_used; /* it has carried a request before: gh-publish may be closing it just now */
	bool is_gone;
};

/* A pair for x, whose published_* functions hear of it. may_be_used: an idle one will do. ERR_AGAIN: there is no gh-publish now.
 * ERR_NOMEM, ERR_SYS. */
int web_pair_take(struct exchange *x, bool may_be_used, struct web_pair **out);
/* x needs it no more. may_keep: request and answer are whole, and gh-publish goes on; else it is closed. */
void web_pair_leave(struct web_pair *w, bool may_keep);
/* The connection ends. */
void web_pair_close_all(struct conn *c);
/* At the end of the turn. */
void web_pair_sweep(struct proxy *p);

#endif
