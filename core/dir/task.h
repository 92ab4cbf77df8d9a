/* task.h - one question to the directory: asked of the first server that is there, and of the next when that one fails or takes too
 * long (B-LDX-06), each within its time. A question is a search, or a bind by which a person's password is checked. */
#ifndef DIR_TASK_H
#define DIR_TASK_H

#include "dir.h"

struct conn;

struct task {
	struct list node; /* in its connection's tasks, or in dir->waiting */
	struct dir *dir;
	struct conn *conn; /* NULL: over, or waits for one */
	/* What is asked; all of it stays the owner's and as it is until the task is over. */
	const struct ldap_search *search; /* NULL: a bind */
	struct bytes dn;
	const struct secret *password;
	uint32_t patience_ms; /* for each server, and of a search in pages for each page */
	/* From the start again, of another server: what `entry` gave does not count. */
	void (*again)(void *arg);
	/* An entry; valid during the call. NULL for binds. May stop the task. */
	void (*entry)(void *arg, const struct ldap_answer *a);
	/* The last word, never from inside task_start. rc 0: code is the server's result (enum ldap_code). ERR_AUTH: the service's own
	 * password is refused. ERR_TIMEOUT, ERR_CLOSED...: no server could say. */
	void (*done)(void *arg, int rc, uint32_t code);
	void *arg;
	/* inside */
	uint32_t id;
	bool is_sent, is_active;
	unsigned tried; /* servers, a bit each */
	int why;        /* the last one failed so */
	struct buf cookie; /* of the next page */
	struct loop_timer timer;
};

/* The owner embeds it, zeroed, with what is asked and the callbacks set. */
void task_start(struct dir *d, struct task *t);
/* Forgets it; done is not called. Harmless when over. */
void task_stop(struct task *t);

/* ---- for conn.c ---- */
/* Its connection has failed. */
void task_lost(struct task *t, int why);
/* It waited for a connection, and there may be one. */
void task_resume(struct task *t);
/* One more answer to it. */
void task_answer(struct task *t, const struct ldap_answer *a);

#endif
