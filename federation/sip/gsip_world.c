#include "gsip_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "apply.h"
#include "base/err.h"
#include "errand.h"
#include "hand.h"
#include "listener.h"

enum { WAIT_MS = 3000, MOMENT_MS = 60 };

/* ---- gh-xlate ---- */

static int on_request(void *program, struct chan *from, const struct frame *f)
{
	struct world *w = program;
	struct world_unit *unit = &w->units[w->n_units];

	(void)from;
	assert_true(w->n_units < WORLD_UNITS_MAX);
	assert_int_equal(sip_unit_decode(f->body, &unit->u), 0);
	assert_int_equal(sipmsg_parse(unit->u.message, &unit->m), 0);
	(void)snprintf(unit->peer, sizeof unit->peer, "%.*s", BYTES_FMT(unit->u.peer));
	w->n_units++;
	return 0;
}

static int on_response(void *program, struct chan *from, const struct frame *f)
{
	struct world *w = program;

	(void)from;
	buf_clear(&w->answer_text);
	buf_put_bytes(&w->answer_text, f->body);
	assert_int_equal(sip_answer_decode(buf_bytes(&w->answer_text), &w->answer), 0);
	w->n_answers++;
	return 0;
}

static int on_cancel(void *program, struct chan *from, const struct frame *f)
{
	struct world *w = program;
	struct wire in = wire_of(f->body);

	(void)from;
	w->cancelled = wire_u64(&in);
	return 0;
}

static void gateway_gone(void *program, struct chan *c)
{
	(void)c;
	hand_gateway_down(program);
	errand_gateway_down(program);
}

static void bad_peer(void *program, enum prog peer, unsigned instance)
{
	(void)program;
	(void)instance;
	fail_msg("%s broke the rules", prog_name(peer));
}

void world_gateway_up(struct world *w)
{
	static const struct bus_handler handlers[] = {
		{ MSG_SIP_REQUEST, on_request }, { MSG_SIP_RESPONSE, on_response }, { MSG_SIP_CANCEL, on_cancel },
	};
	static const struct bus_handler door[] = {
		{ MSG_SIP_REQUEST, errand_on_request }, { MSG_SIP_RESPONSE, hand_on_response }, { MSG_SIP_CANCEL, errand_on_cancel },
	};
	struct bus_hooks theirs = { .program = w, .handlers = handlers, .n_handlers = 3, .bad_peer = bad_peer };
	struct bus_hooks ours = { .program = &w->g, .handlers = door, .n_handlers = 3, .down = gateway_gone, .bad_peer = bad_peer };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	if (!w->ours)
		w->ours = bus_new(w->loop, PROG_SIP, 0, &ours);
	w->theirs = bus_new(w->loop, PROG_XLATE, 0, &theirs);
	assert_non_null(w->ours);
	assert_non_null(w->theirs);
	assert_int_equal(bus_attach(w->ours, PROG_XLATE, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w->theirs, PROG_SIP, 0, fds[1]), 0);
	w->g.bus = w->ours;
}

void world_gateway_down(struct world *w)
{
	bus_free(w->theirs);
	w->theirs = NULL;
	world_settle(w);
}

void world_answer(struct world *w, const struct sip_answer *a)
{
	struct chan *c = bus_chan(w->theirs, PROG_SIP, 0);

	sip_answer_encode(chan_begin(c, MSG_SIP_RESPONSE, 0), a);
	assert_int_equal(chan_end(c), 0);
}

void world_ask(struct world *w, const struct sip_unit *u)
{
	struct chan *c = bus_chan(w->theirs, PROG_SIP, 0);

	sip_unit_encode(chan_begin(c, MSG_SIP_REQUEST, 0), u);
	assert_int_equal(chan_end(c), 0);
}

void world_cancel(struct world *w, uint64_t id)
{
	struct chan *c = bus_chan(w->theirs, PROG_SIP, 0);

	wire_put_u64(chan_begin(c, MSG_SIP_CANCEL, 0), id);
	assert_int_equal(chan_end(c), 0);
}

/* ---- the door ---- */

