#include "check.h"

#include "base/err.h"
#include "net/prefix.h"
#include "run/service.h"
#include "cert.h"
#include "listeners.h"
#include "planes.h"

#include <stdio.h>

enum { FORWARD_ZONES_MAX = 64, FORWARD_SERVERS_MAX = 8 }; /* DNS_ZONES_MAX, DNS_SERVERS_MAX of net/dns.h */

static void add(struct check *c, bool is_error, struct bytes path, const char *text)
{
	c->n_errors += is_error;
	c->n_warnings += !is_error;
	/* Beyond that only the first error is kept: the refusal needs its reason. */
	bool is_full = c->n == CHECK_FINDINGS_MAX;
	if (is_full && (!is_error || c->n_errors > 1))
		return;
	struct check_finding *f = is_full ? &c->v[c->n - 1] : &c->v[c->n++];
	f->is_error = is_error;
	snprintf(f->path, sizeof f->path, "%.*s", BYTES_FMT(path));
	snprintf(f->text, sizeof f->text, "%s", text);
}

/* The roles of two boxes need gh-link between them, which is not there yet. */
static void check_system(const struct rows *r, const struct check_against *against, struct check *c)
{
	struct bytes name = rows_value(r, SET_SYSTEM_NAME, BYTES_NONE), zone = rows_value(r, SET_TIME_ZONE, BYTES_NONE);

	/* What runs already, of an older version, must not stop other changes. */
	if (against->is_appliance && !setting_is_host_name(name))
		add(c, !bytes_eq(name, rows_value(against->running, SET_SYSTEM_NAME, BYTES_NONE)), BYTES("system name"),
		    "the host name of this box too: letters, digits and dashes, with dots between labels (RFC 1123)");
	if (against->zones && !zones_rule(against->zones, zone))
		add(c, !bytes_eq(zone, rows_value(against->running, SET_TIME_ZONE, BYTES_NONE)), BYTES("time zone"),
		    "no time zone of that name: as Europe/Berlin, Asia/Tokyo, UTC");
	if (!bytes_eq_str(rows_value(r, SET_SYSTEM_ROLE, BYTES_NONE), "combined"))
		add(c, true, BYTES("system role"), "this version runs as combined only");
}

static bool is_set(const struct rows *r, enum setting id, struct bytes key)
{
	return rows_value(r, id, key).n > 0;
}

static void add_ending(const struct row_item *item, const struct cert_about *about, int64_t wall_s, struct check *c)
{
	char text[256];

	snprintf(text, sizeof text, "the certificate ends at %s, in %lld days: renew it", about->not_after,
	         (long long)cert_days_left(about, wall_s));
	add(c, false, item->path, text);
}

/* Certificates that cannot be read are errors; those that are out of their time are warnings:
 * a box must still take other changes then. */
static void check_certificates(const struct rows *r, int64_t wall_s, struct check *c)
{
	char why[128];

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->type != SETTING_PEM || item->row->id == SET_TRUST_REVOCATION)
			continue;
		struct cert_about about;
		if (cert_read(item->value, &about, why, sizeof why) < 0)
			add(c, true, item->path, why);
		else if (about.not_after_s < wall_s)
			add(c, false, item->path, "the certificate has expired");
		else if (about.not_before_s > wall_s)
			add(c, false, item->path, "the certificate is not valid yet");
		else if (cert_days_left(&about, wall_s) < CERT_SOON_DAYS)
			add_ending(item, &about, wall_s, c);
	}
}

/* Does this hosted domain have the same certificate in both? */
static bool is_as_before(const struct rows *running, const struct row_item *domain, struct bytes pem)
{
	return bytes_eq(rows_value(running, domain->row->id, domain->key), domain->value) &&
	       bytes_eq(rows_value(running, SET_CERTIFICATE_CHAIN, domain->value), pem);
}

static void check_name(const struct row_item *domain, struct bytes pem, bool is_error, struct check *c)
{
	char text[256];

	if (cert_covers(pem, domain->key))
		return;
	snprintf(text, sizeof text, "certificate %.*s does not cover the name %.*s: get one that names the domain itself",
	         BYTES_FMT(domain->value), (int)(domain->key.n > 100 ? 100 : domain->key.n),
	         (const char *)domain->key.p);
	add(c, is_error, domain->path, text);
}

static void check_key(const struct row_item *domain, struct bytes pem, const struct keyring *keys, bool is_error,
                      struct check *c)
{
	int rc = keyring_match(keys, domain->value, pem);
	char text[256];

