#include "msrp_door.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "net/link.h"
#include "net/link_fixture.h"
#include "net/pki_fixture.h"

/* The door on loopback sockets and a virtual clock; gh-xlate and the SIP user's device are played. */
#define HOST "127.0.61.1"
#define OURS "msrp://gw.example:2855/"
#define THEIRS "msrp://" HOST ":9999/bob;tcp"

static struct world {
	struct loop *loop;
	struct dns *dns;
	struct bus *door_bus, *xlate;
	struct msrp_door *door;
	uint16_t port;
	/* gh-xlate */
	unsigned n_opened, n_closed, n_frames;
	uint64_t opened, closed;
	int why;
	char frame[8192];
	struct pki_cert authority, cert;
	struct tls_store *store;
} w;

static int on_opened(void *arg, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);

	(void)arg, (void)from;
	w.opened = wire_u64(&in);
	w.n_opened++;
	return 0;
}

static int on_frame(void *arg, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);

	(void)arg, (void)from;
	(void)wire_u64(&in);
	struct bytes frame = wire_bytes(&in);
	snprintf(w.frame, sizeof w.frame, "%.*s", BYTES_FMT(frame));
	w.n_frames++;
	return 0;
}

static int on_close(void *arg, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);

	(void)arg, (void)from;
	w.closed = wire_u64(&in);
	w.why = (int32_t)wire_u32(&in);
	w.n_closed++;
	return 0;
}

static int door_open(void *arg, struct chan *from, const struct frame *f)
{
	(void)arg, (void)from;
	return msrp_door_on_open(w.door, f);
}

static int door_frame(void *arg, struct chan *from, const struct frame *f)
{
	(void)arg, (void)from;
	return msrp_door_on_frame(w.door, f);
}

static int door_close(void *arg, struct chan *from, const struct frame *f)
{
	(void)arg, (void)from;
	return msrp_door_on_close(w.door, f);
}

static const struct bus_handler xlate_handlers[] = { { MSG_MSRP_OPENED, on_opened }, { MSG_MSRP_FRAME, on_frame }, { MSG_MSRP_CLOSE, on_close } };
static const struct bus_handler door_handlers[] = { { MSG_MSRP_OPEN, door_open }, { MSG_MSRP_FRAME, door_frame }, { MSG_MSRP_CLOSE, door_close } };

static struct sockaddr_in place(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, HOST, &a.sin_addr), 1);
	return a;
}

static int listen_on(uint16_t *port)
{
	struct sockaddr_in a = place(0);
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void turns(void)
{
	for (int i = 0; i < 40; i++) {
		loop_turn(w.loop, 0);
		usleep(200); /* the kernel carries it */
	}
}

static void open_world(const char *listener)
{
	struct bus_hooks xlate = { .handlers = xlate_handlers, .n_handlers = 3 }, door = { .handlers = door_handlers, .n_handlers = 3 };
	int fds[2];

	memset(&w, 0, sizeof w);
	w.loop = loop_new(LOOP_FAKE);
	w.dns = dns_new(w.loop);
	w.xlate = bus_new(w.loop, PROG_XLATE, 0, &xlate);
	w.door_bus = bus_new(w.loop, PROG_SIP, 0, &door);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(w.xlate, PROG_SIP, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w.door_bus, PROG_XLATE, 0, fds[1]), 0);
	w.door = msrp_door_new(w.loop, w.door_bus, w.dns);
	w.authority = pki_make(&(struct pki_wish){ .cn = "authority", .is_ca = true }, NULL);
	w.cert = pki_make(&(struct pki_wish){ .cn = "gw", .san = "DNS:gw.example" }, &w.authority);
	w.store = tls_store_new(NULL);
	assert_int_equal(tls_store_add_certificate(w.store, BYTES("c"), pki_pem(&w.cert)), 0);
	assert_int_equal(tls_store_add_domain(w.store, "gw.example", BYTES("c")), 0);
	assert_int_equal(tls_store_trust_anchor(w.store, BYTES("a"), pki_pem(&w.authority)), 0);
	msrp_door_set_tls(w.door, w.store, "gw.example");
	int fd = listen_on(&w.port);
	assert_true(msrp_door_listener(w.door, listener, HOST, w.port, fd));
	assert_false(msrp_door_listener(w.door, "sip-tcp", HOST, w.port, -1));
}

