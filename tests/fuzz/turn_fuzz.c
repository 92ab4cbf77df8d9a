/* The relay's engine: two workers, clients that sign as they should, peers, time and settings, in any order. After each
 * event: every open port has one owner, nobody is kept who has not proved himself, no packet goes where it may not. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "allocation.h"
#include "server_impl.h"
#include "server_play.h"

enum { EVENTS_MAX = 120, CLIENTS = 4 };

static struct play p;
static struct play_client clients[CLIENTS];
static const uint8_t *at, *end;
static uint8_t tickets[CLIENTS][STUNMSG_TICKET_MAX], tokens[CLIENTS][8];
static size_t ticket_n[CLIENTS];

static unsigned byte(void)
{
	return at < end ? *at++ : 0;
}

/* Of a relay, when there is one. */
static uint16_t some_port(void)
{
	const struct play_worker *w = &p.workers[byte() % PLAY_WORKERS];
	const struct allocation *a;
	size_t walk = 0;

	a = map_next(&w->server->table.by_number, &walk);
	return a && a->relay[0].fd >= 0 ? a->relay[0].at.port : 50000;
}

static struct stunaddr some_peer(void)
{
	static const struct stunaddr peers[] = {
		{ 4, 7000, { 8, 8, 8, 8 } }, { 4, 7001, { 8, 8, 8, 8 } }, { 4, 7000, { 9, 9, 9, 9 } }, { 6, 7, { 0x2a, 1 } },
		{ 4, 1, { 127, 0, 0, 1 } }, { 6, 1, { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 } }, { 6, 1, { 0x20, 2, 127, 0, 0, 1 } },
		{ 6, 1, { [10] = 0xff, [11] = 0xff, 8, 8, 8, 8 } }, { 4, 5060, { 203, 0, 113, 5 } },
	};
	unsigned n = byte() % (sizeof peers / sizeof peers[0] + 1);

	if (n < sizeof peers / sizeof peers[0])
		return peers[n];
	return (struct stunaddr){ 4, some_port(), { 203, 0, 113, 5 } };
}

/* ---- what must hold ---- */

static void check_packets(void)
{
	for (size_t i = 0; i < p.n_out; i++) {
		const struct play_out *o = &p.out[i];
		const char *rule;
		struct stunaddr peer = o->peer;
		if (o->what != OUT_PEER && o->what != OUT_CONNECT)
			continue;
		if (own_relays_have(&p.conf.own_relays, &peer))
			assert(own_relays_have_port(&p.conf.own_relays, peer.port));
		else
			assert(peer_rules_permit(&p.conf.rules, &peer, &rule));
	}
}

static void check_ports(void)
{
	unsigned owned = 0;

	for (unsigned w = 0; w < PLAY_WORKERS; w++) {
		struct turn_server *s = p.workers[w].server;
		struct allocation *a;
		size_t walk = 0;
		uint32_t users = 0;
		while ((a = map_next(&s->table.by_number, &walk))) {
			assert(a->hold.user && a->key_n);
			assert(a->relay[0].fd >= 0 || a->relay[1].fd >= 0);
			owned += (a->relay[0].fd >= 0) + (a->relay[1].fd >= 0);
			users++;
			assert(allocation_memory(a) < 4096);
		}
		assert(s->stats[TURN_STAT_ALLOCATIONS] == users && s->table.by_path.count == users);
		owned += (unsigned)s->n_reservations;
	}
	assert(owned == p.open_ports);
}

/* Its owner's, as it is now. */
static unsigned check_flow(unsigned worker, const struct allocation *a, uint32_t flow, const struct stunaddr *peer, uint16_t channel)
{
	if (!flow)
		return 0;
	const struct play_flow *f = &p.flows[flow - 1];
	assert(f->is_used && f->worker == worker && f->is.channel == channel);
	assert(stunaddr_eq(&f->is.peer, peer) && stunaddr_eq(&f->is.client, &a->client.from));
	return 1;
}

static unsigned check_flows_of(unsigned worker, struct allocation *a)
{
	unsigned n = 0;

	for (uint16_t i = 0; i < a->n_channels; i++)
		n += check_flow(worker, a, a->channels[i].flow, &a->channels[i].peer, a->channels[i].number);
	for (uint16_t i = 0; i < a->n_sends; i++) {
		n += check_flow(worker, a, a->sends[i].flow, &a->sends[i].peer, 0);
		assert(!channel_of_peer(a, &a->sends[i].peer, loop_now(p.loop)));
	}
	return n;
}