	if (rc == ERR_NOT_FOUND)
		snprintf(text, sizeof text, "there is no private key %.*s: certificate import %.*s FILE, with the key in the file",
		         BYTES_FMT(domain->value), BYTES_FMT(domain->value));
	else if (rc == ERR_DENIED)
		snprintf(text, sizeof text, "the private key %.*s belongs to another certificate: import both under a new name",
		         BYTES_FMT(domain->value));
	if (rc == ERR_NOT_FOUND || rc == ERR_DENIED)
		add(c, is_error, domain->path, text);
}

/* An old list refuses everybody whom its authority certified (ERR_CERT_CRL). */
static void check_revocation(const struct rows *r, int64_t wall_s, struct check *c)
{
	int64_t next_update_s;
	char why[128];

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id != SET_TRUST_REVOCATION)
			continue;
		if (cert_read_revocation(item->value, &next_update_s, why, sizeof why) < 0)
			add(c, true, item->path, why);
		else if (next_update_s < wall_s)
			add(c, false, item->path, "the list is out of date: certificates of its authority are refused");
	}
}

/* A domain's certificate is there with its key, and covers it (lesson 5: with the exact name). */
static void check_certificate_of(const struct rows *r, const struct row_item *item, const struct check_against *against,
                                 struct check *c)
{
	struct bytes pem = rows_value(r, SET_CERTIFICATE_CHAIN, item->value);
	char text[256];

	if (pem.n == 0) {
		snprintf(text, sizeof text, "there is no certificate %.*s", BYTES_FMT(item->value));
		add(c, true, item->path, text);
		return;
	}
	bool is_error = !is_as_before(against->running, item, pem);
	check_name(item, pem, is_error, c);
	if (against->keys->is_known)
		check_key(item, pem, against->keys, is_error, c);
}

static void check_domains(const struct rows *r, const struct check_against *against, struct check *c)
{
	size_t n_domains = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		enum setting id = item->row->id;
		bool is_certificate = id == SET_DOMAIN_CERTIFICATE || id == SET_DOMAIN_SECOND || id == SET_DOMAIN_FEDERATION;
		n_domains += id == SET_DOMAIN_CERTIFICATE;
		if ((is_certificate || id == SET_DOMAIN_CONTACT) && !is_set(r, SET_DOMAIN_CERTIFICATE, item->key))
			add(c, true, item->path, "this domain has no certificate, so it is not hosted here");
		if (is_certificate)
			check_certificate_of(r, item, against, c);
	}
	if (n_domains > 0 && !against->keys->is_known)
		add(c, false, BYTES_NONE, "gh-keys does not answer: whether certificates have their keys was not checked");
	if (n_domains == 0)
		add(c, false, BYTES_NONE, "no domain is hosted: set domain NAME certificate CERTIFICATE");
}

static void check_peers(const struct rows *r, struct check *c)
{
	char text[256];

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_FED_PEER_CA && !is_set(r, SET_TRUST_ANCHOR, item->value)) {
			snprintf(text, sizeof text, "there is no trust anchor %.*s", BYTES_FMT(item->value));
			add(c, true, item->path, text);
		}
		if (item->row->id == SET_FED_PEER_DIRECT_TLS && !is_set(r, SET_FED_PEER_HOST, item->key))
			add(c, false, item->path, "has no effect without the peer's host");
		if (item->row->id == SET_FED_PEER_HOST && item->key.n > 0 && *item->key.p == '*')
			add(c, true, item->path, "a host cannot stand for many domains");
	}
}

static bool has_rows(const struct rows *r, enum setting id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id == id)
			return true;
	}
	return false;
}

/* ---- SIP. Patterns, templates and prefixes are judged by gh-sip, which reads them (commit asks it) ---- */

static void check_sip_route(const struct rows *r, const struct row_item *item, struct check *c)
{
	bool is_blocked = bytes_eq_str(rows_value(r, SET_SIP_ROUTE_BLOCK, item->key), "on");
	bool is_srv = bytes_eq_str(rows_value(r, SET_SIP_ROUTE_PORT, item->key), "0");

	if (item->row->id == SET_SIP_ROUTE_PATTERN && !is_set(r, SET_SIP_ROUTE_HOP, item->key) && !is_blocked)
		add(c, true, item->path, "the route has no next-hop: set one, or block on");
	if (item->row->id == SET_SIP_ROUTE_HOP && !is_set(r, SET_SIP_ROUTE_PATTERN, item->key))
		add(c, true, item->path, "the route has no pattern");
	if (item->row->id == SET_SIP_ROUTE_HOP && is_blocked)
		add(c, false, item->path, "has no effect: the route blocks");
	if (item->row->id == SET_SIP_ROUTE_HOP && is_srv && item->value.n && *item->value.p != '_')
		add(c, false, item->path, "with port 0 the next hop is the name of an SRV record, like _sip._tcp.example.com");
}

