#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "allocation.h"
#include "base/random.h"

static const struct stunaddr peer = { 4, 7000, { 8, 8, 8, 8 } }, other_port = { 4, 7001, { 8, 8, 8, 8 } },
                             stranger = { 4, 7000, { 8, 8, 4, 4 } };

#define attribute play_attribute
#define put_all play_put_all
#define code play_code
#define ask play_ask_all
#define last_message() play_last_message(&play)

#define UDP PLAY_UDP
#define TCP PLAY_TCP
#define ALL PLAY_ALL

static void a_stranger_is_challenged_and_not_kept(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	struct stunmsg m = ask(&c, STUN_ALLOCATE, ALL(UDP));
	assert_int_equal(m.error, 401);
	assert_true(bytes_eq_str(m.realm, "example.org"));
	assert_true(m.password_algorithms.n == 8);
	assert_int_equal(turn_server_count(play.workers[0].server), 0);
}

static void allocates_by_each_algorithm(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct play_client c = play_client(&play, (uint8_t)i, 1000);
		c.is_sha256 = i & 1;
		c.by_hash = i & 2;
		struct stunaddr relayed = play_allocate(&c);
		assert_true(relayed.port >= 49152);
		struct stunmsg m = { 0 };
		assert_int_equal(stunmsg_parse(bytes_make(play_last(&play)->bytes, play_last(&play)->n), &m), 0);
		assert_int_equal(m.lifetime_s, 600);
		assert_true(stunaddr_eq(&m.mapped, &c.path.from));
		assert_int_equal(m.sha256_at != 0, c.is_sha256);
	}
	assert_int_equal(turn_server_count(play.workers[0].server), 4);
	assert_int_equal(play.open_ports, 4);
}

static void wrong_logins(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	c.password = "wrong";
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 401);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 401);
	assert_string_equal(play.why, "wrong password");
	c.user = "tybalt";
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 401);
	c = play_client(&play, 2, 1000);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 401);
	c.path.from.port++; /* somebody else's nonce */
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 438);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 0);
}

/* RFC 8489 9.2.4: an offer that was changed on its way is noticed. */
static void bidding_down_is_noticed(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, ALL(UDP));
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_PASSWORD_ALGORITHMS, BYTES("\0\1\0\0") },
	                                                 { STUN_PASSWORD_ALGORITHM, BYTES("\0\1\0\0") }))), 400);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_PASSWORD_ALGORITHM, BYTES("\0\1\0\0") }))), 400);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_PASSWORD_ALGORITHMS, BYTES("\0\2\0\0\0\1\0\0") },
	                                                 { STUN_PASSWORD_ALGORITHM, BYTES("\0\1\0\0") }))), 0);
}

static void a_nonce_lives_an_hour(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)play_allocate(&c);
	for (unsigned i = 0; i < 12; i++) {
		loop_fake_advance(play.loop, 299 * 1000);
		assert_int_equal(play_refresh(&c, -1), 0);
	}
	loop_fake_advance(play.loop, 20 * 1000);
	assert_int_equal(play_refresh(&c, -1), 438);
	assert_int_equal(play_refresh(&c, -1), 0);
}

static void relays_by_channel(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct stunaddr relayed = play_allocate(&c);

	(void)state;
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	play_clear(&play);
	play_from_client(&c, BYTES("\x40\x01\0\3abc\0"));
	assert_int_equal(play_last(&play)->what, OUT_PEER);
	assert_int_equal(play_last(&play)->fd, relayed.port);
	assert_true(stunaddr_eq(&play_last(&play)->peer, &peer));
	assert_true(bytes_eq_str(bytes_make(play_last(&play)->bytes, play_last(&play)->n), "abc"));
	play_from_peer(&play, 0, relayed.port, &peer, BYTES("hello"));
	assert_memory_equal(play_last(&play)->bytes, "\x40\x01\0\5hello", 9);
	play_clear(&play);
	play_from_client(&c, BYTES("\x40\x02\0\3abc"));
	play_from_client(&c, BYTES("\x40\x01\0\4abc"));
	play_from_peer(&play, 0, relayed.port, &stranger, BYTES("hello"));
	assert_null(play_last(&play));
}

