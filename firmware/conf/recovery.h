/* recovery.h - the account admin for who stands at the console and has lost its password: chosen in the boot menu, confirmed there
 * (image/entry), and done here at the start. Settings, data and the other accounts stay. The setting `operators boot-menu` may forbid it. */
#ifndef CONF_RECOVERY_H
#define CONF_RECOVERY_H

#include "conf.h"

/* Files of gh-conf's folder; image/entry/act.c has the same names. */
#define RECOVERY_ASKED_FILE "recovery" /* gh-entry leaves it: "password" or "refused" */
#define RECOVERY_MAY_FILE "boot-menu"  /* we leave it: the setting's word */

/* At the start, with accounts and audit trail open: does what was asked for, writes the audit line, raises the alarm, and then the
 * file goes: a cut before that does it once more. */
void recovery_take(struct conf *c);
/* At the start and after each switch: what gh-entry may do, on disk when it differs. */
void recovery_publish(struct conf *c);

#endif