static void check_sip_peer(const struct rows *r, const struct row_item *item, struct check *c)
{
	bool is_tls_required = bytes_eq_str(rows_value(r, SET_SIP_PEER_TLS, item->key), "required");
	char text[256];

	if (item->row->id == SET_SIP_PEER_CA && !is_set(r, SET_TRUST_ANCHOR, item->value)) {
		snprintf(text, sizeof text, "there is no trust anchor %.*s", BYTES_FMT(item->value));
		add(c, true, item->path, text);
	}
	if (item->row->id == SET_SIP_PEER_USER && !is_set(r, SET_SIP_PEER_PASSWORD, item->key))
		add(c, true, item->path, "has no effect without the peer's password");
	if (item->row->id == SET_SIP_PEER_PASSWORD && !is_set(r, SET_SIP_PEER_USER, item->key))
		add(c, true, item->path, "has no effect without the peer's user");
	if (item->row->id == SET_SIP_PEER_TLS && !is_tls_required && !is_set(r, SET_SIP_PEER_ADDRESSES, item->key))
		add(c, false, item->path, "without addresses nothing but a certificate proves the peer, so TLS is needed all the same");
	if (item->row->id == SET_SIP_PEER_ADDRESSES && item->key.n == 1 && *item->key.p == '*')
		add(c, true, item->path, "whoever comes from there could speak for every domain");
}

static void check_sip_mode(const struct rows *r, struct check *c)
{
	static const enum setting listeners[] = { SET_SIP_LISTEN_UDP, SET_SIP_LISTEN_TCP, SET_SIP_LISTEN_TLS, SET_SIP_LISTEN_MUTUAL };
	struct bytes mode = rows_value(r, SET_SIP_MODE, BYTES_NONE);
	bool has_listener = false;

	for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++)
		has_listener |= has_rows(r, listeners[i]);
	if (bytes_eq_str(mode, "open"))
		add(c, false, BYTES("sip mode"), "every SIP domain that has no denying row may federate");
	if (has_rows(r, SET_SIP_PEER_ACTION) && !bytes_eq_str(mode, "off") && !has_listener)
		add(c, false, BYTES("sip peer"), "peers cannot reach this box: set sip listen-tls NAME ADDRESS 5061");
	if (has_listener && !bytes_eq_str(mode, "off") && !is_set(r, SET_SIP_HOST, BYTES_NONE))
		add(c, false, BYTES("sip host"), "not set: partners are told the domain itself, whose records must lead to this box");
}

static void check_sip(const struct rows *r, struct check *c)
{
	for (size_t i = 0; i < r->n; i++) {
		check_sip_route(r, &r->v[i], c);
		check_sip_peer(r, &r->v[i], c);
	}
	check_sip_mode(r, c);
}

/* ---- the relay ---- */

/* A user's keys are digests with the realm in them (RFC 8489 9.2.2). */
static void check_turn_keys(const struct rows *r, const struct rows *running, struct check *c)
{
	bool is_new_realm = !bytes_eq(rows_value(r, SET_TURN_REALM, BYTES_NONE), rows_value(running, SET_TURN_REALM, BYTES_NONE));

	for (size_t i = 0; is_new_realm && i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_TURN_USER_KEY && bytes_eq(rows_value(running, SET_TURN_USER_KEY, item->key), item->value))
			add(c, false, item->path, "the keys were made for the realm that changes: the user cannot log in until turn user add makes them anew");
	}
}

static void check_turn(const struct rows *r, const struct rows *running, struct check *c)
{
	bool is_draining = bytes_eq_str(rows_value(r, SET_TURN_DRAIN, BYTES_NONE), "on");

	check_turn_keys(r, running, c);
	if (is_set(r, SET_TURN_SERVER_NAME, BYTES_NONE) && !has_rows(r, SET_TURN_OAUTH_KEY))
		add(c, false, BYTES("turn server-name"), "has no effect without a turn oauth-key");
	if (is_set(r, SET_TURN_SERVICE_HOST, BYTES_NONE) && !has_rows(r, SET_TURN_SECRET))
		add(c, false, BYTES("turn service-host"), "clients are told no credentials without a turn secret");
	if (is_draining)
		add(c, false, BYTES("turn drain"), "the relay makes no new allocation until this is off");
}

