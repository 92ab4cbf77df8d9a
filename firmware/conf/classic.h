/* classic.h - the words of the classic appliance's command line (002-G section 6), as rows of the one table of commands: classic.def.
 *
 * A row stands for native text, lines with "; " between: one command, or changes of settings. In it {n} is what stands in the n-th
 * place, {n=text} that or text, {n?} that or nothing, {n@level} a classic level as our role. A line of settings with a {n} that was left
 * out is left out.
 * Lines of settings:
 *   set PATH VALUE, delete PATH   as an operator types them
 *   clear PATH                    delete, where it is no error that nothing is set
 *   add PATH VALUE                PATH ends with '*': a row with a key that is free
 *                                 (in lines behind it {key} is that one)
 *   remove PATH VALUE             PATH has a '*': the key whose value that is, or begins with
 *   append PATH VALUE             a word more in a value that is a list, unless it is there
 *   detach PATH VALUE             a word less; with the last one the setting goes
 *
 * Changes are committed at once, by themselves: the operator's own candidate is put aside meanwhile. If it changes the same setting,
 * the word is refused. The native text is told once a session. */
#ifndef CONF_CLASSIC_H
#define CONF_CLASSIC_H

#include "command.h"
#include "base/buf.h"

enum { CLASSIC_LINES_MAX = 8, CLASSIC_TOLD_MAX = 4096 };

/* A native line made of a row and what was typed. */
struct classic_line {
	struct command_line words;
	bool is_lacking; /* a place without a default was left out */
	size_t first_arg; /* that place of the row came first in it; SIZE_MAX: none */
};
/* How many lines; 0 beyond a limit. What is put together goes to the arena. */
size_t classic_expand(const char *native, const struct command_args *args, struct arena *a,
                      struct classic_line lines[static CLASSIC_LINES_MAX]);
/* Does a line change settings (or is it a command)? */
bool classic_is_change(const struct classic_line *line);
/* Tells the person what a word is the same as; once a session for each word. */
void classic_tell(struct oper *o, const struct command *cmd, struct bytes native, const char *end);
/* A word or value of it, shortened; hidden: a file or a secret. */
void classic_put_told(struct buf *out, struct bytes value, bool is_hidden);
/* Native text of a row; NULL: no classic word. */
const char *classic_native(const struct command *cmd);
/* Is it refused? Then it stands neither in help nor in completion. */
bool classic_is_refused(const struct command *cmd);

/* ---- one change, line by line; after an error the rest does nothing ---- */
struct classic_change {
	struct oper *o;
	const struct command *cmd;
	struct buf told; /* native lines, for the person */
	char key[16];    /* that the last `add` took */
	int rc;
	char why[320];
};
/* Puts the operator's candidate aside and begins one of its own. */
void classic_begin(struct classic_change *x, struct oper *o, const struct command *cmd);
/* The same, going on with a change that an earlier turn began. */
void classic_go_on(struct classic_change *x, struct oper *o, const struct command *cmd);
void classic_change(struct classic_change *x, const struct classic_line *line);
/* A line as text; its words have no spaces. */
void classic_changef(struct classic_change *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void classic_fail(struct classic_change *x, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Commits and answers; or answers with the error. */
void classic_end(struct classic_change *x);

/* Of a setting's rows ("web listen *"): the path before the key. */
void classic_prefix(enum setting id, char out[static 64]);

#endif
