/* A name server's answer to records. The first byte chooses the type that was asked for; what is read
 * must be in bounds and be put in order. */
#include "net/dns_impl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static uint32_t draw(uint32_t below)
{
	return below / 2;
}

static void put_in_order(const struct dns_set *s)
{
	static struct dns_srv_answer a;

	dns_order(s, s, "b.example", draw, &a);
	if (a.n > DNS_SRV_MAX * 2 || (a.rc == 0 && a.n == 0))
		abort();
	for (size_t i = 0; i < a.n; i++)
		if (!a.targets[i].host[0] || memchr(a.targets[i].host, 0, sizeof a.targets[i].host) == NULL)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct dns_set s = { 0 };

	if (n < 1)
		return 0;
	enum dns_type type = (enum dns_type)(p[0] & 3);
	dns_read(type, bytes_make(p + 1, n - 1), p[0] & 4, &s);
	if (s.n > DNS_SRV_MAX || (s.rc && s.n))
		abort();
	if (type == DNS_SRV)
		put_in_order(&s);
	return 0;
}
