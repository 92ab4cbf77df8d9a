#include "duid.h"

#include "base/bytes.h"
#include "proto/hmac.h"
#include "run/machine.h"

#include <string.h>

enum { DUID_LL = 3, DUID_UUID = 4, ETHERNET = 1, UUID_BYTES = 16 };

void duid_of_number(const char *number, struct duid *out)
{
	const struct bytes what = BYTES("Gatehouse DHCPv6 DUID");
	uint8_t hash[HMAC_BYTES_MAX], *uuid = out->bytes + 2;

	*out = (struct duid){ .bytes = { 0, DUID_UUID } };
	if (!hmac_make(HMAC_SHA256, bytes_of(number), &what, 1, hash))
		return;
	memcpy(uuid, hash, UUID_BYTES);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80); /* RFC 9562 4.2, 4.1: version 8, variant 10 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	out->n = 2 + UUID_BYTES;
}

void duid_read(struct duid *out)
{
	char number[MACHINE_NUMBER_BYTES];

	*out = (struct duid){ 0 };
	if (machine_number(true, number)) /* gh-priv is there on the appliance alone */
		duid_of_number(number, out);
}

void duid_of_card(const struct have *h, struct duid *out)
{
	const struct have_link *first = NULL;

	*out = (struct duid){ .bytes = { 0, DUID_LL, 0, ETHERNET } };
	for (size_t k = 0; k < h->n_links; k++)
		if (h->links[k].is_ethernet && (!first || h->links[k].index < first->index))
			first = &h->links[k];
	if (!first)
		return;
	memcpy(out->bytes + 4, first->mac, sizeof first->mac);
	out->n = 4 + sizeof first->mac;
}