/* A flow in the kernel is one channel's that lives, or of indications with a peer without one; no other outlives it. */
static void check_flows(void)
{
	unsigned owned = 0, used = 0;

	for (unsigned w = 0; w < PLAY_WORKERS; w++) {
		struct turn_server *s = p.workers[w].server;
		struct allocation *a;
		for (size_t walk = 0; (a = map_next(&s->table.by_number, &walk));)
			owned += check_flows_of(w, a);
	}
	for (unsigned i = 0; i < PLAY_FLOWS; i++)
		used += p.flows[i].is_used;
	assert(used == owned);
}

/* ---- events ---- */

struct want {
	unsigned flags;
	struct stunaddr peer;
	uint16_t channel;
	unsigned client;
};

static void put(struct stunmsg_writer *w, void *arg)
{
	const struct want *v = arg;
	const uint8_t f = (uint8_t)v->flags;

	if (!(f & 1))
		stunmsg_put_u32(w, STUN_REQUESTED_TRANSPORT, (f & 2 ? 6u : 17u) << 24);
	if (f & 4)
		stunmsg_put(w, STUN_EVEN_PORT, BYTES("\x80"));
	if (f & 8)
		stunmsg_put_u32(w, f & 16 ? STUN_ADDITIONAL_ADDRESS_FAMILY : STUN_REQUESTED_ADDRESS_FAMILY, f & 32 ? 2u << 24 : 1u << 24);
	if (f & 64)
		stunmsg_put(w, STUN_MOBILITY_TICKET, f & 1 ? bytes_make(tickets[v->client], ticket_n[v->client]) : BYTES_NONE);
	if (f & 128)
		stunmsg_put(w, STUN_RESERVATION_TOKEN, bytes_make(tokens[v->client], 8));
	if (v->channel)
		stunmsg_put_u32(w, STUN_CHANNEL_NUMBER, (uint32_t)v->channel << 16);
	if (v->peer.family)
		stunmsg_put_address(w, STUN_XOR_PEER_ADDRESS, &v->peer);
	if (f == 0xff)
		stunmsg_put_u32(w, STUN_LIFETIME, 0);
}

static void ask(void)
{
	static const uint16_t methods[] = { STUN_ALLOCATE, STUN_ALLOCATE, STUN_REFRESH, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND,
		                            STUN_CONNECT, STUN_CONNECTION_BIND, STUN_BINDING };
	unsigned who = byte() % CLIENTS;
	struct play_client *c = &clients[who];
	struct want v = { .flags = byte(), .client = byte() % CLIENTS };
	uint16_t method = methods[byte() % 8];

	if (method == STUN_CREATE_PERMISSION || method == STUN_CHANNEL_BIND || method == STUN_CONNECT)
		v = (struct want){ .flags = 1, .peer = some_peer(), .channel = method == STUN_CHANNEL_BIND ? (uint16_t)(0x3ffe + byte() % 8) : 0 };
	struct stunmsg m = play_ask(c, &(struct play_ask){ .method = method, .put = put, .arg = &v, .is_unsigned = byte() % 16 == 15 });
	check_packets();
	if (m.class != STUN_SUCCESS)
		return;
	if (m.has & STUN_HAS_TICKET && m.ticket.n <= STUNMSG_TICKET_MAX) {
		memcpy(tickets[who], m.ticket.p, m.ticket.n);
		ticket_n[who] = m.ticket.n;
	}
	if (m.has & STUN_HAS_TOKEN)
		memcpy(tokens[who], m.token, 8);
}

static void raw(void)
{
	uint8_t junk[256];
	size_t n = byte();

	for (size_t i = 0; i < n; i++)
		junk[i] = (uint8_t)byte();
	if (n >= 20 && byte() & 1) { /* at least the outside of a message */
		junk[0] &= 1;
		junk[2] = 0;
		junk[3] = (uint8_t)((n - 20) & ~3u);
		n = 20u + junk[3];
	}
	play_clear(&p);
	play_from_client(&clients[byte() % CLIENTS], bytes_make(junk, n));
	check_packets();
	for (size_t i = 0; i < p.n_out; i++)
		assert(p.out[i].what != OUT_CLIENT || p.out[i].n <= 4 * n || n < 20);
}

static void send_indication(void)
{
	static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42 };
	const struct stunaddr peer = some_peer();
	uint8_t message[64];
	struct stunmsg_writer w;

	stunmsg_begin(&w, message, sizeof message, STUN_INDICATION, STUN_SEND, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, BYTES("words of a client"));
	play_from_client(&clients[byte() % CLIENTS], stunmsg_end(&w));
	check_packets();
}

static void data(void)
{
	unsigned number = byte();

	play_clear(&p);
	if (number & 8) {
		send_indication();
		return;
	}
	uint8_t d[12] = { 0x40, (uint8_t)(number % 8), 0, (uint8_t)(byte() % 12) };
	play_from_client(&clients[byte() % CLIENTS], bytes_make(d, sizeof d));
	check_packets();
}

