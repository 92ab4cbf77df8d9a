#include "check_impl.h"

#include "listeners.h"
#include "run/service.h"

#include <stdio.h>

void check_add(struct check *c, bool is_error, struct bytes path, const char *text)
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

bool check_is_set(const struct rows *r, enum setting id, struct bytes key)
{
	return rows_value(r, id, key).n > 0;
}

bool check_has_rows(const struct rows *r, enum setting id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id == id)
			return true;
	}
	return false;
}

static void check_system(const struct rows *r, const struct check_against *against, struct check *c)
{
	struct bytes name = rows_value(r, SET_SYSTEM_NAME, BYTES_NONE), zone = rows_value(r, SET_TIME_ZONE, BYTES_NONE);

	/* What runs already, of an older version, must not stop other changes. */
	if (against->is_appliance && !setting_is_host_name(name))
		check_add(c, !bytes_eq(name, rows_value(against->running, SET_SYSTEM_NAME, BYTES_NONE)), BYTES("system name"),
		    "the host name of this box too: letters, digits and dashes, with dots between labels (RFC 1123)");
	if (against->zones && !zones_rule(against->zones, zone))
		check_add(c, !bytes_eq(zone, rows_value(against->running, SET_TIME_ZONE, BYTES_NONE)), BYTES("time zone"),
		    "no time zone of that name: as Europe/Berlin, Asia/Tokyo, UTC");
}

/* What is set for other roles stays, and sleeps: a box that changes its role and comes back has all of it. */
static void tell_asleep(const struct rows *r, const char *role, struct check *c)
{
	struct listener l, first = { 0 };
	char text[256];
	unsigned n = 0;

	for (size_t at = 0; listeners_next_asleep(r, &at, &l); n++)
		if (n == 0)
			first = l;
	if (n == 0)
		return;
	if (n == 1)
		snprintf(text, sizeof text, "%.*s stays shut: a box of the role %s does not listen for that", BYTES_FMT(first.item->path), role);
	else
		snprintf(text, sizeof text, "%.*s and %u more stay shut: a box of the role %s does not listen for those", BYTES_FMT(first.item->path),
		         n - 1, role);
	check_add(c, false, BYTES("system role"), text);
}

/* Roles of two boxes: strangers reach the edge alone, people's data is on the core alone. */
static void check_role(const struct rows *r, struct check *c)
{
	enum role role = service_role(rows_value(r, SET_SYSTEM_ROLE, BYTES_NONE));

	if (role == ROLE_COMBINED)
		return;
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (role == ROLE_CORE && item->row->id == SET_IF_PLANE && bytes_eq_str(item->value, "dmz"))
			check_add(c, true, item->path, "a core has no interface for strangers: that is its edge's part (system role)");
	}
	if (role == ROLE_EDGE && !check_has_rows(r, SET_LINK_LISTEN))
		check_add(c, false, BYTES("system role"), "no core can come to this edge: set link listen NAME ADDRESS PORT");
	if (role == ROLE_CORE && !check_has_rows(r, SET_LINK_EDGE_ADDRESS))
		check_add(c, false, BYTES("system role"), "this core has no edge: link join, or set link edge NAME address ADDRESS PORT");
	tell_asleep(r, role == ROLE_EDGE ? "edge" : "core", c);
}

static void check_peers(const struct rows *r, struct check *c)
{
	char text[256];

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_FED_PEER_CA && !check_is_set(r, SET_TRUST_ANCHOR, item->value)) {
			snprintf(text, sizeof text, "there is no trust anchor %.*s", BYTES_FMT(item->value));
			check_add(c, true, item->path, text);
		}
		if (item->row->id == SET_FED_PEER_DIRECT_TLS && !check_is_set(r, SET_FED_PEER_HOST, item->key))
			check_add(c, false, item->path, "has no effect without the peer's host");
		if (item->row->id == SET_FED_PEER_HOST && item->key.n > 0 && *item->key.p == '*')
			check_add(c, true, item->path, "a host cannot stand for many domains");
	}
}

static void check_federation(const struct rows *r, struct check *c)
{
	struct bytes mode = rows_value(r, SET_FED_MODE, BYTES_NONE);

	if (bytes_eq_str(mode, "open"))
		check_add(c, false, BYTES("federation mode"), "every domain that has no denying row may federate");
	if (!bytes_eq_str(mode, "off") && !check_has_rows(r, SET_TRUST_ANCHOR) &&
	    bytes_eq_str(rows_value(r, SET_TRUST_SYSTEM, BYTES_NONE), "off"))
		check_add(c, false, BYTES("trust system"), "no authority is trusted: no partner can be proved by certificate");
	if (rows_number(r, SET_FED_BACKOFF_MIN) > rows_number(r, SET_FED_BACKOFF_MAX))
		check_add(c, true, BYTES("federation backoff-min"), "longer than federation backoff-max");
	if (rows_number(r, SET_DNS_QUERY_TIMEOUT) > rows_number(r, SET_DNS_BUDGET))
		check_add(c, true, BYTES("dns query-timeout"), "longer than dns budget");
}

