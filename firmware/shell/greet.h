/* greet.h - a console before a login: what box this is, its addresses, and who is there. */
#ifndef SHELL_GREET_H
#define SHELL_GREET_H

#include "base/bytes.h"
#include "run/oper.h"

/* Says version and addresses, asks for a name; Enter alone says it all again (an address may have come). ERR_CLOSED: the
 * terminal has gone. */
int greet_ask_name(char name[static OPER_NAME_MAX + 1]);

#endif