static void relays_by_indication(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct stunaddr relayed = play_allocate(&c);
	uint8_t out[256];
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	stunmsg_begin(&w, out, sizeof out, STUN_INDICATION, STUN_SEND, c.id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	stunmsg_put(&w, STUN_DONT_FRAGMENT, BYTES_NONE);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, BYTES("abcde"));
	play_clear(&play);
	play_from_client(&c, stunmsg_end(&w));
	assert_null(play_last(&play)); /* no permission */
	assert_int_equal(play_permit(&c, &peer), 0);
	play_from_client(&c, stunmsg_end(&w));
	assert_int_equal(play_last(&play)->what, OUT_PEER);
	assert_true(play_last(&play)->dont_fragment);
	assert_true(bytes_eq_str(bytes_make(play_last(&play)->bytes, play_last(&play)->n), "abcde"));
	play_from_peer(&play, 0, relayed.port, &other_port, BYTES("hello"));
	const struct play_out *o = play_last(&play);
	assert_int_equal(stunmsg_parse(bytes_make(o->bytes, o->n), &m), 0);
	assert_int_equal(m.method, STUN_DATA);
	assert_int_equal(m.class, STUN_INDICATION);
	assert_true(stunaddr_eq(&m.peers[0], &other_port));
	assert_true(bytes_eq_str(m.data, "hello"));
	turn_server_icmp(play.workers[0].server, play.workers[0].owner_of[relayed.port], &peer, 3, 4, 1280);
	o = play_last(&play);
	assert_int_equal(stunmsg_parse(bytes_make(o->bytes, o->n), &m), 0);
	assert_int_equal(m.icmp_data, 1280);
}

static void permissions_end_after_five_minutes_channels_after_ten(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct stunaddr relayed = play_allocate(&c);

	(void)state;
	assert_int_equal(play_refresh(&c, 3600), 0);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	loop_fake_advance(play.loop, 299 * 1000);
	play_clear(&play);
	play_from_client(&c, BYTES("\x40\x01\0\1x"));
	assert_non_null(play_last(&play));
	loop_fake_advance(play.loop, 1000);
	play_clear(&play);
	play_from_client(&c, BYTES("\x40\x01\0\1x"));
	play_from_peer(&play, 0, relayed.port, &peer, BYTES("x"));
	assert_null(play_last(&play));
	assert_int_equal(play_permit(&c, &peer), 0);
	play_from_peer(&play, 0, relayed.port, &peer, BYTES("x"));
	assert_int_equal(play_last(&play)->bytes[0], 0x40); /* the channel still holds */
	loop_fake_advance(play.loop, 299 * 1000);
	assert_int_equal(play_permit(&c, &peer), 0);
	loop_fake_advance(play.loop, 2000);
	play_from_peer(&play, 0, relayed.port, &peer, BYTES("x"));
	assert_int_equal(play_last(&play)->bytes[0], 0x00); /* a Data indication */
	/* the number is free again */
	assert_int_equal(play_bind(&c, 0x4001, &stranger), 0);
}

static void channel_conflicts(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)play_allocate(&c);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	assert_int_equal(play_bind(&c, 0x4001, &stranger), 400);
	assert_int_equal(play_bind(&c, 0x4002, &peer), 400);
	assert_int_equal(play_bind(&c, 0x4002, &other_port), 0);
	assert_int_equal(play_bind(&c, 0x3fff, &stranger), 400);
	assert_int_equal(play_bind(&c, 0x5000, &stranger), 400);
	assert_int_equal(play_bind(&c, 0x4fff, &stranger), 0);
	for (unsigned i = 0; i < 18; i++)
		(void)play_bind(&c, (uint16_t)(0x4100 + i), &(struct stunaddr){ 4, (uint16_t)i, { 8, 8, 8, 8 } });
	assert_int_equal(play_bind(&c, 0x4200, &(struct stunaddr){ 4, 99, { 8, 8, 8, 8 } }), 508);
}

