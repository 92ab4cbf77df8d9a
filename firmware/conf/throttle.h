/* throttle.h - how fast passwords may be tried. Waits grow for a pair of account and source (IPv6: its /64), and for a
 * source over all names; so a stranger who fails for an administrator's account delays himself. An account as a whole is
 * only ever slowed down a little, and not at all at the console and where it logged in the last time: nobody can lock an
 * administrator out.
 *
 * An attempt counts as failed from its beginning until it has succeeded, so parallel ones gain nothing. Names
 * that do not exist count like others. Bounded memory: the entry that was quiet the longest makes room. */
#ifndef CONF_THROTTLE_H
#define CONF_THROTTLE_H

#include "base/bytes.h"

enum {
	THROTTLE_ENTRIES = 1024,
	THROTTLE_SOURCE_FACTOR = 4,         /* a source may fail so many times more over all names */
	THROTTLE_ACCOUNT_TRIES = 30,        /* failures from all sources before an account is slowed down */
	THROTTLE_ACCOUNT_MAX_MS = 5000,
	THROTTLE_CONSOLE_MAX_MS = 10000,
};

struct throttle_entry {
	uint64_t key;  /* 0: free */
	uint64_t name; /* of the account; 0: none */
	uint32_t failures, serial; /* serial: of the attempt that was charged last */
	uint64_t last_ms, until_ms;
};

struct throttle {
	struct throttle_entry v[THROTTLE_ENTRIES];
	uint32_t serial;
	uint8_t secret[16]; /* so that nobody can choose names that meet */
};

/* All settings of one attempt. */
struct throttle_try {
	struct bytes name;
	const char *source; /* address text, "console", ... */
	bool is_console, is_usual; /* usual: this account's last login came from there */
	uint32_t tries;            /* failures that cost nothing */
	uint64_t longest_ms;       /* wait of a pair or source, and how long failures are remembered */
	uint32_t serials[3];       /* by throttle_begin: what throttle_undo takes back */
};

void throttle_init(struct throttle *t);
/* 0: go ahead; the attempt counts as failed until throttle_passed. Otherwise milliseconds to wait; nothing was counted. */
uint64_t throttle_begin(struct throttle *t, struct throttle_try *try, uint64_t now_ms);
/* It succeeded: pair and account are as new, and the source gets this attempt back. */
void throttle_passed(struct throttle *t, const struct throttle_try *try);
/* It neither failed nor succeeded: this attempt is taken back, and no other. */
void throttle_undo(struct throttle *t, const struct throttle_try *try);
/* An administrator forgives an account: its pairs are as new. */
void throttle_forgive(struct throttle *t, struct bytes name);
/* Milliseconds that the account as a whole waits. */
uint64_t throttle_account_wait(const struct throttle *t, struct bytes name, uint64_t now_ms);

#endif
