/* approval.h - the two-person rule: a command that is among those of `operators two-person` does not run when one admin asks for it, but
 * when another approves. Requests live in memory: a restart forgets them, and nothing has happened. */
#ifndef CONF_APPROVAL_H
#define CONF_APPROVAL_H

#include "command.h"
#include "run/loop.h"

enum { APPROVALS_MAX = 8, APPROVAL_BYTES_MAX = 64 << 10 };

struct conf;
struct oper;

struct approval {
	uint64_t id; /* 0: free place */
	char by[64];
	char account[OPER_NAME_MAX + 1]; /* "": the console */
	const struct command *command;
	struct command_args args;        /* views into text */
	struct buf text;                 /* wiped at the end: there may be secrets among the words */
	uint64_t until_ms;
};

struct approvals {
	struct approval v[APPROVALS_MAX];
	uint64_t next_id;
};

/* Does this command wait for a second person, as the settings are now? */
bool approval_is_needed(const struct conf *c, const struct command *cmd);
/* Keeps the command and answers o with its number. */
void approval_ask(struct oper *o, const struct command *cmd, const struct command_args *args);
void approvals_fini(struct approvals *a);

#endif
