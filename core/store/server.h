/* server.h - the PostgreSQL server that gh-store keeps its data on: resolved, dialled beside other work, and dialled again until it is there.
 * Once it is, the program gives up the network (run/fence.h): when the connection is lost, the program ends and begins anew. */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include "db/postgresql.h"
#include "net/dns.h"
#include "run/loop.h"
#include "run/settings.h"

enum { STORE_SQLITE }; /* the first of `store engine`; the other is a server */
#define STORE_ANCHORS_FILE "anchors.pem" /* in the program's own folder */
#define STORE_REVOKED_FILE "revoked.pem"

struct server {
	struct loop *loop;
	struct dns *dns;
	const struct settings *settings; /* in force; NULL: SQLite */
	int system_anchors; /* a descriptor; -1 */
	struct dns_query *query;
	struct dns_addr_answer addrs;
	size_t addr_at;
	char host[256];
	uint16_t port;
	struct db_dial *dial;
	struct loop_watch watch;
	struct loop_timer timer; /* of an attempt, or until the next */
	struct db *db;
	bool is_failing; /* and it was said */
	unsigned failures;
	char why[DB_WHY_BYTES];
	void (*ready)(void *arg, struct db *d);
	void *arg;
};

/* ready: once, when the database is there and brought to our schema; from then on it is the caller's. ERR_NOMEM. */
int server_init(struct server *s, struct loop *loop, void (*ready)(void *arg, struct db *d), void *arg);
/* Begins, or goes on with other settings: dialling, if it is not there yet. */
void server_use(struct server *s, const struct settings *settings);
void server_fini(struct server *s);
/* The files of whom to trust, as the settings say (server_trust.c). system: a descriptor of the public authorities, or -1. *revoked: is there
 * a file of revocation lists? ERR_IO. */
int server_write_trust(const struct settings *settings, int system, bool *revoked);
/* Before the fence. A descriptor, -1: there are none. */
int server_open_system_anchors(void);
/* Does b want another store? Of a server that is not used nothing matters. */
bool server_settings_differ(const struct settings *a, const struct settings *b);

#endif