static int set_up(void **state)
{
	(void)state;
	open_world("msrp");
	return 0;
}

static int set_up_tls(void **state)
{
	(void)state;
	open_world("msrp-tls");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	msrp_door_free(w.door);
	bus_free(w.door_bus);
	bus_free(w.xlate);
	dns_free(w.dns);
	tls_store_free(w.store);
	pki_free(&w.cert);
	pki_free(&w.authority);
	loop_free(w.loop);
	return 0;
}

/* ---- gh-xlate ---- */

static void announce(uint64_t key, uint8_t flags, const char *uri, const char *path)
{
	struct chan *c = bus_chan(w.xlate, PROG_SIP, 0);
	struct buf *b = chan_begin(c, MSG_MSRP_OPEN, 0);

	wire_put_u64(b, key);
	wire_put_u8(b, flags);
	wire_put_str(b, bytes_of(uri));
	wire_put_str(b, bytes_of(path));
	assert_int_equal(chan_end(c), 0);
	turns();
}

static void say(uint64_t key, const char *frame)
{
	struct chan *c = bus_chan(w.xlate, PROG_SIP, 0);
	struct buf *b = chan_begin(c, MSG_MSRP_FRAME, 0);

	wire_put_u64(b, key);
	wire_put_bytes(b, bytes_of(frame));
	assert_int_equal(chan_end(c), 0);
	turns();
}

static void close_session(uint64_t key)
{
	struct chan *c = bus_chan(w.xlate, PROG_SIP, 0);
	struct buf *b = chan_begin(c, MSG_MSRP_CLOSE, 0);

	wire_put_u64(b, key);
	wire_put_u32(b, 0);
	assert_int_equal(chan_end(c), 0);
	turns();
}

/* ---- the device ---- */

static void call(struct end *e)
{
	struct sockaddr_in a = place(w.port);

	end_init(e);
	assert_int_equal(link_connect(&e->link, w.loop, (struct sockaddr *)&a, sizeof a, NULL, 0, 5000, &end_owner, e, 1 << 20), 0);
	turns();
	assert_true(e->is_connected);
}

static void hang_up(struct end *e)
{
	link_close(&e->link);
	buf_fini(&e->in);
	turns();
}

/* A SEND; what came in answer. */
static const char *tell(struct end *e, const char *id, const char *to, const char *from, const char *body)
{
	static char got[8192];
	char text[2048];

	snprintf(text, sizeof text,
		 "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m%s\r\nContent-Type: text/plain\r\n\r\n%s\r\n-------%s$\r\n",
		 id, to, from, id, body, id);
	buf_clear(&e->in);
	assert_int_equal(link_send(&e->link, bytes_of(text)), 0);
	turns();
	snprintf(got, sizeof got, "%.*s", BYTES_FMT(buf_bytes(&e->in)));
	return got;
}

#define assert_has(text, what)                                                                     \
	do {                                                                                       \
		const char *text_ = (text);                                                        \
		if (!strstr(text_, what))                                                          \
			fail_msg("no \"%s\" in: %s", what, text_);                                 \
	} while (0)

/* ---- they connect ---- */

static void announced_session_attaches(void **state)
{
	struct end e;

	(void)state;
	announce(7, 0, OURS "s1;tcp", THEIRS);
	call(&e);
	assert_int_equal(w.n_opened, 0);
	assert_string_equal(tell(&e, "t001", OURS "s1;tcp", THEIRS, "hello"), "");
	assert_int_equal(w.n_opened, 1);
	assert_int_equal(w.opened, 7);
	assert_int_equal(w.n_frames, 1);
	assert_has(w.frame, "MSRP t001 SEND\r\n");
	assert_has(w.frame, "\r\n\r\nhello\r\n-------t001$\r\n");
	say(7, "MSRP t001 200 OK\r\n");
	assert_true(bytes_eq_str(buf_bytes(&e.in), "MSRP t001 200 OK\r\n"));
	/* it ends when gh-xlate says so */
	close_session(7);
	assert_true(e.is_closed);
	hang_up(&e);
	assert_int_equal(w.n_closed, 0);
}