static bool is_any(const char *addr)
{
	return strcmp(addr, "0.0.0.0") == 0 || strcmp(addr, "::") == 0;
}

static bool collide(const struct listener *a, const struct listener *b)
{
	bool is_same_family = !strchr(a->addr, ':') == !strchr(b->addr, ':');

	if (service_listener(bytes_of(a->name))->is_datagram != service_listener(bytes_of(b->name))->is_datagram)
		return false; /* SIP speaks UDP and TCP at one port */
	return a->port == b->port && (strcmp(a->addr, b->addr) == 0 ||
	                              (is_same_family && (is_any(a->addr) || is_any(b->addr))));
}

static bool is_on_relay_address(const struct rows *r, const struct listener *l)
{
	struct listener relay = { .name = l->name, .port = l->port };
	uint16_t port;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id != SET_TURN_RELAY_ADDRESS || setting_split_host(r->v[i].value, 0, relay.addr, &port))
			continue;
		if (collide(l, &relay))
			return true;
	}
	return false;
}

/* Clients of the relay reach each other's ports of the range on the relay's address: nothing else may listen there. */
static void check_relay_ports(const struct rows *r, struct check *c)
{
	int64_t min = rows_number(r, SET_TURN_PORT_MIN), max = rows_number(r, SET_TURN_PORT_MAX);
	struct listener l;

	for (size_t i = 0; listeners_next(r, &i, &l);)
		if (l.port >= min && l.port <= max && is_on_relay_address(r, &l))
			add(c, true, l.item->path, "a port that turn port-min and turn port-max give to the relay, on turn relay-address");
}

static void check_listeners(const struct rows *r, struct check *c)
{
	struct listener a, b;
	char text[256];

	for (size_t i = 0; listeners_next(r, &i, &a);) {
		for (size_t j = i; listeners_next(r, &j, &b);) {
			if (!collide(&a, &b))
				continue;
			snprintf(text, sizeof text, "the same address and port as %.*s", BYTES_FMT(a.item->path));
			add(c, true, b.item->path, text);
		}
	}
}

static void check_federation(const struct rows *r, struct check *c)
{
	struct bytes mode = rows_value(r, SET_FED_MODE, BYTES_NONE);

	if (bytes_eq_str(mode, "open"))
		add(c, false, BYTES("federation mode"), "every domain that has no denying row may federate");
	if (!bytes_eq_str(mode, "off") && !has_rows(r, SET_TRUST_ANCHOR) &&
	    bytes_eq_str(rows_value(r, SET_TRUST_SYSTEM, BYTES_NONE), "off"))
		add(c, false, BYTES("trust system"), "no authority is trusted: no partner can be proved by certificate");
	if (rows_number(r, SET_FED_BACKOFF_MIN) > rows_number(r, SET_FED_BACKOFF_MAX))
		add(c, true, BYTES("federation backoff-min"), "longer than federation backoff-max");
	if (rows_number(r, SET_DNS_QUERY_TIMEOUT) > rows_number(r, SET_DNS_BUDGET))
		add(c, true, BYTES("dns query-timeout"), "longer than dns budget");
}

/* The web administration: whoever opens it shall not find a door that nobody answers. */
static void check_web(const struct rows *r, const struct check_against *against, struct check *c)
{
	bool has_certificate = is_set(r, SET_WEB_CERTIFICATE, BYTES_NONE);
	char text[256];

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_WEB_LISTEN && !has_certificate)
			add(c, true, item->path, "set web certificate too: without one nobody is served");
		if (item->row->id != SET_WEB_CERTIFICATE)
			continue;
		struct bytes pem = rows_value(r, SET_CERTIFICATE_CHAIN, item->value);
		snprintf(text, sizeof text, "there is no certificate %.*s", BYTES_FMT(item->value));
		if (pem.n == 0)
			add(c, true, item->path, text);
		else if (against->keys->is_known)
			check_key(item, pem, against->keys, !is_as_before(against->running, item, pem), c);
	}
}

