/* hail.h - the receiving server's questions (XEP-0220 2.3): a peer has shown a dialback key on one
 * connection, and its own domain's server is asked about it on another. */
#ifndef S2S_HAIL_H
#define S2S_HAIL_H

#include "conn.h"

enum { HAIL_PER_PEER_MAX = 64 };

/* One question. It waits in peer->verifies until it is answered. */
struct hail {
	struct list node;
	uint64_t from_conn; /* who wants to know */
	uint64_t on_conn;   /* where it was asked; 0: not yet */
	char *local, *remote, *id, *key;
};

/* c's stream wants a key checked (ACT_VERIFY). */
void hail_ask(struct conn *c, const struct stream_act *a);
/* c can carry questions now: sends those that wait for its domain. */
void hail_send(struct conn *c);
/* An answer came (ACT_VERIFIED). */
void hail_answer(struct conn *c, const struct stream_act *a);
/* c is gone, or could not be made: what was asked there fails; what waits for it too. */
void hail_lost(struct conn *c, int rc);
/* What waits for a connection to this peer will not get one. */
void hail_refuse(struct s2s *s, struct peer *p, int rc);
void hail_free_all(struct peer *p);

#endif
