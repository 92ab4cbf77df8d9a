#include "own_relays.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "server_play.h"

/* Clients of one relay that speak with each other through it. */

static struct play play;

static int begin(void **state)
{
	(void)state;
	play_begin(&play);
	return 0;
}

static int end(void **state)
{
	(void)state;
	play_end(&play);
	return 0;
}


struct pair {
	struct play_client a, b;
	struct stunaddr at_a, at_b; /* as told */
};

static void set_own_relays(void)
{
	play.conf.own_relays = (struct own_relays){ .at = { { 4, 0, { 203, 0, 113, 5 } }, { 6, 0, { 203, 0, 113, 5 } } },
		                                    .port_min = 49152, .port_max = 65535 };
	memcpy(play.conf.own_relays.seen, play.public, sizeof play.public);
	assert_int_equal(peer_rules_add_address(&play.conf.rules.own, &play.conf.own_relays.at[0]), 0);
	assert_int_equal(peer_rules_add_address(&play.conf.rules.own, &play.conf.own_relays.at[1]), 0);
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(play.workers[i].server, &play.conf);
}

static struct pair pair_open(unsigned worker_of_b, bool is_v6)
{
	struct pair p = { .a = play_client(&play, 1, 1000), .b = play_client(&play, 2, 2000) };
	struct play_attribute all[] = { PLAY_UDP, { STUN_REQUESTED_ADDRESS_FAMILY, is_v6 ? BYTES("\2\0\0\0") : BYTES("\1\0\0\0") }, { 0, BYTES_NONE } };

	set_own_relays();
	p.b.worker = worker_of_b;
	(void)play_ask_all(&p.a, STUN_ALLOCATE, all);
	(void)play_ask_all(&p.b, STUN_ALLOCATE, all);
	p.at_a = play_ask_all(&p.a, STUN_ALLOCATE, all).relayed;
	do { /* the play's workers draw for themselves; a box has each port once */
		p.at_b = play_ask_all(&p.b, STUN_ALLOCATE, all).relayed;
	} while (p.at_b.port == p.at_a.port && play_refresh(&p.b, 0) == 0);
	return p;
}

static void send_indication(struct play_client *c, const struct stunaddr *to, struct bytes data)
{
	uint8_t out[256];
	struct stunmsg_writer w;

	stunmsg_begin(&w, out, sizeof out, STUN_INDICATION, STUN_SEND, c->id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, to);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, data);
	stunmsg_put(&w, STUN_SOFTWARE, BYTES("behind the payload"));
	play_clear(&play);
	play_from_client(c, stunmsg_end(&w));
}

/* The last thing is a Data indication for the client: from, data. */
static void expect_data(const struct play_client *to, const struct stunaddr *from, const char *data)
{
	struct stunmsg m = play_last_message(&play);

	assert_int_equal(play_last(&play)->what, OUT_CLIENT);
	assert_int_equal(play_last(&play)->path.from.port, to->path.from.port);
	assert_true(stunaddr_eq(&m.peers[0], from));
	assert_true(bytes_eq_str(m.data, data));
}

static void two_clients_of_one_worker(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct pair p = pair_open(0, v6);
		send_indication(&p.a, &p.at_b, BYTES("no"));
		assert_null(play_last(&play)); /* no permission here, */
		assert_int_equal(play_permit(&p.a, &p.at_b), 0);
		send_indication(&p.a, &p.at_b, BYTES("no"));
		assert_null(play_last(&play)); /* nor there */
		assert_int_equal(play_permit(&p.b, &p.at_a), 0);
		for (size_t n = 0; n < 6; n++) {
			send_indication(&p.a, &p.at_b, bytes_make("hello", n));
			expect_data(&p.b, &p.at_a, (const char[]){ 'h' * (n > 0), 'e' * (n > 1), 'l' * (n > 2), 'l' * (n > 3), 'o' * (n > 4), 0 });
			assert_int_equal(play.n_out, 1); /* past the kernel */
		}
		assert_int_equal(play_bind(&p.a, 0x4001, &p.at_b), 0);
		assert_int_equal(play_bind(&p.b, 0x4002, &p.at_a), 0);
		play_clear(&play);
		play_from_client(&p.a, BYTES("\x40\x01\0\3abc\0"));
		assert_int_equal(play.n_out, 1);
		assert_int_equal(play_last(&play)->path.from.port, 2000);
		assert_memory_equal(play_last(&play)->bytes, "\x40\x02\0\3abc", 7);
		assert_int_equal(play_refresh(&p.a, 0), 0);
		assert_int_equal(play_refresh(&p.b, 0), 0);
	}
}