static void forbidden_peers_on_every_way_in(void **state)
{
	static const struct stunaddr bad[] = { { 4, 1, { 127, 0, 0, 1 } }, { 4, 1, { 10, 1, 2, 3 } }, { 4, 1, { 0 } },
		                               { 6, 1, { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 } },
		                               { 6, 1, { 0x20, 2, 127, 0, 0, 1 } }, { 4, 1, { 169, 254, 169, 254 } } };
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)play_allocate(&c);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(play_permit(&c, &bad[i]), 403);
		assert_int_equal(play_bind(&c, 0x4001, &bad[i]), 403);
	}
	assert_string_equal(play.why, "169.254.169.254:1: link-local");
	assert_int_equal(play_permit(&c, &(struct stunaddr){ 6, 1, { 0x2a } }), 443);
	/* a mapped address is the IPv4 one */
	assert_int_equal(play_permit(&c, &(struct stunaddr){ 6, 1, { [10] = 0xff, [11] = 0xff, 8, 8, 8, 8 } }), 0);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
}

static void refresh_ends_and_bounds(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct stunmsg m;

	(void)state;
	(void)play_allocate(&c);
	m = ask(&c, STUN_REFRESH, ALL({ STUN_LIFETIME, BYTES("\0\xff\0\0") }));
	assert_int_equal(m.lifetime_s, 3600);
	m = ask(&c, STUN_REFRESH, ALL({ STUN_LIFETIME, BYTES("\0\0\0\1") }));
	assert_int_equal(m.lifetime_s, 600);
	c.user = "romeo";
	c.password = "jul13t";
	assert_int_equal(play_refresh(&c, -1), 441);
	assert_int_equal(play_permit(&c, &peer), 441);
	c.user = "juliet";
	c.password = "r0m30";
	assert_int_equal(play_refresh(&c, 0), 0);
	assert_int_equal(play.open_ports, 0);
	assert_int_equal(play_refresh(&c, 0), 0);
	assert_int_equal(play_refresh(&c, -1), 437);
	assert_int_equal(play_permit(&c, &peer), 437);
	/* the 5-tuple is free at once (coturn's is a second later) */
	(void)play_allocate(&c);
	loop_fake_advance(play.loop, 599 * 1000);
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
	loop_fake_advance(play.loop, 1001);
	assert_int_equal(turn_server_count(play.workers[0].server), 0);
}

static void allocate_twice(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct stunaddr first = play_allocate(&c);

	(void)state;
	struct stunmsg m = play_ask(&c, &(struct play_ask){ .method = STUN_ALLOCATE, .put = put_all, .arg = ALL(UDP), .is_same_id = true });
	assert_int_equal(code(m), 0);
	assert_true(stunaddr_eq(&m.relayed, &first));
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 437);
	assert_int_equal(play.open_ports, 1);
}

static void what_allocate_refuses(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, ALL(UDP));
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL({ STUN_SOFTWARE, BYTES("x") }))), 400);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL({ STUN_REQUESTED_TRANSPORT, BYTES("\x21\0\0\0") }))), 442);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(TCP))), 400); /* not over UDP */
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { (enum stunmsg_attribute)0x7777, BYTES("") }))), 420);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_EVEN_PORT, BYTES("\x80") }, { STUN_RESERVATION_TOKEN, BYTES("12345678") }))), 400);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_RESERVATION_TOKEN, BYTES("\00012345678" + 0) }))) != 0, 1);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_RESERVATION_TOKEN, BYTES("\0abcdefg") }))), 508);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_REQUESTED_ADDRESS_FAMILY, BYTES("\3\0\0\0") }))), 440);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_ADDITIONAL_ADDRESS_FAMILY, BYTES("\1\0\0\0") }))), 400);
	play.has_no_v6 = true;
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_REQUESTED_ADDRESS_FAMILY, BYTES("\2\0\0\0") }))), 440);
	play.has_no_port = true;
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 508);
	assert_int_equal(turn_server_count(play.workers[0].server), 0);
	play.conf.is_draining = true;
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 508);
	play.conf.alternate = peer;
	struct stunmsg m = ask(&c, STUN_ALLOCATE, ALL(UDP));
	assert_int_equal(m.error, 300);
	assert_true(stunaddr_eq(&m.alternate, &peer));
}

