#include "server_impl.h"

/* The data path (RFC 8656 11, 12): one look-up, no allocation, no copy. */

enum { DATA_HEAD_V4 = STUNMSG_HEADER + 12 + 4, DATA_HEAD_V6 = STUNMSG_HEADER + 24 + 4 };
_Static_assert((int)DATA_HEAD_V6 <= (int)TURN_HEADROOM, "a Data indication fits around its payload");

static bool may_pass(struct turn_server *s, struct allocation *a, size_t n)
{
	if (quota_pass(s->quota, &a->hold, (uint32_t)n, loop_now(s->loop)))
		return true;
	a->dropped++;
	s->stats[TURN_STAT_RATE_DROPPED]++;
	return false;
}

static void no_permission(struct turn_server *s, struct allocation *a)
{
	a->dropped++;
	s->stats[TURN_STAT_NO_PERMISSION]++;
}

/* To another client of this box's relay: within this worker past the kernel, else by the local address, as
 * not every NAT leads back. */
static void pass_to_own(struct turn_server *s, struct turn_relay *relay, const struct stunaddr *peer, struct turn_packet *data,
                        bool dont_fragment)
{
	struct allocation *other = s->io->relay_owner(s->io_arg, peer->family, peer->port);
	const struct turn_relay *there = other ? relay_for(other, peer) : NULL;

	if (there && stunaddr_eq(&there->seen, peer)) {
		turn_server_peer(s, other, relay, &relay->seen, data);
		return;
	}
	struct stunaddr local = own_relays_local(&s->conf->own_relays, peer);
	s->io->to_peer(s->io_arg, relay, &local, bytes_make(data->p, data->n), dont_fragment);
}

static void pass_to_peer(struct turn_server *s, struct allocation *a, const struct stunaddr *peer, bool is_own,
                         struct turn_packet *data, bool dont_fragment)
{
	struct turn_relay *relay = relay_for(a, peer);

	if (is_own && !own_relays_have_port(&s->conf->own_relays, peer->port)) {
		no_permission(s, a);
		return;
	}
	if (!relay || !may_pass(s, a, data->n))
		return;
	a->to_peer++;
	a->to_peer_bytes += data->n;
	s->stats[TURN_STAT_TO_PEER]++;
	s->stats[TURN_STAT_TO_PEER_BYTES] += data->n;
	if (is_own)
		pass_to_own(s, relay, peer, data, dont_fragment);
	else
		s->io->to_peer(s->io_arg, relay, peer, bytes_make(data->p, data->n), dont_fragment);
}

/* A part of the packet, with its room before and behind. */
static struct turn_packet part_of(const struct turn_packet *p, struct bytes part)
{
	return (struct turn_packet){ p->p + (part.p - p->p), part.n };
}

void relay_channel_data(struct turn_server *s, const struct turn_path *from, struct turn_packet *p)
{
	struct allocation *a = allocation_of_path(&s->table, from);
	uint64_t now = loop_now(s->loop);
	struct bytes data;
	uint16_t number;

	if (!a || channeldata_parse(bytes_make(p->p, p->n), &number, &data) < 0) {
		s->stats[a ? TURN_STAT_MALFORMED : TURN_STAT_UNKNOWN]++;
		return;
	}
	const struct channel *c = channel_of_number(a, number, now);
	/* A channel outlives its permission by up to five minutes: both must hold (RFC 8656 12.6). */
	const struct permission *permission = c ? permission_of(a, &c->peer, now) : NULL;
	if (!permission) {
		no_permission(s, a);
		return;
	}
	struct turn_packet payload = part_of(p, data);
	pass_to_peer(s, a, &c->peer, permission->is_own, &payload, false);
}

/* The permission for a peer, who may be named by the local address of a relay that clients know by its public one. */
static const struct permission *permission_for(struct turn_server *s, struct allocation *a, struct stunaddr *peer)
{
	uint64_t now = loop_now(s->loop);
	const struct permission *p = permission_of(a, peer, now);

	return p || !own_relays_have(&s->conf->own_relays, peer) ? p : permission_of(a, peer, now);
}