static void two_clients_of_two_workers(void **state)
{
	struct pair p = pair_open(1, false);

	(void)state;
	assert_int_equal(play_bind(&p.a, 0x4001, &p.at_b), 0);
	assert_int_equal(play_permit(&p.b, &p.at_a), 0);
	play_clear(&play);
	play_from_client(&p.a, BYTES("\x40\x01\0\3abc\0"));
	assert_int_equal(play.n_out, 1);
	assert_int_equal(play_last(&play)->what, OUT_PEER); /* through the kernel */
	assert_true(stunaddr_eq(&play_last(&play)->peer, &p.at_b));
	play_from_peer(&play, 1, p.at_b.port, &p.at_a, BYTES("abc"));
	expect_data(&p.b, &p.at_a, "abc");
}

/* Of the box nothing else is reached, or comes through, on any way. */
static void other_ports_of_the_box_stay_closed(void **state)
{
	static const uint16_t closed[] = { 0, 1, 22, 53, 3478, 5060, 8443, 49151 };
	struct pair p = pair_open(0, false);

	(void)state;
	assert_int_equal(play_permit(&p.a, &p.at_b), 0);
	for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
		struct stunaddr at = p.at_b;
		at.port = closed[i];
		assert_int_equal(play_bind(&p.a, 0x4001, &at), 403);
		send_indication(&p.a, &at, BYTES("knock"));
		assert_null(play_last(&play));
		play_from_peer(&play, 0, p.at_a.port, &at, BYTES("knock"));
		assert_null(play_last(&play));
		turn_server_icmp(play.workers[0].server, play.workers[0].owner_of[p.at_a.port], &at, 3, 3, 0);
		assert_null(play_last(&play));
	}
	assert_string_equal(play.why, "203.0.113.5:49151: port of this box outside turn port-min and turn port-max");
	/* in a disguise it is an address of the box as before */
	assert_int_equal(play_permit(&p.a, &(struct stunaddr){ 6, p.at_b.port, { 0x20, 2, 203, 0, 113, 5 } }), 403);
	assert_int_equal(play_permit(&p.a, &(struct stunaddr){ 6, p.at_b.port, { 0, 0x64, 0xff, 0x9b, [12] = 203, 0, 113, 5 } }), 403);
	/* but for the form that is IPv4 */
	assert_int_equal(play_permit(&p.a, &(struct stunaddr){ 6, p.at_b.port, { [10] = 0xff, [11] = 0xff, 203, 0, 113, 5 } }), 0);
}

/* Behind static NAT clients know public addresses; the kernel is given the local one, as not every NAT leads back. */
static void two_clients_behind_static_nat(void **state)
{
	(void)state;
	for (unsigned worker = 0; worker < PLAY_WORKERS; worker++) {
		play.public[0] = (struct stunaddr){ 4, 0, { 9, 1, 1, 1 } };
		struct pair p = pair_open(worker, false);
		struct stunaddr local_a = { 4, p.at_a.port, { 203, 0, 113, 5 } }, local_b = { 4, p.at_b.port, { 203, 0, 113, 5 } };
		assert_int_equal(p.at_b.ip[0], 9);
		assert_int_equal(play_permit(&p.a, &local_b), 0); /* by either form: one permission */
		assert_int_equal(play_permit(&p.b, &p.at_a), 0);
		for (unsigned i = 0; i < 2; i++) {
			send_indication(&p.a, i ? &p.at_b : &local_b, BYTES("abc"));
			if (worker) {
				assert_true(stunaddr_eq(&play_last(&play)->peer, &local_b));
				play_from_peer(&play, 1, p.at_b.port, &local_a, BYTES("abc"));
			}
			expect_data(&p.b, &p.at_a, "abc");
		}
		turn_server_icmp(play.workers[0].server, play.workers[0].owner_of[p.at_a.port], &local_b, 3, 3, 0);
		assert_true(stunaddr_eq(&play_last_message(&play).peers[0], &p.at_b));
		assert_int_equal(play_refresh(&p.a, 0), 0);
		assert_int_equal(play_refresh(&p.b, 0), 0);
	}
}

