#include "net/front_stream.h"

#include "base/err.h"
#include "base/wire.h"

#include <netinet/in.h>

static int read_address(struct bytes address, struct sockaddr_storage *out)
{
	*out = (struct sockaddr_storage){ .ss_family = address.n == 4 ? AF_INET : AF_INET6 };
	if (address.n == 4)
		memcpy(&((struct sockaddr_in *)out)->sin_addr, address.p, 4);
	else if (address.n == 16)
		memcpy(&((struct sockaddr_in6 *)out)->sin6_addr, address.p, 16);
	else
		return ERR_SYNTAX;
	return 0;
}

int front_stream_decode(struct bytes body, struct sockaddr_storage *from, bool *is_edge)
{
	struct wire w = wire_of(body);
	struct bytes address = wire_bytes(&w);

	(void)wire_u16(&w);
	(void)wire_str(&w);
	for (int i = 0; i < 3; i++)
		(void)wire_bytes(&w);
	for (int i = 0; i < 2; i++)
		(void)wire_str(&w);
	*is_edge = wire_str(&w).n > 0;
	return wire_end(&w) ? ERR_SYNTAX : read_address(address, from);
}
