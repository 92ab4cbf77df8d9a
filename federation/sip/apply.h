/* apply.h - new settings: who may come and go, routes, certificates, trust, name servers. Open connections and
 * running requests stay (FED-10); what they prove is judged again with the next request. */
#ifndef GSIP_APPLY_H
#define GSIP_APPLY_H

#include "gsip.h"

/* Hooks of run/proc.h. */
int apply_check(void *program, const struct settings *s, const char **path, const char **why);
void apply_settings(void *program, const struct settings *s);
/* The same without the fence (tests). ERR_NOMEM: nothing has changed. */
int apply_to(struct gsip *g, const struct settings *s);

#endif