void relay_send(struct turn_server *s, const struct turn_path *from, const struct stunmsg *m, struct turn_packet *p)
{
	struct allocation *a = allocation_of_path(&s->table, from);

	if (!a || a->is_tcp || m->n_peers != 1 || !(m->has & STUN_HAS_DATA) || m->n_unknown) {
		s->stats[a ? TURN_STAT_MALFORMED : TURN_STAT_UNKNOWN]++;
		return;
	}
	struct stunaddr peer = m->peers[0];
	/* The rules have judged the permission, and end it when they change (turn_server_set): not each packet. */
	peer_canonical(&peer);
	const struct permission *permission = permission_for(s, a, &peer);
	if (!permission) {
		no_permission(s, a);
		return;
	}
	struct turn_packet payload = part_of(p, m->data);
	bool is_own = permission->is_own;
	pass_to_peer(s, a, &peer, is_own, &payload, m->has & STUN_HAS_DONT_FRAGMENT);
	if (!is_own)
		send_flow_use(s, a, &peer);
}

static void next_id(struct turn_server *s, uint8_t id[static 16])
{
	static const uint8_t cookie[8] = { 0x21, 0x12, 0xa4, 0x42 };

	memcpy(id, cookie, sizeof cookie);
	memcpy(id + 8, &s->next_indication, 8);
	s->next_indication++;
}

/* A Data indication is written around the payload where it lies. */
static struct bytes data_indication(struct turn_server *s, const struct stunaddr *peer, struct turn_packet *p)
{
	size_t head = peer->family == 4 ? DATA_HEAD_V4 : DATA_HEAD_V6;
	uint8_t id[16], *at = p->p - head;
	struct stunmsg_writer w;

	next_id(s, id);
	/* The writer sees the room up to the payload; the length is set for all of it. */
	stunmsg_begin(&w, at, head - 4, STUN_INDICATION, STUN_DATA, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, peer);
	size_t padded = (p->n + 3) & ~(size_t)3, body = head - STUNMSG_HEADER + padded;
	at[2] = (uint8_t)(body >> 8);
	at[3] = (uint8_t)body;
	uint8_t *attribute = p->p - 4;
	attribute[0] = STUN_DATA_ATTRIBUTE >> 8;
	attribute[1] = STUN_DATA_ATTRIBUTE & 0xff;
	attribute[2] = (uint8_t)(p->n >> 8);
	attribute[3] = (uint8_t)p->n;
	memset(p->p + p->n, 0, padded - p->n);
	return bytes_make(at, head + padded);
}

static const struct permission *permission_for_source(struct turn_server *s, struct allocation *a, struct stunaddr *peer)
{
	const struct permission *p = permission_for(s, a, peer);

	return p && (!p->is_own || own_relays_have_port(&s->conf->own_relays, peer->port)) ? p : NULL;
}

bool source_is_permitted(struct turn_server *s, struct allocation *a, struct stunaddr *peer)
{
	return permission_for_source(s, a, peer) != NULL;
}

void turn_server_peer(struct turn_server *s, void *owner, struct turn_relay *r, const struct stunaddr *from, struct turn_packet *p)
{
	struct allocation *a = owner;
	struct stunaddr source = *from;
	const struct stunaddr *peer = &source;

	(void)r;
	const struct permission *permission = permission_for_source(s, a, &source);
	if (!permission) {
		no_permission(s, a);
		return;
	}
	if (a->is_orphan || p->n > UINT16_MAX - DATA_HEAD_V6 || !may_pass(s, a, p->n))
		return;
	a->to_client++;
	a->to_client_bytes += p->n;
	s->stats[TURN_STAT_TO_CLIENT]++;
	s->stats[TURN_STAT_TO_CLIENT_BYTES] += p->n;
	const struct channel *c = channel_of_peer(a, peer, loop_now(s->loop));
	if (c) {
		channeldata_header(p->p - CHANNELDATA_HEADER, c->number, p->n);
		s->io->to_client(s->io_arg, &a->client, bytes_make(p->p - CHANNELDATA_HEADER, p->n + CHANNELDATA_HEADER));
	} else {
		s->io->to_client(s->io_arg, &a->client, data_indication(s, peer, p));
		if (!permission->is_own)
			send_flow_use(s, a, peer);
	}
}

/* RFC 8656 11.5, 18.14: for a peer that has a permission, once for each error that comes. */
void turn_server_icmp(struct turn_server *s, void *owner, const struct stunaddr *to, uint8_t type, uint8_t code, uint32_t data)
{
	uint8_t id[16];
	struct allocation *a = owner;
	struct stunaddr peer = *to;
	struct stunmsg_writer w;

	if (a->is_orphan || !source_is_permitted(s, a, &peer))
		return;
	next_id(s, id);
	stunmsg_begin(&w, s->reply + TURN_HEADROOM, REPLY_MAX, STUN_INDICATION, STUN_DATA, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	stunmsg_put_icmp(&w, type, code, data);
	struct bytes b = stunmsg_end(&w);
	if (b.n)
		s->io->to_client(s->io_arg, &a->client, b);
}
