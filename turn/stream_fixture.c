#include "stream_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture fixture;

/* ---- the engine and the worker, as far as streams need them ---- */

const char *const worker_alpn[] = { "stun.turn", "stun.nat-discovery", NULL };

void turn_server_client(struct turn_server *s, const struct turn_path *from, struct turn_packet *p)
{
	struct fixture *f = &fixture;

	(void)s;
	assert_true(p->n <= sizeof f->heard);
	memset(p->p - TURN_HEADROOM, 0xee, TURN_HEADROOM); /* the room around it is ours */
	memset(p->p + p->n, 0xee, TURN_TAILROOM);
	memcpy(f->heard, p->p, p->n);
	f->sizes[f->n_heard++ % FIXTURE_HEARD_MAX] = p->n;
	f->from = *from;
	if (f->on_heard)
		f->on_heard(f);
}

void turn_server_client_gone(struct turn_server *s, const struct turn_path *p)
{
	(void)s;
	fixture.n_gone++;
	fixture.gone = *p;
}

bool turn_server_has(struct turn_server *s, const struct turn_path *p)
{
	(void)s, (void)p;
	return fixture.has_allocation;
}

static void refused(void *io, const struct turn_path *from, struct bytes user, const char *what, const char *why)
{
	(void)io, (void)from, (void)user;
	fixture.n_refused++;
	(void)snprintf(fixture.why, sizeof fixture.why, "%s: %s", what, why); /* long enough to tell */
}

const struct turn_io worker_io = { .refused = refused };

/* ---- doors ---- */

static void on_door(void *arg, unsigned events)
{
	struct door *d = arg;

	(void)events;
	d->kind->readable(d);
}

static void open_door(struct fixture *f, int number, const struct door_kind *kind)
{
	struct door *d = &f->w.doors[number];
	struct stunaddr at = { 4, 0, { 127, 0, 0, 1 } };
	union endpoint e;
	socklen_t n = endpoint_of(&at, &e);

	d->kind = kind;
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(d->fd, &e.any, n), 0);
	assert_int_equal(listen(d->fd, 64), 0);
	assert_int_equal(getsockname(d->fd, &e.any, &n), 0);
	f->port[number] = ntohs(e.v4.sin_port);
	assert_int_equal(loop_watch_add(f->w.loop, &d->watch, d->fd, LOOP_READ, on_door, d), 0);
}

struct fixture *fixture_open(void)
{
	struct fixture *f = &fixture;

	*f = (struct fixture){ .conf = { .connections = 100, .connections_address = 100 } };
	f->w.loop = loop_new(LOOP_FAKE);
	serve_init(&f->w);
	f->w.batch = batch_new(f->w.loop);
	f->w.streams = streams_new(&f->w);
	f->w.conf = &f->conf;
	assert_non_null(f->w.streams);
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		f->w.doors[i] = (struct door){ .worker = &f->w, .fd = -1, .number = (uint8_t)i };
	open_door(f, FIXTURE_TCP, &door_tcp);
	open_door(f, FIXTURE_TLS, &door_tls);
	door_tcp.apply(&f->w);
	return f;
}

void fixture_close(void)
{
	struct fixture *f = &fixture;

	for (int i = 0; i < 2; i++) {
		struct door *d = &f->w.doors[i];
		d->kind->close(d);
		loop_watch_del(&d->watch);
		close(d->fd);
	}
	serve_fini(&f->w);
	streams_free(f->w.streams);
	tls_store_free(f->w.tls);
	batch_free(f->w.batch);
	loop_free(f->w.loop);
}

/* ---- clients ---- */

int fixture_connect(struct fixture *f, int door, uint8_t n)
{
	const struct stunaddr from = { 4, 0, { 127, 0, 0, n } }, to = { 4, f->port[door], { 127, 0, 0, 1 } };
	union endpoint e;
	socklen_t len = endpoint_of(&from, &e);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, &e.any, len), 0);
	len = endpoint_of(&to, &e);
	assert_int_equal(connect(fd, &e.any, len), 0);
	fixture_turns(f);
	return fd;
}

void fixture_turns(struct fixture *f)
{
	loop_fake_advance(f->w.loop, 0);
}

void fixture_say(struct fixture *f, int fd, const void *p, size_t n)
{
	for (size_t put = 0; put < n;) {
		ssize_t got = send(fd, (const uint8_t *)p + put, n - put, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (got > 0)
			put += (size_t)got;
		else
			assert_int_equal(errno, EAGAIN);
		fixture_turns(f);
	}
}

ssize_t fixture_read(struct fixture *f, int fd, uint8_t *out, size_t room)
{
	size_t n = 0;

	for (;;) {
		fixture_turns(f);
		ssize_t got = recv(fd, out + n, room - n, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			return n ? (ssize_t)n : -1;
		if (got < 0 || (n += (size_t)got) == room)
			return (ssize_t)n;
	}
}

bool fixture_is_closed(struct fixture *f, int fd)
{
	uint8_t byte;

	return fixture_read(f, fd, &byte, 1) < 0;
}

size_t fixture_binding(uint8_t out[static 20])
{
	static const uint8_t head[] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };

	memset(out, 7, 20);
	memcpy(out, head, sizeof head);
	return 20;
}
