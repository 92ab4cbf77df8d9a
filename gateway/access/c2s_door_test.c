#include "conn.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "run/session.h"

/* The worker between clients on socket pairs and a gh-im of a few lines, on a virtual clock. */

#define SETTINGS                                                                                   \
	"domain a.example certificate = a\n"                                                       \
	"access tls = optional\n"                                                                  \
	"access queue = 65536\n"                                                                   \
	"access ping = 60\n"                                                                       \
	"access auth-timeout = 10\n"

struct im {
	struct bus *bus;
	bool is_silent; /* answers nothing */
	uint64_t conn;  /* of the last AUTH_START */
	unsigned n_auths, n_stanzas, n_counted, n_requests, n_acks, n_closed, n_aborted;
	uint64_t closed_conn;
	uint8_t closed_how;
	uint32_t last_ack, written;
	uint64_t written_conn;
	char last_to[128], last_stanza[512];
};

struct world {
	struct loop *loop;
	struct bus *bus;
	struct door door;
	struct settings *settings;
	struct im im;
};

struct client {
	int fd;
	char got[1 << 17];
	size_t n;
	bool is_eof;
};

/* ---- gh-im ---- */

static struct chan *to_access(struct im *im)
{
	return bus_chan(im->bus, PROG_ACCESS, 0);
}

static int im_auth_start(void *arg, struct chan *from, const struct frame *f)
{
	struct im *im = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	im->conn = wire_u64(&w);
	assert_true(bytes_eq_str(wire_str(&w), "SCRAM-SHA-1"));
	assert_int_equal(wire_u8(&w), AUTH_HAS_INITIAL);
	struct bytes user = wire_bytes(&w);
	assert_int_equal(wire_u8(&w), 0); /* nothing to bind to in clear */
	assert_true(bytes_eq_str(wire_str(&w), "a.example"));
	(void)wire_str(&w);
	for (int i = 0; i < 3; i++) /* no program has named itself, and none wants a token */
		assert_int_equal(wire_str(&w).n, 0);
	assert_int_equal(wire_u64(&w), 0);
	assert_int_equal(wire_end(&w), 0);
	im->n_auths++;
	if (im->is_silent)
		return 0;
	char bare[64];
	(void)snprintf(bare, sizeof bare, "%.*s@a.example", BYTES_FMT(user));
	struct buf *b = chan_begin(to_access(im), MSG_AUTH_OK, 0);
	wire_put_u64(b, im->conn);
	wire_put_str(b, bytes_of(bare));
	wire_put_bytes(b, BYTES_NONE);
	wire_put_str(b, BYTES_NONE);
	wire_put_u64(b, 0);
	return chan_end(to_access(im));
}

static int im_session_open(void *arg, struct chan *from, const struct frame *f)
{
	struct im *im = arg;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);

	(void)from;
	struct buf *b = chan_begin(to_access(im), MSG_SESSION_OPENED, 0);
	wire_put_u64(b, conn);
	wire_put_str(b, BYTES("u@a.example/r"));
	wire_put_str(b, BYTES_NONE);
	wire_put_u32(b, 0);
	return chan_end(to_access(im));
}

static int im_sm_enable(void *arg, struct chan *from, const struct frame *f)
{
	struct im *im = arg;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);

	(void)from;
	struct buf *b = chan_begin(to_access(im), MSG_SM_ENABLED, 0);
	wire_put_u64(b, conn);
	wire_put_str(b, BYTES("id9"));
	wire_put_u32(b, 60);
	return chan_end(to_access(im));
}

static int im_stanza(void *arg, struct chan *from, const struct frame *f)
{
	struct im *im = arg;
	struct envelope e;

	(void)from;
	struct bytes body = bytes_skip(f->body, 8);
	if (body.n > 17 && body.p[17] == STANZA_KIND_COUNTED) { /* behind id, trace and door */
		im->n_counted++;
		return 0;
	}
	assert_int_equal(envelope_decode(body, &e), 0);
	assert_true(bytes_eq_str(e.from, "u@a.example/r"));
	assert_int_equal(e.door, DOOR_ACCESS);
	assert_int_not_equal(e.trace, 0);
	(void)snprintf(im->last_to, sizeof im->last_to, "%.*s", BYTES_FMT(e.to));
	(void)snprintf(im->last_stanza, sizeof im->last_stanza, "%.*s", BYTES_FMT(e.stanza));
	im->n_stanzas++;
	return 0;
}

