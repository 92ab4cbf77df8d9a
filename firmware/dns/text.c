/* unbound's file. Values come in here checked: addresses, ports, names of letters, digits, dashes and dots. */
#include "base/text.h"
#include "run/resolver.h"
#include "wanted.h"

static void put_server(const char *folder, struct buf *out)
{
	buf_putf(out, "# Made by gh-dns from the settings; changes here are lost.\nserver:\n"
		      "\tinterface: %s@%d\n\taccess-control: 0.0.0.0/0 refuse\n\taccess-control: ::0/0 refuse\n\taccess-control: 127.0.0.0/8 allow\n"
		      "\tdirectory: \"%s/own\"\n", RESOLVER_ADDRESS, RESOLVER_PORT, folder);
	/* It is started as its own user, shut in by Landlock; its lines go to the keeper. */
	buf_put_str(out, "\tusername: \"\"\n\tchroot: \"\"\n\tpidfile: \"\"\n\tuse-syslog: no\n\tlogfile: \"\"\n\tverbosity: 1\n\tval-log-level: 2\n"
			 "\tmodule-config: \"validator iterator\"\n\troot-hints: \"/usr/share/dns/root.hints\"\n"
			 "\tqname-minimisation: yes\n" /* RFC 9156 */
			 "\taggressive-nsec: yes\n"    /* RFC 8198 */
			 "\tharden-glue: yes\n\tharden-dnssec-stripped: yes\n\tharden-below-nxdomain: yes\n\tharden-algo-downgrade: no\n"
			 "\thide-identity: yes\n\thide-version: yes\n\tminimal-responses: yes\n\tprefetch: yes\n\tprefetch-key: yes\n"
			 "\tedns-buffer-size: 1232\n" /* no fragments */
			 "\tnum-threads: 1\n\tmsg-cache-size: 8m\n\trrset-cache-size: 16m\n\tkey-cache-size: 4m\n\tneg-cache-size: 1m\n"
			 "\toutgoing-range: 512\n\tnum-queries-per-thread: 256\n\tso-reuseport: no\n"
			 "\tstatistics-cumulative: yes\n\textended-statistics: yes\n"
			 "\tunblock-lan-zones: yes\n\tinsecure-lan-zones: yes\n"); /* names of private addresses: the network's own servers know them */
	/* A server on this host may be meant; our own address is refused by the settings. */
	buf_put_str(out, "\tdo-not-query-localhost: no\n");
}

static bool has_root_anchor(const struct wanted *w)
{
	for (size_t i = 0; i < w->n_anchors; i++)
		if (strcmp(w->anchors[i].domain, ".") == 0)
			return true;
	return false;
}

static void put_anchors(const struct wanted *w, struct buf *out)
{
	char hex[2 * WANTED_DIGEST_MAX + 1];

	if (!has_root_anchor(w))
		buf_put_str(out, "\tauto-trust-anchor-file: \"root.key\"\n"); /* followed by RFC 5011 */
	for (size_t i = 0; i < w->n_anchors; i++) {
		const struct wanted_anchor *a = &w->anchors[i];
		text_hex(bytes_make(a->digest, a->digest_n), hex);
		buf_putf(out, "\ttrust-anchor: \"%s DS %u %u %u %s\"\n", a->domain, a->tag, a->algorithm, a->type, hex);
	}
	for (size_t i = 0; i < w->n_zones; i++)
		if (!w->zones[i].validates)
			buf_putf(out, "\tdomain-insecure: \"%s\"\n", w->zones[i].domain);
}

static void put_zone(const char *domain, const struct wanted_server *v, size_t n, struct buf *out)
{
	buf_putf(out, "forward-zone:\n\tname: \"%s\"\n\tforward-first: no\n", domain);
	for (size_t i = 0; i < n; i++)
		buf_putf(out, "\tforward-addr: %s@%u\n", v[i].address, v[i].port);
}

void text_conf(const struct wanted *w, const char *folder, struct buf *out)
{
	put_server(folder, out);
	put_anchors(w, out);
	if (wanted_forwards(w) && w->n_servers == 0) /* forward, and nobody to forward to: the roots are not asked instead */
		buf_put_str(out, "\tlocal-zone: \".\" refuse\n");
	/* What unbound answers by itself (RFC 6761: test, RFC 8375) and the administrator has servers for. */
	for (size_t i = 0; i < w->n_zones; i++)
		buf_putf(out, "\tlocal-zone: \"%s\" transparent\n", w->zones[i].domain);
	buf_putf(out, "remote-control:\n\tcontrol-enable: yes\n\tcontrol-use-cert: no\n\tcontrol-interface: \"%s/own/control.sock\"\n", folder);
	for (size_t i = 0; i < w->n_zones; i++)
		put_zone(w->zones[i].domain, w->zones[i].servers, w->zones[i].n, out);
	if (wanted_forwards(w) && w->n_servers > 0)
		put_zone(".", w->servers, w->n_servers, out);
}
