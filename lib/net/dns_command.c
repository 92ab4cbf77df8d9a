#include "net/dns_command.h"

#include "base/err.h"
#include "proto/jid.h"

#include <stdio.h>
#include <stdlib.h>

struct lookup {
	struct dns *dns;
	struct proc_ask *ask;
	uint8_t family; /* of addresses */
	char type[8], name[256];
};

static void begin_record(struct lookup *l, const char *value)
{
	proc_record_begin(l->ask);
	proc_record_str(l->ask, "name", l->name);
	proc_record_str(l->ask, "type", l->type);
	proc_record_str(l->ask, "value", value);
}

static void end_record(struct lookup *l, uint32_t ttl_s, bool is_secure)
{
	const char *zone = dns_zone_of(l->dns, l->name);

	proc_record_int(l->ask, "ttl_s", ttl_s);
	proc_record_str(l->ask, "validated", is_secure ? "yes" : "no");
	proc_record_str(l->ask, "asked", zone[0] ? zone : "dns server");
	proc_record_end(l->ask);
}

static void end(struct lookup *l, int rc, size_t n_records)
{
	rc = rc ? rc : n_records ? 0 : ERR_DNS_NODATA;
	proc_done(l->ask, rc, rc ? err_text(rc) : "");
	free(l);
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct lookup *l = arg;
	char text[DNS_ADDR_TEXT_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (a->addrs[i].family != l->family)
			continue;
		dns_addr_text(&a->addrs[i], text);
		begin_record(l, text);
		end_record(l, a->ttl_s, a->is_secure);
		n++;
	}
	end(l, a->rc, n);
}

static void on_service(void *arg, const struct dns_srv_answer *a)
{
	struct lookup *l = arg;
	char text[300];

	for (size_t i = 0; i < a->n; i++) {
		snprintf(text, sizeof text, "%s %u", a->targets[i].host, a->targets[i].port);
		begin_record(l, text);
		end_record(l, a->ttl_s, a->targets[i].is_secure);
	}
	end(l, a->rc, a->n);
}

static void on_naptr(void *arg, const struct dns_naptr_answer *a)
{
	struct lookup *l = arg;
	char text[400];

	for (size_t i = 0; i < a->n; i++) {
		const struct dns_naptr *r = &a->records[i];
		snprintf(text, sizeof text, "%u %u %s %s %s", r->order, r->preference, r->flags, r->service, r->replacement[0] ? r->replacement : ".");
		begin_record(l, text);
		end_record(l, a->ttl_s, false);
	}
	end(l, a->rc, a->n);
}

/* None but validated ones come here. */
static void on_tlsa(void *arg, const struct dns_tlsa_answer *a)
{
	struct lookup *l = arg;
	char text[12 + 2 * sizeof a->records[0].data];

	for (size_t i = 0; i < a->n; i++) {
		const struct dns_tlsa *r = &a->records[i];
		int at = snprintf(text, sizeof text, "%u %u %u ", r->usage, r->selector, r->matching);
		for (unsigned k = 0; k < r->data_n; k++)
			at += snprintf(text + at, sizeof text - (size_t)at, "%02x", r->data[k]);
		begin_record(l, text);
		end_record(l, 0, true);
	}
	end(l, a->rc, a->n);
}

/* "_5269._tcp.xmpp.example" */
static struct dns_query *ask_tlsa(struct lookup *l)
{
	struct bytes name = bytes_of(l->name);
	size_t dot = bytes_find(name, '.');
	uint64_t port;

	if (name.n == 0 || l->name[0] != '_' || bytes_to_u64(bytes_make(name.p + 1, dot - 1), UINT16_MAX, &port) || port == 0 ||
	    !bytes_starts(bytes_skip(name, dot), BYTES("._tcp.")))
		return NULL;
	return dns_tlsa(l->dns, l->name + dot + 6, (uint16_t)port, on_tlsa, l);
}

static struct dns_query *ask_of(struct lookup *l)
{
	if (strcmp(l->type, "srv") == 0)
		return dns_service(l->dns, l->name, on_service, l);
	if (strcmp(l->type, "naptr") == 0)
		return dns_naptr(l->dns, l->name, on_naptr, l);
	if (strcmp(l->type, "tlsa") == 0)
		return ask_tlsa(l);
	l->family = strcmp(l->type, "a") == 0 ? 4 : strcmp(l->type, "aaaa") == 0 ? 6 : 0;
	return l->family ? dns_addr(l->dns, l->name, on_addresses, l) : NULL;
}

/* A domain in A-labels; a name of services, with its underscores, is ASCII already. */
static int read_name(struct bytes typed, char out[static 256])
{
	char ascii[254];

	if (typed.n > 1 && typed.p[typed.n - 1] == '.')
		typed.n--;
	if (jid_domain_to_ascii(typed, ascii) == 0) {
		snprintf(out, 256, "%s", ascii);
		return 0;
	}
	if (typed.n == 0 || typed.n > 253)
		return ERR_SYNTAX;
	for (size_t i = 0; i < typed.n; i++)
		if (typed.p[i] <= ' ' || typed.p[i] >= 0x7f)
			return ERR_SYNTAX;
	snprintf(out, 256, "%.*s", BYTES_FMT(typed));
	return 0;
}

void dns_lookup_command(struct dns *d, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct lookup *l = calloc(1, sizeof *l);

	if (!l || n != 2 || args[0].n >= sizeof l->type || read_name(args[1], l->name)) {
		free(l);
		proc_done(ask, ERR_SYNTAX, "a type (a, aaaa, srv, naptr, tlsa) and a name of the DNS");
		return;
	}
	l->dns = d;
	l->ask = ask;
	snprintf(l->type, sizeof l->type, "%.*s", BYTES_FMT(args[0]));
	if (ask_of(l))
		return;
	free(l);
	proc_done(ask, ERR_SYNTAX, "a type (a, aaaa, srv, naptr, tlsa) and a name; of tlsa like _5269._tcp.xmpp.example.com");
}

void dns_flush_command(struct dns *d, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	char ascii[254];

	if (n > 0 && jid_domain_to_ascii(args[0], ascii)) {
		proc_done(ask, ERR_SYNTAX, "not a domain");
		return;
	}
	dns_forget(d, n > 0 ? bytes_of(ascii) : BYTES_NONE);
	proc_done(ask, 0, "");
}
