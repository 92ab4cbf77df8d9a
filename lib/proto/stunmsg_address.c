#include <stdio.h>

#include "base/err.h"
#include "proto/stunmsg_impl.h"

bool stunaddr_eq_ip(const struct stunaddr *a, const struct stunaddr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool stunaddr_eq(const struct stunaddr *a, const struct stunaddr *b)
{
	return a->port == b->port && stunaddr_eq_ip(a, b);
}

int stunmsg_read_address(struct bytes v, struct stunaddr *out)
{
	struct stunaddr a = { 0 };

	if (v.n < 4 || v.n != (v.p[1] == 1 ? 8u : v.p[1] == 2 ? 20u : 0u))
		return ERR_RANGE;
	a.family = v.p[1] == 1 ? 4 : 6;
	a.port = stunmsg_u16(v.p + 2);
	memcpy(a.ip, v.p + 4, v.n - 4);
	*out = a;
	return 0;
}

static int ip6_text(const uint8_t ip[static 16], char *out, size_t room)
{
	unsigned at = 8, n = 1; /* the longest run of two zero words or more (RFC 5952 4.2) */
	size_t used = 0;

	for (unsigned i = 0; i < 8; i++) {
		unsigned j = i;
		while (j < 8 && !ip[2 * j] && !ip[2 * j + 1])
			j++;
		if (j - i > n) {
			at = i;
			n = j - i;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == at) {
			used += (size_t)snprintf(out + used, room - used, "::");
			i += n - 1;
			continue;
		}
		used += (size_t)snprintf(out + used, room - used, "%s%x", i && i != at + n ? ":" : "", stunmsg_u16(ip + 2 * i));
	}
	return (int)used;
}

void stunaddr_text(const struct stunaddr *a, char out[static STUNADDR_TEXT_BYTES])
{
	char ip[48];

	if (a->family == 4) {
		(void)snprintf(out, STUNADDR_TEXT_BYTES, "%u.%u.%u.%u:%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3], a->port);
	} else if (a->family == 6) {
		(void)ip6_text(a->ip, ip, sizeof ip);
		(void)snprintf(out, STUNADDR_TEXT_BYTES, "[%s]:%u", ip, a->port);
	} else {
		memcpy(out, "unknown", sizeof "unknown");
	}
}
