/* STUN messages: any bytes are read or refused; no signature holds under a key that nobody has; what was read and is
 * written again reads the same. */
#include <assert.h>

#include "base/err.h"
#include "proto/stunmsg.h"

enum { ROOM = 70000 };

static const struct {
	enum stunmsg_has has;
	enum stunmsg_attribute attribute;
} texts[] = {
	{ STUN_HAS_USERNAME, STUN_USERNAME }, { STUN_HAS_REALM, STUN_REALM }, { STUN_HAS_NONCE, STUN_NONCE },
	{ STUN_HAS_DATA, STUN_DATA_ATTRIBUTE }, { STUN_HAS_TICKET, STUN_MOBILITY_TICKET },
	{ STUN_HAS_USERHASH, STUN_USERHASH },
};

static struct bytes text_of(const struct stunmsg *m, enum stunmsg_attribute a)
{
	switch (a) {
	case STUN_USERNAME: return m->username;
	case STUN_REALM: return m->realm;
	case STUN_NONCE: return m->nonce;
	case STUN_DATA_ATTRIBUTE: return m->data;
	case STUN_MOBILITY_TICKET: return m->ticket;
	default: return m->userhash;
	}
}

static void again(const struct stunmsg *m)
{
	static uint8_t room[ROOM];
	struct stunmsg_writer w;
	struct stunmsg b;

	stunmsg_begin(&w, room, sizeof room, m->class, m->method, m->id);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (m->has & texts[i].has)
			stunmsg_put(&w, texts[i].attribute, text_of(m, texts[i].attribute));
	if (m->has & STUN_HAS_LIFETIME)
		stunmsg_put_u32(&w, STUN_LIFETIME, m->lifetime_s);
	for (unsigned i = 0; i < m->n_peers; i++)
		stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &m->peers[i]);
	struct bytes out = stunmsg_end(&w);
	if (!out.n)
		return; /* longer than a message may be: the sum of what was padded otherwise */
	assert(stunmsg_parse(out, &b) == 0);
	assert(b.class == m->class && b.method == m->method && memcmp(b.id, m->id, sizeof b.id) == 0 && b.n_peers == m->n_peers);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (m->has & texts[i].has)
			assert(bytes_eq(text_of(m, texts[i].attribute), text_of(&b, texts[i].attribute)));
	for (unsigned i = 0; i < m->n_peers; i++)
		assert(stunaddr_eq(&m->peers[i], &b.peers[i]));
	assert(!(m->has & STUN_HAS_LIFETIME) || b.lifetime_s == m->lifetime_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[32] = { 0x5a, 0xa5 };
	char text[STUNADDR_TEXT_BYTES];
	struct stunmsg m;
	uint16_t channel;
	struct bytes inside;
	int rc = stunmsg_parse(bytes_make(data, size), &m);

	if (channeldata_parse(bytes_make(data, size), &channel, &inside) == 0)
		assert(inside.p >= data && inside.p + inside.n <= data + size && channel >= CHANNEL_MIN && channel <= CHANNEL_OLD_MAX);
	if (rc < 0)
		return 0;
	assert(!stunmsg_verify(&m, bytes_make(key, sizeof key)));
	stunaddr_text(&m.mapped, text);
	again(&m);
	return 0;
}