static void both_families(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	const struct stunaddr six = { 6, 9, { 0x2a, 1 } };

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, ALL(UDP));
	struct stunmsg m = ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_ADDITIONAL_ADDRESS_FAMILY, BYTES("\2\0\0\0") }));
	assert_int_equal(m.relayed.family, 4);
	assert_int_equal(m.relayed2.family, 6);
	assert_int_equal(play_permit(&c, &six), 0);
	assert_int_equal(play_permit(&c, &peer), 0);
	assert_int_equal(code(ask(&c, STUN_REFRESH, ALL({ STUN_REQUESTED_ADDRESS_FAMILY, BYTES("\2\0\0\0") }, { STUN_LIFETIME, BYTES("\0\0\0\0") }))), 0);
	assert_int_equal(play.open_ports, 1);
	assert_int_equal(play_permit(&c, &six), 443);
	assert_int_equal(code(ask(&c, STUN_REFRESH, ALL({ STUN_REQUESTED_ADDRESS_FAMILY, BYTES("\2\0\0\0") }))), 443);
	assert_int_equal(play_refresh(&c, 0), 0);
	play.has_no_v6 = true;
	m = ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_ADDITIONAL_ADDRESS_FAMILY, BYTES("\2\0\0\0") }));
	assert_int_equal(code(m), 0);
	assert_int_equal(m.address_error, 440);
	assert_int_equal(m.address_error_family, 6);
}

static void even_port_and_its_neighbour(void **state)
{
	struct play_client c = play_client(&play, 1, 1000), d = play_client(&play, 1, 1001), e = play_client(&play, 2, 1);

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, ALL(UDP));
	struct stunmsg m = ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_EVEN_PORT, BYTES("\x80") }));
	uint8_t token[8];
	memcpy(token, m.token, 8);
	uint16_t even = m.relayed.port;
	assert_int_equal(even % 2, 0);
	assert_true(m.has & STUN_HAS_TOKEN);
	struct attribute with_token[] = { UDP, { STUN_RESERVATION_TOKEN, bytes_make(token, 8) }, { 0, BYTES_NONE } };
	e.user = "romeo";
	e.password = "jul13t";
	(void)ask(&e, STUN_ALLOCATE, with_token);
	assert_int_equal(code(ask(&e, STUN_ALLOCATE, with_token)), 508); /* not his */
	d.worker = 1; /* its 5-tuple is another worker's */
	(void)ask(&d, STUN_ALLOCATE, with_token);
	m = ask(&d, STUN_ALLOCATE, with_token);
	assert_int_equal(code(m), 0);
	assert_int_equal(m.relayed.port, even + 1);
	assert_int_equal(play.open_ports, 2);
	assert_int_equal(turn_server_count(play.workers[1].server), 1);
	assert_int_equal(play_refresh(&d, 0), 0);
	assert_int_equal(play_refresh(&c, 0), 0);
	/* coturn#2026-07: EVEN-PORT leaked a port each time */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_EVEN_PORT, BYTES("\x80") }))), 0);
		assert_int_equal(play_refresh(&c, 0), 0);
	}
	loop_fake_advance(play.loop, 30 * 1000);
	assert_int_equal(play.open_ports, 0);
}

static void quotas(void **state)
{
	struct play_client c[4];

	(void)state;
	play.conf.limits = (struct quota_limits){ .allocations_user = 2, .allocations = 3, .workers = PLAY_WORKERS };
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(play.workers[i].server, &play.conf);
	for (uint8_t i = 0; i < 4; i++) {
		c[i] = play_client(&play, i, 1000);
		c[i].worker = i & 1;
		(void)ask(&c[i], STUN_ALLOCATE, ALL(UDP));
	}
	assert_int_equal(code(ask(&c[0], STUN_ALLOCATE, ALL(UDP))), 0);
	assert_int_equal(code(ask(&c[1], STUN_ALLOCATE, ALL(UDP))), 0);
	assert_int_equal(code(ask(&c[2], STUN_ALLOCATE, ALL(UDP))), 486);
	c[2].user = c[3].user = "romeo";
	c[2].password = c[3].password = "jul13t";
	assert_int_equal(code(ask(&c[2], STUN_ALLOCATE, ALL(UDP))), 0);
	assert_int_equal(code(ask(&c[3], STUN_ALLOCATE, ALL(UDP))), 508);
	/* a full box names the one beside it; who is over a quota of his own is not sent there */
	play.conf.alternate = peer;
	struct stunmsg m = ask(&c[3], STUN_ALLOCATE, ALL(UDP));
	assert_int_equal(m.error, 300);
	assert_true(stunaddr_eq(&m.alternate, &peer));
	play.conf.limits.allocations_user = 1;
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(play.workers[i].server, &play.conf);
	play.conf.limits.allocations = 0;
	turn_server_set(play.workers[1].server, &play.conf);
	assert_int_equal(code(ask(&c[3], STUN_ALLOCATE, ALL(UDP))), 486);
	play.conf.limits.allocations_user = 2;
	turn_server_set(play.workers[1].server, &play.conf);
	assert_int_equal(play_refresh(&c[1], 0), 0);
	assert_int_equal(code(ask(&c[3], STUN_ALLOCATE, ALL(UDP))), 0);
}