/* SES-10 */
static void wrong_session_is_481_and_the_connection_stays(void **state)
{
	static const struct {
		const char *what, *to, *from;
	} rows[] = {
		{ "no such session", OURS "s2;tcp", THEIRS },
		{ "other case", OURS "S1;tcp", THEIRS },
		{ "none named", "msrp://gw.example:2855;tcp", THEIRS },
		{ "not the other end", OURS "s1;tcp", "msrp://" HOST ":9999/mallory;tcp" },
		{ "TLS session without TLS", OURS "tls;tcp", THEIRS },
		{ "as a relay", OURS "s1;tcp msrp://other.example:2855/x;tcp", THEIRS },
		{ "somebody else's", "msrp://other.example:2855/x;tcp", THEIRS },
	};
	struct end e;

	(void)state;
	announce(7, 0, OURS "s1;tcp", THEIRS);
	announce(8, 1, OURS "tls;tcp", THEIRS);
	call(&e);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = tell(&e, "t001", rows[i].to, rows[i].from, "hello");
		if (!strstr(got, "MSRP t001 481 "))
			fail_msg("%s: %s", rows[i].what, got);
	}
	assert_int_equal(w.n_opened, 0);
	assert_int_equal(w.n_frames, 0);
	assert_false(e.is_closed);
	tell(&e, "t002", OURS "s1;tcp", THEIRS, "hello");
	assert_int_equal(w.n_frames, 1);
	hang_up(&e);
	assert_int_equal(w.n_closed, 1);
	assert_int_equal(w.closed, 7);
}

static void guessing_has_an_end(void **state)
{
	struct end e;

	(void)state;
	call(&e);
	for (int i = 0; i < 15; i++)
		assert_has(tell(&e, "t001", OURS "guess;tcp", THEIRS, "x"), " 481 ");
	assert_false(e.is_closed);
	tell(&e, "t001", OURS "guess;tcp", THEIRS, "x");
	assert_true(e.is_closed);
	hang_up(&e);
}

static void session_has_one_connection(void **state)
{
	struct end a, b;

	(void)state;
	announce(7, 0, OURS "s1;tcp", THEIRS);
	call(&a);
	call(&b);
	tell(&a, "t001", OURS "s1;tcp", THEIRS, "x");
	assert_has(tell(&b, "t002", OURS "s1;tcp", THEIRS, "x"), "MSRP t002 506 ");
	assert_int_equal(w.n_frames, 1);
	hang_up(&b);
	assert_int_equal(w.n_closed, 0);
	/* the other way round one connection may have several */
	announce(8, 0, OURS "s2;tcp", THEIRS);
	tell(&a, "t003", OURS "s2;tcp", THEIRS, "x");
	assert_int_equal(w.n_opened, 2);
	close_session(7);
	assert_false(a.is_closed);
	close_session(8);
	assert_true(a.is_closed);
	hang_up(&a);
}

static void faults_are_answered_here(void **state)
{
	enum { MORE_THAN_ONE_CHUNK = 40000 };
	static char body[MORE_THAN_ONE_CHUNK + 1];
	struct end e;

	(void)state;
	announce(7, 0, OURS "s1;tcp", THEIRS);
	call(&e);
	tell(&e, "t001", OURS "s1;tcp", THEIRS, "x");
	memset(body, 'x', MORE_THAN_ONE_CHUNK);
	buf_clear(&e.in);
	assert_int_equal(link_send(&e.link, bytes_of("MSRP t002 SEND\r\nTo-Path: " OURS "s1;tcp\r\nFrom-Path: " THEIRS
						     "\r\nMessage-ID: m002\r\nContent-Type: text/plain\r\n\r\n")), 0);
	assert_int_equal(link_send(&e.link, bytes_of(body)), 0);
	assert_int_equal(link_send(&e.link, bytes_of("\r\n-------t002$\r\n")), 0);
	turns();
	assert_has((const char *)buf_cstr(&e.in), "MSRP t002 413 ");
	assert_int_equal(w.n_frames, 1);
	/* what is no MSRP ends the connection, and its session */
	assert_int_equal(link_send(&e.link, bytes_of("GET / HTTP/1.1\r\n")), 0);
	turns();
	assert_true(e.is_closed);
	assert_int_equal(w.n_closed, 1);
	hang_up(&e);
}