static int im_count(void *arg, struct chan *from, const struct frame *f)
{
	struct im *im = arg;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);

	(void)from;
	switch (f->type) {
	case MSG_SM_REQUEST:
		im->n_requests++;
		break;
	case MSG_SM_ACK:
		im->n_acks++;
		im->last_ack = wire_u32(&w);
		break;
	case MSG_AUTH_ABORT:
		im->n_aborted++;
		break;
	case MSG_SESSION_CSI:
		(void)wire_u8(&w);
		break;
	default:
		im->n_closed++;
		im->closed_conn = conn;
		im->closed_how = wire_u8(&w);
	}
	return wire_end(&w);
}

static int im_written(void *arg, struct chan *from, const struct frame *f)
{
	struct im *im = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	for (unsigned n = wire_u16(&w); n; n--) {
		im->written_conn = wire_u64(&w);
		im->written = wire_u32(&w);
	}
	return wire_end(&w);
}

static const struct bus_handler im_handlers[] = {
	{ MSG_AUTH_START, im_auth_start }, { MSG_SESSION_OPEN, im_session_open }, { MSG_SM_ENABLE, im_sm_enable },
	{ MSG_STANZA, im_stanza },         { MSG_SM_REQUEST, im_count },          { MSG_SM_ACK, im_count },
	{ MSG_AUTH_ABORT, im_count },      { MSG_SESSION_CLOSED, im_count },      { MSG_SESSION_CSI, im_count },
	{ MSG_WRITTEN, im_written },
};

static void deliver(struct world *w, uint64_t conn, uint8_t flags, const char *stanza)
{
	struct chan *c = to_access(&w->im);
	struct buf *b = chan_begin(c, MSG_DELIVER, 0);

	wire_put_u64(b, conn);
	wire_put_u8(b, flags);
	wire_put_bytes(b, bytes_of(stanza));
	assert_int_equal(chan_end(c), 0);
}

/* ---- the world ---- */

static void turns(struct world *w)
{
	for (int i = 0; i < 12; i++)
		loop_turn(w->loop, 0);
}

static void hook_up(void *program, struct chan *c)
{
	door_up(program, c);
}
static void hook_down(void *program, struct chan *c)
{
	door_down(program, c);
}

static void im_join(struct world *w)
{
	int fds[2];
	const struct bus_hooks hooks = { .program = &w->im, .handlers = im_handlers,
					 .n_handlers = sizeof im_handlers / sizeof im_handlers[0] };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	w->im.bus = bus_new(w->loop, PROG_IM, 0, &hooks);
	assert_int_equal(bus_attach(w->im.bus, PROG_ACCESS, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w->bus, PROG_IM, 0, fds[1]), 0);
}

static void im_die(struct world *w)
{
	bus_free(w->im.bus);
	w->im = (struct im){ .bus = NULL };
	turns(w);
}

static void configure(struct world *w, const char *more)
{
	struct buf text;
	unsigned line;

	buf_init(&text, 4096);
	buf_put_str(&text, SETTINGS);
	buf_put_str(&text, more);
	struct settings *old = w->settings;
	assert_int_equal(settings_parse(buf_bytes(&text), &w->settings, &line), 0);
	door_apply(&w->door, w->settings);
	settings_free(old);
	buf_fini(&text);
}

static void world_open(struct world *w)
{
	const struct bus_hooks hooks = { .program = &w->door, .handlers = door_handlers, .n_handlers = n_door_handlers,
					 .up = hook_up, .down = hook_down };

	*w = (struct world){ .loop = loop_new(LOOP_FAKE) };
	w->bus = bus_new(w->loop, PROG_ACCESS, 0, &hooks);
	assert_int_equal(door_init(&w->door, w->loop, w->bus, NULL, 0), 0);
	configure(w, "access unauthenticated-per-address = 3\n");
	im_join(w);
	turns(w);
}

static void world_close(struct world *w)
{
	door_fini(&w->door);
	if (w->im.bus)
		bus_free(w->im.bus);
	bus_free(w->bus);
	settings_free(w->settings);
	loop_free(w->loop);
}