static void take_ticket(struct stunmsg m, uint8_t *ticket, size_t *n)
{
	assert_true(m.ticket.n > 0 && m.ticket.n < STUNMSG_TICKET_MAX);
	memcpy(ticket, m.ticket.p, m.ticket.n);
	*n = m.ticket.n;
}

/* RFC 8016, on the same worker and across. */
static void moves_with_a_ticket(void **state)
{
	(void)state;
	for (unsigned worker = 0; worker < PLAY_WORKERS; worker++) {
		struct play_client c = play_client(&play, 1, 1000), d = play_client(&play, 2, 2000), thief = play_client(&play, 3, 1);
		uint8_t ticket[STUNMSG_TICKET_MAX];
		size_t n;
		(void)ask(&c, STUN_ALLOCATE, ALL(UDP));
		struct stunmsg m = ask(&c, STUN_ALLOCATE, ALL(UDP, { STUN_MOBILITY_TICKET, BYTES_NONE }));
		uint16_t port = m.relayed.port;
		take_ticket(m, ticket, &n);
		assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
		struct attribute with[] = { { STUN_MOBILITY_TICKET, bytes_make(ticket, n) }, { 0, BYTES_NONE } };
		thief.user = "romeo";
		thief.password = "jul13t";
		thief.worker = d.worker = worker;
		(void)ask(&thief, STUN_REFRESH, with);
		assert_int_equal(code(ask(&thief, STUN_REFRESH, with)), 441);
		(void)ask(&d, STUN_REFRESH, with);
		m = ask(&d, STUN_REFRESH, with);
		assert_int_equal(code(m), 0);
		assert_int_equal(m.lifetime_s, 600);
		assert_int_equal(play.open_ports, 1);
		play_from_peer(&play, worker, port, &peer, BYTES("x"));
		assert_int_equal(play_last(&play)->path.from.port, 2000);
		assert_memory_equal(play_last(&play)->bytes, "\x40\x01", 2);
		play_clear(&play);
		play_from_client(&c, BYTES("\x40\x01\0\1x"));
		assert_null(play_last(&play));
		/* an old ticket is worth nothing to anybody else */
		(void)ask(&c, STUN_REFRESH, with);
		assert_int_not_equal(code(ask(&c, STUN_REFRESH, with)), 0);
		ticket[3] ^= 1;
		assert_int_equal(code(ask(&d, STUN_REFRESH, with)), 400);
		assert_int_equal(play_refresh(&d, 0), 0);
		assert_int_equal(play.open_ports, 0);
	}
}

static struct play_client stream_client(uint32_t conn)
{
	struct play_client c = play_client(&play, 1, (uint16_t)(3000 + conn));

	c.path.transport = TURN_TCP;
	c.path.conn = conn;
	return c;
}

