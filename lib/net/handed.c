#include "net/handed.h"

#include <netinet/in.h>
#include <string.h>

#include "base/err.h"
#include "base/wire.h"

static int address_of(struct bytes address, uint16_t port, struct sockaddr_storage *out)
{
	*out = (struct sockaddr_storage){ .ss_family = address.n == 4 ? AF_INET : AF_INET6 };
	if (address.n == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		memcpy(&in->sin_addr, address.p, 4);
		in->sin_port = htons(port);
		return 0;
	}
	if (address.n != 16)
		return ERR_SYNTAX;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	memcpy(&in6->sin6_addr, address.p, 16);
	in6->sin6_port = htons(port);
	return 0;
}

static int take(struct bytes from, uint8_t *to, size_t room, uint8_t *n)
{
	if (from.n > room)
		return ERR_SYNTAX;
	if (from.n)
		memcpy(to, from.p, from.n);
	*n = (uint8_t)from.n;
	return 0;
}

static int take_text(struct bytes from, char *to, size_t room)
{
	if (from.n >= room)
		return ERR_SYNTAX;
	memcpy(to, from.p, from.n);
	to[from.n] = '\0';
	return 0;
}

int handed_decode(struct bytes body, struct sockaddr_storage *from, struct handed *h)
{
	struct wire w = wire_of(body);
	struct bytes address = wire_bytes(&w);
	uint16_t port = wire_u16(&w);
	struct bytes tls = wire_str(&w), exporter = wire_bytes(&w), end_point = wire_bytes(&w), unique = wire_bytes(&w);

	(void)wire_str(&w); /* SNI: the stream itself says which domain it wants */
	struct bytes transport = wire_str(&w), edge = wire_str(&w);
	if (wire_end(&w) || take_text(tls, h->tls, sizeof h->tls) || take_text(transport, h->transport, sizeof h->transport) ||
	    take_text(edge, h->edge, sizeof h->edge))
		return ERR_SYNTAX;
	if (take(exporter, h->exporter, sizeof h->exporter, &h->exporter_n) || take(end_point, h->end_point, sizeof h->end_point, &h->end_point_n) ||
	    take(unique, h->unique, sizeof h->unique, &h->unique_n))
		return ERR_SYNTAX;
	return address_of(address, port, from);
}

bool handed_is_tcp(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t n_domain = sizeof domain, n_protocol = sizeof protocol;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_domain) < 0 || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n_protocol) < 0)
		return false;
	return (domain == AF_INET || domain == AF_INET6) && protocol == IPPROTO_TCP;
}