static void check_upload(const struct rows *r, struct check *c)
{
	if (!bytes_eq_str(rows_value(r, SET_UPLOAD_ENABLED, BYTES_NONE), "on"))
		return;
	if (!check_has_rows(r, SET_PROXY_LISTEN) && !check_has_rows(r, SET_LINK_EDGE_ADDRESS))
		check_add(c, false, BYTES("upload enabled"), "nobody reaches the files: there is no front (proxy listen) and no edge (link edge)");
	if (rows_number(r, SET_UPLOAD_FILE_MAX) > rows_number(r, SET_UPLOAD_USER_QUOTA))
		check_add(c, false, BYTES("upload file-max"), "larger than upload user-quota: no such file fits");
	if (rows_number(r, SET_UPLOAD_USER_QUOTA) > rows_number(r, SET_UPLOAD_TOTAL))
		check_add(c, false, BYTES("upload user-quota"), "larger than upload total: one person can fill it");
	if (!bytes_eq_str(rows_value(r, SET_UPLOAD_SCAN, BYTES_NONE), "off") && !check_has_rows(r, SET_UPLOAD_SCAN_SERVERS))
		check_add(c, true, BYTES("upload scan-servers"), "upload scan needs one at least");
}

/* What gh-dir cannot say before it runs: whether the directory's settings are whole (core/dir/config.c judges what stands in them). */
static void check_directory(const struct rows *r, struct check *c)
{
	struct bytes domain = rows_value(r, SET_DIR_DOMAIN, BYTES_NONE);
	bool is_by_uri = bytes_eq_str(rows_value(r, SET_DIR_SCHEME, BYTES_NONE), "directory-uri");

	if (!bytes_eq_str(rows_value(r, SET_DIR_ENABLED, BYTES_NONE), "on"))
		return;
	if (!check_has_rows(r, SET_DIR_SERVERS))
		check_add(c, true, BYTES("directory servers"), "directory enabled needs one at least");
	if (is_by_uri ? !rows_value(r, SET_DIR_URI, BYTES_NONE).n : !domain.n)
		check_add(c, true, is_by_uri ? BYTES("directory attribute-uri") : BYTES("directory domain"), "directory address-scheme needs it");
	if (!is_by_uri && domain.n && !rows_value(r, SET_DOMAIN_CERTIFICATE, domain).n)
		check_add(c, false, BYTES("directory domain"), "this domain does not live here: nobody of the directory can log in");
	if (check_has_rows(r, SET_DIR_BIND_DN) && !check_has_rows(r, SET_DIR_BIND_PASSWORD))
		check_add(c, true, BYTES("directory bind-password"), "directory bind-dn needs it: without one it would be a bind as nobody (RFC 4513 5.1.2)");
	if (bytes_eq_str(rows_value(r, SET_DIR_CLEAR, BYTES_NONE), "on"))
		check_add(c, false, BYTES("directory clear"), "passwords cross the network in clear to ldap:// servers");
	if (bytes_eq_str(rows_value(r, SET_DIR_AUTHENTICATION, BYTES_NONE), "on") && bytes_eq_str(rows_value(r, SET_IM_PLAIN, BYTES_NONE), "off"))
		check_add(c, true, BYTES("im plain-login"), "directory authentication needs it: no other way shows a password that only the directory can check");
}

static void check_store(const struct rows *r, struct check *c)
{
	if (!bytes_eq_str(rows_value(r, SET_STORE_ENGINE, BYTES_NONE), "postgresql"))
		return;
	if (!check_has_rows(r, SET_STORE_SERVER))
		check_add(c, true, BYTES("store server"), "store engine postgresql needs it");
	if (!check_has_rows(r, SET_STORE_PASSWORD))
		check_add(c, true, BYTES("store password"), "store engine postgresql needs it");
	if (bytes_eq_str(rows_value(r, SET_STORE_CLEAR, BYTES_NONE), "on"))
		check_add(c, false, BYTES("store clear"), "all that people write crosses the network in clear");
}

void check_rows(const struct rows *r, const struct check_against *against, struct check *out)
{
	*out = (struct check){ 0 };
	check_system(r, against, out);
	check_role(r, out);
	check_certificates(r, against->wall_s, out);
	check_revocation(r, against->wall_s, out);
	check_domains(r, against, out);
	check_peers(r, out);
	check_store(r, out);
	check_listeners(r, out);
	check_relay_ports(r, out);
	check_federation(r, out);
	check_sip(r, out);
	check_turn(r, against->running, out);
	check_web(r, against, out);
	check_dns(r, out);
	check_snmp(r, out);
	check_publish(r, out);
	check_oauth(r, out);
	check_authorise(r, out);
	check_rooms(r, out);
	check_clients(r, out);
	check_acme(r, out);
	check_planes(r, out);
	check_network(r, against->is_appliance, out);
	check_upload(r, out);
	check_directory(r, out);
}