/* RFC 6062 */
static void tcp_allocations(void **state)
{
	static const uint8_t peer_wire[] = { 0, 1, 0x1b ^ 0x58 ^ 0x21 ^ 0x58, 0x58 ^ 0x12, 8 ^ 0x21, 8 ^ 0x12, 8 ^ 0xa4, 8 ^ 0x42 };
	struct attribute to_peer[] = { { STUN_XOR_PEER_ADDRESS, bytes_make(peer_wire, sizeof peer_wire) }, { 0, BYTES_NONE } };
	uint8_t wire[4];
	struct attribute with_id[] = { { STUN_CONNECTION_ID, bytes_make(wire, 4) }, { 0, BYTES_NONE } };

	(void)state;
	for (unsigned worker = 0; worker < PLAY_WORKERS; worker++) {
		struct play_client c = stream_client(1), data = stream_client(2);
		(void)ask(&c, STUN_ALLOCATE, ALL(TCP));
		assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(TCP))), 0);
		assert_int_equal(play_bind(&c, 0x4001, &peer), 400);
		(void)ask(&c, STUN_CONNECT, to_peer);
		assert_int_equal(play.n_out, 1);
		assert_int_equal(play.out[0].what, OUT_CONNECT);
		uint32_t id = play.out[0].connection;
		assert_int_equal(code(ask(&c, STUN_CONNECT, to_peer)), 446);
		play_clear(&play);
		turn_server_connected(play.workers[0].server, id, 0);
		struct stunmsg m;
		assert_int_equal(stunmsg_parse(bytes_make(play.out[0].bytes, play.out[0].n), &m), 0);
		assert_int_equal(m.connection_id, id);
		assert_int_equal(m.class, STUN_SUCCESS);
		for (unsigned i = 0; i < 4; i++)
			wire[i] = (uint8_t)(id >> (24 - 8 * i));
		data.worker = worker;
		(void)ask(&data, STUN_CONNECTION_BIND, with_id);
		m = ask(&data, STUN_CONNECTION_BIND, with_id);
		assert_int_equal(play.n_out, 2);
		assert_int_equal(play.out[0].what, OUT_CLIENT);
		assert_int_equal(play.out[1].what, OUT_JOIN);
		assert_int_equal(play.out[1].worker, worker);
		assert_int_equal(play.out[1].path.conn, 2);
		turn_server_client_gone(play.workers[0].server, &c.path);
		assert_int_equal(play.open_ports, 0);
	}
}

static void a_peer_connects(void **state)
{
	struct play_client c = stream_client(1);
	uint32_t id = 0;

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, ALL(TCP));
	struct stunmsg m = ask(&c, STUN_ALLOCATE, ALL(TCP));
	void *owner = play.workers[0].owner_of[m.relayed.port];
	assert_true(turn_server_incoming(play.workers[0].server, owner, &peer, &id) < 0);
	assert_int_equal(play_permit(&c, &peer), 0);
	assert_int_equal(turn_server_incoming(play.workers[0].server, owner, &peer, &id), 0);
	const struct play_out *o = play_last(&play);
	assert_int_equal(stunmsg_parse(bytes_make(o->bytes, o->n), &m), 0);
	assert_int_equal(m.method, STUN_CONNECTION_ATTEMPT);
	assert_int_equal(m.connection_id, id);
	play_clear(&play);
	loop_fake_advance(play.loop, 30 * 1000); /* nobody binds it */
	assert_int_equal(play_last(&play)->what, OUT_CLOSE);
	assert_int_equal(play_last(&play)->connection, id);
}

static void binding_open_and_classic(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	uint8_t out[64], old[16] = "0123456789abcde";
	struct stunmsg_writer w;
	struct stunmsg m = ask(&c, STUN_BINDING, ALL({ STUN_SOFTWARE, BYTES("x") }));

	(void)state;
	assert_int_equal(code(m), 0);
	assert_true(stunaddr_eq(&m.mapped, &c.path.from));
	assert_int_equal(play_last(&play)->n, 32); /* 1.6 times a bare request */
	stunmsg_begin(&w, out, sizeof out, STUN_REQUEST, STUN_BINDING, old);
	play_clear(&play);
	play_from_client(&c, stunmsg_end(&w));
	assert_int_equal(stunmsg_parse(bytes_make(play_last(&play)->bytes, play_last(&play)->n), &m), 0);
	assert_true(m.is_classic);
	assert_true(stunaddr_eq(&m.mapped, &c.path.from));
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ (enum stunmsg_attribute)0x7777, BYTES("") }))), 420);
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_CHANGE_REQUEST, BYTES("\0\0\0\6") }))), 420);
	play.conf.binding = TURN_BINDING_AUTHENTICATED;
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_SOFTWARE, BYTES("x") }))), 401);
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_SOFTWARE, BYTES("x") }))), 0);
	play.conf.binding = TURN_BINDING_OFF;
	play_clear(&play);
	(void)ask(&c, STUN_BINDING, ALL({ STUN_SOFTWARE, BYTES("x") }));
	assert_null(play_last(&play));
}

