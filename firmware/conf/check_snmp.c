#include "check_impl.h"

#include "net/prefix.h"

#include <stdio.h>

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
	bool has_auth = check_is_set(r, SET_SNMP_USER_AUTH_SECRET, item->key);
	bool wants_privacy = bytes_eq_str(rows_value(r, SET_SNMP_USER_LEVEL, item->key), "auth-priv");
	struct bytes other = rows_value(r, SET_SNMP_USER_AUTH_SECRET, item->key);

	if (item->key.n > SNMP_NAME_MAX)
		check_add(c, true, item->path, "a user's name has 32 letters at most");
	if (!has_auth)
		check_add(c, true, item->path, "the user has no auth-secret");
	if (has_auth && wants_privacy && !check_is_set(r, SET_SNMP_USER_PRIVACY_SECRET, item->key))
		check_add(c, true, item->path, "the user has no privacy-secret: set one, or level auth");
	bool is_secret = item->row->id == SET_SNMP_USER_AUTH_SECRET || item->row->id == SET_SNMP_USER_PRIVACY_SECRET;
	if (is_secret && item->value.n < SNMP_SECRET_MIN)
		check_add(c, true, item->path, "a password of SNMP has 8 letters or more (RFC 3414 11.2)");
	if (item->row->id == SET_SNMP_USER_PRIVACY_SECRET && bytes_eq(item->value, other))
		check_add(c, false, item->path, "the same as the auth-secret: who finds one has both");
}

static void check_snmp_community(const struct rows *r, const struct row_item *item, struct check *c)
{
	if (item->row->id == SET_SNMP_COMMUNITY_NAME) {
		check_add(c, false, item->path, "SNMP v1 and v2c pass this password and all that is read in clear: prefer an snmp user");
		if (!check_is_set(r, SET_SNMP_COMMUNITY_SOURCE, item->key))
			check_add(c, true, item->path, "set snmp community * source too: nobody may use it");
	} else if (!check_is_set(r, SET_SNMP_COMMUNITY_NAME, item->key)) {
		check_add(c, true, item->path, "the community has no name");
	}
}

static void check_snmp_receiver(const struct rows *r, const struct row_item *item, struct check *c)
{
	struct bytes user = rows_value(r, SET_SNMP_TRAP_USER, item->key);
	char text[256];

	if (!check_is_set(r, SET_SNMP_TRAP_ADDRESS, item->key))
		check_add(c, true, item->path, "the receiver has no address");
	if (user.n == 0)
		check_add(c, true, item->path, "the receiver has no user: one of snmp user");
	else if (item->row->id == SET_SNMP_TRAP_USER && !check_is_set(r, SET_SNMP_USER_AUTH_SECRET, user)) {
		snprintf(text, sizeof text, "there is no snmp user %.*s", BYTES_FMT(user));
		check_add(c, true, item->path, text);
	}
}

void check_snmp(const struct rows *r, struct check *c)
{
	bool has_reader = check_has_rows(r, SET_SNMP_USER_AUTH_SECRET) || check_has_rows(r, SET_SNMP_COMMUNITY_NAME);

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
			check_add(c, true, item->path, "not a range of addresses: 192.0.2.0/24, 2001:db8::/32");
		if (item->row->id == SET_SNMP_LISTEN && !has_reader)
			check_add(c, false, item->path, "nobody is answered without an snmp user");
	}
}
