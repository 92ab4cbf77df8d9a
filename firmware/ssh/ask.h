/* ask.h - one command to gh-conf over the operators' socket, as root: each value of the answer, in order. */
#ifndef SSH_ASK_H
#define SSH_ASK_H

#include "base/bytes.h"

enum { SSH_ASK_MS = 5000, SSH_WORDS_MAX = 8 };

typedef void (*ssh_value_fn)(void *arg, struct bytes key, struct bytes value);
/* words: NULL at the end. 0, ERR_CLOSED (gh-conf is not there), ERR_TIMEOUT, ERR_PROTOCOL, or what gh-conf answers. */
int ssh_ask(const char *socket, const char *const *words, ssh_value_fn fn, void *arg);

#endif
