/* rights.h - which role may do what: by command row and by setting. gh-conf decides it here and nowhere else. Pure. */
#ifndef CONF_RIGHTS_H
#define CONF_RIGHTS_H

#include "base/bytes.h"
#include "run/oper.h"

/* In a command's row beside the roles themselves: everybody but the auditor; which setting, its own right says. */
enum { OPER_CHANGER = OPER_ROLE_COUNT };

/* May a role do what needs this (the role of a command row or of a setting, or OPER_CHANGER)? The auditor's commands are everybody's;
 * the operator's are the operator's, the api's and the admin's; crypto's are crypto's and the admin's, compliance's are compliance's and the admin's. */
bool rights_may(enum oper_role role, unsigned needed);
/* Is all that `less` may also allowed to `more`? */
bool rights_includes(enum oper_role more, enum oper_role less);
/* The least role that may change a setting, by its row's path or a concrete one. */
enum oper_role rights_setting(struct bytes path);

#endif
