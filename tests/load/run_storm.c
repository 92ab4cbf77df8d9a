/* gh-load storm: all log in as quickly as they can, and each learns the presence of all its contacts; then they stay until that is so. */
#include "run.h"

#include <stdio.h>

static unsigned long seen;

static bool has(struct bytes in, const char *text)
{
	return memmem(in.p, in.n, text, strlen(text)) != NULL;
}

/* From one of its own, this one among them (RFC 6121 4.2.2). */
static bool is_own(const struct client *c, struct bytes head)
{
	char one[64], other[64];

	snprintf(one, sizeof one, "from='%s@", c->user);
	snprintf(other, sizeof other, "from=\"%s@", c->user);
	return has(head, one) || has(head, other);
}

static void on_presence(struct client *c, struct bytes stanza)
{
	const uint8_t *end = memchr(stanza.p, '>', stanza.n);
	struct bytes head = bytes_make(stanza.p, end ? (size_t)(end - stanza.p) : stanza.n);

	if (!has(head, " type=") && !is_own(c, head))
		seen++;
}

int run_storm(void)
{
	struct meter_reading before, after;
	unsigned long wanted = (unsigned long)run.users * run.contacts;

	run.plan.on.presence = on_presence;
	run.plan.wants_roster = true;
	meter_read(&run.meter, &before);
	double start = meter_now(), end = start + run.timeout_s;
	bool is_good = run_log_all_in();
	double in = meter_now() - start;
	while (seen < wanted && run.failures == 0 && meter_now() < end)
		run_turn(20);
	double wall = meter_now() - start;
	meter_read(&run.meter, &after);
	double cpu = after.cpu_s - before.cpu_s;
	printf("{\"mode\":\"storm\",\"clients\":%u,\"presences\":%lu,\"in_s\":%.3f,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"pss_kib\":%llu}\n", run.ready, seen,
	       in, wall, cpu, (unsigned long long)after.pss_kib);
	run_stop_all();
	return run_finish(is_good && seen >= wanted); /* some tell twice when both come at the same time */
}
