/* net/publish_settings.h - the allow list of a settings snapshot (proto/allow.h). One way for the front and for gh-publish, which judge
 * each request both. */
#ifndef NET_PUBLISH_SETTINGS_H
#define NET_PUBLISH_SETTINGS_H

#include "proto/allow.h"
#include "run/settings.h"

/* Fills an empty list. A rule or name that cannot be used (gh-conf lets none through) is one log line and is left out: what no rule
 * fits is refused. needs_url: only targets that have one. */
void publish_settings_list(const struct settings *s, bool needs_url, struct allow_list *out);

#endif
