/* token_login.h - programs that show an API token (token.h) instead of logging in: OPER_LOGIN with an empty name. */
#ifndef CONF_TOKEN_LOGIN_H
#define CONF_TOKEN_LOGIN_H

#include "base/bytes.h"

#include <stdbool.h>

struct oper;

/* Answers the LOGIN. A right token is let in at once, however many wrong ones came from the same address: nobody locks another's program
 * out. Wrong ones wait longer and longer (throttle.h, apart from that of passwords). */
void token_login(struct oper *o, struct bytes text);
/* Looked at now and then: has this session's token ended? */
bool token_has_ended(const struct oper *o);

#endif
