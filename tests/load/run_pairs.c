/* gh-load pairs: messages between online users, each answered by the other. */
#include "run.h"

#include <stdio.h>

static void send_message(struct client *from, struct client *to)
{
	char text[2048], address[256];

	snprintf(address, sizeof address, "%s@%s/load", to->user, to->plan->domain);
	client_send(from, text, (size_t)run_put_message(text, sizeof text, address, "chat"));
}

void run_pairs_message(struct client *c, struct bytes stanza)
{
	if (!run.is_measuring)
		return;
	run_count_message(stanza);
	if (run.pause_ms)
		c->due_us = run_now_us() + run.pause_ms * 1000;
	else
		send_message(c, c->partner);
}

static void send_due(void)
{
	uint64_t now = run_now_us();

	for (unsigned i = 0; i < run.users; i++) {
		struct client *c = &run.clients[i];
		if (!c->due_us || c->due_us > now)
			continue;
		c->due_us = 0;
		send_message(c, c->partner);
		client_flush(c);
	}
}

/* Pairs are spread over all users, so that with more users than pairs the active ones are not
 * neighbours in any table. */
static void start_pairs(void)
{
	unsigned stride = run.users / run.pairs;

	for (unsigned i = 0; i < run.pairs; i++) {
		unsigned even = i * stride & ~1u; /* even and odd: the two domains, when there are two */
		struct client *a = &run.clients[even], *b = &run.clients[even + 1];
		a->partner = b;
		b->partner = a;
		for (unsigned w = 0; w < run.window; w++)
			send_message(a, b);
		client_flush(a);
	}
}

static unsigned long measure_round(bool is_first)
{
	struct run_measure m;

	run_measure_begin(&m);
	while (meter_now() - m.start < run.seconds)
		run_turn(20);
	return run_measure_print(&m, is_first);
}

int run_pairs(void)
{
	if (run.pairs == 0 || 2 * run.pairs > run.users) {
		fprintf(stderr, "gh-load: --pairs wants 1 to half of --users\n");
		return 2;
	}
	bool is_good = run_log_all_in();
	run_spin(1);
	run.is_measuring = true;
	run.each_turn = run.pause_ms ? send_due : NULL;
	start_pairs();
	run_spin(1); /* warm up */
	printf("{\"mode\":\"pairs\",\"clients\":%u,\"pairs\":%u,\"window\":%u,\"rounds\":[", run.users, run.pairs,
	       run.window);
	for (unsigned i = 0; i < run.rounds; i++)
		is_good &= measure_round(i == 0) > 0;
	printf("]}\n");
	run.is_measuring = false;
	run_stop_all();
	return run_finish(is_good);
}