static void own_relays_by_the_rules(void **state)
{
	struct pair p = pair_open(0, false);
	struct prefix range;

	(void)state;
	assert_int_equal(play_permit(&p.a, &p.at_b), 0);
	assert_int_equal(play_permit(&p.b, &p.at_a), 0);
	assert_int_equal(prefix_parse(BYTES("203.0.113.0/24"), &range), 0);
	assert_int_equal(peer_rules_add(&play.conf.rules.deny, &range), 0);
	turn_server_set(play.workers[0].server, &play.conf);
	send_indication(&p.a, &p.at_b, BYTES("abc"));
	assert_null(play_last(&play)); /* deny-peer ends it at once */
	assert_int_equal(play_permit(&p.a, &p.at_b), 403);
	assert_string_equal(strchr(play.why, ' '), " turn deny-peer");
	play.conf.rules.deny.n = 0;
	play.conf.own_relays.at[0].ip[3]++; /* another address of the box relays now */
	turn_server_set(play.workers[0].server, &play.conf);
	assert_int_equal(play_permit(&p.a, &p.at_b), 403);
	assert_string_equal(strchr(play.why, ' '), " address of this box");
	/* an address that relays from now on is judged anew, and no more open than it may be */
	const struct stunaddr now = { 4, 5060, { 203, 0, 113, 6 } };
	play.conf.own_relays.at[0].ip[3] = 5;
	assert_int_equal(prefix_parse(BYTES("203.0.113.6/32"), &range), 0);
	assert_int_equal(peer_rules_add(&play.conf.rules.allow, &range), 0);
	turn_server_set(play.workers[0].server, &play.conf);
	assert_int_equal(play_bind(&p.a, 0x4001, &now), 0);
	play.conf.own_relays.at[0].ip[3] = 6;
	turn_server_set(play.workers[0].server, &play.conf);
	play_clear(&play);
	play_from_client(&p.a, BYTES("\x40\x01\0\3abc\0"));
	assert_null(play_last(&play));
	assert_int_equal(play_permit(&p.a, &now), 0);
	play_clear(&play);
	play_from_client(&p.a, BYTES("\x40\x01\0\3abc\0"));
	assert_null(play_last(&play));
}

/* ---- RFC 6062 ---- */

static struct stunaddr tcp_open(struct play_client *c, uint8_t last_byte, unsigned worker)
{
	*c = play_client(&play, last_byte, (uint16_t)(3000 + last_byte));
	c->worker = worker;
	c->path.transport = TURN_TCP;
	c->path.conn = last_byte;
	(void)play_ask_all(c, STUN_ALLOCATE, PLAY_ALL(PLAY_TCP));
	return play_ask_all(c, STUN_ALLOCATE, PLAY_ALL(PLAY_TCP)).relayed;
}

static struct pair tcp_pair_open(unsigned worker_of_b)
{
	struct pair p;

	set_own_relays();
	p.at_a = tcp_open(&p.a, 1, 0);
	p.at_b = tcp_open(&p.b, 2, worker_of_b);
	while (p.at_b.port == p.at_a.port) { /* as in pair_open */
		assert_int_equal(play_refresh(&p.b, 0), 0);
		p.at_b = tcp_open(&p.b, 2, worker_of_b);
	}
	return p;
}

static void pair_close(struct pair *p)
{
	(void)play_refresh(&p->a, 0); /* that its connections end is what is seen last */
	(void)play_refresh(&p->b, 0);
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		assert_int_equal(turn_server_count(play.workers[i].server), 0);
}

static void put_peer(struct stunmsg_writer *w, void *arg)
{
	stunmsg_put_address(w, STUN_XOR_PEER_ADDRESS, arg);
}

