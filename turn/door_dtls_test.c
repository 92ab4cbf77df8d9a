/* Clients of OpenSSL's at the two doors that take DTLS; engine and sockets are the test's. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "association.h"
#include "base/err.h"
#include "net/dtls_fixture.h"
#include "net/pki_fixture.h"
#include "net/tls_conn.h"

enum { DTLS_DOOR = 3, UDP_DOOR = 5, GUESTS = 32, S = 1000 };

static struct world {
	struct worker w;
	struct turn_settings conf;
	struct pki_cert cert;
	struct guest_net net;
	struct guest guests[GUESTS];
	uint8_t door_of[GUESTS];
	/* the socket */
	struct bytes next; /* datagram that batch_receive gives */
	struct stunaddr next_from;
	size_t plain_sent, stranger_bytes;
	unsigned stranger_answers, flushes;
	/* the engine */
	struct turn_path heard_path, gone_path;
	char heard[64];
	unsigned n_heard, n_gone;
	bool has_allocation, closes;
	unsigned answers_left;
	/* the log */
	char what[64], why[64];
	unsigned n_refused;
} v;

/* ---- in place of the engine ---- */

void turn_server_client(struct turn_server *s, const struct turn_path *from, struct turn_packet *p)
{
	(void)s;
	v.heard_path = *from;
	v.n_heard++;
	assert_true(p->n < sizeof v.heard);
	memcpy(v.heard, p->p, p->n);
	v.heard[p->n] = '\0';
	memset(p->p - TURN_HEADROOM, 0xff, TURN_HEADROOM); /* the engine may */
	memset(p->p + p->n, 0xff, TURN_TAILROOM);
	if (v.closes)
		v.w.doors[from->door].kind->client_close(&v.w, from);
	else
		v.w.doors[from->door].kind->to_client(&v.w, from, BYTES("answer"));
}

void turn_server_client_gone(struct turn_server *s, const struct turn_path *p)
{
	(void)s;
	v.gone_path = *p;
	v.n_gone++;
}

bool turn_server_has(struct turn_server *s, const struct turn_path *p)
{
	(void)s;
	(void)p;
	return v.has_allocation;
}

bool turn_server_may_answer(struct turn_server *s, const struct stunaddr *to)
{
	(void)s;
	(void)to;
	if (!v.answers_left)
		return false;
	v.answers_left--;
	return true;
}

static void refused(void *io, const struct turn_path *from, struct bytes user, const char *what, const char *why)
{
	(void)io;
	assert_int_equal(from->transport, TURN_DTLS);
	assert_int_equal(user.n, 0);
	snprintf(v.what, sizeof v.what, "%s", what);
	snprintf(v.why, sizeof v.why, "%s", why);
	v.n_refused++;
}
const struct turn_io worker_io = { .refused = refused };
const char *const worker_alpn[] = { "stun.turn", "stun.nat-discovery", NULL };

/* ---- in place of the sockets ---- */

void batch_prepare(int fd, int kernel_bytes)
{
	(void)fd;
	(void)kernel_bytes;
}

void batch_flush(struct batch *b)
{
	(void)b;
	v.flushes++;
}

struct turn_packet batch_place(struct batch *b, struct bytes data)
{
	static uint8_t room[TURN_HEADROOM + TURN_PACKET_MAX + TURN_TAILROOM];

	(void)b;
	memcpy(room + TURN_HEADROOM, data.p, data.n);
	return (struct turn_packet){ room + TURN_HEADROOM, data.n };
}

unsigned batch_receive(struct batch *b, int fd, unsigned most, uint32_t *drops, batch_fn fn, void *arg)
{
	struct turn_packet p = batch_place(b, v.next);

	(void)most;
	(void)drops;
	assert_true(fn(arg, fd, &v.next_from, &p));
	return 1;
}

static struct guest *guest_at(const struct stunaddr *a)
{
	for (size_t i = 0; i < GUESTS; i++) {
		struct guest *g = &v.guests[i];
		if (g->ssl && ntohs(g->at.sin_port) == a->port && memcmp(&g->at.sin_addr, a->ip, 4) == 0)
			return g;
	}
	return NULL;
}