/* ---- clients ---- */

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(40000) };

	assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
	return a;
}

static int client_connect(struct world *w, struct client *c, const char *address)
{
	int fds[2];
	struct sockaddr_in from = address_of(address);

	c->n = 0;
	c->is_eof = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	c->fd = fds[0];
	return conn_open(&w->door, fds[1], (struct sockaddr *)&from, false);
}

static void client_read(struct world *w, struct client *c)
{
	turns(w);
	for (;;) {
		ssize_t n = read(c->fd, c->got + c->n, sizeof c->got - 1 - c->n);
		if (n == 0)
			c->is_eof = true;
		if (n <= 0)
			break;
		c->n += (size_t)n;
	}
	c->got[c->n] = '\0';
}

static void client_send(struct world *w, struct client *c, const char *text)
{
	c->n = 0;
	assert_int_equal(write(c->fd, text, strlen(text)), (ssize_t)strlen(text));
	client_read(w, c);
}

static void client_close(struct client *c)
{
	(void)close(c->fd);
	c->fd = -1;
}

#define HEADER "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>"
#define AUTH "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>dQ==</auth>"
#define BIND "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
#define ENABLE "<enable xmlns='urn:xmpp:sm:3'/>"
#define R "<r xmlns='urn:xmpp:sm:3'/>"
#define A(h) "<a xmlns='urn:xmpp:sm:3' h='" h "'/>"

/* Returns the connection's id. */
static uint64_t client_login(struct world *w, struct client *c)
{
	assert_int_equal(client_connect(w, c, "127.0.0.1"), 0);
	client_send(w, c, HEADER AUTH);
	client_send(w, c, HEADER BIND);
	assert_non_null(strstr(c->got, "<jid>u@a.example/r</jid>"));
	c->n = 0;
	return w->im.conn;
}

/* ---- the tests ---- */

static void stanzas_both_ways(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	uint64_t id = client_login(&w, &c);
	assert_int_equal(w.door.n_unauthed, 0);
	client_send(&w, &c, "<message to='V@B.example' id='1'><body>hi</body></message>");
	assert_int_equal(w.im.n_stanzas, 1);
	assert_string_equal(w.im.last_to, "v@b.example");
	assert_string_equal(w.im.last_stanza, "<message from='u@a.example/r' to='v@b.example' id='1'><body>hi</body></message>");
	client_send(&w, &c, "<message to='@' id='1'/>");
	assert_int_equal(w.im.n_counted, 1);

	c.n = 0;
	deliver(&w, id, 0, "<message><body>1</body></message>");
	deliver(&w, id, DELIVER_TELL, "<message><body>2</body></message>");
	client_read(&w, &c);
	assert_string_equal(c.got, "<message><body>1</body></message><message><body>2</body></message>");
	assert_int_equal(w.im.written, 2);
	assert_true(w.im.written_conn == id);
	deliver(&w, id + 1, 0, "<message/>"); /* to nobody */
	turns(&w);
	assert_int_equal(w.door.stats[STAT_STANZAS_LATE], 1);
	client_close(&c);
	world_close(&w);
}

static void ends(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	uint64_t first = client_login(&w, &c);
	client_send(&w, &c, "</stream:stream>");
	assert_string_equal(c.got, "</stream:stream>");
	assert_int_equal(w.im.n_closed, 1);
	assert_int_equal(w.im.closed_how, SESSION_OVER);
	client_close(&c);
	turns(&w);
	assert_int_equal(w.door.n_conns, 0);

	uint64_t second = client_login(&w, &c); /* the same slot, another id */
	assert_int_equal((uint32_t)first, (uint32_t)second);
	assert_true(first != second);
	deliver(&w, first, 0, "<message>old</message>");
	client_read(&w, &c);
	assert_int_equal(c.n, 0);
	client_close(&c); /* no farewell: may be resumed */
	turns(&w);
	assert_int_equal(w.im.n_closed, 2);
	assert_int_equal(w.im.closed_how, SESSION_LOST);
	assert_true(w.im.closed_conn == second);

	/* killed by the core */
	uint64_t third = client_login(&w, &c);
	struct buf *b = chan_begin(to_access(&w.im), MSG_SESSION_CLOSE, 0);
	wire_put_u64(b, third);
	wire_put_str(b, BYTES("conflict"));
	wire_put_str(b, BYTES_NONE);
	wire_put_bytes(b, BYTES("<why xmlns='urn:why'/>"));
	unsigned told = w.im.n_closed;
	assert_int_equal(chan_end(to_access(&w.im)), 0);
	client_read(&w, &c);
	assert_non_null(strstr(c.got, "<conflict "));
	assert_non_null(strstr(c.got, "<why xmlns='urn:why'/></stream:error>"));
	client_close(&c);
	turns(&w);
	assert_int_equal(w.im.n_closed, told); /* who asked for it is not told */

	/* in the middle of a login */
	w.im.is_silent = true;
	assert_int_equal(client_connect(&w, &c, "127.0.0.1"), 0);
	client_send(&w, &c, HEADER AUTH);
	client_close(&c);
	turns(&w);
	assert_int_equal(w.im.n_aborted, 1);
	assert_int_equal(w.door.n_unauthed, 0);
	world_close(&w);
}

