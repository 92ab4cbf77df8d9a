/* adhoc/adhoc.h - commands that people run with forms (XEP-0050) at a domain of ours. Each is a row: who may run it, which form it
 * has, and the command of operators that does the work (command/commands.h): there is one engine for a thing. A command has one form
 * or none; between its form and its answer stands a session, which is its client's alone. Inside: adhoc_form.h, adhoc_run.h. */
#ifndef IM_ADHOC_H
#define IM_ADHOC_H

#include "iq/iq.h"

enum {
	ADHOC_SESSIONS_MAX = 1000,
	ADHOC_SESSIONS_USER = 10,
	ADHOC_LIFE_MS = 10 * 60 * 1000, /* of a form that is not sent back */
};

void adhoc_init(struct im *im);
void adhoc_apply(struct im *im, const struct settings *s);
void adhoc_fini(struct im *im);

/* Is there anybody who may run anything? */
bool adhoc_is_on(const struct im *im);
/* Handler of <command/>. */
void adhoc_request(struct im *im, struct iq *q);
/* Service discovery of the nodes of commands (XEP-0050 2.2, 2.3), at a domain. False: it is no such node. */
bool adhoc_info(struct im *im, struct iq *q, struct bytes node);
bool adhoc_items(struct im *im, struct iq *q, struct bytes node);

#endif
