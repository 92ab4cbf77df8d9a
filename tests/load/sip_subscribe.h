/* sip_subscribe.h - many presence subscriptions of the load generator: made, held, refreshed once. */
#ifndef LOAD_SIP_SUBSCRIBE_H
#define LOAD_SIP_SUBSCRIBE_H

#include "meter.h"
#include "sip_side.h"

struct subscription {
	char target[200], route[400], tag[64]; /* what the 200 said */
	uint32_t cseq;
	bool is_waiting, is_made, is_active;
};

struct subscriptions {
	unsigned count, users, window, hold_s, expires_s;
	struct sipside *side;
	const struct meter *meter;
	struct subscription *all;
	unsigned sent, in_flight, answered, failed, active;
	unsigned long notifies;
	unsigned last_failure;
	enum { SUBS_IDLE, SUBS_MAKE, SUBS_SETTLE, SUBS_HOLD, SUBS_REFRESH, SUBS_LAST } phase;
	double began, quiet_since;
	unsigned long quiet_notifies;
	struct meter_reading empty, before;
};

void subscriptions_start(struct subscriptions *s, struct sipside *side, const struct meter *m);
void subscriptions_answer(struct subscriptions *s, struct bytes in, unsigned status);
void subscriptions_notify(struct subscriptions *s, struct bytes in);
/* True when all is over; prints as it goes. */
bool subscriptions_tick(struct subscriptions *s);

#endif