static void silent_strangers_go(void **state)
{
	struct msrp_door_counts counts;
	struct end e, f;

	(void)state;
	announce(7, 0, OURS "s1;tcp", THEIRS);
	call(&e);
	call(&f);
	tell(&f, "t001", OURS "s1;tcp", THEIRS, "x");
	loop_fake_advance(w.loop, 9999);
	turns();
	assert_false(e.is_closed);
	loop_fake_advance(w.loop, 1);
	turns();
	assert_true(e.is_closed);
	/* one with a session may be silent, but not in the middle of a frame */
	loop_fake_advance(w.loop, 600000);
	turns();
	assert_false(f.is_closed);
	assert_int_equal(link_send(&f.link, bytes_of("MSRP t002 SEND\r\nTo-")), 0);
	turns();
	loop_fake_advance(w.loop, 30000);
	turns();
	assert_true(f.is_closed);
	assert_int_equal(w.n_closed, 1);
	msrp_door_counts(w.door, &counts);
	assert_int_equal(counts.connections, 0);
	assert_int_equal(counts.sessions, 0);
	hang_up(&e);
	hang_up(&f);
}

static void lost_gateway_ends_all(void **state)
{
	struct end e;

	(void)state;
	announce(7, 0, OURS "s1;tcp", THEIRS);
	call(&e);
	tell(&e, "t001", OURS "s1;tcp", THEIRS, "x");
	msrp_door_down(w.door);
	turns();
	assert_true(e.is_closed);
	hang_up(&e);
}

static void too_many_of_one_address(void **state)
{
	static struct end many[40];
	unsigned closed = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		call(&many[i]);
	turns();
	for (int i = 0; i < 40; i++)
		closed += many[i].is_closed;
	assert_int_equal(closed, 8);
	for (int i = 0; i < 40; i++)
		hang_up(&many[i]);
}

/* ---- we connect ---- */

static void connects_where_it_is_told_to(void **state)
{
	uint16_t port;
	int fd = listen_on(&port);
	char path[128];
	struct end e;

	(void)state;
	snprintf(path, sizeof path, "msrp://" HOST ":%u/bob;tcp", port);
	announce(7, 0, OURS "s1;tcp", "");
	turns();
	announce(7, 2, OURS "s1;tcp", path);
	assert_int_equal(w.n_opened, 1);
	end_init(&e);
	assert_int_equal(link_accept(&e.link, w.loop, accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), &end_owner, &e, 1 << 20), 0);
	say(7, "MSRP abcd SEND\r\n");
	assert_true(bytes_eq_str(buf_bytes(&e.in), "MSRP abcd SEND\r\n"));
	tell(&e, "t001", OURS "s1;tcp", path, "hi");
	assert_has(w.frame, "\r\n\r\nhi\r\n");
	link_shutdown(&e.link);
	turns();
	assert_int_equal(w.n_closed, 1);
	hang_up(&e);
	close(fd);
}