/* Every program that resolves reads them; it leaves out what is no address. */
static void check_zone(const struct row_item *item, struct check *c)
{
	struct bytes rest = item->value;
	char host[256];
	uint16_t port;
	size_t n = 0;
	int rc;

	while ((rc = setting_next_address(&rest, 53, host, &port)) == 0)
		n++;
	if (rc == ERR_SYNTAX)
		add(c, true, item->path, "addresses with spaces between, each with a port or without: 10.1.1.33 10.1.1.34:5353 [2001:db8::33]:53");
	else if (n == 0 || n > FORWARD_SERVERS_MAX)
		add(c, true, item->path, "one to eight name servers");
}

static void check_dns(const struct rows *r, struct check *c)
{
	size_t n_zones = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_DNS_ZONE_SERVER) {
			check_zone(item, c);
			if (++n_zones == FORWARD_ZONES_MAX + 1)
				add(c, true, item->path, "at most 64 forward zones");
		}
		if (item->row->id == SET_DNS_ZONE_VALIDATES && !is_set(r, SET_DNS_ZONE_SERVER, item->key))
			add(c, false, item->path, "has no effect without the zone's server");
	}
}

/* ---- SNMP ---- */

enum { SNMP_SECRET_MIN = 8, SNMP_NAME_MAX = 32 }; /* RFC 3414 11.2, 5 */

static bool are_ranges(struct bytes list)
{
	struct prefix p;

	while (list.n > 0) {
		struct bytes one = bytes_make(list.p, bytes_find(list, ' '));
		if (one.n > 0 && prefix_parse(one, &p) < 0)
			return false;
		list = bytes_skip(list, one.n + 1);
	}
	return true;
}

static void check_snmp_user(const struct rows *r, const struct row_item *item, struct check *c)
{
	bool has_auth = is_set(r, SET_SNMP_USER_AUTH_SECRET, item->key);
	bool wants_privacy = bytes_eq_str(rows_value(r, SET_SNMP_USER_LEVEL, item->key), "auth-priv");
	struct bytes other = rows_value(r, SET_SNMP_USER_AUTH_SECRET, item->key);

	if (item->key.n > SNMP_NAME_MAX)
		add(c, true, item->path, "a user's name has 32 letters at most");
	if (!has_auth)
		add(c, true, item->path, "the user has no auth-secret");
	if (has_auth && wants_privacy && !is_set(r, SET_SNMP_USER_PRIVACY_SECRET, item->key))
		add(c, true, item->path, "the user has no privacy-secret: set one, or level auth");
	bool is_secret = item->row->id == SET_SNMP_USER_AUTH_SECRET || item->row->id == SET_SNMP_USER_PRIVACY_SECRET;
	if (is_secret && item->value.n < SNMP_SECRET_MIN)
		add(c, true, item->path, "a password of SNMP has 8 letters or more (RFC 3414 11.2)");
	if (item->row->id == SET_SNMP_USER_PRIVACY_SECRET && bytes_eq(item->value, other))
		add(c, false, item->path, "the same as the auth-secret: who finds one has both");
}

static void check_snmp_community(const struct rows *r, const struct row_item *item, struct check *c)
{
	if (item->row->id == SET_SNMP_COMMUNITY_NAME) {
		add(c, false, item->path, "SNMP v1 and v2c pass this password and all that is read in clear: prefer an snmp user");
		if (!is_set(r, SET_SNMP_COMMUNITY_SOURCE, item->key))
			add(c, true, item->path, "set snmp community * source too: nobody may use it");
	} else if (!is_set(r, SET_SNMP_COMMUNITY_NAME, item->key)) {
		add(c, true, item->path, "the community has no name");
	}
}

static void check_snmp_receiver(const struct rows *r, const struct row_item *item, struct check *c)
{
	struct bytes user = rows_value(r, SET_SNMP_TRAP_USER, item->key);
	char text[256];

	if (!is_set(r, SET_SNMP_TRAP_ADDRESS, item->key))
		add(c, true, item->path, "the receiver has no address");
	if (user.n == 0)
		add(c, true, item->path, "the receiver has no user: one of snmp user");
	else if (item->row->id == SET_SNMP_TRAP_USER && !is_set(r, SET_SNMP_USER_AUTH_SECRET, user)) {
		snprintf(text, sizeof text, "there is no snmp user %.*s", BYTES_FMT(user));
		add(c, true, item->path, text);
	}
}

