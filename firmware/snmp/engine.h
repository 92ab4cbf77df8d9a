/* engine.h - the SNMP engine of this box (RFC 3411): net-snmp's library reads and writes messages and keeps the user-based
 * security model (RFC 3414). One a process, as the library has it. The library opens no file: what it must remember is ours. */
#ifndef SNMP_ENGINE_H
#define SNMP_ENGINE_H

#include "run/settings.h"

enum {
	ENGINE_ID_BYTES = 21,
	ENGINE_ID_MAX = 32, /* of others */
	ENGINE_USERS_MAX = 64,
	ENGINE_NAME_MAX = 32,
	ENGINE_ENTERPRISE = 32473, /* the example number of RFC 5612: whoever sells boxes takes his own, here and in the MIB */
};

/* After the fence. dir_fd: the program's folder, with the engine's id (made at the first start) and how often it has
 * started, which is on disk before anything is answered (RFC 3414 2.2). ERR_IO, ERR_SYS. */
int engine_start(int dir_fd);
struct bytes engine_id(void);
uint32_t engine_boots(void);

/* Makes the users of the settings known, for our own engine; keys are made only of users that are new or changed.
 * before: the settings of the last call, or NULL. ERR_LIMIT: more than ENGINE_USERS_MAX; the rest is left out. */
int engine_apply(const struct settings *s, const struct settings *before);
/* Is the user's row another than before? */
bool engine_user_differs(const struct settings *s, const struct settings *before, struct bytes name);
/* The same user at another engine, which is told of alarms. ERR_NOT_FOUND: no such user; ERR_SYS. */
int engine_user_at(const struct settings *s, struct bytes name, struct bytes id);
void engine_user_gone(struct bytes name, struct bytes id);

#endif
