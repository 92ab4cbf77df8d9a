#include "server_impl.h"

/* Binding (RFC 8489 3; classic clients of RFC 3489 too), and NAT behaviour discovery (RFC 5780) where the
 * settings give this box two addresses with two ports each. */

enum { CHANGE_IP = 4, CHANGE_PORT = 2, PORT_WELL_KNOWN_MAX = 1023 };

/* Where in the table of the four addresses this door is. */
struct place {
	unsigned ip, port;
};

/* False: discovery is off, a door of it is closed, or the request came through another one. */
static bool place_of(const struct request *r, struct place *out)
{
	const uint8_t(*doors)[2] = r->s->conf->discovery;
	bool is_found = false;

	for (unsigned i = 0; i < 4; i++) {
		uint8_t door = doors[i >> 1][i & 1];
		if (door >= TURN_DOORS_MAX || !r->s->has_door[door])
			return false;
		if (door != r->path->door || r->path->transport != TURN_UDP)
			continue;
		*out = (struct place){ i >> 1, i & 1 };
		is_found = true;
	}
	return is_found;
}

static void put_mapped(struct request *r, struct stunmsg_writer *w)
{
	if (r->m->is_classic)
		stunmsg_put_address(w, STUN_MAPPED_ADDRESS, &r->path->from);
	else
		stunmsg_put_address(w, STUN_XOR_MAPPED_ADDRESS, &r->path->from);
}

/* RFC 5780 7.3, 7.4; under their old names to those of RFC 3489 11.2. */
static void put_discovery(struct request *r, struct stunmsg_writer *w, uint8_t from, struct place at)
{
	const struct turn_server *s = r->s;
	bool is_classic = r->m->is_classic;
	uint8_t other = s->conf->discovery[!at.ip][!at.port];

	stunmsg_put_address(w, is_classic ? STUN_SOURCE_ADDRESS : STUN_RESPONSE_ORIGIN, &s->doors[from].seen);
	stunmsg_put_address(w, is_classic ? STUN_CHANGED_ADDRESS : STUN_OTHER_ADDRESS, &s->doors[other].seen);
}

/* RFC 5780 7.6, with a bound of ours: an answer with PADDING is no longer than its request, so nobody is
 * flooded by a small question with a forged sender. */
static void put_padding(struct request *r, struct stunmsg_writer *w)
{
	static const uint8_t zero[REPLY_MAX];
	size_t room = r->m->raw.n < REPLY_MAX ? r->m->raw.n : REPLY_MAX, used = w->n + 4 + reply_end_bytes(r);

	if (used >= room)
		return;
	size_t n = r->m->padding.n < room - used ? r->m->padding.n : room - used;
	stunmsg_put(w, STUN_PADDING, bytes_make(zero, n & ~(size_t)3));
}

static void answer(struct request *r, const struct place *at)
{
	struct turn_server *s = r->s;
	struct turn_path to = *r->path;
	uint8_t from = to.door;
	struct stunmsg_writer w;

	reply_begin(r, &w, STUN_SUCCESS);
	put_mapped(r, &w);
	if (at) {
		if (r->m->has & STUN_HAS_CHANGE)
			from = s->conf->discovery[at->ip ^ !!(r->m->change & CHANGE_IP)][at->port ^ !!(r->m->change & CHANGE_PORT)];
		put_discovery(r, &w, from, *at);
		if (r->m->has & STUN_HAS_PADDING)
			put_padding(r, &w);
		if (r->m->has & STUN_HAS_RESPONSE_PORT)
			to.from.port = r->m->response_port;
	}
	struct bytes b = reply_finish(r, &w);
	if (b.n == 0)
		return;
	if (from == to.door)
		s->io->to_client(s->io_arg, &to, b);
	else
		s->io->to_client_from(s->io_arg, &to, from, b);
}

/* CHANGE-REQUEST, RESPONSE-PORT and PADDING are of RFC 5780 and unknown where that is off. A classic client's
 * unknown ones are left aside, but a changed sender that is not to be had: it would take the NAT for open. */
static uint16_t strange_attribute(const struct stunmsg *m, bool has_discovery)
{
	if (m->n_unknown && !m->is_classic)
		return m->unknown[0];
	if (has_discovery)
		return 0;
	if (m->has & STUN_HAS_CHANGE && m->change & (CHANGE_IP | CHANGE_PORT))
		return STUN_CHANGE_REQUEST;
	if (m->is_classic)
		return 0;
	return m->has & STUN_HAS_RESPONSE_PORT ? STUN_RESPONSE_PORT : m->has & STUN_HAS_PADDING ? STUN_PADDING : 0;
}

static void refuse_unknown(struct request *r, uint16_t type)
{
	struct stunmsg m = *r->m;

	if (m.n_unknown == 0)
		m.unknown[m.n_unknown++] = type;
	r->m = &m;
	reply_error(r, 420);
}

/* RFC 5780 6.1: not both. RESPONSE-PORT names another port of the sender's address, which a forged sender could
 * name as well; those of services are left out (RFC 5780 7.5). */
static bool is_sound(const struct stunmsg *m)
{
	return !(m->has & STUN_HAS_RESPONSE_PORT) || (!(m->has & STUN_HAS_PADDING) && m->response_port > PORT_WELL_KNOWN_MAX);
}

void request_binding(struct request *r)
{
	struct turn_server *s = r->s;
	struct place at;

	if (s->conf->binding == TURN_BINDING_OFF)
		return;
	if (s->conf->binding == TURN_BINDING_AUTHENTICATED) {
		if (!request_authenticate(r))
			return;
	} else if (!stranger_is_answered(r)) {
		return;
	}
	bool has_discovery = place_of(r, &at);
	uint16_t strange = strange_attribute(r->m, has_discovery);
	if (strange) {
		refuse_unknown(r, strange);
		return;
	}
	if (has_discovery && !is_sound(r->m)) {
		s->stats[TURN_STAT_MALFORMED]++;
		reply_error(r, 400);
		return;
	}
	s->stats[TURN_STAT_BINDINGS]++;
	answer(r, has_discovery ? &at : NULL);
}