void batch_send(struct batch *b, int fd, const struct stunaddr *to, struct bytes data, bool dont_fragment)
{
	struct guest *g = guest_at(to);

	(void)b;
	assert_true(fd == v.w.doors[DTLS_DOOR].fd || fd == v.w.doors[UDP_DOOR].fd);
	assert_false(dont_fragment);
	if (!is_dtls(data.p[0])) {
		v.plain_sent += data.n;
	} else if (g) {
		guest_hear(g, data);
	} else {
		v.stranger_answers++;
		v.stranger_bytes += data.n;
	}
}

/* ---- the network ---- */

static struct stunaddr addr_of(const struct guest *g)
{
	struct stunaddr a = { .family = 4, .port = ntohs(g->at.sin_port) };

	memcpy(a.ip, &g->at.sin_addr, 4);
	return a;
}

static void arrive(uint8_t door, const struct stunaddr *from, struct bytes datagram)
{
	v.next = datagram;
	v.next_from = *from;
	v.w.doors[door].kind->readable(&v.w.doors[door]);
}

static void to_program(struct guest *g, struct bytes datagram)
{
	const struct stunaddr from = addr_of(g);

	arrive(v.door_of[g - v.guests], &from, datagram);
}

/* A client at a port of 192.0.2.1, whose datagrams go to this door. */
static struct guest *client(unsigned i, uint8_t door)
{
	guest_up(&v.guests[i], &v.net, (uint16_t)(4000 + i));
	v.door_of[i] = door;
	return &v.guests[i];
}

static struct guest *connected(unsigned i, uint8_t door)
{
	struct guest *g = client(i, door);

	assert_true(guest_connect(g, 100));
	return g;
}

/* The ClientHello of this client, kept from the door. */
static struct bytes hello(struct guest *g, uint8_t room[static GUEST_DATAGRAM_MAX])
{
	(void)SSL_do_handshake(g->ssl);
	struct guest_packet *p = &v.net.packets[(v.net.first + v.net.n - 1) % GUEST_PACKETS_MAX];
	assert_true(v.net.n > 0 && p->to_door);
	memcpy(room, p->p, p->n);
	v.net.n = 0;
	return bytes_make(room, p->n);
}

static uint64_t counted(enum association_stat s)
{
	return associations_stats(v.w.associations)[s];
}

/* ---- up and down ---- */

static struct tls_store *new_store(bool needs_13)
{
	struct tls_store *s = tls_store_new(NULL);

	assert_non_null(s);
	assert_int_equal(needs_13 ? tls_store_require_13(s) : 0, 0);
	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), pki_pem(&v.cert)), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("c")), 0);
	return s;
}

static void set_store(struct tls_store *s)
{
	tls_store_free(v.w.tls);
	v.w.tls = s;
	snprintf(v.w.tls_domain, sizeof v.w.tls_domain, "%s", s ? "a.example" : "");
	door_dtls.apply(&v.w);
}

static void open_door(uint8_t at, const struct door_kind *k)
{
	v.w.doors[at] = (struct door){ .worker = &v.w, .kind = k, .fd = 100 + at, .number = at };
	assert_int_equal(k->open(&v.w.doors[at]), 0);
}

static void guest_leave(struct guest *g)
{
	guest_down(g);
	*g = (struct guest){ 0 };
}

static int up(void **state)
{
	(void)state;
	v = (struct world){ .answers_left = UINT32_MAX, .conf = { .connections = 1000, .connections_address = 1000 } };
	v.cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example" }, NULL);
	v.w.loop = loop_new(LOOP_FAKE);
	serve_init(&v.w);
	guest_clock(v.w.loop);
	v.w.conf = &v.conf;
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		v.w.doors[i].fd = -1;
	v.w.associations = associations_new(&v.w);
	assert_non_null(v.w.associations);
	open_door(DTLS_DOOR, &door_dtls);
	open_door(UDP_DOOR, &door_udp);
	set_store(new_store(false));
	guest_net_up(&v.net, v.w.loop, v.w.tls, worker_alpn);
	v.net.to_program = to_program;
	return 0;
}

static int down(void **state)
{
	(void)state;
	v.net.n = 0;
	for (size_t i = 0; i < GUESTS; i++)
		if (v.guests[i].net)
			guest_leave(&v.guests[i]);
	serve_fini(&v.w);
	associations_free(v.w.associations);
	guest_net_down(&v.net);
	tls_store_free(v.w.tls);
	pki_free(&v.cert);
	guest_clock(NULL);
	loop_free(v.w.loop);
	return 0;
}

/* ---- tests ---- */

