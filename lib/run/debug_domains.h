/* run/debug_domains.h - remote domains whose debug lines are written at every level (the setting `log debug domain *`, and the command while it lasts).
 * The doors of federation ask it, so that both understand the setting alike. */
#ifndef RUN_DEBUG_DOMAINS_H
#define RUN_DEBUG_DOMAINS_H

#include "base/map.h"
#include "run/settings.h"

/* Adds the domains to an empty map; its keys lie in s, which must outlive it. The caller ends it with
 * map_fini, after ERR_NOMEM too. */
int debug_domains_read(struct map *domains, const struct settings *s);
/* domain: normalised; empty (not known yet): false. */
bool debug_domains_has(const struct map *domains, struct bytes domain);

#endif
