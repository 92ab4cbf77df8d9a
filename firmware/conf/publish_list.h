/* publish_list.h - the allow list of published web services (proto/allow.h) out of rows: for checks of candidates and for the box's own
 * tester, which judges as the front and gh-publish do. */
#ifndef CONF_PUBLISH_LIST_H
#define CONF_PUBLISH_LIST_H

#include "proto/allow.h"
#include "rows.h"

/* Called for each row that cannot be used; why: static text. */
typedef void (*publish_list_fn)(void *arg, struct bytes path, const char *why);
/* Fills an empty list. fn may be NULL. */
void publish_list(const struct rows *r, struct allow_list *out, publish_list_fn fn, void *arg);

#endif