/* The error, or 0: then the box has begun to connect, from the relayed address. */
static unsigned connect_to(struct play_client *c, const struct stunaddr *to, const struct stunaddr *at)
{
	struct stunmsg m = play_ask(c, &(struct play_ask){ .method = STUN_CONNECT, .put = put_peer, .arg = (void *)to });

	if (play_last(&play)->what == OUT_CLIENT)
		return m.error;
	assert_int_equal(play.n_out, 1);
	assert_int_equal(play.out[0].what, OUT_CONNECT);
	assert_true(stunaddr_eq(&play.out[0].peer, at));
	return 0;
}

static bool comes_to(const struct play_client *c, const struct stunaddr *relayed, const struct stunaddr *from, uint32_t *id)
{
	struct play_worker *w = &play.workers[c->worker];

	play_clear(&play);
	return turn_server_incoming(w->server, w->owner_of[relayed->port], from, id) == 0;
}

static void tcp_between_two_clients(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * PLAY_WORKERS; i++) {
		bool has_nat = i >= PLAY_WORKERS;
		if (has_nat)
			play.public[0] = (struct stunaddr){ 4, 0, { 9, 1, 1, 1 } };
		struct pair p = tcp_pair_open(i % PLAY_WORKERS);
		struct stunaddr local_a = { 4, p.at_a.port, { 203, 0, 113, 5 } }, local_b = { 4, p.at_b.port, { 203, 0, 113, 5 } };
		uint32_t id;
		assert_int_equal(p.at_b.ip[0], has_nat ? 9 : 203);
		assert_int_equal(connect_to(&p.a, &p.at_b, &local_b), 0);
		turn_server_connected(play.workers[0].server, play.out[0].connection, 0);
		assert_int_equal(play_code(play_last_message(&play)), 0);
		assert_int_equal(connect_to(&p.a, &p.at_b, NULL), 446);
		assert_int_equal(connect_to(&p.a, &local_b, NULL), 446); /* the same one */
		assert_false(comes_to(&p.b, &p.at_b, &local_a, &id)); /* no permission there */
		assert_int_equal(play_permit(&p.b, &p.at_a), 0);
		assert_true(comes_to(&p.b, &p.at_b, &local_a, &id));
		assert_int_equal(play_last_message(&play).method, STUN_CONNECTION_ATTEMPT);
		assert_true(stunaddr_eq(&play_last_message(&play).peers[0], &p.at_a)); /* as it was told */
		assert_int_equal(connect_to(&p.b, &p.at_a, NULL), 446);
		pair_close(&p);
	}
}

static void no_tcp_with_other_ports_of_the_box(void **state)
{
	static const uint16_t closed[] = { 0, 1, 22, 53, 3478, 5060, 8443, 49151 };

	(void)state;
	for (unsigned has_nat = 0; has_nat < 2; has_nat++) {
		if (has_nat)
			play.public[0] = (struct stunaddr){ 4, 0, { 9, 1, 1, 1 } };
		struct pair p = tcp_pair_open(0);
		uint32_t id;
		assert_int_equal(play_permit(&p.a, &p.at_b), 0);
		for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
			struct stunaddr seen = p.at_b, local = { 4, closed[i], { 203, 0, 113, 5 } };
			seen.port = closed[i];
			assert_int_equal(connect_to(&p.a, &seen, NULL), 403);
			assert_int_equal(connect_to(&p.a, &local, NULL), 403);
			assert_false(comes_to(&p.a, &p.at_a, &seen, &id));
			assert_false(comes_to(&p.a, &p.at_a, &local, &id));
		}
		assert_non_null(strstr(play.why, ":49151: port of this box outside turn port-min and turn port-max"));
		/* a disguise is an address of the box, whatever the port */
		assert_int_equal(connect_to(&p.a, &(struct stunaddr){ 6, p.at_b.port, { 0x20, 2, 203, 0, 113, 5 } }, NULL), 403);
		assert_int_equal(connect_to(&p.a, &(struct stunaddr){ 6, p.at_b.port, { 0, 0x64, 0xff, 0x9b, [12] = 203, 0, 113, 5 } }, NULL), 403);
		pair_close(&p);
	}
}

static unsigned connections_of_a(void)
{
	struct turn_seen s;
	size_t at = 0;

	assert_true(turn_server_next(play.workers[0].server, &at, &s));
	return s.connections;
}

