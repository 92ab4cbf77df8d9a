/* Answers to records. Messages are read by c-ares' parsers; what it does not know (TLSA, TTL of SRV,
 * the AD bit) by glibc's. */
#include "base/err.h"
#include "net/dns_impl.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>

enum { TYPE_TLSA = 52, TLSA_HEAD_BYTES = 3 };

static void read_addrs4(struct bytes in, struct dns_set *out)
{
	struct ares_addrttl addrs[DNS_ADDRS_MAX];
	int n = DNS_ADDRS_MAX;

	if (ares_parse_a_reply(in.p, (int)in.n, NULL, addrs, &n) != ARES_SUCCESS)
		return;
	for (int i = 0; i < n; i++) {
		out->addrs[i] = (struct dns_addr){ .family = 4 };
		memcpy(out->addrs[i].bytes, &addrs[i].ipaddr, 4);
	}
	out->n = (size_t)n;
}

static void read_addrs6(struct bytes in, struct dns_set *out)
{
	struct ares_addr6ttl addrs[DNS_ADDRS_MAX];
	int n = DNS_ADDRS_MAX;

	if (ares_parse_aaaa_reply(in.p, (int)in.n, NULL, addrs, &n) != ARES_SUCCESS)
		return;
	for (int i = 0; i < n; i++) {
		out->addrs[i] = (struct dns_addr){ .family = 6 };
		memcpy(out->addrs[i].bytes, &addrs[i].ip6addr, 16);
	}
	out->n = (size_t)n;
}

static void read_srvs(struct bytes in, struct dns_set *out)
{
	struct ares_srv_reply *list = NULL;

	if (ares_parse_srv_reply(in.p, (int)in.n, &list) != ARES_SUCCESS)
		return;
	for (struct ares_srv_reply *r = list; r && out->n < DNS_SRV_MAX; r = r->next) {
		struct dns_srv_record *to = &out->srvs[out->n];
		size_t n = strlen(r->host);
		if (n && r->host[n - 1] == '.')
			n--;
		if (n >= sizeof to->target)
			continue;
		*to = (struct dns_srv_record){ r->priority, r->weight, r->port, "" };
		memcpy(to->target, r->host, n);
		out->n++;
	}
	ares_free_data(list);
}

/* False: it does not fit, and what it says is then not what we understand. */
static bool copy_text(const char *from, char *to, size_t room)
{
	size_t n = strlen(from);

	if (n >= room)
		return false;
	memcpy(to, from, n + 1);
	return true;
}

static bool read_naptr(const struct ares_naptr_reply *r, struct dns_naptr *to)
{
	*to = (struct dns_naptr){ .order = r->order, .preference = r->preference, .has_expression = r->regexp[0] != 0 };
	if (!copy_text((const char *)r->flags, to->flags, sizeof to->flags) ||
	    !copy_text((const char *)r->service, to->service, sizeof to->service) ||
	    !copy_text(r->replacement, to->replacement, sizeof to->replacement))
		return false;
	size_t n = strlen(to->replacement);
	if (n && to->replacement[n - 1] == '.')
		to->replacement[n - 1] = 0;
	return true;
}

static void read_naptrs(struct bytes in, struct dns_set *out)
{
	struct ares_naptr_reply *list = NULL;

	if (ares_parse_naptr_reply(in.p, (int)in.n, &list) != ARES_SUCCESS)
		return;
	for (struct ares_naptr_reply *r = list; r && out->n < DNS_NAPTR_MAX; r = r->next)
		out->n += read_naptr(r, &out->naptrs[out->n]);
	ares_free_data(list);
}

static void read_tlsa(const ns_rr *rr, struct dns_set *out)
{
	const uint8_t *p = ns_rr_rdata(*rr);
	size_t n = ns_rr_rdlen(*rr);
	struct dns_tlsa *to = &out->tlsas[out->n];

	if (out->n == DNS_TLSA_MAX || n <= TLSA_HEAD_BYTES || n - TLSA_HEAD_BYTES > sizeof to->data)
		return;
	*to = (struct dns_tlsa){ .usage = p[0], .selector = p[1], .matching = p[2],
				 .data_n = (uint8_t)(n - TLSA_HEAD_BYTES) };
	memcpy(to->data, p + TLSA_HEAD_BYTES, n - TLSA_HEAD_BYTES);
	out->n++;
}

static void read_tlsas(ns_msg *m, struct dns_set *out)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++)
		if (ns_parserr(m, ns_s_an, i, &rr) == 0 && (int)ns_rr_type(rr) == TYPE_TLSA && ns_rr_class(rr) == ns_c_in)
			read_tlsa(&rr, out);
}

/* The shortest life among the answers; false when one of them cannot be read. */
static bool read_ttl(ns_msg *m, uint32_t *ttl_s)
{
	ns_rr rr;

	*ttl_s = DNS_TTL_MAX_S;
	for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++) {
		if (ns_parserr(m, ns_s_an, i, &rr) < 0)
			return false;
		if (ns_rr_ttl(rr) < *ttl_s)
			*ttl_s = ns_rr_ttl(rr);
	}
	return true;
}

static int rcode_error(int rcode)
{
	switch (rcode) {
	case ns_r_noerror:
		return 0;
	case ns_r_nxdomain:
		return ERR_DNS_NXDOMAIN;
	default:
		return ERR_DNS_SERVFAIL;
	}
}

static void read_records(enum dns_type type, struct bytes answer, ns_msg *m, struct dns_set *out)
{
	switch (type) {
	case DNS_A:
		read_addrs4(answer, out);
		break;
	case DNS_AAAA:
		read_addrs6(answer, out);
		break;
	case DNS_SRV:
		read_srvs(answer, out);
		break;
	case DNS_TLSA:
		read_tlsas(m, out);
		break;
	case DNS_NAPTR:
		read_naptrs(answer, out);
		break;
	case DNS_TYPE_COUNT:
		break;
	}
}

void dns_read(enum dns_type type, struct bytes answer, bool validates, struct dns_set *out)
{
	ns_msg m;

	*out = (struct dns_set){ .rc = ERR_DNS_BOGUS };
	if (answer.n > UINT16_MAX || ns_initparse(answer.p, (int)answer.n, &m) < 0)
		return;
	out->rc = rcode_error(ns_msg_getflag(m, ns_f_rcode));
	out->is_secure = validates && ns_msg_getflag(m, ns_f_ad);
	if (out->rc)
		return;
	if (!read_ttl(&m, &out->ttl_s)) {
		out->rc = ERR_DNS_BOGUS;
		return;
	}
	read_records(type, answer, &m, out);
	if (type == DNS_TLSA && !out->is_secure)
		out->n = 0; /* RFC 6698 4.1: what is not validated is not used */
	if (out->n == 0)
		out->rc = ERR_DNS_NODATA;
}
