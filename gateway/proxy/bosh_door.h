/* gateway/proxy/bosh_door.h - BOSH (XEP-0124, XEP-0206) at the door: requests of connections, sessions that outlive these, and each session's
 * pair to gh-access. What a session does is in bosh.h. */
#ifndef PROXY_BOSH_DOOR_H
#define PROXY_BOSH_DOOR_H

#include "bosh.h"
#include "proxy.h"

#include "net/link.h"
#include "proto/http1.h"

struct exchange;
struct bosh_ask; /* a request whose answer is to come: exchange.bosh */

struct bosh_session {
	struct list node;
	struct proxy *proxy;
	struct bosh bosh;
	struct link access;
	struct loop_timer timer;
	struct loop_defer look; /* behind each thing that happens to it */
	struct address_count *address;
	struct peer_address peer; /* of who asked for it */
	const char *content; /* type of its answers */
	char tls[16];
	uint64_t id, opened_ms, last_in_ms;
	bool has_access, is_gone;
};

/* The head of a POST has come. ERR_NOMEM; ERR_LIMIT: too many bodies are on their way. */
int bosh_begin(struct exchange *x, const struct http1_request *q);
/* Bytes of its body. False: refused, and nothing more is to be read. */
bool bosh_body_came(struct exchange *x, struct bytes piece);
/* It is whole. */
void bosh_ended(struct exchange *x);
/* Is the answer to come? Then nothing more is read of it. */
bool bosh_is_waiting(const struct exchange *x);
/* The client has gone. bosh_ask_free: when its memory goes. */
void bosh_exchange_gone(struct exchange *x);
void bosh_ask_free(struct exchange *x);

/* Ends one, or all; who is there hears the condition. */
void bosh_session_end(struct bosh_session *s, enum bosh_condition condition);
void bosh_end_all(struct proxy *p, enum bosh_condition condition);
/* Frees those that are gone, at the end of the turn. */
void bosh_sweep(struct proxy *p);

#endif
