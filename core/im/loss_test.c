/* Plays that nobody wrote: days of random events, each of which may be the end of a stream or of a
 * program. Whatever was acknowledged to its sender must at the end have come to a client or to a
 * gh-switch that took it, or wait on disk, and must stand in an archive. A day is known by its number: LOSS_DAY=n plays that one alone. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"
#include "run/session.h"

enum { DAYS = 400, EVENTS = 120, SLOTS = 4, MESSAGES_MAX = EVENTS };

/* What a client knows beyond its stream. */
struct seat {
	struct client *c; /* NULL: nobody */
	bool counts, is_gathered;
	uint32_t sent;      /* stanzas since it counts */
	uint32_t had, base; /* got before this stream; c->taken when it began to count */
	uint32_t stuck_at;  /* c->taken, while nothing reaches it */
	size_t stuck_bytes;
};

struct message {
	bool is_remote, is_acked;
	struct seat *seat; /* its sender's, while that lives */
	uint32_t number;   /* in the sender's count, or the id of the route */
};

struct day {
	struct play p;
	uint64_t random;
	struct seat seats[SLOTS];
	struct message messages[MESSAGES_MAX];
	unsigned n_messages, n_acked;
	struct buf arrived; /* all that clients have had, and all that gh-switch has taken */
	bool was_silent;    /* gh-switch, in this event */
};

/* xorshift: the same days everywhere. */
static unsigned draw(struct day *d, unsigned below)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 7;
	d->random ^= d->random << 17;
	return (unsigned)(d->random >> 11) % below;
}

/* ---- what has arrived ---- */

static uint32_t seat_had(const struct seat *s)
{
	return s->had + (s->c->is_stuck ? s->stuck_at : s->c->taken) - s->base;
}

/* Its stream has ended, by whom ever: what it had by then. */
static void seat_gather(struct day *d, struct seat *s)
{
	if (!s->c || !s->c->is_closed || s->is_gathered)
		return;
	struct bytes got = buf_bytes(&s->c->got);
	if (s->c->is_stuck)
		got.n = s->stuck_bytes;
	buf_put_bytes(&d->arrived, got);
	s->is_gathered = true;
}

static void seat_close(struct day *d, struct seat *s)
{
	s->c->is_closed = true;
	seat_gather(d, s);
}

/* Its messages have the word of nobody any more. */
static void seat_forget(struct day *d, struct seat *s)
{
	seat_gather(d, s);
	for (unsigned i = 0; i < d->n_messages; i++)
		if (d->messages[i].seat == s)
			d->messages[i].seat = NULL;
	*s = (struct seat){ .c = NULL };
}

static void acknowledge(struct day *d, struct seat *s, uint32_t h)
{
	for (unsigned i = 0; i < d->n_messages; i++) {
		struct message *m = &d->messages[i];
		if (m->seat == s && m->number <= h)
			m->is_acked = true;
	}
}

/* After each event: who has heard what. */
static void listen(struct day *d)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct seat *s = &d->seats[i];
		seat_gather(d, s);
		if (s->c && s->counts && s->c->n_answers)
			acknowledge(d, s, s->c->h);
	}
	for (unsigned i = 0; i < d->n_messages; i++)
		if (d->messages[i].is_remote && d->p.done_id == d->messages[i].number)
			d->messages[i].is_acked = true;
	if (!d->was_silent)
		buf_put_bytes(&d->arrived, buf_bytes(&d->p.sent));
	buf_clear(&d->p.sent);
	d->was_silent = d->p.is_hub_silent;
}

/* ---- clients ---- */

static bool is_on(const struct seat *s)
{
	return s->c && !s->c->is_closed && s->c->full[0];
}

static struct seat *someone(struct day *d)
{
	return &d->seats[draw(d, SLOTS)];
}

static void ev_login(struct day *d)
{
	static const char *const people[] = { "alice", "bob", "carol" };
	static const char *const resources[] = { "a", "b" };
	struct seat *s = someone(d);

	if (is_on(s) || d->p.n_clients == PLAY_CLIENTS_MAX)
		return;
	seat_forget(d, s);
	struct client *c = client_auth(&d->p, people[draw(d, 3)]);
	s->c = c;
	if (c->answer != MSG_AUTH_OK) {
		seat_close(d, s);
		return;
	}
	s->counts = draw(d, 4) > 0;
	client_open(c, resources[draw(d, 2)], s->counts ? SESSION_SM | SESSION_SM_RESUME : 0, "", 60);
	if (c->answer != MSG_SESSION_OPENED)
		client_lose(c);
	if (is_on(s) && draw(d, 5)) {
		client_send(c, "<presence/>");
		s->sent++;
	}
}