static void set_again(void)
{
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(play.workers[i].server, &play.conf);
}

/* What has begun ends when Connect would not be granted any more. */
static void tcp_between_own_relays_by_the_rules(void **state)
{
	struct pair p = tcp_pair_open(1);
	struct prefix range;
	const struct own_relays before = play.conf.own_relays;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(connect_to(&p.a, &p.at_b, &p.at_b), 0);
		if (i & 1)
			turn_server_connected(play.workers[0].server, play.out[0].connection, 0);
		set_again();
		assert_int_equal(connections_of_a(), 1); /* as permitted as it was */
		if (i < 2)
			play.conf.own_relays.port_min = (uint16_t)(p.at_b.port + 1);
		else
			play.conf.own_relays.at[0].ip[3]++;
		set_again();
		assert_int_equal(connections_of_a(), 0);
		assert_int_equal(connect_to(&p.a, &p.at_b, NULL), 403);
		play.conf.own_relays = before;
		set_again();
	}
	assert_int_equal(connect_to(&p.a, &p.at_b, &p.at_b), 0);
	assert_int_equal(prefix_parse(BYTES("203.0.113.0/24"), &range), 0);
	assert_int_equal(peer_rules_add(&play.conf.rules.deny, &range), 0);
	set_again();
	assert_int_equal(connections_of_a(), 0);
	assert_int_equal(connect_to(&p.a, &p.at_b, NULL), 403);
	assert_string_equal(strchr(play.why, ' '), " turn deny-peer");
}

/* An address that was any peer's and relays from now on: what is connected to other ports of it is not kept. */
static void a_peer_that_becomes_this_box(void **state)
{
	struct pair p = tcp_pair_open(0);
	const struct stunaddr now = { 4, 50000, { 203, 0, 113, 6 } };
	struct prefix range;

	(void)state;
	assert_int_equal(prefix_parse(BYTES("203.0.113.6/32"), &range), 0);
	assert_int_equal(peer_rules_add(&play.conf.rules.allow, &range), 0);
	set_again();
	assert_int_equal(connect_to(&p.a, &now, &now), 0);
	play.conf.own_relays.at[0].ip[3] = 6;
	set_again();
	assert_int_equal(connections_of_a(), 0);
	assert_int_equal(connect_to(&p.a, &now, &now), 0); /* as a relayed address */
}

/* RFC 8016: the mark moves along. */
static void a_moved_allocation_reaches_its_neighbour(void **state)
{
	struct pair p = pair_open(1, false);
	struct play_client d = play_client(&play, 3, 3000);
	uint8_t ticket[STUNMSG_TICKET_MAX];
	size_t n;

	(void)state;
	assert_int_equal(play_refresh(&p.a, 0), 0);
	struct stunmsg m = play_ask_all(&p.a, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { STUN_MOBILITY_TICKET, BYTES_NONE }));
	n = m.ticket.n;
	assert_in_range(n, 1, STUNMSG_TICKET_MAX);
	memcpy(ticket, m.ticket.p, n);
	p.at_a = m.relayed;
	assert_int_equal(play_bind(&p.a, 0x4001, &p.at_b), 0);
	assert_int_equal(play_permit(&p.b, &p.at_a), 0);
	struct play_attribute with[] = { { STUN_MOBILITY_TICKET, bytes_make(ticket, n) }, { 0, BYTES_NONE } };
	d.worker = 1;
	(void)play_ask_all(&d, STUN_REFRESH, with);
	assert_int_equal(play_code(play_ask_all(&d, STUN_REFRESH, with)), 0);
	play_clear(&play);
	play_from_client(&d, BYTES("\x40\x01\0\3abc\0"));
	expect_data(&p.b, &p.at_a, "abc");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(two_clients_of_one_worker), T(two_clients_of_two_workers), T(other_ports_of_the_box_stay_closed),
		T(two_clients_behind_static_nat), T(own_relays_by_the_rules), T(tcp_between_two_clients),
		T(no_tcp_with_other_ports_of_the_box), T(tcp_between_own_relays_by_the_rules), T(a_peer_that_becomes_this_box),
		T(a_moved_allocation_reaches_its_neighbour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
