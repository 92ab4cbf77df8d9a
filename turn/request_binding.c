#include "server_impl.h"

/* Binding (RFC 8489 3; classic clients of RFC 3489 too), and NAT behaviour discovery (RFC 5780) where the
 * settings give this box two addresses with two ports each. */

enum { CHANGE_IP = 4, CHANGE_PORT = 2 };

static bool has_discovery(const struct turn_server *s)
{
	return s->conf->discovery[0][0] != 0xff && s->conf->discovery[1][1] != 0xff;
}

/* Where in the table of the four addresses this door is. */
static bool place_of(const struct turn_server *s, uint8_t door, unsigned *ip, unsigned *port)
{
	for (*ip = 0; *ip < 2; (*ip)++)
		for (*port = 0; *port < 2; (*port)++)
			if (s->conf->discovery[*ip][*port] == door)
				return true;
	return false;
}

static void put_discovery(struct request *r, struct stunmsg_writer *w, uint8_t from, unsigned ip, unsigned port)
{
	const struct turn_server *s = r->s;

	stunmsg_put_address(w, STUN_RESPONSE_ORIGIN, &s->doors[from].seen);
	stunmsg_put_address(w, STUN_OTHER_ADDRESS, &s->doors[s->conf->discovery[!ip][!port]].seen);
}

static void put_mapped(struct request *r, struct stunmsg_writer *w)
{
	if (r->m->is_classic)
		stunmsg_put_address(w, STUN_MAPPED_ADDRESS, &r->path->from);
	else
		stunmsg_put_address(w, STUN_XOR_MAPPED_ADDRESS, &r->path->from);
}

static void answer(struct request *r)
{
	struct turn_server *s = r->s;
	struct turn_path to = *r->path;
	uint8_t from = to.door;
	unsigned ip, port;
	struct stunmsg_writer w;
	bool discovers = to.transport == TURN_UDP && has_discovery(s) && place_of(s, to.door, &ip, &port);

	reply_begin(r, &w, STUN_SUCCESS);
	put_mapped(r, &w);
	if (discovers) {
		if (r->m->has & STUN_HAS_CHANGE)
			from = s->conf->discovery[r->m->change & CHANGE_IP ? !ip : ip][r->m->change & CHANGE_PORT ? !port : port];
		put_discovery(r, &w, from, ip, port);
	}
	if (from == to.door) {
		reply_send(r, &w);
		return;
	}
	if (r->m->has_fingerprint)
		stunmsg_put_fingerprint(&w);
	struct bytes b = stunmsg_end(&w);
	if (b.n)
		s->io->to_client_from(s->io_arg, &to, from, b);
}

/* CHANGE-REQUEST, RESPONSE-PORT and PADDING are of RFC 5780 and unknown where that is off. RESPONSE-PORT
 * sends to where nobody has asked from: not offered. */
static bool is_understood(struct request *r)
{
	bool is_strange = r->m->n_unknown || r->m->has & (STUN_HAS_RESPONSE_PORT | STUN_HAS_PADDING) ||
	                  (r->m->has & STUN_HAS_CHANGE && r->m->change && (r->path->transport != TURN_UDP || !has_discovery(r->s)));

	return !is_strange || r->m->is_classic;
}

static uint16_t strange_attribute(const struct stunmsg *m)
{
	return m->has & STUN_HAS_RESPONSE_PORT ? STUN_RESPONSE_PORT : m->has & STUN_HAS_PADDING ? STUN_PADDING : STUN_CHANGE_REQUEST;
}

static void refuse_unknown(struct request *r)
{
	struct stunmsg m = *r->m;

	if (m.n_unknown == 0)
		m.unknown[m.n_unknown++] = strange_attribute(&m);
	r->m = &m;
	reply_error(r, 420);
}

void request_binding(struct request *r)
{
	struct turn_server *s = r->s;

	if (s->conf->binding == TURN_BINDING_OFF)
		return;
	if (s->conf->binding == TURN_BINDING_AUTHENTICATED) {
		if (!request_authenticate(r))
			return;
	} else if (!answer_may_go(s, &r->path->from)) {
		return;
	}
	if (!is_understood(r)) {
		refuse_unknown(r);
		return;
	}
	s->stats[TURN_STAT_BINDINGS]++;
	answer(r);
}