static void ev_lose(struct day *d)
{
	struct seat *s = someone(d);

	if (!is_on(s))
		return;
	if (draw(d, 3)) {
		client_lose(s->c);
	} else {
		if (s->c->is_stuck) /* it reads to the end */
			client_unstick(s->c);
		client_leave(s->c);
	}
	seat_close(d, s);
}

static void ev_resume(struct day *d)
{
	struct seat *s = someone(d);
	struct client *old = s->c;

	if (!old || is_on(s) || !s->counts || !old->sm_id[0] || d->p.n_clients == PLAY_CLIENTS_MAX)
		return;
	char name[64];
	(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(old->full, "@"), old->full);
	struct client *c = client_auth(&d->p, name);
	uint32_t had = seat_had(s);
	if (c->answer != MSG_AUTH_OK) {
		c->is_closed = true;
		return;
	}
	(void)snprintf(c->sm_id, sizeof c->sm_id, "%s", old->sm_id);
	client_resume(c, old->sm_id, had);
	if (c->answer != MSG_SESSION_RESUMED) {
		client_lose(c);
		seat_forget(d, s);
		return;
	}
	acknowledge(d, s, c->h);
	/* What it had sent beyond that it would send again; here it is given up. */
	for (unsigned i = 0; i < d->n_messages; i++)
		if (d->messages[i].seat == s && d->messages[i].number > c->h)
			d->messages[i].seat = NULL;
	*s = (struct seat){ .c = c, .counts = true, .sent = c->h, .had = had };
}

static void ev_ack(struct day *d)
{
	struct seat *s = someone(d);

	if (is_on(s) && s->counts)
		client_ack(s->c, seat_had(s));
}

static void ev_request(struct day *d)
{
	struct seat *s = someone(d);

	if (is_on(s) && s->counts)
		client_request(s->c);
}

static void ev_stick(struct day *d)
{
	struct seat *s = someone(d);

	if (!is_on(s))
		return;
	if (s->c->is_stuck) {
		client_unstick(s->c);
	} else {
		s->c->is_stuck = true;
		s->stuck_at = s->c->taken;
		s->stuck_bytes = buf_len(&s->c->got);
	}
}

/* ---- messages ---- */

static const char *const places[] = { "alice@a.example", "bob@a.example", "carol@a.example", "alice@a.example/a",
	                              "bob@a.example/b", "r@b.example" };

static void ev_message(struct day *d)
{
	struct seat *s = someone(d);

	if (!is_on(s))
		return;
	unsigned id = d->n_messages++;
	s->sent++;
	d->messages[id] = (struct message){ .seat = s->counts ? s : NULL, .number = s->sent };
	client_send(s->c, "<message to='%s' type='chat'><body>[%u]</body></message>", places[draw(d, 6)], id);
	if (s->counts && draw(d, 4))
		client_request(s->c);
}

static void ev_remote(struct day *d)
{
	char text[200];

	if (!d->p.hub)
		return;
	unsigned id = d->n_messages++;
	d->messages[id] = (struct message){ .is_remote = true, .number = id + 1 };
	(void)snprintf(text, sizeof text, "<message from='r@b.example/x' to='%s' type='chat'><body>[%u]</body></message>",
		       places[draw(d, 5)], id);
	hub_send(&d->p, id + 1, text);
}

/* ---- programs ---- */

/* Streams that end without their clients having done anything. */
static void streams_end(struct day *d)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (is_on(&d->seats[i]))
			seat_close(d, &d->seats[i]);
}

static void ev_door(struct day *d)
{
	streams_end(d);
	door_leave(&d->p);
	door_join(&d->p);
}

static void ev_im(struct day *d)
{
	if (!d->p.store.bus || !d->p.hub)
		return;
	listen(d);
	streams_end(d);
	for (unsigned i = 0; i < SLOTS; i++)
		seat_forget(d, &d->seats[i]);
	im_restart(&d->p);
}

