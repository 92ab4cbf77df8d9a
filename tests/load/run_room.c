/* gh-load room: all users enter one room (XEP-0045); then some of them speak, each again when it has heard itself. */
#include "run.h"

#include <stdio.h>

static unsigned joined, joining;

static bool has(struct bytes stanza, const char *text)
{
	return memmem(stanza.p, stanza.n, text, strlen(text)) != NULL;
}

/* Status 110: it is in, and has been told of all others (XEP-0045 7.2.2). */
static void on_presence(struct client *c, struct bytes stanza)
{
	if (c->is_in_room || !(has(stanza, "'110'") || has(stanza, "\"110\"")))
		return;
	c->is_in_room = true;
	joined++;
	joining--;
}

static void enter(struct client *c)
{
	char text[512];
	int n = snprintf(text, sizeof text,
			 "<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>",
			 run.room, c->user);

	client_send(c, text, (size_t)n);
	client_flush(c);
	joining++;
}

/* The first one makes the room, as it is (XEP-0045 10.1.2). */
static void make_room(struct client *c)
{
	char text[512];
	int n = snprintf(text, sizeof text,
			 "<iq type='set' id='made' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"
			 "<x xmlns='jabber:x:data' type='submit'/></query></iq>", run.room);

	enter(c);
	for (double end = meter_now() + run.timeout_s; !joined && meter_now() < end;)
		run_turn(20);
	client_send(c, text, (size_t)n);
	client_flush(c);
	run_spin(0.5);
}

static bool all_enter(void)
{
	struct run_measure m;
	struct meter_reading after;
	double end = meter_now() + run.timeout_s;

	make_room(&run.clients[0]);
	run_measure_begin(&m);
	for (unsigned next = 1; joined < run.users && run.failures == 0 && meter_now() < end;) {
		while (next < run.users && joining < run.in_flight_max)
			enter(&run.clients[next++]);
		run_turn(20);
	}
	double wall = meter_now() - m.start;
	run_spin(0.2);
	meter_read(&run.meter, &after);
	double cpu = after.cpu_s - m.before.cpu_s;
	printf("{\"mode\":\"room\",\"occupants\":%u,\"joins_per_s\":%.1f,\"joins_per_cpu_s\":%.1f,\"rounds\":[", joined,
	       (run.users - 1) / wall, cpu > 0 ? (run.users - 1) / cpu : 0);
	return joined == run.users;
}

static void speak(struct client *c)
{
	char text[2048];

	client_send(c, text, (size_t)run_put_message(text, sizeof text, run.room, "groupchat"));
}

static bool is_own(const struct client *c, struct bytes stanza)
{
	char one[64], other[64];

	snprintf(one, sizeof one, "/%s'", c->user);
	snprintf(other, sizeof other, "/%s\"", c->user);
	return has(stanza, one) || has(stanza, other);
}

static void on_message(struct client *c, struct bytes stanza)
{
	if (!run.is_measuring)
		return;
	run_count_message(stanza);
	if (c->partner && is_own(c, stanza))
		speak(c);
}

static void begin_to_speak(void)
{
	unsigned speakers = run.pairs < run.users ? run.pairs : run.users;

	for (unsigned i = 0; i < speakers; i++) {
		struct client *c = &run.clients[i * (run.users / speakers)];
		c->partner = c; /* speaks again */
		for (unsigned w = 0; w < run.window; w++)
			speak(c);
		client_flush(c);
	}
}

int run_room(void)
{
	if (!run.room) {
		fprintf(stderr, "gh-load: --room wants NAME@SERVICE\n");
		return 2;
	}
	run.plan.on.presence = on_presence;
	run.plan.on.message = on_message;
	bool is_good = run_log_all_in() && all_enter();
	run.is_measuring = true;
	if (is_good)
		begin_to_speak();
	run_spin(1); /* warm up */
	for (unsigned i = 0; is_good && i < run.rounds; i++) {
		struct run_measure m;
		run_measure_begin(&m);
		while (meter_now() - m.start < run.seconds)
			run_turn(20);
		is_good &= run_measure_print(&m, i == 0) > 0;
	}
	printf("]}\n");
	run.is_measuring = false;
	run_stop_all();
	return run_finish(is_good);
}
