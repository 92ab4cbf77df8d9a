/* client.h - ghsh's end of the operator's socket (run/oper.h). Blocking, with one exception: while
 * an answer is awaited, SIGINT sends ABORT. */
#ifndef SHELL_CLIENT_H
#define SHELL_CLIENT_H

#include "base/buf.h"
#include "base/wire.h"
#include "run/oper.h"
#include "run/words.h"

struct client {
	int fd;
	struct buf in, out;
	size_t consumed; /* of the frame that was given out last */
	unsigned changes; /* in the candidate, after the last DONE */
};

/* A line on its way: typed words, some replaced by contents. */
struct client_line {
	struct bytes v[WORDS_MAX + 1];
	uint8_t kinds[WORDS_MAX + 1];
	size_t n;
};

struct client_login {
	const char *name;
	struct bytes password, fresh, code;
	bool is_new; /* LOGIN_NEW: with fresh */
};

/* Connects. A negative error; errno tells more for ERR_SYS. */
int client_open(struct client *c, const char *path);
/* Frames out; the answer is the caller's to read. */
int client_hello(struct client *c, enum oper_role role);
int client_login(struct client *c, const struct client_login *l);
void client_close(struct client *c);
int client_ask(struct client *c, const struct client_line *line);
int client_complete(struct client *c, const struct bytes *words, size_t n);
/* Next frame; w is set behind its type. Waits at most wait_ms (-1: for ever): ERR_TIMEOUT.
 * ERR_CLOSED: gh-conf has gone. The view is valid until the next call. */
int client_next(struct client *c, int wait_ms, enum oper_frame *type, struct wire *w);

/* While on, SIGINT aborts the command instead of ending ghsh. */
void client_catch_interrupt(bool is_on);

#endif