static void records_are_messages(void **state)
{
	static const uint8_t doors[] = { DTLS_DOOR, UDP_DOOR };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct guest *g = connected(i, doors[i]);
		const struct stunaddr from = addr_of(g);
		guest_say(g, BYTES("allocate"));
		assert_string_equal(v.heard, "allocate");
		assert_int_equal(v.heard_path.transport, TURN_DTLS);
		assert_int_equal(v.heard_path.door, doors[i]);
		assert_int_not_equal(v.heard_path.conn, 0);
		assert_true(stunaddr_eq(&v.heard_path.from, &from));
		assert_true(bytes_eq_str(buf_bytes(&g->got), "answer"));
		v.w.doors[doors[i]].kind->to_client(&v.w, &v.heard_path, BYTES(" data"));
		guest_net_settle(&v.net);
		assert_true(bytes_eq_str(buf_bytes(&g->got), "answer data"));
	}
	assert_int_equal(associations_count(v.w.associations), 2);
	assert_int_equal(counted(ASSOCIATION_SECURED), 2);
	SSL_shutdown(v.guests[0].ssl);
	guest_net_settle(&v.net);
	assert_int_equal(v.n_gone, 1);
	assert_int_equal(v.gone_path.door, DTLS_DOOR);
	assert_int_equal(associations_count(v.w.associations), 1);
	assert_int_equal(v.n_refused, 0);
	assert_int_equal(v.plain_sent, 0);
}

/* The port of UDP takes both (RFC 7983), the one of DTLS only that. */
static void first_byte_decides(void **state)
{
	static const uint8_t others[] = { 0, 3, 4, 19, 64, 79, 128, 255 };
	const struct stunaddr from = { 4, 4711, { 192, 0, 2, 9 } };

	(void)state;
	for (size_t i = 0; i < sizeof others; i++) {
		const struct bytes one = { &others[i], 1 };
		arrive(UDP_DOOR, &from, one);
		assert_int_equal(v.n_heard, i + 1);
		assert_int_equal(v.heard_path.transport, TURN_UDP);
		assert_int_equal(v.heard_path.conn, 0);
		arrive(DTLS_DOOR, &from, one);
		assert_int_equal(v.n_heard, i + 1);
		assert_int_equal(counted(ASSOCIATION_MALFORMED), i + 1);
	}
	assert_int_equal(v.plain_sent, sizeof others * strlen("answer"));
	for (unsigned first = 20; first < 64; first++) {
		const uint8_t byte = (uint8_t)first;
		arrive(UDP_DOOR, &from, bytes_make(&byte, 1));
	}
	arrive(DTLS_DOOR, &from, BYTES(""));
	assert_int_equal(v.n_heard, sizeof others);
	assert_int_equal(counted(ASSOCIATION_MALFORMED), sizeof others + 44 + 1);
	assert_int_equal(v.stranger_answers, 0);
}

static void idle_ends(void **state)
{
	(void)state;
	struct guest *g = connected(0, DTLS_DOOR);

	guest_pass(g, 40 * S);
	guest_say(g, BYTES("x"));
	guest_pass(g, 50 * S);
	assert_int_equal(associations_count(v.w.associations), 1);
	guest_pass(g, 11 * S);
	assert_int_equal(associations_count(v.w.associations), 0);
	assert_true(g->is_shut);
	assert_int_equal(v.n_gone, 1);
	assert_int_equal(counted(ASSOCIATION_TIMEOUT), 1);
}

static void allocations_stay(void **state)
{
	(void)state;
	struct guest *g = connected(0, DTLS_DOOR);

	v.has_allocation = true;
	guest_pass(g, 600 * S);
	assert_int_equal(associations_count(v.w.associations), 1);
	v.has_allocation = false;
	guest_pass(g, 61 * S);
	assert_int_equal(associations_count(v.w.associations), 0);
	assert_true(g->is_shut);
}

/* RFC 6347 4.2.8: from the same address; the allocation was the old association's. */
static void clients_begin_anew(void **state)
{
	(void)state;
	struct guest *g = connected(0, DTLS_DOOR);

	guest_say(g, BYTES("old"));
	const struct turn_path old = v.heard_path;
	guest_restart(g);
	assert_true(guest_connect(g, 3000));
	assert_int_equal(v.n_gone, 1);
	assert_int_equal(v.gone_path.conn, old.conn);
	assert_int_equal(counted(ASSOCIATION_RESTARTED), 1);
	guest_say(g, BYTES("new"));
	assert_string_equal(v.heard, "new");
	assert_int_not_equal(v.heard_path.conn, old.conn);
	/* what the engine still has for the old one goes nowhere */
	size_t before = buf_len(&g->got);
	door_dtls.to_client(&v.w, &old, BYTES("late"));
	door_dtls.client_close(&v.w, &old);
	guest_net_settle(&v.net);
	assert_int_equal(buf_len(&g->got), before);
	assert_int_equal(counted(ASSOCIATION_DROPPED), 1);
	assert_int_equal(associations_count(v.w.associations), 1);
	assert_int_equal(v.n_refused, 0);
}