static int bound_socket(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

void world_settings(struct world *w, const char *text)
{
	struct settings *s;
	unsigned line = 0;

	if (settings_parse(bytes_of(text), &s, &line) < 0)
		fail_msg("settings, line %u", line);
	assert_int_equal(apply_to(&w->g, s), 0);
	settings_free(w->settings);
	w->settings = s;
}

void world_open(struct world *w, const char *settings)
{
	*w = (struct world){ .loop = loop_new(LOOP_LIBEVENT) };
	assert_non_null(w->loop);
	buf_init(&w->answer_text, 1 << 20);
	assert_int_equal(gsip_init(&w->g, w->loop, NULL, 0), 0);
	world_settings(w, settings);
	int fd = bound_socket(&w->port);
	listener_change(&w->g, "sip-udp", "127.0.0.1", w->port, fd);
	world_gateway_up(w);
}

void world_close(struct world *w)
{
	for (size_t i = 0; i < w->n_units; i++)
		sipmsg_free(w->units[i].m);
	gsip_fini(&w->g);
	bus_free(w->theirs);
	bus_free(w->ours);
	settings_free(w->settings);
	buf_fini(&w->answer_text);
	loop_free(w->loop);
}

bool world_until(struct world *w, const size_t *what)
{
	uint64_t end = loop_now(w->loop) + WAIT_MS;

	while (!*what && loop_now(w->loop) < end)
		loop_turn(w->loop, 5);
	return *what != 0;
}

void world_settle(struct world *w)
{
	uint64_t end = loop_now(w->loop) + MOMENT_MS;

	while (loop_now(w->loop) < end)
		loop_turn(w->loop, 5);
}

/* ---- partners ---- */

void peer_open(struct world_peer *p)
{
	*p = (struct world_peer){ .n = 0 };
	p->fd = bound_socket(&p->port);
}

void peer_close(struct world_peer *p)
{
	sipmsg_free(p->m);
	assert_int_equal(close(p->fd), 0);
}

static void send_text(struct world *w, struct world_peer *p, struct bytes text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) }, .sin_port = htons(w->port) };

	assert_int_equal(sendto(p->fd, text.p, text.n, 0, (struct sockaddr *)&a, sizeof a), text.n);
}

void peer_send(struct world *w, struct world_peer *p, const char *text)
{
	struct buf b;

	buf_init(&b, WORLD_TEXT_MAX);
	for (; *text; text++) {
		if (*text == '\n')
			buf_put_u8(&b, '\r');
		buf_put_u8(&b, (uint8_t)*text);
	}
	send_text(w, p, buf_bytes(&b));
	buf_fini(&b);
}

static bool try_receive(struct world_peer *p)
{
	ssize_t n = recv(p->fd, p->text, sizeof p->text - 1, 0);

	if (n <= 0)
		return false;
	p->text[n] = '\0';
	p->n = (size_t)n;
	return true;
}

struct sipmsg *peer_receive(struct world *w, struct world_peer *p)
{
	uint64_t end = loop_now(w->loop) + WAIT_MS;

	while (!try_receive(p)) {
		loop_turn(w->loop, 5);
		if (loop_now(w->loop) > end)
			fail_msg("nothing came");
	}
	sipmsg_free(p->m);
	p->m = NULL;
	assert_int_equal(sipmsg_parse(bytes_make(p->text, p->n), &p->m), 0);
	return p->m;
}

bool peer_is_silent(struct world *w, struct world_peer *p)
{
	world_settle(w);
	return !try_receive(p);
}

void peer_respond(struct world *w, struct world_peer *p, unsigned status, const char *headers)
{
	struct sipmsg *r = sipmsg_response_new(p->m, status, NULL, "there");
	struct buf b;

	assert_non_null(r);
	while (*headers) {
		const char *colon = strchr(headers, ':'), *end = strchr(headers, '\n');
		char name[64];
		(void)snprintf(name, sizeof name, "%.*s", (int)(colon - headers), headers);
		sipmsg_append_named(r, name, bytes_make(colon + 2, (size_t)(end - colon - 2)));
		headers = end + 1;
	}
	buf_init(&b, WORLD_TEXT_MAX);
	assert_int_equal(sipmsg_print(r, &b), 0);
	send_text(w, p, buf_bytes(&b));
	buf_fini(&b);
	sipmsg_free(r);
}
