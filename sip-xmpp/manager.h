/* manager.h - the call manager as presence gateway (B-PGW-01 to B-PGW-03, A-01.02): while one of our people is online
 * (USER_ONLINE of gh-im), his phone's state is subscribed to at `sip presence-gateway` by a watch (watch.c) of its own,
 * and shown as the session "phone" (client_publish.c). When he has gone it ends, after a while. */
#ifndef XLATE_MANAGER_H
#define XLATE_MANAGER_H

#include "service_features.h"

enum { MANAGER_GRACE_MS = 60000, MANAGER_SPREAD_MS = 60000, MANAGER_AGAIN_MS = 300000, MANAGER_WAIT_MS = 5000 };

extern const struct feature manager_feature;
int manager_on_online(void *x, struct chan *from, const struct frame *f); /* USER_ONLINE */

#endif
