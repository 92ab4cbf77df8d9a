/* net/link_fixture.h - two links joined by a socket pair, for tests: what each was told. */
#ifndef NET_LINK_FIXTURE_H
#define NET_LINK_FIXTURE_H

#include "net/link.h"

struct end {
	struct link link;
	struct buf in;
	bool is_connected, is_secured, is_closed, has_ended;
	unsigned n_drained, n_data;
	int why;
	bool pause_on_data;
};

struct pair {
	struct loop *loop;
	struct end server, client;
};

extern const struct link_owner end_owner;
extern const struct link_owner half_owner; /* wants to know when half of it ends */
void end_init(struct end *e);
/* Both in clear. */
void pair_open(struct pair *p, struct loop *l, uint32_t queue_max);
void pair_close(struct pair *p);
/* Turns the loop until *what or two seconds of turns have passed; says whether it came. */
bool pair_until(struct loop *l, const bool *what);
void pair_turns(struct loop *l, unsigned n);
/* Starts TLS on both; true when both are secured. */
bool pair_secure(struct pair *p, struct tls *server, struct tls *client);

#endif
