/* conn.h - one connection to an LDAP server: resolved, connected, in TLS (LDAPS, or StartTLS by RFC 4511 4.14), its certificate
 * proved, bound as the service; then questions go over it, as many at once as come. A connection for people's binds is not bound
 * as the service, and carries one bind at a time (RFC 4511 4.2.1). */
#ifndef DIR_CONN_H
#define DIR_CONN_H

#include "net/link.h"
#include "task.h"

enum conn_state { CONN_RESOLVE, CONN_CONNECT, CONN_STARTTLS, CONN_TLS, CONN_BIND, CONN_READY };

struct conn {
	struct list node;
	struct dir *dir;
	struct server *server;
	struct link link;
	struct dns_query *query;
	struct dns_addr_answer addrs;
	size_t addr_at;
	struct buf in;
	struct list tasks;
	unsigned n_tasks;
	struct loop_timer timer; /* of its set-up; then how long it may be idle */
	uint32_t last_id, setup_id;
	uint8_t state; /* enum conn_state */
	bool is_for_binds, is_gone;
	bool is_old; /* other settings count by now: no new question */
};

/* NULL without memory. */
struct conn *conn_new(struct dir *d, struct server *s, bool is_for_binds);
/* One that a question may go over now or when it is ready: to this server. NULL: none. */
struct conn *conn_find(struct dir *d, const struct server *s, bool is_for_binds);
unsigned conn_count_binders(const struct dir *d);
/* The task's question goes over it, now or when it is ready. */
void conn_take(struct conn *c, struct task *t);
/* The task's next page, or its first question. An error: it could not be sent. */
int conn_ask(struct conn *c, struct task *t);
/* The task is over or goes elsewhere; a bind that is under way takes the connection along. */
void conn_drop(struct conn *c, struct task *t);
/* It failed; its tasks go to other servers. */
void conn_fail(struct conn *c, const char *step, int rc, const char *words);
/* Other settings count now: connections end, and their tasks begin again with the servers of now. */
void conns_renew(struct dir *d);
void conns_close(struct dir *d);
void conns_sweep(struct dir *d);

#endif