static void acknowledgements_are_asked_for(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	uint64_t id = client_login(&w, &c);
	client_send(&w, &c, ENABLE);
	assert_non_null(strstr(c.got, "<enabled "));
	c.n = 0;
	/* ten: asked at once, and once */
	for (int i = 0; i < 25; i++)
		deliver(&w, id, 0, "<message/>");
	client_read(&w, &c);
	char *r = strstr(c.got, R);
	assert_non_null(r);
	assert_int_equal(r - c.got, 10 * strlen("<message/>"));
	assert_null(strstr(r + 1, R));
	client_send(&w, &c, A("10"));
	assert_int_equal(w.im.last_ack, 10);
	assert_int_equal(c.n, 0);
	/* the other fifteen: a little later */
	loop_fake_advance(w.loop, 200);
	client_read(&w, &c);
	assert_string_equal(c.got, R);
	client_send(&w, &c, A("25"));
	loop_fake_advance(w.loop, 1000);
	client_read(&w, &c);
	assert_int_equal(c.n, 0);
	/* one alone */
	deliver(&w, id, 0, "<message/>");
	client_read(&w, &c);
	assert_string_equal(c.got, "<message/>");
	loop_fake_advance(w.loop, 200);
	client_read(&w, &c);
	assert_string_equal(c.got, "<message/>" R);
	/* the other way round */
	client_send(&w, &c, R);
	assert_int_equal(w.im.n_requests, 1);
	client_close(&c);
	world_close(&w);
}

static void inactive_clients_sleep(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	uint64_t id = client_login(&w, &c);
	client_send(&w, &c, "<inactive xmlns='urn:xmpp:csi:0'/>");
	deliver(&w, id, 0, "<presence from='x@b.example/1' to='u'/>");
	deliver(&w, id, 0, "<presence from='y@b.example/1' to='u'/>");
	deliver(&w, id, 0, "<presence from='x@b.example/1' to='u' type='unavailable'/>");
	deliver(&w, id, 0, "<message from='x@b.example'><composing/></message>");
	client_read(&w, &c);
	assert_int_equal(c.n, 0);
	/* something urgent lets all go, in order, of each sender the last presence */
	deliver(&w, id, DELIVER_URGENT | DELIVER_TELL, "<message from='x@b.example'><body/></message>");
	client_read(&w, &c);
	assert_string_equal(c.got, "<presence from='y@b.example/1' to='u'/>"
				   "<presence from='x@b.example/1' to='u' type='unavailable'/>"
				   "<message from='x@b.example'><composing/></message>"
				   "<message from='x@b.example'><body/></message>");
	assert_int_equal(w.im.written, 5);
	/* subscriptions and iqs do not wait */
	c.n = 0;
	deliver(&w, id, 0, "<presence from='x@b.example' type='subscribe'/>");
	deliver(&w, id, 0, "<iq type='get'/>");
	client_read(&w, &c);
	assert_string_equal(c.got, "<presence from='x@b.example' type='subscribe'/><iq type='get'/>");
	/* becoming active lets go */
	c.n = 0;
	deliver(&w, id, 0, "<presence from='x@b.example/1'/>");
	client_send(&w, &c, "<active xmlns='urn:xmpp:csi:0'/>");
	assert_string_equal(c.got, "<presence from='x@b.example/1'/>");
	client_close(&c);
	world_close(&w);
}

