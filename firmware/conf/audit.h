/* audit.h - what is written into the audit trail. No secrets, no PEM bodies, no file contents: those have no place in it. */
#ifndef CONF_AUDIT_H
#define CONF_AUDIT_H

#include "command.h"
#include "run/bus.h"

struct conf;
struct oper;
struct rows;

/* After the switch: a line a changed row; who, generation, before, after. */
void audit_commit(struct conf *c, const struct rows *old, const char *by);
/* At the start: writes the lines of the running generation that are missing, because the commit was cut off before them. They say so. */
void audit_complete(struct conf *c);
void audit_denied(const struct oper *o, const struct command *cmd, const struct command_args *args);
void audit_command(const struct oper *o, const struct command *cmd, const struct command_args *args);
/* rc 0: it is in; ERR_*: it was kept out. name is what was typed. */
void audit_login(const struct oper *o, const char *name, int rc);
/* A program with a token that is not good: its name, as far as it is known. */
void audit_token_refused(const struct oper *o, const char *token, const char *why);
/* A change of an account: what of it, and its values before and after. */
void audit_account(const struct oper *o, const char *account, const char *what, const char *before, const char *after);
/* The two-person rule: "asked", "approved", "refused". */
void audit_approval(const struct oper *o, const char *what, const char *id, const char *command);
/* Handler of the bus: somebody whom `im administrators` names runs a command with an XMPP client. */
int audit_on_person(void *conf, struct chan *from, const struct frame *f);
/* Who stood at the console and chose it in the boot menu. */
void audit_recovery(struct conf *c, const char *what);

#endif
