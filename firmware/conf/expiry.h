/* expiry.h - the alarm before a hosted domain's certificate ends: at start, and once a day. */
#ifndef CONF_EXPIRY_H
#define CONF_EXPIRY_H

#include "rows.h"
#include "run/loop.h"

struct expiry {
	struct loop *loop;
	const struct rows *running;
	struct loop_timer daily;
};

/* running: the owner's, always the settings that run. */
void expiry_init(struct expiry *e, struct loop *l, const struct rows *running);
/* The running settings are new: a renewed certificate ends its alarm at once. */
void expiry_look(struct expiry *e);
void expiry_fini(struct expiry *e);

#endif