/* With XEP-0198 both sides count: nothing is dropped, order stays. */
static void inactive_clients_that_count(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	uint64_t id = client_login(&w, &c);
	client_send(&w, &c, ENABLE "<inactive xmlns='urn:xmpp:csi:0'/>");
	c.n = 0;
	deliver(&w, id, 0, "<presence from='x@b.example/1' id='1'/>");
	deliver(&w, id, 0, "<presence from='x@b.example/1' id='2'/>");
	client_read(&w, &c);
	assert_int_equal(c.n, 0);
	deliver(&w, id, DELIVER_URGENT, "<message/>");
	client_read(&w, &c);
	assert_string_equal(c.got, "<presence from='x@b.example/1' id='1'/><presence from='x@b.example/1' id='2'/><message/>");
	client_close(&c);
	world_close(&w);
}

static void slow_client_is_given_up(void **state)
{
	static struct client slow, other;
	static char stanza[30001];
	struct world w;

	(void)state;
	world_open(&w);
	uint64_t id = client_login(&w, &slow), id2 = client_login(&w, &other);
	memset(stanza, 'x', sizeof stanza - 1);
	for (int i = 0; i < 40; i++) {
		deliver(&w, id, 0, stanza);
		turns(&w);
	}
	assert_int_equal(w.im.n_closed, 1);
	assert_true(w.im.closed_conn == id);
	assert_int_equal(w.im.closed_how, SESSION_LOST);
	assert_int_equal(w.door.stats[STAT_QUEUE_FULL], 1);
	deliver(&w, id2, 0, "<message/>");
	client_read(&w, &other);
	assert_string_equal(other.got, "<message/>");
	client_close(&slow);
	client_close(&other);
	world_close(&w);
}

static void core_dies_and_comes_back(void **state)
{
	static struct client c, waiting;
	struct world w;

	(void)state;
	world_open(&w);
	client_login(&w, &c);
	im_die(&w);
	client_read(&w, &c);
	assert_non_null(strstr(c.got, "<reset "));
	assert_true(c.is_eof);
	/* a new login waits for it */
	assert_int_equal(client_connect(&w, &waiting, "127.0.0.1"), 0);
	client_send(&w, &waiting, HEADER AUTH);
	assert_int_equal(waiting.n, 0);
	loop_fake_advance(w.loop, 3000);
	im_join(&w);
	client_read(&w, &waiting);
	assert_non_null(strstr(waiting.got, "<success "));
	client_send(&w, &waiting, HEADER BIND);
	assert_non_null(strstr(waiting.got, "<jid>"));
	client_close(&c);
	client_close(&waiting);
	world_close(&w);
}

static void core_that_is_full_stops_reading(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	client_login(&w, &c);
	door_pressure(&w.door, w.door.im, true);
	for (int i = 0; i < 100; i++)
		client_send(&w, &c, "<message to='v@b.example'/>");
	assert_int_equal(w.im.n_stanzas, 0);
	assert_int_equal(w.door.stats[STAT_PARKED], 1);
	door_pressure(&w.door, w.door.im, false);
	client_read(&w, &c);
	assert_int_equal(w.im.n_stanzas, 100);
	client_close(&c);
	world_close(&w);
}

static void strangers_are_limited(void **state)
{
	static struct client c[4];
	struct world w;

	(void)state;
	world_open(&w);
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_connect(&w, &c[i], "192.0.2.1"), 0);
	assert_int_equal(client_connect(&w, &c[3], "192.0.2.1"), ERR_LIMIT);
	client_close(&c[3]);
	assert_int_equal(client_connect(&w, &c[3], "192.0.2.2"), 0);
	assert_int_equal(w.door.n_unauthed, 4);
	client_send(&w, &c[0], HEADER);
	loop_fake_advance(w.loop, 10000); /* auth-timeout */
	client_read(&w, &c[0]);
	assert_non_null(strstr(c[0].got, "<connection-timeout "));
	for (int i = 0; i < 4; i++)
		client_close(&c[i]);
	turns(&w);
	assert_int_equal(w.door.n_conns, 0);
	assert_int_equal(w.door.n_unauthed, 0);
	assert_int_equal(w.door.addresses.map.count, 0);
	world_close(&w);
}

