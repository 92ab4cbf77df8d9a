/* admin_play.h - for tests: gh-admin between HTTP clients in clear on socket pairs and a gh-conf that the test plays, on a
 * virtual clock. */
#ifndef ADMIN_ADMIN_PLAY_H
#define ADMIN_ADMIN_PLAY_H

#include "base/buf.h"
#include "conn.h"
#include "run/bus.h"
#include "session.h"

struct play {
	struct loop *loop;
	struct bus *bus, *conf_bus;
	struct admin admin;
	int pairs[16];           /* ends that gh-conf was handed, in order */
	uint64_t numbers[16], likes[16];
	unsigned n_pairs;
};

/* False: it cannot be set up. */
bool play_open(struct play *p);
void play_close(struct play *p);
/* A client's end; -1: refused. */
int play_client(struct play *p);
/* Lets everything happen that happens now, and in the next ms. */
void play_run(struct play *p, uint64_t ms);
/* A frame to, and the next frame from, the operator's end number i. type 0: none came. */
void play_put(struct play *p, unsigned i, enum oper_frame type, struct bytes body);
unsigned play_take(struct play *p, unsigned i, struct buf *body);
/* DONE with this code and text. */
void play_done(struct play *p, unsigned i, int rc, const char *text);
/* All that has come for the client is added to out; false: the connection has ended. */
bool play_read(struct play *p, int client, struct buf *out);

#endif