/* A connection that is accepted has the permission, and of this box only a relayed address's port. */
static void connects(unsigned w, struct allocation *a, const struct stunaddr *from)
{
	struct stunaddr peer = *from;
	uint32_t id;

	if (turn_server_incoming(p.workers[w].server, a, from, &id) < 0)
		return;
	assert(!own_relays_have(&p.conf.own_relays, &peer) || own_relays_have_port(&p.conf.own_relays, peer.port));
	assert(permission_holds(a, &peer, loop_now(p.loop)));
}

static void from_peer(void)
{
	struct stunaddr peer = some_peer();

	for (unsigned w = 0; w < PLAY_WORKERS; w++) {
		struct allocation *a;
		size_t walk = 0;
		if (!(a = map_next(&p.workers[w].server->table.by_number, &walk)))
			continue;
		struct turn_relay *r = &a->relay[a->relay[0].fd < 0];
		play_clear(&p);
		play_from_peer(&p, w, r->at.port, &peer, BYTES("words of a peer"));
		if (byte() & 1)
			turn_server_icmp(p.workers[w].server, a, &peer, 3, 4, 1280);
		if (a->is_tcp)
			connects(w, a, &peer);
	}
}

static void change(void)
{
	unsigned b = byte();

	p.conf.has_mobility = b & 1;
	p.conf.has_tcp_relay = b & 2;
	p.conf.is_draining = (b & 12) == 12;
	p.conf.limits.allocations_user = b & 16 ? 2 : 0;
	p.conf.limits.bytes_user = b & 32 ? 1000 : 0;
	p.conf.has_old_channels = b & 64;
	p.conf.drain_deadline_s = b & 128 ? 20 : 0;
	p.conf.rules.deny.n = 0;
	if (b & 64)
		(void)peer_rules_add(&p.conf.rules.deny, &(struct prefix){ .bits = 104, .bytes = { [10] = 0xff, [11] = 0xff, 8 } });
	for (unsigned w = 0; w < PLAY_WORKERS; w++)
		turn_server_set(p.workers[w].server, &p.conf);
	for (unsigned w = 0; w < PLAY_WORKERS; w++)
		turn_server_kernel(p.workers[w].server, (b & 6) != 6);
	p.has_no_port = b & 128;
}

static void lose(void)
{
	struct play_client *c = &clients[byte() % CLIENTS];

	turn_server_client_gone(p.workers[c->worker].server, &c->path);
}

static void connected(void)
{
	for (unsigned w = 0; w < PLAY_WORKERS; w++) {
		struct peer_connection *c;
		size_t walk = 0;
		if (!(c = map_next(&p.workers[w].server->connections, &walk)))
			continue;
		if (byte() & 1)
			turn_server_peer_gone(p.workers[w].server, c->id);
		else
			turn_server_connected(p.workers[w].server, c->id, byte() & 1 ? 0 : -1);
	}
}

static void event(void)
{
	switch (byte() % 10) {
	case 0:
	case 1:
	case 2: ask(); break;
	case 3: raw(); break;
	case 4: data(); break;
	case 5: from_peer(); break;
	case 6: change(); break;
	case 7: lose(); break;
	case 8: connected(); break;
	default: loop_fake_advance(p.loop, byte() * 5000u); break;
	}
	play_clear(&p);
	check_ports();
	check_flows();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	at = data;
	end = data + size;
	memset(ticket_n, 0, sizeof ticket_n);
	play_begin(&p);
	p.conf.own_relays = (struct own_relays){ .at = { { 4, 0, { 203, 0, 113, 5 } } }, .port_min = 49152, .port_max = 65535 };
	(void)peer_rules_add_address(&p.conf.rules.own, &p.conf.own_relays.at[0]);
	for (unsigned w = 0; w < PLAY_WORKERS; w++)
		turn_server_set(p.workers[w].server, &p.conf);
	for (unsigned i = 0; i < PLAY_WORKERS; i++) {
		const struct turn_door door = { TURN_UDP, .at = { 4, 3478, { 9, 1, 1, 1 } }, .seen = { 4, 3478, { 9, 1, 1, 1 } } };
		turn_server_set_door(p.workers[i].server, 0, &door);
		turn_server_kernel(p.workers[i].server, true);
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = play_client(&p, (uint8_t)i, 1000);
		clients[i].worker = i & 1;
		clients[i].path.transport = i < 2 ? TURN_UDP : TURN_TCP;
		clients[i].path.conn = i < 2 ? 0 : i;
		clients[i].is_sha256 = i & 1;
		clients[i].user = i == 3 ? "romeo" : "juliet";
		clients[i].password = i == 3 ? "jul13t" : "r0m30";
	}
	for (unsigned i = 0; i < EVENTS_MAX && at < end; i++)
		event();
	play_end(&p);
	return 0;
}