static void open_discovery(void)
{
	for (uint8_t i = 0; i < 4; i++) {
		const struct stunaddr at = { 4, (uint16_t)(3478 + (i & 1)), { 9, 1, 1, (uint8_t)(i >> 1) } };
		const struct turn_door d = { TURN_UDP, .at = at, .seen = at };
		turn_server_set_door(play.workers[0].server, i, &d);
		play.conf.discovery[i >> 1][i & 1] = i;
	}
}

/* RFC 5780 7.2: from each of the four, with each change. */
static void discovery(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	open_discovery();
	for (uint8_t i = 0; i < 16; i++) {
		uint8_t wire[4] = { 0, 0, 0, (uint8_t)(i >> 2 << 1) }, door = i & 3, from = door ^ (i >> 2);
		struct attribute with[] = { { STUN_CHANGE_REQUEST, bytes_make(wire, 4) }, { 0, BYTES_NONE } };
		c.path.door = door;
		struct stunmsg m = ask(&c, STUN_BINDING, with);
		assert_int_equal(code(m), 0);
		assert_int_equal(m.other.port, 3478 + !(door & 1));
		assert_int_equal(m.other.ip[3], !(door >> 1));
		assert_int_equal(m.response_origin.port, 3478 + (from & 1));
		assert_int_equal(m.response_origin.ip[3], from >> 1);
		assert_int_equal(play_last(&play)->what, from == door ? OUT_CLIENT : OUT_CLIENT_FROM);
		assert_int_equal(play_last(&play)->door, from == door ? 0 : from);
	}
}

/* RFC 3489 11.2: the old names of the attributes. */
static void discovery_by_a_classic_client(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	uint8_t out[64], old[16] = "0123456789abcde";
	struct stunmsg_writer w;

	(void)state;
	open_discovery();
	stunmsg_begin(&w, out, sizeof out, STUN_REQUEST, STUN_BINDING, old);
	stunmsg_put(&w, STUN_CHANGE_REQUEST, BYTES("\0\0\0\6"));
	play_from_client(&c, stunmsg_end(&w));
	struct stunmsg m = last_message();
	assert_true(m.is_classic);
	assert_int_equal(play_last(&play)->door, 3);
	assert_int_equal(m.response_origin.port, 3479);
	assert_int_equal(m.other.ip[3], 1);
	turn_server_set_door(play.workers[0].server, 2, NULL); /* one of the four has closed: it is off */
	play_from_client(&c, stunmsg_end(&w));
	assert_int_equal(last_message().error, 420);
}

/* RFC 5780 7.5, 7.6 and the bounds of ours. */
static void response_port_and_padding(void **state)
{
	static const uint8_t zero[1500];
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_RESPONSE_PORT, BYTES("\x20\0\0\0") }))), 420);
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_PADDING, bytes_make(zero, 100) }))), 420);
	open_discovery();
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_RESPONSE_PORT, BYTES("\x20\0\0\0") }))), 0);
	assert_int_equal(play_last(&play)->path.from.port, 0x2000);
	struct stunmsg m = last_message();
	assert_true(stunaddr_eq(&m.mapped, &c.path.from));
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_RESPONSE_PORT, BYTES("\0\x35\0\0") }))), 400);
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_RESPONSE_PORT, BYTES("\0\0\0\0") }))), 400);
	assert_int_equal(code(ask(&c, STUN_BINDING, ALL({ STUN_RESPONSE_PORT, BYTES("\x20\0\0\0") }, { STUN_PADDING, BYTES("1234") }))), 400);
	for (size_t n = 0; n <= sizeof zero; n += 4) {
		uint8_t out[2000];
		struct stunmsg_writer w;
		stunmsg_begin(&w, out, sizeof out, STUN_REQUEST, STUN_BINDING, c.id);
		stunmsg_put(&w, STUN_PADDING, bytes_make(zero, n));
		stunmsg_put_fingerprint(&w);
		play_clear(&play);
		play_from_client(&c, stunmsg_end(&w));
		m = last_message();
		assert_true(m.raw.n <= w.n || m.padding.n == 0);
		assert_true(n < 100 || m.padding.n > n - 70);
		assert_true(n < 1500 || m.raw.n == 1500); /* a fragment where the way is of Ethernet */
	}
}

