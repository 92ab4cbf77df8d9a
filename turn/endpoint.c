#include "endpoint.h"

#include <arpa/inet.h>

#include "base/err.h"

socklen_t endpoint_of(const struct stunaddr *a, union endpoint *out)
{
	*out = (union endpoint){ 0 };
	if (a->family == 4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(a->port);
		memcpy(&out->v4.sin_addr, a->ip, 4);
		return sizeof out->v4;
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(a->port);
	memcpy(&out->v6.sin6_addr, a->ip, 16);
	return sizeof out->v6;
}

void endpoint_addr(const union endpoint *e, struct stunaddr *out)
{
	*out = (struct stunaddr){ 0 };
	if (e->any.sa_family == AF_INET) {
		out->family = 4;
		out->port = ntohs(e->v4.sin_port);
		memcpy(out->ip, &e->v4.sin_addr, 4);
	} else if (e->any.sa_family == AF_INET6) {
		out->family = 6;
		out->port = ntohs(e->v6.sin6_port);
		memcpy(out->ip, &e->v6.sin6_addr, 16);
	}
}

int endpoint_parse(const char *host, uint16_t port, struct stunaddr *out)
{
	struct stunaddr a = { .port = port };

	if (inet_pton(AF_INET, host, a.ip) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, host, a.ip) == 1)
		a.family = 6;
	else
		return ERR_SYNTAX;
	*out = a;
	return 0;
}
