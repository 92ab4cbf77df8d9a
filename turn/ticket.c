#include <openssl/crypto.h>

#include "base/err.h"
#include "proto/hmac.h"
#include "server_impl.h"

/* MOBILITY-TICKET (RFC 8016 3): number of the allocation, which begins with the worker's, number of the
 * ticket, and a MAC under the box's key, so that it is ours and nobody makes one up. */

enum { TICKET_BYTES = 8 + 4 + TICKET_MAC_BYTES };

static bool mac(const uint8_t key[static NONCE_KEY_BYTES], const uint8_t text[static 12], uint8_t out[static TICKET_MAC_BYTES])
{
	uint8_t in[6 + 12] = "ticket", md[HMAC_BYTES_MAX];
	const struct bytes part = bytes_make(in, sizeof in);

	memcpy(in + 6, text, 12);
	if (!hmac_make(HMAC_SHA256, bytes_make(key, NONCE_KEY_BYTES), &part, 1, md))
		return false;
	memcpy(out, md, TICKET_MAC_BYTES);
	return true;
}

size_t ticket_make(const struct turn_server *s, const struct allocation *a, uint32_t n, uint8_t out[static STUNMSG_TICKET_MAX])
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(a->number >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		out[8 + i] = (uint8_t)(n >> (24 - 8 * i));
	return mac(s->key.key[0], out, out + 12) ? TICKET_BYTES : 0;
}

int ticket_read(const struct turn_server *s, struct bytes ticket, unsigned *worker, uint64_t *number, uint32_t *n)
{
	uint8_t want[TICKET_MAC_BYTES];
	bool is_ours = false;

	if (ticket.n != TICKET_BYTES)
		return ERR_DENIED;
	for (unsigned i = 0; i < 2; i++)
		is_ours |= mac(s->key.key[i], ticket.p, want) && CRYPTO_memcmp(want, ticket.p + 12, sizeof want) == 0;
	if (!is_ours)
		return ERR_DENIED;
	*number = 0;
	*n = 0;
	for (unsigned i = 0; i < 8; i++)
		*number = *number << 8 | ticket.p[i];
	for (unsigned i = 8; i < 12; i++)
		*n = *n << 8 | ticket.p[i];
	*worker = (unsigned)(*number >> 48);
	return 0;
}