/* A client of gh-proxy (edge "") or of gh-link; our end of its pair. */
static int hand_over(struct world *w, uint8_t last, const char *edge)
{
	const uint8_t address[4] = { 198, 51, 100, last };
	struct buf b;
	int fds[2];

	buf_init(&b, 1024);
	wire_put_bytes(&b, bytes_make(address, sizeof address));
	wire_put_u16(&b, 40000);
	wire_put_str(&b, BYTES("TLSv1.3"));
	for (int i = 0; i < 3; i++)
		wire_put_bytes(&b, BYTES_NONE);
	wire_put_str(&b, BYTES("a.example"));
	wire_put_str(&b, BYTES("tls"));
	wire_put_str(&b, bytes_of(edge));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	const struct frame f = { .type = MSG_CLIENT_STREAM, .body = buf_bytes(&b), .fd = fds[1] };
	assert_int_equal(door_client_stream(&w->door, w->door.im, &f), 0);
	buf_fini(&b);
	turns(w);
	return fds[0];
}

static bool is_refused(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) == 0;
}

/* An edge may say of each of its clients that it comes from somewhere else: it does not get all places. */
static void edges_leave_room(void **state)
{
	struct world w;
	int fds[9];

	(void)state;
	world_open(&w);
	configure(&w, "access unauthenticated-max = 8\n");
	for (uint8_t i = 0; i < 6; i++) {
		fds[i] = hand_over(&w, i, "one");
		assert_false(is_refused(fds[i]));
	}
	fds[6] = hand_over(&w, 6, "two");
	assert_true(is_refused(fds[6]));
	fds[7] = hand_over(&w, 7, "");
	assert_false(is_refused(fds[7]));
	assert_int_equal(w.door.n_unauthed, 7);
	(void)close(fds[0]);
	turns(&w);
	assert_int_equal(w.door.n_unauthed_edges, 5);
	fds[8] = hand_over(&w, 8, "two");
	assert_false(is_refused(fds[8]));
	for (int i = 1; i < 9; i++)
		(void)close(fds[i]);
	turns(&w);
	assert_int_equal(w.door.n_unauthed + w.door.n_unauthed_edges, 0);
	world_close(&w);
}

static void silent_clients(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	client_login(&w, &c);
	client_send(&w, &c, ENABLE);
	c.n = 0;
	loop_fake_advance(w.loop, 60000);
	client_read(&w, &c);
	assert_string_equal(c.got, R);
	client_send(&w, &c, A("0"));
	loop_fake_advance(w.loop, 60000);
	client_read(&w, &c);
	assert_string_equal(c.got, R);
	loop_fake_advance(w.loop, 60000);
	client_read(&w, &c);
	assert_non_null(strstr(c.got, "<connection-timeout "));
	assert_int_equal(w.im.closed_how, SESSION_LOST);
	client_close(&c);
	world_close(&w);
}

static void reading_is_paced(void **state)
{
	static struct client c;
	static char many[20000];
	struct world w;

	(void)state;
	world_open(&w);
	client_login(&w, &c);
	configure(&w, "access rate = 5000\n");
	for (size_t i = 0; i + 20 < sizeof many; i += 20)
		memcpy(many + i, "<message id='1234'/>", 20);
	client_send(&w, &c, many); /* about four seconds' worth: taken, but then it waits */
	unsigned taken = w.im.n_stanzas;
	client_send(&w, &c, "<message/>");
	assert_int_equal(w.im.n_stanzas, taken);
	assert_int_equal(w.door.stats[STAT_PACED], 1);
	loop_fake_advance(w.loop, 3100);
	turns(&w);
	assert_int_equal(w.im.n_stanzas, taken + 1);
	client_close(&c);
	world_close(&w);
}

static int dial(uint16_t port)
{
	struct sockaddr_in to = address_of("127.0.0.1");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	to.sin_port = htons(port);
	if (fd >= 0)
		(void)connect(fd, (struct sockaddr *)&to, sizeof to); /* goes on by itself */
	return fd;
}

