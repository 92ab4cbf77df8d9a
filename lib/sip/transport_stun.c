#include "sip/transport_stun.h"

#include "proto/stunmsg.h"

static struct stunaddr address_of(const union sip_sockaddr *from)
{
	struct stunaddr a = { .family = from->any.sa_family == AF_INET ? 4 : 6, .port = sip_sockaddr_port(from) };

	if (a.family == 4)
		memcpy(a.ip, &from->v4.sin_addr, 4);
	else
		memcpy(a.ip, &from->v6.sin6_addr, sizeof a.ip);
	return a;
}

static void put_answer(struct stunmsg_writer *w, const struct stunmsg *m, const union sip_sockaddr *from, void *out)
{
	const struct stunaddr a = address_of(from);

	/* A client of RFC 3489 knows no attribute that it must understand and we have to refuse. */
	bool is_refused = m->n_unknown && !m->is_classic;

	stunmsg_begin(w, out, SIPSTUN_OUT_MAX, is_refused ? STUN_ERROR : STUN_SUCCESS, STUN_BINDING, m->id);
	if (is_refused) {
		stunmsg_put_error(w, 420);
		stunmsg_put_unknown(w, m->unknown, m->n_unknown);
	} else {
		stunmsg_put_address(w, m->is_classic ? STUN_MAPPED_ADDRESS : STUN_XOR_MAPPED_ADDRESS, &a);
	}
	if (m->has_fingerprint)
		stunmsg_put_fingerprint(w);
}

struct bytes sipstun_answer(struct bytes datagram, const union sip_sockaddr *from, uint8_t out[static SIPSTUN_OUT_MAX])
{
	struct stunmsg_writer w;
	struct stunmsg m;

	if (datagram.n > SIPSTUN_IN_MAX || stunmsg_parse(datagram, &m) || m.class != STUN_REQUEST || m.method != STUN_BINDING)
		return BYTES_NONE;
	put_answer(&w, &m, from, out);
	return stunmsg_end(&w);
}
