#include "sip/place.h"

#include <arpa/inet.h>
#include <assert.h>

#include "base/err.h"

static const char *const names[] = { "UDP", "TCP", "TLS", "WSS" }, *const params[] = { "udp", "tcp", "tls", "ws" };
static_assert(sizeof names / sizeof names[0] == SIPT_COUNT, "a name for each transport");
static_assert(sizeof params / sizeof params[0] == SIPT_COUNT, "a parameter for each transport");

const char *siptransport_name(enum siptransport t)
{
	return names[t];
}

const char *siptransport_param(enum siptransport t)
{
	return params[t];
}

int siptransport_of(struct bytes name, enum siptransport *out)
{
	for (enum siptransport t = 0; t < SIPT_PLACES; t++) {
		if (!bytes_eq_nocase(name, bytes_of(names[t])))
			continue;
		*out = t;
		return 0;
	}
	return ERR_UNKNOWN;
}

uint16_t siptransport_port(enum siptransport t)
{
	return t == SIPT_WSS ? 443 : t == SIPT_TLS ? 5061 : 5060;
}

int sip_sockaddr_of(struct bytes host, uint16_t port, union sip_sockaddr *out)
{
	char text[SIP_ADDR_TEXT_BYTES];
	union sip_sockaddr a = { 0 };

	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = bytes_make(host.p + 1, host.n - 2);
	if (!host.n || host.n >= sizeof text || memchr(host.p, 0, host.n))
		return ERR_SYNTAX;
	memcpy(text, host.p, host.n);
	text[host.n] = 0;
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1)
		a.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1)
		a.v6.sin6_family = AF_INET6;
	else
		return ERR_SYNTAX;
	sip_sockaddr_set_port(&a, port);
	*out = a;
	return 0;
}

void sip_sockaddr_text(const union sip_sockaddr *a, char out[static SIP_ADDR_TEXT_BYTES])
{
	const void *p = a->any.sa_family == AF_INET6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;

	if (!inet_ntop(a->any.sa_family, p, out, SIP_ADDR_TEXT_BYTES))
		out[0] = 0;
}

socklen_t sip_sockaddr_len(const union sip_sockaddr *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

uint16_t sip_sockaddr_port(const union sip_sockaddr *a)
{
	return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void sip_sockaddr_set_port(union sip_sockaddr *a, uint16_t port)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = htons(port);
	else
		a->v4.sin_port = htons(port);
}

static size_t put_name(uint8_t *out, const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		out[n] = name[n] >= 'A' && name[n] <= 'Z' ? (uint8_t)(name[n] + 32) : (uint8_t)name[n];
	out[n] = 0;
	return n + 1;
}

struct bytes sip_place_key(const struct sip_place *p, uint8_t out[static SIP_PLACE_KEY_MAX])
{
	bool is_v6 = p->addr.any.sa_family == AF_INET6;
	const void *host = is_v6 ? (const void *)&p->addr.v6.sin6_addr : (const void *)&p->addr.v4.sin_addr;
	uint16_t port = sip_sockaddr_port(&p->addr);
	size_t n = 0;

	out[n++] = (uint8_t)p->transport;
	out[n++] = is_v6 ? 6 : 4;
	memcpy(out + n, host, is_v6 ? 16 : 4);
	n += is_v6 ? 16 : 4;
	out[n++] = (uint8_t)(port >> 8);
	out[n++] = (uint8_t)port;
	if (p->transport != SIPT_TLS)
		return bytes_make(out, n);
	n += put_name(out + n, p->name);
	n += put_name(out + n, p->local);
	return bytes_make(out, n);
}
