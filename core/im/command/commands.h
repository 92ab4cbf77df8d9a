/* commands.h - what an operator may ask of gh-im. The program is a struct im. */
#ifndef IM_COMMANDS_H
#define IM_COMMANDS_H

#include "im.h"

#include "run/proc.h"

extern const struct proc_command im_commands[];
extern const size_t im_n_commands;

/* The account named by the first of `want` arguments, on a domain of ours; *out is in im->arena. Otherwise
 * answers the command and gives ERR_RANGE. */
int command_account(struct im *im, struct proc_ask *ask, const struct bytes *args, size_t n, size_t want, struct bytes *out);

/* What an operator is told of what became of an account's change; "" when it is good. */
const char *command_text(int rc);

/* ---- commands_app.c: application passwords ---- */
void user_app_add(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void user_app_list(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void user_app_delete(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

/* ---- commands_user.c: what an account is like ---- */
void user_disable(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void user_enable(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void user_roster(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void show_user(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

/* ---- commands_device.c: programs with a token ---- */
void user_device_list(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void user_device_revoke(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

/* ---- commands_policy.c: who may see a person's presence ---- */
void user_policy_show(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void user_policy_set(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

/* ---- commands_presence.c: what a person's clients say, composed ---- */
void show_presence(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

/* ---- commands_archive.c: message archives ---- */
void show_archive(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void user_archive_delete(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
