/* presence_switch.h - availability switched off and on for everybody here. While it is off
 * nobody but a person's own clients sees their presence; subscriptions go on. */
#ifndef IM_PRESENCE_SWITCH_H
#define IM_PRESENCE_SWITCH_H

#include "im.h"

/* Before it is off: all who are seen say good-bye, in both directions. */
void presence_withdraw_all(struct im *im);
/* It is on again: all are shown and ask for the others. */
void presence_share_all(struct im *im);

#endif