/* Another one's ClientHello under the address of a client: asked for its cookie, within the budget, and no more. */
static void forged_restarts_do_nothing(void **state)
{
	uint8_t room[GUEST_DATAGRAM_MAX];

	(void)state;
	struct guest *g = connected(0, DTLS_DOOR), *other = client(1, DTLS_DOOR);
	const struct stunaddr from = addr_of(g);
	struct bytes forged = hello(other, room);

	v.answers_left = 1;
	arrive(DTLS_DOOR, &from, forged);
	assert_int_equal(v.net.n, 1);
	assert_true(v.net.packets[v.net.first].n <= forged.n);
	arrive(DTLS_DOOR, &from, forged);
	assert_int_equal(v.net.n, 1);
	v.net.n = 0;
	guest_say(g, BYTES("still here"));
	assert_string_equal(v.heard, "still here");
	assert_int_equal(v.n_gone, 0);
}

/* The same from a datagram to the other listener: another association of the same address. */
static void listeners_are_apart(void **state)
{
	(void)state;
	struct guest *g = connected(0, DTLS_DOOR);

	guest_restart(g);
	v.door_of[0] = UDP_DOOR;
	assert_true(guest_connect(g, 3000));
	assert_int_equal(associations_count(v.w.associations), 2);
	assert_int_equal(v.n_gone, 0);
}

static void handshakes_end_in_time(void **state)
{
	(void)state;
	struct guest *g = client(0, DTLS_DOOR);

	(void)guest_connect(g, 0); /* the cookie is on its way */
	while (associations_count(v.w.associations) == 0) {
		assert_true(v.net.n > 0);
		static struct guest_packet p;
		p = v.net.packets[v.net.first];
		v.net.first = (v.net.first + 1) % GUEST_PACKETS_MAX;
		v.net.n--;
		if (p.to_door) {
			to_program(g, bytes_make(p.p, p.n));
		} else {
			g->in = bytes_make(p.p, p.n);
			(void)SSL_do_handshake(g->ssl);
		}
	}
	v.net.n = 0;
	loop_fake_advance(v.w.loop, 9900);
	assert_int_equal(associations_count(v.w.associations), 1);
	v.net.n = 0;
	loop_fake_advance(v.w.loop, 200);
	v.net.n = 0;
	assert_int_equal(associations_count(v.w.associations), 0);
	assert_string_equal(v.what, "DTLS handshake");
	assert_int_equal(v.n_refused, 1);
	assert_int_equal(v.n_gone, 0); /* the engine never heard of it */
}

static void other_protocols_are_refused(void **state)
{
	(void)state;
	struct guest *g = client(0, DTLS_DOOR);

	assert_int_equal(SSL_set_alpn_protos(g->ssl, (const uint8_t *)"\x02h2", 3), 0);
	assert_false(guest_connect(g, 100));
	assert_string_equal(v.what, "DTLS handshake");
	assert_non_null(strstr(v.why, "application protocol"));
	assert_int_equal(counted(ASSOCIATION_FAILED), 1);
	g = client(1, UDP_DOOR);
	assert_int_equal(SSL_set_alpn_protos(g->ssl, (const uint8_t *)"\x09stun.turn", 10), 0);
	assert_true(guest_connect(g, 100));
}

static void there_is_a_most(void **state)
{
	(void)state;
	v.conf.connections = 3;
	v.conf.connections_address = 2;
	connected(0, DTLS_DOOR);
	connected(1, UDP_DOOR);
	assert_false(guest_connect(client(2, DTLS_DOOR), 3000));
	assert_string_equal(v.what, "association");
	assert_string_equal(v.why, "turn connections-address");
	assert_int_equal(counted(ASSOCIATION_REFUSED_ADDRESS), v.n_refused);
	for (unsigned i = 3; i < 5; i++) {
		struct guest *other = client(i, DTLS_DOOR);
		other->at.sin_addr.s_addr = htonl(0xc6336400 + i);
		assert_int_equal(guest_connect(other, 3000), i == 3);
	}
	assert_string_equal(v.why, "turn connections-max");
	assert_int_equal(associations_count(v.w.associations), 3);
	/* a place that is free again is taken again */
	SSL_shutdown(v.guests[1].ssl);
	guest_net_settle(&v.net);
	connected(5, DTLS_DOOR);
	assert_int_equal(associations_count(v.w.associations), 3);
}

