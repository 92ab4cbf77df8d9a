/* oper.h - operators at the socket: one connection, one candidate, one command at a time
 * (run/oper.h has the frames). Commands answer through these calls. */
#ifndef CONF_OPER_H
#define CONF_OPER_H

#include "base/buf.h"
#include "command.h"
#include "login.h"
#include "keyring.h"
#include "rows.h"
#include "run/loop.h"

#include <sys/types.h>

/* One answer may queue 32 MiB before its reader is given up. Who has not logged in, and the accounts, leave
 * OPERS_CONSOLE places for the console. */
enum { OPERS_MAX = 64, OPERS_CONSOLE = 16, OPERS_STRANGERS = 16, OPER_QUEUE_MAX = 32 << 20, OPER_TOLD_WORDS = 4 };

/* Who is at the other end? */
enum oper_way {
	OPER_WAY_CONSOLE, /* root, the owner of the box or the appliance's console at ghsh.sock, by the kernel's word */
	OPER_WAY_LOCAL,   /* another user at ghsh.sock: has to log in */
	OPER_WAY_HANDED,  /* a pair that another program handed over: has to log in */
};

struct metrics;
struct oper;
/* A command that goes on over many turns, with files in pieces. */
struct oper_work {
	/* The PIECE that oper_want asked for; rc: the person's side could not read it. */
	void (*piece)(struct conf *c, struct oper *o, int rc, uint64_t offset, struct bytes content);
	/* What was queued for the operator has left. */
	void (*drained)(struct conf *c, struct oper *o);
	/* The operator stops it, or has gone: nothing more is answered by the work itself. */
	void (*stop)(struct conf *c, struct oper *o);
};

struct oper {
	struct list node;
	struct conf *conf;
	uint64_t id;
	struct loop_watch watch;
	struct loop_defer sweep; /* closes it after the callbacks */
	struct buf in, out;
	enum oper_way way;
	enum prog through;       /* OPER_WAY_HANDED: the program that did */
	uint64_t number;         /* OPER_WAY_HANDED: the other program's number for it */
	uint64_t like;           /* number of the one that this is a further connection of, and ends with; 0: none */
	const char *const *monitors; /* it is nobody's and may ask only these rows, NULL after the last (handed.c); NULL: somebody's */
	unsigned uid; /* of OPER_WAY_LOCAL */
	bool is_known;           /* it may ask: as the console, or as an account after its login */
	enum oper_role role;     /* of who is known */
	enum oper_role wanted;   /* by HELLO: not more than this role may */
	char by[64];             /* "root", "uid 1000", an account's name: for audit and history */
	char source[ACCOUNT_FROM_BYTES]; /* "console", "uid 1000", an address */
	char account[OPER_NAME_MAX + 1]; /* "": none */
	bool is_limited;         /* its role demands a one-time code and the account has none: it may set one up, no more */
	struct login login;
	struct loop_timer timer; /* an end without a login, or of an account that is idle */
	uint64_t since_ms;       /* of its login, or when the console came: wall clock */
	uint64_t active_ms;      /* last frame */
	struct rows base, candidate; /* candidate began as base; empty both without one */
	bool has_candidate;
	/* While a command commits a change of its own (classic.h): the candidate of the person. */
	struct oper_aside {
		bool is_on, has_candidate;
		struct rows base, candidate;
	} aside;
	uint64_t told_words[OPER_TOLD_WORDS]; /* bits: classic words whose native text has been told */
	struct oper_certs {      /* classic certs under way (classic_certs.c) */
		const struct command *cmd;
		char name[64], domain[256]; /* of the certificate; it is for, or "": for the web administration */
		size_t key_word;
		bool is_key_named; /* it may be one of gh-keys */
	} certs;
	struct keyring keys;     /* while a check or commit waits for gh-keys */
	unsigned commit_minutes; /* of that commit; 0: for good */
	bool is_busy;    /* a command has not answered yet: frames wait */
	bool is_closing;
	const struct oper_work *work; /* until oper_done */
	bool is_piece_wanted;
	bool had_secret; /* in the line that is under way */
	size_t next_word; /* of that line: where a secret goes that turns out to be needed */
	struct oper_capture {
		uint32_t ticket; /* CAPTURE_OPEN under way; 0: none */
		bool is_foreground;
		char interface[16], words[1001], file[64];
		uint64_t offset;
		size_t part;     /* bytes of the last one */
		bool is_waiting; /* for the operator to take it */
	} capture;
	struct oper_compliance {
		uint32_t ticket; /* of the export under way */
		char file[64];
		size_t part;     /* bytes of the last one */
		bool has_more, is_waiting; /* waiting: for the operator to take it */
	} compliance;
	struct metrics *metrics; /* while show metrics gathers them; else NULL */
	size_t frame_at, count_at;
	uint16_t n_pairs;
};

/* Takes over a descriptor: a connection at ghsh.sock (is_unix: the kernel says whose it is), or one end of a pair that
 * another program handed over, whose people come from `source` (an address as text). NULL: refused, and closed. */
struct oper *oper_accept(struct conf *c, int fd, bool is_unix, const char *source);
void oper_close_all(struct conf *c);
/* Ends a connection, after what it has been told has gone out if that goes at once. */
void oper_evict(struct oper *o, const char *why);
/* It is this account from now on, within what HELLO wanted. */
void oper_become(struct oper *o, const struct account *a);
void oper_banner(struct oper *o, enum oper_banner when);
/* NULL when the operator has gone. */
struct oper *oper_of(struct conf *c, uint64_t id);

/* ---- answering ---- */
void oper_record_begin(struct oper *o);
void oper_record_bytes(struct oper *o, const char *key, struct bytes value);
void oper_record_str(struct oper *o, const char *key, const char *value);
void oper_record_int(struct oper *o, const char *key, int64_t value);
void oper_record_end(struct oper *o);
void oper_text(struct oper *o, struct bytes text);
void oper_note(struct oper *o, const char *text);
void oper_need(struct oper *o, enum oper_need what, size_t word, const char *text);
void oper_candidate(struct oper *o, const char *word, const char *help);
/* A file for the person, or with the same name a further piece of it. name: without a slash and a leading dot. A large one: look at
 * oper_pending before the next piece. */
void oper_file(struct oper *o, const char *name, struct bytes content);
/* Asks for a piece of the file that the word at `word` names; work->piece follows. */
void oper_want(struct oper *o, size_t word, uint64_t offset);
/* Bytes that the operator has not taken yet. */
size_t oper_pending(const struct oper *o);
/* Ends the answer; the next frame is read. */
void oper_done(struct oper *o, int rc, const char *text);

/* ---- the candidate ---- */
/* Begins one from the running settings when there is none. ERR_NOMEM, ERR_LIMIT. */
int oper_begin(struct oper *o);
/* The candidate, or what runs. */
const struct rows *oper_rows(const struct oper *o);
void oper_discard(struct oper *o);
/* Until the answer ends (oper_done, oper_need) the operator has no candidate; then his own is back, on top of what runs by then. */
void oper_put_aside(struct oper *o);
/* The operator decides again about path and what is below it, knowing what runs now: only changes of
 * others from now on are in conflict with that. Empty path: about all. There is a candidate. */
int oper_decide(struct oper *o, struct bytes path);
/* Changes of others since the candidate began are taken in; nothing to do without one. ERR_EXISTS: both
 * changed the same setting, *why names it. */
int oper_rebase(struct oper *o, char why[static 512]);

#endif
