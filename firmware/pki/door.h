/* door.h - where an authority looks whether a name leads here: http-01 (RFC 8555 8.3) and tls-alpn-01 (RFC 8737). One proof at
 * a time; everybody else is told that there is nothing. Strangers come here: few at once, few of one address, none for long,
 * no request body, one answer a connection. */
#ifndef PKI_DOOR_H
#define PKI_DOOR_H

#include "net/address.h"
#include "net/tls.h"
#include "run/acceptor.h"
#include "run/bus.h"
#include "run/stats.h"

enum { DOOR_CONNS_MAX = 64, DOOR_CONNS_ADDRESS = 8, DOOR_MS = 10000, DOOR_ANSWER_MAX = 192 };
enum door_stat { DOOR_ACCEPTED, DOOR_REFUSED, DOOR_ANSWERED, DOOR_NOT_FOUND, DOOR_TIMEOUT, DOOR_STAT_COUNT };

struct door {
	struct loop *loop;
	struct bus *bus;
	struct acceptor acceptor;
	struct list conns, gone;
	unsigned n_conns;
	struct loop_defer sweep;
	struct address_table addresses;
	char token[129], answer[DOOR_ANSWER_MAX]; /* of http-01; "" none */
	struct tls_store *proof;                  /* of tls-alpn-01; NULL: none */
	struct stats stats;
	uint64_t counts[DOOR_STAT_COUNT];
};

void door_init(struct door *d, struct loop *l, struct bus *b);
void door_fini(struct door *d);
void door_listener(struct door *d, const char *name, const char *addr, uint16_t port, int fd);
/* From now on this is proved, in place of what was before; gh-admin is told of an http-01 one. */
void door_prove_http(struct door *d, const char *token, const char *answer);
/* ERR_NOMEM. */
int door_prove_tls(struct door *d, const char *name, const char *answer);
void door_forget(struct door *d);
/* gh-admin has come (back). */
void door_tell_admin(struct door *d);

#endif
