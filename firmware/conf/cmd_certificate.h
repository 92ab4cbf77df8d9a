/* cmd_certificate.h - what commands about certificates share: the chain is a setting, the key of the same name lives in gh-keys. */
#ifndef CONF_CMD_CERTIFICATE_H
#define CONF_CMD_CERTIFICATE_H

#include "conf.h"

/* The first setting that runs with this certificate. NULL: none. */
const struct row_item *certificate_user_of(const struct conf *c, struct bytes name);
/* The name as a setting's key takes it. 0, or an error with *why. */
int certificate_name_of(struct bytes in, char out[static 64], const char **why);
/* To gh-keys: words of our own, then the operator's from `first` on: files, and behind them perhaps the password. What comes back: remarks
 * for the person, a chain for the candidate under ask->name. */
void certificate_ask_bundle(struct conf *c, struct oper *o, struct relay_ask *ask, const struct bytes *own, size_t n_own,
                            const struct command_args *args, size_t first);
/* The answer to certificate import: asks for the file's password where that is what is missing. */
void certificate_import_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text);

#endif
