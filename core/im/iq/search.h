/* iq/search.h - people search for others (XEP-0055) at their domain: in the directory, by gh-dir (B-LDX-01, E-810), or, where there is none,
 * among the accounts of the domain. `im search` says whether they may; strangers never may. */
#ifndef IM_SEARCH_H
#define IM_SEARCH_H

#include "iq/iq.h"

/* iq handlers */
void search_get(struct im *im, struct iq *q);
void search_set(struct im *im, struct iq *q);

#endif
