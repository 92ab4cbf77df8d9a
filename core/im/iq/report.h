/* report.h - people report whom they block (XEP-0377): logged, counted, and the last ones shown to operators. What was said
 * is neither kept nor logged. */
#ifndef IM_REPORT_H
#define IM_REPORT_H

#include "iq/iq.h"
#include "run/proc.h"

/* One <item/> of a request to block: a report, if one is in it. jid: who is blocked. */
void report_take(struct im *im, const struct iq *q, const struct xml_node *item, struct bytes jid);
void reports_fini(struct im *im);

/* The command `show reports`. */
void show_reports(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
