#include "wanted.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/jid.h"
#include "run/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_address(const char *text)
{
	uint8_t bits[16];

	return inet_pton(AF_INET, text, bits) == 1 || inet_pton(AF_INET6, text, bits) == 1;
}

bool wanted_is_domain(const char *name)
{
	static const char of[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(name);

	return n > 0 && n < WANTED_NAME_BYTES - 1 && strspn(name, of) == n && name[0] != '-' && (name[0] != '.' || n == 1) && !strstr(name, "..");
}

bool wanted_forwards(const struct wanted *w)
{
	return w->mode == MODE_FORWARD || (w->mode == MODE_AUTO && w->n_servers > 0);
}

/* ---- settings ---- */

static int refuse(struct wanted_error *e, const char *before, struct bytes key, const char *after, const char *why)
{
	snprintf(e->path, sizeof e->path, "%s %.*s%s", before, BYTES_FMT(key), after);
	e->why = why;
	return ERR_RANGE;
}

/* Our own address would make unbound ask itself. */
static bool is_own(const struct wanted_server *s)
{
	return s->port == RESOLVER_PORT && strcmp(s->address, RESOLVER_ADDRESS) == 0;
}

static int add_server(struct wanted_server *to, size_t *n, const char *host, uint16_t port)
{
	if (*n == WANTED_SERVERS_MAX)
		return 0; /* as many as all programs ask: net/dns.h */
	snprintf(to[*n].address, sizeof to->address, "%.45s", host);
	to[*n].port = port;
	return is_own(&to[(*n)++]) || port == 0 || !is_address(host) ? ERR_RANGE : 0;
}

static int read_zone(const struct settings *s, struct bytes key, struct wanted_zone *z)
{
	struct bytes rest = settings_text_at(s, SET_DNS_ZONE_SERVER, key);
	char host[256];
	uint16_t port;
	int rc;

	*z = (struct wanted_zone){ .validates = settings_bool_at(s, SET_DNS_ZONE_VALIDATES, key) };
	if (jid_domain_to_ascii(key, z->domain) < 0 || !wanted_is_domain(z->domain))
		return ERR_SYNTAX;
	while ((rc = setting_next_address(&rest, 53, host, &port)) != ERR_NOT_FOUND)
		if (rc || add_server(z->servers, &z->n, host, port))
			return ERR_RANGE;
	return z->n ? 0 : ERR_RANGE;
}

/* As BIND and drill write it: DOMAIN TAG ALGORITHM TYPE DIGEST. */
static int read_anchor(struct bytes text, struct wanted_anchor *a)
{
	char all[512], digest[2 * WANTED_DIGEST_MAX + 2];
	unsigned tag, algorithm, type;
	int end = 0;

	snprintf(all, sizeof all, "%.*s", BYTES_FMT(text));
	if (text.n >= sizeof all || sscanf(all, "%255s %5u %3u %3u %97s%n", a->domain, &tag, &algorithm, &type, digest, &end) != 5 || all[end])
		return ERR_SYNTAX;
	static const size_t sizes[] = { [1] = 20, [2] = 32, [4] = 48 }; /* SHA-1, SHA-256 (RFC 4509), SHA-384 (RFC 6605) */
	if (type >= sizeof sizes / sizeof *sizes || type < 2 || sizes[type] == 0 || strlen(digest) != 2 * sizes[type] || tag > 65535 || algorithm > 255)
		return ERR_RANGE;
	a->tag = (uint16_t)tag;
	a->algorithm = (uint8_t)algorithm;
	a->type = (uint8_t)type;
	a->digest_n = sizes[type];
	return wanted_is_domain(a->domain) && text_unhex(bytes_of(digest), a->digest, a->digest_n) == 0 ? 0 : ERR_SYNTAX;
}

static int read_servers(const struct settings *s, struct wanted *w, struct wanted_error *e)
{
	char host[256];
	struct bytes key;
	uint16_t port;

	for (size_t at = 0; settings_next_key(s, SET_DNS_SERVER, &at, &key);)
		if (setting_split_host(settings_text_at(s, SET_DNS_SERVER, key), 53, host, &port) || add_server(w->servers, &w->n_servers, host, port))
			return refuse(e, "dns server", key, "", "an address that is not this box's own resolver");
	return 0;
}

int wanted_read(const struct settings *s, struct wanted *out, struct wanted_error *e)
{
	struct bytes key;

	memset(out, 0, sizeof *out);
	out->mode = (enum wanted_mode)settings_enum(s, SET_DNS_RESOLVER);
	if (read_servers(s, out, e))
		return ERR_RANGE;
	for (size_t at = 0; out->n_zones < WANTED_ZONES_MAX && settings_next_key(s, SET_DNS_ZONE_SERVER, &at, &key);)
		if (read_zone(s, key, &out->zones[out->n_zones++]))
			return refuse(e, "dns forward-zone", key, " server", "a domain, and addresses that are not this box's own resolver");
	for (size_t at = 0; settings_next_key(s, SET_DNS_ANCHOR, &at, &key);) {
		if (out->n_anchors == WANTED_ANCHORS_MAX)
			return refuse(e, "dns trust-anchor", key, "", "there are 16 of them already");
		if (read_anchor(settings_text_at(s, SET_DNS_ANCHOR, key), &out->anchors[out->n_anchors++]))
			return refuse(e, "dns trust-anchor", key, "", "a DS record: DOMAIN TAG ALGORITHM TYPE DIGEST, of type 2 or 4");
	}
	return 0;
}

/* ---- to the keeper and out of the frame there ---- */

static void put_servers(const struct wanted_server *v, size_t n, struct buf *out)
{
	wire_put_u8(out, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_put_str(out, bytes_of(v[i].address));
		wire_put_u16(out, v[i].port);
	}
}

void wanted_put(const struct wanted *w, struct buf *out)
{
	wire_put_u8(out, (uint8_t)w->mode);
	put_servers(w->servers, w->n_servers, out);
	wire_put_u8(out, (uint8_t)w->n_zones);
	for (size_t i = 0; i < w->n_zones; i++) {
		wire_put_str(out, bytes_of(w->zones[i].domain));
		wire_put_u8(out, w->zones[i].validates);
		put_servers(w->zones[i].servers, w->zones[i].n, out);
	}
	wire_put_u8(out, (uint8_t)w->n_anchors);
	for (size_t i = 0; i < w->n_anchors; i++) {
		const struct wanted_anchor *a = &w->anchors[i];
		wire_put_str(out, bytes_of(a->domain));
		wire_put_u16(out, a->tag);
		wire_put_u8(out, a->algorithm);
		wire_put_u8(out, a->type);
		wire_put_str(out, bytes_make(a->digest, a->digest_n));
	}
}

static bool get_text(struct wire *in, char *out, size_t room)
{
	struct bytes v = wire_str(in);

	if (v.n >= room || (v.n > 0 && memchr(v.p, 0, v.n)))
		return false;
	if (v.n > 0)
		memcpy(out, v.p, v.n);
	out[v.n] = 0;
	return true;
}

static bool get_servers(struct wire *in, struct wanted_server *v, size_t *n)
{
	unsigned count = wire_u8(in);

	if (count > WANTED_SERVERS_MAX)
		return false;
	for (*n = 0; *n < count; ++*n) {
		if (!get_text(in, v[*n].address, sizeof v->address))
			return false;
		v[*n].port = wire_u16(in);
		if (!is_address(v[*n].address) || v[*n].port == 0 || is_own(&v[*n]))
			return false;
	}
	return true;
}

static bool get_zone(struct wire *in, struct wanted_zone *z)
{
	if (!get_text(in, z->domain, sizeof z->domain))
		return false;
	unsigned validates = wire_u8(in);
	z->validates = validates == 1;
	return validates <= 1 && get_servers(in, z->servers, &z->n) && z->n > 0 && wanted_is_domain(z->domain);
}

static bool get_anchor(struct wire *in, struct wanted_anchor *a)
{
	if (!get_text(in, a->domain, sizeof a->domain) || !wanted_is_domain(a->domain))
		return false;
	a->tag = wire_u16(in);
	a->algorithm = wire_u8(in);
	a->type = wire_u8(in);
	struct bytes digest = wire_str(in);
	if (wire_failed(in) || digest.n == 0 || digest.n > sizeof a->digest)
		return false;
	memcpy(a->digest, digest.p, digest.n);
	a->digest_n = digest.n;
	return true;
}

int wanted_get(struct wire *in, struct wanted *out)
{
	unsigned mode = wire_u8(in);

	memset(out, 0, sizeof *out);
	out->mode = (enum wanted_mode)mode;
	if (mode >= MODE_COUNT || !get_servers(in, out->servers, &out->n_servers))
		return ERR_PROTOCOL;
	unsigned n = wire_u8(in);
	for (bool is_good = n <= WANTED_ZONES_MAX; out->n_zones < n || !is_good; out->n_zones++)
		if (!is_good || !get_zone(in, &out->zones[out->n_zones]))
			return ERR_PROTOCOL;
	n = wire_u8(in);
	for (bool is_good = n <= WANTED_ANCHORS_MAX; out->n_anchors < n || !is_good; out->n_anchors++)
		if (!is_good || !get_anchor(in, &out->anchors[out->n_anchors]))
			return ERR_PROTOCOL;
	return wire_failed(in) ? ERR_PROTOCOL : 0;
}
