/* expiry.h - alarms before what is used ends: certificates that are served with their chains, trust anchors, revocation lists
 * (their nextUpdate). At start, with each commit, and once an hour. */
#ifndef CONF_EXPIRY_H
#define CONF_EXPIRY_H

#include "rows.h"
#include "run/alarm.h"
#include "run/loop.h"

struct expiry_alarm {
	enum alarm alarm;
	int severity;
	char key[ALARM_KEY_MAX + 1];
};

struct expiry {
	struct loop *loop;
	const struct rows *running;
	struct loop_timer hourly;
	struct expiry_alarm *raised; /* at the last look, at most ALARM_STANDING_MAX */
	size_t n_raised;
};

/* running: the owner's, always the settings that run. */
void expiry_init(struct expiry *e, struct loop *l, const struct rows *running);
/* The running settings are new: what is renewed or gone ends its alarm at once. */
void expiry_look(struct expiry *e);
void expiry_fini(struct expiry *e);

/* Severity of an end that is left_s away: 30 days a warning, 14 minor, 7 major, 1 critical; -1: none yet. period_s: how long
 * a list was made for: one that lives for less than twice a stage has no such stage, as it comes anew all the time. */
int expiry_severity(int64_t left_s, int64_t period_s);

#endif
