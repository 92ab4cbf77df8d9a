#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/err.h"

struct address_count {
	uint8_t key[9]; /* family, then the address or the first 64 bits of it */
	uint32_t n;
};

void address_table_init(struct address_table *t)
{
	map_init(&t->map);
}

void address_table_fini(struct address_table *t)
{
	map_fini(&t->map);
}

void peer_address_of(const struct sockaddr *from, struct peer_address *out)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;

	*out = (struct peer_address){ .family = 0 };
	if (from->sa_family == AF_INET) {
		out->family = 4;
		out->port = ntohs(v4->sin_port);
		memcpy(out->bytes, &v4->sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		out->family = 6;
		out->port = ntohs(v6->sin6_port);
		memcpy(out->bytes, &v6->sin6_addr, 16);
	}
}

void peer_address_sockaddr(const struct peer_address *p, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(p->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(p->port) };

	memset(out, 0, sizeof *out);
	memcpy(&v4.sin_addr, p->bytes, sizeof v4.sin_addr);
	memcpy(&v6.sin6_addr, p->bytes, sizeof v6.sin6_addr);
	if (p->family)
		memcpy(out, p->family == 4 ? (const void *)&v4 : &v6, p->family == 4 ? sizeof v4 : sizeof v6);
}

bool peer_address_raw(const struct peer_address *p, uint8_t out[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (p->family == 0)
		return false;
	if (p->family == 4)
		memcpy(out, mapped, sizeof mapped);
	memcpy(p->family == 4 ? out + sizeof mapped : out, p->bytes, p->family == 4 ? 4 : 16);
	return true;
}

void peer_address_text(const struct peer_address *p, char out[static PEER_TEXT_BYTES])
{
	if (p->family == 0 || !inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->bytes, out, PEER_TEXT_BYTES))
		memcpy(out, "unknown", sizeof "unknown");
}

int address_enter(struct address_table *t, const struct sockaddr *from, uint32_t max, struct address_count **out)
{
	struct peer_address p;
	uint8_t key[9];

	peer_address_of(from, &p);
	key[0] = p.family;
	memcpy(key + 1, p.bytes, 8);
	struct address_count *c = map_get(&t->map, bytes_make(key, sizeof key));
	if (c && c->n >= max)
		return ERR_LIMIT;
	if (!c) {
		c = calloc(1, sizeof *c);
		if (!c)
			return ERR_NOMEM;
		memcpy(c->key, key, sizeof key);
		if (map_add(&t->map, bytes_make(c->key, sizeof c->key), c)) {
			free(c);
			return ERR_NOMEM;
		}
	}
	c->n++;
	*out = c;
	return 0;
}

void address_leave(struct address_table *t, struct address_count *c)
{
	if (!c || --c->n)
		return;
	(void)map_del(&t->map, bytes_make(c->key, sizeof c->key)); /* it is there: address_enter put it */
	free(c);
}