/* Of whichever allocator this test runs with. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

static void strangers_cost_nothing(void **state)
{
	uint8_t room[GUEST_DATAGRAM_MAX];
	size_t before = 0;

	(void)state;
	struct bytes forged = hello(client(0, DTLS_DOOR), room);
	v.answers_left = 900;
	for (unsigned i = 0; i < 1000; i++) {
		const struct stunaddr from = { 4, (uint16_t)(i + 1), { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
		arrive(i & 1 ? DTLS_DOOR : UDP_DOOR, &from, forged);
		if (i == 10)
			before = allocated();
	}
	assert_true(before > 0);
	assert_int_equal(allocated(), before);
	assert_int_equal(associations_count(v.w.associations), 0);
	assert_int_equal(v.stranger_answers, 900); /* the budget */
	assert_int_equal(counted(ASSOCIATION_COOKIES), 900);
	assert_true(v.stranger_bytes <= 900 * forged.n);
}

/* As the door's other associations do it when they are busy. */
static void cool(struct dtls *t)
{
	assert_int_equal(SSL_free_buffers(t->tls->ssl), 1);
	list_del(&t->warm);
	t->door->n_warm--;
}

/* 33 kB less than one that was busy just now. Of the rest OpenSSL's buffer for handshake messages is 22 kB, which it
 * keeps for repeats. */
static void an_idle_one_is_small(void **state)
{
	enum { N = 32, MOST_BYTES = 40 << 10, OURS_BYTES = 160 };
	size_t before = 0;

	(void)state;
	for (unsigned i = 0; i < N + 4; i++) {
		struct guest *g = client(0, i & 1 ? UDP_DOOR : DTLS_DOOR);
		g->at.sin_port = htons((uint16_t)(7000 + i));
		assert_true(guest_connect(g, 100));
		guest_say(g, BYTES("x"));
		const struct stunaddr from = addr_of(g);
		struct association *a = association_find(v.w.associations, &v.w.doors[v.door_of[0]], &from);
		cool(a->t);
		guest_leave(g);
		if (i == 3)
			before = allocated();
	}
	size_t each = (allocated() - before) / N;
	print_message("%zu bytes an association, %zu of them this folder's\n", each, sizeof(struct association));
	assert_in_range(each, sizeof(struct association), MOST_BYTES);
	assert_true(sizeof(struct association) <= OURS_BYTES);
}

/* Many who come at once are begun a few a turn; the others ask again. */
static void a_crowd_holds_nobody_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GUESTS; i++)
		(void)guest_connect(client(i, DTLS_DOOR), 0);
	guest_net_settle(&v.net); /* one turn: cookies there and back */
	assert_int_equal(counted(ASSOCIATION_ACCEPTED), ASSOCIATION_BEGIN_MAX);
	assert_int_equal(counted(ASSOCIATION_POSTPONED), GUESTS - ASSOCIATION_BEGIN_MAX);
	for (unsigned ms = 0; ms < 3000; ms += 50) {
		loop_fake_advance(v.w.loop, 50);
		for (unsigned i = 0; i < GUESTS; i++)
			(void)DTLSv1_handle_timeout(v.guests[i].ssl);
		guest_net_settle(&v.net);
	}
	assert_int_equal(counted(ASSOCIATION_SECURED), GUESTS);
}

static void listeners_take_theirs_along(void **state)
{
	(void)state;
	struct guest *a = connected(0, DTLS_DOOR), *b = connected(1, UDP_DOOR);
	unsigned flushes = v.flushes;

	door_dtls.close(&v.w.doors[DTLS_DOOR]);
	assert_true(v.flushes > flushes); /* before the descriptor is another's */
	guest_net_settle(&v.net);
	assert_true(a->is_shut);
	assert_false(b->is_shut);
	assert_int_equal(v.n_gone, 1);
	assert_int_equal(v.gone_path.door, DTLS_DOOR);
	guest_say(b, BYTES("still"));
	assert_string_equal(v.heard, "still");
}