static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in a = address_of("127.0.0.1");
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	a.sin_port = 0;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void accepting_stops_and_goes_on(void **state)
{
	struct world w;
	struct rlimit was, now;
	uint16_t port;
	int fds[3];

	(void)state;
	world_open(&w);
	configure(&w, "access connections-max = 2\n");
	door_listener(&w.door, "c2s", "127.0.0.1", 5222, listen_somewhere(&port));
	for (int i = 0; i < 3; i++)
		fds[i] = dial(port);
	turns(&w);
	assert_int_equal(w.door.n_conns, 2); /* the third waits in the kernel */
	(void)close(fds[0]);
	turns(&w);
	assert_int_equal(w.door.n_conns, 2);
	assert_int_equal(w.door.stats[STAT_ACCEPTED], 3);
	(void)close(fds[1]);
	(void)close(fds[2]);
	turns(&w);
	assert_int_equal(w.door.n_conns, 0);

	/* no descriptor left */
	fds[0] = dial(port);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	now.rlim_cur = (rlim_t)fds[0] + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	for (int used[64], i = 0; i < 64; i++) { /* fill the holes below it */
		used[i] = dup(fds[0]);
		if (used[i] < 0)
			break;
	}
	turns(&w);
	assert_true(w.door.acceptor.is_paused);
	assert_int_equal(w.door.n_conns, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	loop_fake_advance(w.loop, 500);
	turns(&w);
	assert_int_equal(w.door.n_conns, 1);
	door_listener(&w.door, "c2s", "127.0.0.1", 5222, -1);
	(void)close(fds[0]);
	world_close(&w);
}

static void stop_says_so(void **state)
{
	static struct client c;
	struct world w;

	(void)state;
	world_open(&w);
	client_login(&w, &c);
	door_stop(&w.door);
	client_read(&w, &c);
	assert_non_null(strstr(c.got, "<system-shutdown "));
	assert_int_equal(w.im.closed_how, SESSION_LOST); /* may be resumed at another worker */
	client_close(&c);
	world_close(&w);
}

/* A bad frame of gh-im is refused, and touches nobody. */
static void frames_that_do_not_decode(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	for (size_t i = 0; i < n_door_handlers; i++) {
		const struct frame f = { .type = door_handlers[i].type, .body = BYTES("\x01\x02\x03"), .fd = -1 };
		assert_int_not_equal(door_handlers[i].fn(&w.door, w.door.im, &f), 0);
	}
	world_close(&w);
}

static void half_open_thousands(void **state)
{
	static struct client c;
	static int fds[500];
	struct world w;

	(void)state;
	world_open(&w);
	configure(&w, "access unauthenticated-per-address = 100000\n");
	client_login(&w, &c);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 500; i++) {
			static struct client one;
			assert_int_equal(client_connect(&w, &one, "192.0.2.7"), 0);
			fds[i] = one.fd;
			assert_int_equal(write(fds[i], "<stream:str", 11), 11);
		}
		turns(&w);
		client_send(&w, &c, "<message/>"); /* the others do not notice */
		assert_int_equal(w.im.n_stanzas, round + 1);
		loop_fake_advance(w.loop, 10000);
		for (int i = 0; i < 500; i++)
			(void)close(fds[i]);
		turns(&w);
		assert_int_equal(w.door.n_conns, 1);
	}
	client_close(&c);
	world_close(&w);
}

static void struct_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct conn) - sizeof(struct link) <= 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stanzas_both_ways),
		cmocka_unit_test(ends),
		cmocka_unit_test(acknowledgements_are_asked_for),
		cmocka_unit_test(inactive_clients_sleep),
		cmocka_unit_test(inactive_clients_that_count),
		cmocka_unit_test(slow_client_is_given_up),
		cmocka_unit_test(core_dies_and_comes_back),
		cmocka_unit_test(core_that_is_full_stops_reading),
		cmocka_unit_test(strangers_are_limited), cmocka_unit_test(edges_leave_room),
		cmocka_unit_test(silent_clients),
		cmocka_unit_test(reading_is_paced),
		cmocka_unit_test(accepting_stops_and_goes_on),
		cmocka_unit_test(stop_says_so),
		cmocka_unit_test(frames_that_do_not_decode),
		cmocka_unit_test(half_open_thousands),
		cmocka_unit_test(struct_is_small),
	};

	log_open("c2s_door_test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