static void ev_store(struct day *d)
{
	struct play_store *s = &d->p.store;

	switch (draw(d, 4)) {
	case 0:
		s->is_slow = !s->is_slow;
		break;
	case 1:
		s->slow_ops ^= 1u << STORE_USER_GET | 1u << STORE_OFFLINE_PAGE;
		break;
	case 2:
		if (s->bus)
			store_leave(&d->p);
		else
			store_join(&d->p);
		break;
	default:
		if (s->bus)
			play_store_sync(s);
	}
	play_run(&d->p);
}

/* Another gh-switch, which takes everything. */
static void hub_anew(struct day *d)
{
	if (d->p.hub)
		hub_leave(&d->p);
	listen(d);
	d->was_silent = d->p.is_hub_silent = false;
	hub_join(&d->p);
}

static void ev_hub(struct day *d)
{
	if (!d->p.hub) {
		hub_join(&d->p);
	} else if (draw(d, 2)) {
		hub_leave(&d->p);
	} else {
		d->p.is_hub_silent = !d->p.is_hub_silent;
		d->was_silent |= d->p.is_hub_silent;
	}
}

static void ev_time(struct day *d)
{
	static const uint64_t steps[] = { 10, 60, 200, 1000, 61000 };
	unsigned step = draw(d, 5);

	if (step == 4) /* or messages would go back to people who have left (remote.h: REMOTE_AGE_MS) */
		hub_anew(d);
	play_wait(&d->p, steps[step]);
}

/* ---- the day ---- */

static void (*const events[])(struct day *d) = {
	ev_login, ev_login, ev_login, ev_lose,  ev_resume, ev_ack, ev_ack,  ev_request, ev_stick, ev_message,
	ev_message, ev_message, ev_message, ev_message, ev_remote, ev_door, ev_im, ev_store, ev_store, ev_store,
	ev_hub, ev_hub, ev_time, ev_time,
};

/* All go, and everything is well: what is still under way ends somewhere. */
static void evening(struct day *d)
{
	struct play_store *s = &d->p.store;

	listen(d);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (!is_on(&d->seats[i]))
			continue;
		seat_close(d, &d->seats[i]);
		client_lose(d->seats[i].c);
	}
	hub_anew(d);
	s->is_slow = false;
	s->slow_ops = 0;
	if (!s->bus)
		store_join(&d->p);
	play_store_sync(s);
	play_wait(&d->p, 200000);
	listen(d);
}

static unsigned day_play(unsigned number)
{
	struct day *d = calloc(1, sizeof *d);
	char text[32];

	assert_non_null(d);
	d->random = 0x9e3779b97f4a7c15ull * (number + 1);
	buf_init(&d->arrived, 1 << 24);
	/* Each other day without archives: then less waits for the disk. */
	play_open(&d->p, number % 2 ? "im unacknowledged = 100\nim resume = 60\nim offline-per-user = 1000\nim archive = off\n" :
	                              "im unacknowledged = 100\nim resume = 60\nim offline-per-user = 1000\n");
	for (int i = 0; i < EVENTS; i++) {
		events[draw(d, sizeof events / sizeof events[0])](d);
		listen(d);
	}
	evening(d);
	const char *arrived = buf_cstr(&d->arrived);
	for (unsigned i = 0; i < d->n_messages; i++) {
		if (!d->messages[i].is_acked)
			continue;
		d->n_acked++;
		(void)snprintf(text, sizeof text, "<body>[%u]<", i);
		if (!strstr(arrived, text) && !play_store_has(&d->p.store, text))
			fail_msg("LOSS_DAY=%u: message %u was acknowledged and is nowhere", number, i);
		/* One that waits on disk unseen since a crash is archived when it is delivered. */
		if (number % 2 == 0 && !play_store_archive_has(&d->p.store, text) && !play_store_has(&d->p.store, text))
			fail_msg("LOSS_DAY=%u: message %u was acknowledged and is in no archive", number, i);
	}
	unsigned n = d->n_acked;
	play_close(&d->p);
	buf_fini(&d->arrived);
	free(d);
	return n;
}

static void nothing_acknowledged_is_lost(void **state)
{
	const char *one = getenv("LOSS_DAY");
	unsigned n = 0;

	(void)state;
	if (one) {
		(void)day_play((unsigned)atoi(one));
		return;
	}
	for (unsigned i = 0; i < DAYS; i++)
		n += day_play(i);
	assert_true(n > DAYS * 2); /* there was something to lose */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_acknowledged_is_lost) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