/* From inside the call in which it was heard. */
static void the_engine_may_close(void **state)
{
	(void)state;
	struct guest *g = connected(0, DTLS_DOOR);
	size_t n;

	v.closes = true;
	assert_int_equal(SSL_write_ex(g->ssl, "one", 3, &n), 1);
	assert_int_equal(SSL_write_ex(g->ssl, "two", 3, &n), 1);
	guest_net_settle(&v.net);
	assert_int_equal(v.n_heard, 1);
	assert_true(g->is_shut);
	assert_int_equal(v.n_gone, 0);
	assert_int_equal(associations_count(v.w.associations), 0);
	loop_fake_advance(v.w.loop, 1);
}

static void what_cannot_be_sent(void **state)
{
	static uint8_t longer[DTLS_PLAIN_MAX + 1];

	(void)state;
	struct guest *g = connected(0, DTLS_DOOR);
	const struct stunaddr from = addr_of(g);

	guest_say(g, BYTES("x"));
	const struct turn_path path = v.heard_path;
	door_dtls.to_client(&v.w, &path, bytes_make(longer, sizeof longer));
	assert_int_equal(counted(ASSOCIATION_DROPPED), 1);
	assert_int_equal(associations_count(v.w.associations), 1);
	/* OpenSSL writes no more: the association ends, but not inside the engine's call */
	SSL_set_shutdown(association_find(v.w.associations, &v.w.doors[DTLS_DOOR], &from)->t->tls->ssl, SSL_SENT_SHUTDOWN);
	door_dtls.to_client(&v.w, &path, BYTES("y"));
	door_dtls.to_client(&v.w, &path, BYTES("z"));
	assert_int_equal(counted(ASSOCIATION_DROPPED), 3);
	assert_int_equal(v.n_gone, 0);
	loop_fake_advance(v.w.loop, 1);
	assert_int_equal(v.n_gone, 1);
	assert_int_equal(associations_count(v.w.associations), 0);
}

static void settings_change(void **state)
{
	uint8_t room[GUEST_DATAGRAM_MAX];

	(void)state;
	struct guest *g = connected(0, DTLS_DOOR);
	static struct guest stranger;

	guest_up(&stranger, &v.net, 6000);
	struct bytes asks = hello(&stranger, room);
	const struct stunaddr from = addr_of(&stranger);
	for (unsigned i = 0; i < 2; i++) { /* no certificate; TLS 1.3 alone */
		unsigned before = v.stranger_answers;
		set_store(i ? new_store(true) : NULL);
		arrive(DTLS_DOOR, &from, asks);
		arrive(UDP_DOOR, &from, asks);
		assert_int_equal(v.stranger_answers, before);
		set_store(new_store(false));
		arrive(DTLS_DOOR, &from, asks);
		assert_int_equal(v.stranger_answers, before + 1);
	}
	guest_say(g, BYTES("stays"));
	assert_string_equal(v.heard, "stays");
	connected(1, DTLS_DOOR);
	guest_down(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_are_messages, up, down),
		cmocka_unit_test_setup_teardown(first_byte_decides, up, down),
		cmocka_unit_test_setup_teardown(idle_ends, up, down),
		cmocka_unit_test_setup_teardown(allocations_stay, up, down),
		cmocka_unit_test_setup_teardown(clients_begin_anew, up, down),
		cmocka_unit_test_setup_teardown(forged_restarts_do_nothing, up, down),
		cmocka_unit_test_setup_teardown(listeners_are_apart, up, down),
		cmocka_unit_test_setup_teardown(handshakes_end_in_time, up, down),
		cmocka_unit_test_setup_teardown(other_protocols_are_refused, up, down),
		cmocka_unit_test_setup_teardown(there_is_a_most, up, down),
		cmocka_unit_test_setup_teardown(strangers_cost_nothing, up, down),
		cmocka_unit_test_setup_teardown(an_idle_one_is_small, up, down),
		cmocka_unit_test_setup_teardown(a_crowd_holds_nobody_up, up, down),
		cmocka_unit_test_setup_teardown(listeners_take_theirs_along, up, down),
		cmocka_unit_test_setup_teardown(the_engine_may_close, up, down),
		cmocka_unit_test_setup_teardown(what_cannot_be_sent, up, down),
		cmocka_unit_test_setup_teardown(settings_change, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
