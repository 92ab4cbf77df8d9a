/* What a name server sends, as the resolver reads it: records, then the order to try them in. The
 * input's first byte chooses type and trust, the rest is the answer message. */
#include <stdlib.h>

#include "base/err.h"
#include "net/dns_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPE_BITS = 3, VALIDATES = 4, IS_NAPTR = 8 };

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static uint32_t draw_last(uint32_t below)
{
	must(below > 0);
	return below - 1;
}

static bool is_text(const char *s, size_t room)
{
	return memchr(s, 0, room) != NULL;
}

/* Both services gave this set: everything that is offered comes out, once each, by priority. */
static void check_order(const struct dns_set *set)
{
	struct dns_srv_answer out;
	size_t n_offered = 0;

	dns_order(set, set, "b.example", draw_last, &out);
	for (size_t i = 0; i < set->n; i++)
		n_offered += set->srvs[i].target[0] && set->srvs[i].port;
	must(out.n <= DNS_SRV_MAX * 2);
	must(out.rc || out.is_fallback || out.n == 2 * n_offered);
	struct dns_srv_answer one;
	dns_order_service(set, draw_last, &one);
	must(one.n == n_offered && (one.rc == 0) == (one.n > 0) && !one.is_fallback);
	for (size_t i = 0; i < out.n; i++)
		must(is_text(out.targets[i].host, sizeof out.targets[i].host) && out.targets[i].port);
}

static void check_naptrs(const struct dns_set *set)
{
	struct dns_naptr_answer out;

	dns_order_naptr(set, &out);
	must(out.n == set->n);
	for (size_t i = 0; i < out.n; i++) {
		const struct dns_naptr *r = &out.records[i];
		must(is_text(r->flags, sizeof r->flags) && is_text(r->service, sizeof r->service) &&
		     is_text(r->replacement, sizeof r->replacement));
		must(i == 0 || r[-1].order < r->order || (r[-1].order == r->order && r[-1].preference <= r->preference));
	}
}

static void check_set(enum dns_type type, bool validates, const struct dns_set *set)
{
	static const size_t most[] = { DNS_ADDRS_MAX, DNS_ADDRS_MAX, DNS_SRV_MAX, DNS_TLSA_MAX, DNS_NAPTR_MAX };

	must((set->rc == 0) == (set->n > 0) && set->n <= most[type] && set->ttl_s <= DNS_TTL_MAX_S);
	must(validates || !set->is_secure);
	for (size_t i = 0; i < set->n; i++) {
		if (type == DNS_SRV)
			must(is_text(set->srvs[i].target, sizeof set->srvs[i].target));
		else if (type == DNS_TLSA)
			must(set->is_secure && set->tlsas[i].data_n && set->tlsas[i].data_n <= sizeof set->tlsas[i].data);
		else if (type != DNS_NAPTR)
			must(set->addrs[i].family == (type == DNS_A ? 4 : 6));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_set set;

	if (!size)
		return 0;
	enum dns_type type = data[0] & IS_NAPTR ? DNS_NAPTR : (enum dns_type)(data[0] & TYPE_BITS);
	bool validates = data[0] & VALIDATES;
	dns_read(type, bytes_make(data + 1, size - 1), validates, &set);
	check_set(type, validates, &set);
	if (type == DNS_SRV)
		check_order(&set);
	if (type == DNS_NAPTR)
		check_naptrs(&set);
	return 0;
}