static void check_snmp(const struct rows *r, struct check *c)
{
	bool has_reader = has_rows(r, SET_SNMP_USER_AUTH_SECRET) || has_rows(r, SET_SNMP_COMMUNITY_NAME);

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (bytes_starts(item->path, BYTES("snmp user ")))
			check_snmp_user(r, item, c);
		else if (bytes_starts(item->path, BYTES("snmp community ")))
			check_snmp_community(r, item, c);
		else if (bytes_starts(item->path, BYTES("snmp trap-receiver ")))
			check_snmp_receiver(r, item, c);
		bool has_ranges = item->row->id == SET_SNMP_MANAGER || item->row->id == SET_SNMP_COMMUNITY_SOURCE;
		if (has_ranges && !are_ranges(item->value))
			add(c, true, item->path, "not a range of addresses: 192.0.2.0/24, 2001:db8::/32");
		if (item->row->id == SET_SNMP_LISTEN && !has_reader)
			add(c, false, item->path, "nobody is answered without an snmp user");
	}
}

/* Certificates by ACME: somebody to ask, and a place where the authority can look. */
static void check_acme(const struct rows *r, struct check *c)
{
	bool is_tls = bytes_eq_str(rows_value(r, SET_ACME_CHALLENGE, BYTES_NONE), "tls-alpn-01");
	bool has_door = has_rows(r, is_tls ? SET_ACME_LISTEN_TLS : SET_ACME_LISTEN) || (!is_tls && has_rows(r, SET_WEB_REDIRECT));

	if (is_set(r, SET_ACME_BIND_ID, BYTES_NONE) != is_set(r, SET_ACME_BIND_KEY, BYTES_NONE))
		add(c, true, BYTES("acme external-account"), "wants both, id and key");
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id != SET_CERTIFICATE_ACME || !bytes_eq_str(item->value, "on"))
			continue;
		if (!is_set(r, SET_ACME_DIRECTORY, BYTES_NONE))
			add(c, true, item->path, "set acme directory too: the authority's URL");
		else if (!has_door)
			add(c, false, item->path, is_tls ? "the authority will find nobody: set acme listen-tls NAME ADDRESS 443"
							 : "the authority will find nobody: set acme listen NAME ADDRESS 80");
	}
}

static void check_place(const struct rows *r, enum plane plane, const char *addr, const struct row_item *item, struct check *c)
{
	char text[160];

	if (planes_refuse(r, plane, addr, text))
		add(c, true, item->path, text);
}

/* Services stay on the interfaces of their plane. */
static void check_planes(const struct rows *r, struct check *c)
{
	struct listener l;
	char host[256];
	uint16_t port;

	for (size_t i = 0; listeners_next(r, &i, &l);)
		check_place(r, service_of(l.prog)->plane, l.addr, l.item, c);
	for (size_t i = 0; i < r->n; i++) {
		enum setting id = r->v[i].row->id;
		if ((id == SET_SSH_LISTEN || id == SET_TURN_RELAY_ADDRESS) && setting_split_host(r->v[i].value, 0, host, &port) == 0)
			check_place(r, id == SET_SSH_LISTEN ? PLANE_MGMT : PLANE_DMZ, host, &r->v[i], c);
	}
}

/* Without gh-priv nobody would do it. */
static void check_network(const struct rows *r, bool is_appliance, struct check *c)
{
	for (size_t i = 0; i < r->n && !is_appliance; i++)
		if (bytes_starts(r->v[i].path, BYTES("interface ")))
			add(c, true, r->v[i].path, "the network of this machine is its own administrator's: gh-super runs without --appliance");
		else if (bytes_starts(r->v[i].path, BYTES("time server ")) || bytes_starts(r->v[i].path, BYTES("time key ")))
			add(c, true, r->v[i].path, "the clock of this machine is its own administrator's: gh-super runs without --appliance");
}

void check_rows(const struct rows *r, const struct check_against *against, struct check *out)
{
	*out = (struct check){ 0 };
	check_system(r, against, out);
	check_certificates(r, against->wall_s, out);
	check_revocation(r, against->wall_s, out);
	check_domains(r, against, out);
	check_peers(r, out);
	check_listeners(r, out);
	check_relay_ports(r, out);
	check_federation(r, out);
	check_sip(r, out);
	check_turn(r, against->running, out);
	check_web(r, against, out);
	check_dns(r, out);
	check_snmp(r, out);
	check_acme(r, out);
	check_planes(r, out);
	check_network(r, against->is_appliance, out);
}