static void refuses_to_connect_anywhere(void **state)
{
	static const struct {
		const char *path;
		int why;
	} rows[] = {
		{ "msrp://" HOST ":22/x;tcp", ERR_DENIED },
		{ "msrp://" HOST "/x;tcp", ERR_DENIED },
		{ "msrp://0.0.0.0:2855/x;tcp", ERR_DENIED },
		{ "msrp://169.254.169.254:2855/x;tcp", ERR_DENIED },
		{ "msrp://224.0.0.1:2855/x;tcp", ERR_DENIED },
		{ "msrp://[::ffff:127.0.0.1]:2855/x;tcp", ERR_DENIED },
		{ "msrp://[fe80::1]:2855/x;tcp", ERR_DENIED },
		{ "msrps://" HOST ":2855/x;tcp", ERR_DENIED },
		{ "msrp://" HOST ":1024/x;tcp", ERR_CONN_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		announce(100 + i, 2, OURS "s1;tcp", rows[i].path);
		assert_int_equal(w.n_closed, i + 1);
		if (w.why != rows[i].why)
			fail_msg("%s: %s", rows[i].path, err_name(w.why));
	}
	assert_int_equal(w.n_opened, 0);
}

/* ---- TLS ---- */

static void tls_session_attaches(void **state)
{
	struct tls_options o = { .side = TLS_CLIENT, .server_name = "gw.example" };
	struct tls *t;
	struct end e;

	(void)state;
	announce(7, 1, "msrps://gw.example:2855/s1;tcp", "msrps://" HOST ":9999/bob;tcp");
	call(&e);
	assert_int_equal(tls_new(w.store, &o, &t), 0);
	assert_int_equal(link_start_tls(&e.link, t, 5000), 0);
	turns();
	assert_true(e.is_secured);
	tell(&e, "t001", "msrps://gw.example:2855/s1;tcp", "msrps://" HOST ":9999/bob;tcp", "secret");
	assert_int_equal(w.n_opened, 1);
	assert_has(w.frame, "secret");
	hang_up(&e);
}

/* We connect to a TLS server with this name in its certificate. */
static void connect_to(const char *name)
{
	struct tls_options o = { .side = TLS_SERVER, .domain = HOST };
	struct pki_wish wish = { .cn = "them", .san = name };
	struct pki_cert cert = pki_make(&wish, &w.authority);
	struct tls_store *store = tls_store_new(NULL);
	uint16_t port;
	int fd = listen_on(&port);
	char path[128];
	struct tls *t;
	struct end e;

	assert_int_equal(tls_store_add_certificate(store, BYTES("c"), pki_pem(&cert)), 0);
	(void)tls_store_add_domain(store, HOST, BYTES("c")); /* one of them does not cover it */
	snprintf(path, sizeof path, "msrps://" HOST ":%u/bob;tcp", port);
	announce(7, 3, "msrps://gw.example:2855/s1;tcp", path);
	end_init(&e);
	assert_int_equal(link_accept(&e.link, w.loop, accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), &end_owner, &e, 1 << 20), 0);
	assert_int_equal(tls_new(store, &o, &t), 0);
	assert_int_equal(link_start_tls(&e.link, t, 5000), 0);
	turns();
	link_close(&e.link);
	buf_fini(&e.in);
	tls_store_free(store);
	pki_free(&cert);
	close(fd);
}

/* RFC 4975 14.4 */
static void certificate_must_name_their_host(void **state)
{
	(void)state;
	connect_to("DNS:gw.example");
	assert_int_equal(w.n_opened, 0);
	assert_int_equal(w.n_closed, 1);
	assert_int_equal(w.why, ERR_CERT_NAME);
	connect_to("DNS:" HOST);
	assert_int_equal(w.n_opened, 1);
}

#define clear_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define tls_test(f) cmocka_unit_test_setup_teardown(f, set_up_tls, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		clear_test(announced_session_attaches),
		clear_test(wrong_session_is_481_and_the_connection_stays),
		clear_test(guessing_has_an_end),
		clear_test(session_has_one_connection),
		clear_test(faults_are_answered_here),
		clear_test(silent_strangers_go),
		clear_test(lost_gateway_ends_all),
		clear_test(too_many_of_one_address),
		clear_test(connects_where_it_is_told_to),
		clear_test(refuses_to_connect_anywhere),
		tls_test(tls_session_attaches),
		tls_test(certificate_must_name_their_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