static void strangers_are_answered_so_often(void **state)
{
	unsigned answered = 0;

	(void)state;
	play.conf.answers_per_s = 10;
	turn_server_set(play.workers[0].server, &play.conf);
	for (unsigned i = 0; i < 200; i++) {
		struct play_client c = play_client(&play, (uint8_t)i, (uint16_t)i);
		(void)ask(&c, STUN_ALLOCATE, ALL(UDP));
		answered += play_last(&play) != NULL;
	}
	assert_int_equal(answered, 20);
	/* DTLS cookies are of the same budget */
	const struct stunaddr near = { 4, 9, { 9, 9, 9, 77 } }, far = { 4, 9, { 9, 9, 10, 77 } };
	uint64_t saved = turn_server_stats(play.workers[0].server)[TURN_STAT_BUDGET];
	assert_false(turn_server_may_answer(play.workers[0].server, &near));
	assert_true(turn_server_may_answer(play.workers[0].server, &far));
	assert_int_equal(turn_server_stats(play.workers[0].server)[TURN_STAT_BUDGET], saved + 1);
	/* a connection or association has proved its address, and on a stream asks once */
	for (unsigned i = 0; i < 51; i++) {
		struct play_client c = play_client(&play, (uint8_t)i, (uint16_t)i);
		c.path.transport = (uint8_t)(TURN_TCP + i % 3);
		c.path.conn = i + 1;
		assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL(UDP))), 401);
	}
}

static void garbage(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	uint8_t junk[128];

	(void)state;
	play_clear(&play);
	for (unsigned i = 0; i < 20000; i++) {
		random_bytes(junk, sizeof junk);
		play_from_client(&c, bytes_make(junk, random_below(sizeof junk)));
	}
	play_from_client(&c, BYTES_NONE);
	assert_true(play.n_out < 5);
	assert_int_equal(code(ask(&c, STUN_ALLOCATE, ALL({ STUN_LIFETIME, BYTES("\0") }))), 400);
	assert_int_equal(code(ask(&c, 0x0fe, ALL({ STUN_SOFTWARE, BYTES("x") }))), 400);
}

static void rules_that_change_bind_at_once(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct prefix p;

	(void)state;
	(void)play_allocate(&c);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	assert_int_equal(prefix_parse(BYTES("8.8.8.0/24"), &p), 0);
	assert_int_equal(peer_rules_add(&play.conf.rules.deny, &p), 0);
	turn_server_set(play.workers[0].server, &play.conf);
	play_clear(&play);
	play_from_client(&c, BYTES("\x40\x01\0\1x"));
	assert_null(play_last(&play));
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
}

static void an_allocation_is_small(void **state)
{
	struct allocation a = { .room_permissions = 2, .room_channels = 2 }, b = { .room_permissions = 2, .room_sends = 2 };

	(void)state;
	assert_true(allocation_memory(&a) < 900);
	assert_true(allocation_memory(&b) < 900);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, play_up, play_down)
	const struct CMUnitTest tests[] = {
		T(a_stranger_is_challenged_and_not_kept), T(allocates_by_each_algorithm), T(wrong_logins), T(bidding_down_is_noticed),
		T(a_nonce_lives_an_hour), T(relays_by_channel), T(relays_by_indication),
		T(permissions_end_after_five_minutes_channels_after_ten), T(channel_conflicts), T(forbidden_peers_on_every_way_in),
		T(refresh_ends_and_bounds), T(allocate_twice), T(what_allocate_refuses), T(both_families),
		T(even_port_and_its_neighbour), T(quotas), T(moves_with_a_ticket), T(tcp_allocations), T(a_peer_connects),
		T(binding_open_and_classic), T(discovery), T(discovery_by_a_classic_client), T(response_port_and_padding), T(strangers_are_answered_so_often), T(garbage),
		T(rules_that_change_bind_at_once), T(an_allocation_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
