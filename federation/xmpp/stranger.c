#include "stranger.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Connections of one address. */
struct stranger {
	uint8_t key[STRANGER_KEY_BYTES];
	uint32_t n;
};

void stranger_key(const struct sockaddr_storage *a, uint8_t key[static STRANGER_KEY_BYTES])
{
	memset(key, 0, STRANGER_KEY_BYTES);
	if (a->ss_family == AF_INET)
		memcpy(key, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	else /* one /64 is one site */
		memcpy(key + 4, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 8);
}

static struct stranger *stranger_new(struct map *strangers, struct bytes key)
{
	struct stranger *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	memcpy(a->key, key.p, sizeof a->key);
	if (map_add(strangers, bytes_make(a->key, sizeof a->key), a) == 0)
		return a;
	free(a);
	return NULL;
}

bool stranger_add(struct map *strangers, const uint8_t key[static STRANGER_KEY_BYTES])
{
	struct bytes k = { key, STRANGER_KEY_BYTES };
	struct stranger *a = map_get(strangers, k);

	if (!a)
		a = stranger_new(strangers, k);
	if (!a || a->n >= STRANGERS_PER_ADDRESS)
		return false;
	a->n++;
	return true;
}

void stranger_del(struct map *strangers, const uint8_t key[static STRANGER_KEY_BYTES])
{
	struct bytes k = { key, STRANGER_KEY_BYTES };
	struct stranger *a = map_get(strangers, k);

	if (!a || --a->n)
		return;
	(void)map_del(strangers, k); /* it is `a` */
	free(a);
}
