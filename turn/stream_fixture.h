/* turn/stream_fixture.h - a worker with a TCP and a TLS door on the loopback and an engine that notes what it hears,
 * on the virtual clock; for tests. Its parts of server.h and worker.h are in stream_fixture.c. */
#ifndef TURN_STREAM_FIXTURE_H
#define TURN_STREAM_FIXTURE_H

#include "conf.h"
#include "stream_impl.h"

enum { FIXTURE_HEARD_MAX = 64, FIXTURE_BYTES = 65536 };
enum { FIXTURE_TCP, FIXTURE_TLS }; /* numbers of the doors */

struct fixture {
	struct worker w;
	struct turn_settings conf;
	uint16_t port[2];
	/* what the engine heard */
	unsigned n_heard, n_gone, n_refused;
	struct turn_path from, gone; /* the last ones */
	size_t sizes[FIXTURE_HEARD_MAX];
	uint8_t heard[FIXTURE_BYTES]; /* the last one */
	char why[128];
	/* what it does */
	bool has_allocation;
	void (*on_heard)(struct fixture *f);
};

struct fixture *fixture_open(void);
void fixture_close(void);
/* A client's socket from 127.0.0.n, non-blocking. */
int fixture_connect(struct fixture *f, int door, uint8_t n);
void fixture_turns(struct fixture *f); /* all that is under way arrives */
void fixture_say(struct fixture *f, int fd, const void *p, size_t n);
/* All that has come to the client since; -1: the server has closed. */
ssize_t fixture_read(struct fixture *f, int fd, uint8_t *out, size_t room);
bool fixture_is_closed(struct fixture *f, int fd);
/* A Binding request in out; returns its length. */
size_t fixture_binding(uint8_t out[static 20]);

#endif
