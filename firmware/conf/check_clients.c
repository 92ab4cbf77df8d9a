#include "check_impl.h"

#include "base/err.h"
#include "net/bans.h"

static const char everybody[] = "that would keep everybody out";

static void check_ban(const struct rows *r, const struct row_item *item, struct check *c)
{
	struct bans one;

	if (item->row->id == SET_CLIENT_BAN_REASON) {
		if (!check_is_set(r, SET_CLIENT_BAN_RANGE, item->key))
			check_add(c, true, item->path, "the ban has no range: set client ban * range too");
		return;
	}
	bans_init(&one);
	int rc = bans_add(&one, item->value, BYTES_NONE, 0, 0);
	bans_fini(&one);
	if (rc)
		check_add(c, true, item->path, rc == ERR_RANGE ? everybody : "not a range of addresses: 192.0.2.7, 198.51.100.0/24, 2001:db8::/32");
}

void check_clients(const struct rows *r, struct check *c)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id != SET_CLIENT_BAN_RANGE && item->row->id != SET_CLIENT_BAN_REASON)
			continue;
		n += item->row->id == SET_CLIENT_BAN_RANGE;
		check_ban(r, item, c);
		if (n == BANS_MAX + 1)
			check_add(c, true, item->path, "more than 1000 bans");
	}
}
