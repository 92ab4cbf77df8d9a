/* hasher.h - scrypt in a second process, so that the loop goes on: one job at a time, a bounded queue, and few places in it
 * for one source, so that a stranger cannot fill it. */
#ifndef CONF_HASHER_H
#define CONF_HASHER_H

#include "base/list.h"
#include "run/loop.h"
#include "run/oper.h"
#include "scrypt.h"

enum { HASHER_QUEUE_MAX = 16, HASHER_SOURCE_MAX = 3, HASHER_SOURCE_BYTES = 64 };

struct hash_job;
/* rc 0: hash is right for the job's salt. The job is free again: fn may start it anew. */
typedef void (*hash_fn)(struct hash_job *job, int rc, const uint8_t hash[static SCRYPT_HASH_BYTES]);

/* Lies in its owner; may be cancelled at any time. */
struct hash_job {
	struct list node; /* in the queue */
	hash_fn fn;
	struct scrypt scrypt;
	char source[HASHER_SOURCE_BYTES];
	uint8_t password[OPER_PASSWORD_MAX]; /* wiped when it has been sent or cancelled */
	size_t password_n;
};

struct hasher {
	struct loop *loop;
	struct loop_watch watch;
	struct list queue;
	size_t n_queued;
	bool is_at_work;
	struct hash_job *current; /* NULL at work: it was cancelled */
	void (*lost)(void *arg);  /* the second process has gone */
	void *arg;
};

/* The second process (proc_fork_helper): until the pair's end. */
void hasher_work(int fd);
/* One job of it; false at the end. */
bool hasher_work_once(int fd);

/* fd: the pair's end; taken over. ERR_NOMEM, ERR_SYS. */
int hasher_init(struct hasher *h, struct loop *l, int fd, void (*lost)(void *arg), void *arg);
void hasher_fini(struct hasher *h);
/* scrypt and source of the job are set, and it is not under way. fn is called later, never from here.
 * ERR_FULL: too many wait, or too many of this source. ERR_LIMIT: the password is too long. */
int hasher_start(struct hasher *h, struct hash_job *job, struct bytes password, hash_fn fn);
/* Harmless when it is not under way. */
void hasher_cancel(struct hasher *h, struct hash_job *job);

#endif
