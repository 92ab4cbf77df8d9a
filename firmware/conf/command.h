/* command.h - operator commands: one row each, and how typed words find their row. The table is in
 * commands.c; ghsh's completion, its help and the manual page come from it too. */
#ifndef CONF_COMMAND_H
#define CONF_COMMAND_H

#include "base/arena.h"
#include "rights.h"
#include "run/oper.h"
#include "run/settings.h"
#include "run/words.h"

struct conf;
struct oper;
struct rows;

struct command_args {
	struct bytes v[WORDS_MAX]; /* what stands in the places, normalised */
	uint8_t kinds[WORDS_MAX];  /* enum oper_word */
	size_t n;
	size_t first_word;         /* place of v[0] among the words typed */
	uint8_t at[WORDS_MAX];     /* of each: literals may stand between them */
	bool has_secret;
	bool has_secret_first; /* v[0] is one */
};

/* Clients are at gh-access, and at gh-proxy while they are not handed on: on an edge all of them, without names. */
enum { CLIENT_DOORS = P(PROG_ACCESS) | P(PROG_PROXY) | P(PROG_LINE) };
/* And who tells edges that newcomers go to another core. */
enum { DRAIN_DOORS = CLIENT_DOORS | P(PROG_LINK) };

struct command {
	/* Literal words, <place>s and then [place]s; "..." at the end takes all further words. */
	const char *words;
	unsigned role; /* enum oper_role, or OPER_CHANGER (rights.h) */
	/* Relayed to these programs (all instances) under its literal words, or done by fn. */
	unsigned targets;
	void (*fn)(struct conf *c, struct oper *o, const struct command *cmd, const struct command_args *args);
	const char *help;
};

extern const struct command command_table[];
extern const size_t command_count;

/* Commands that wait for a second person (approval.h): how their words begin, and from which step of `operators two-person` on. */
struct command_two_person {
	const char *words;
	unsigned step; /* 1: factory-reset, 2: accounts */
};
extern const struct command_two_person command_two_person_table[];
extern const size_t command_two_person_count;

/* Looks at rights, writes the audit trail, waits for a second person where one is needed, or runs the row; it answers o. */
void command_dispatch(struct oper *o, const struct command *cmd, const struct command_args *args);
/* Runs a row whose right has been looked at; it answers o. */
void command_run(struct oper *o, const struct command *cmd, const struct command_args *args);

/* What a person typed. */
struct command_line {
	struct bytes v[WORDS_MAX];
	uint8_t kinds[WORDS_MAX];
	size_t n;
};

enum command_match_result {
	MATCH_OK,
	MATCH_NONE,        /* why: what could stand at the first word that does not fit */
	MATCH_NEED_SECRET, /* need_at */
	MATCH_NEED_OLD_SECRET,
	MATCH_NEED_FILE,
};

struct command_match {
	enum command_match_result result;
	const struct command *command;
	struct command_args args;
	size_t need_at;
	char why[256];
};

/* Finds the row and checks the places. Normalised text goes to the arena. */
void command_match(const struct command_line *line, struct arena *a, struct command_match *out);
/* Is it one by which somebody manages his own account, or that only looks at it? */
bool command_is_own(const struct command *cmd);
/* The literal words of a command's row. */
void command_put_literals(const struct command *cmd, struct buf *out);

/* Everything that could stand as the last word (which may be empty or half typed). rows: for keys
 * that exist. Called for each, in order, without doubles next to each other. */
typedef void (*command_candidate_fn)(void *arg, const char *word, const char *help);
void command_complete(const struct command_line *line, const struct rows *rows, enum oper_role role,
                      command_candidate_fn fn, void *arg);

#endif
