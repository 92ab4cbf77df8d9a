/* Rules about rooms (im rooms, im room-*), and about people that settings name. */
#include "check_impl.h"

#include "proto/jid.h"

static void check_service(const struct rows *r, size_t at, struct check *c)
{
	const struct row_item *item = &r->v[at];

	if (bytes_eq(item->value, item->key))
		check_add(c, true, item->path, "rooms need a domain of their own, as conference.example.com: people have their accounts in this one");
	for (size_t i = 0; i < at; i++)
		if (r->v[i].row->id == SET_IM_ROOMS_SERVICE && bytes_eq(r->v[i].value, item->value))
			check_add(c, true, item->path, "another domain has this service already");
	if (!check_is_set(r, SET_DOMAIN_CERTIFICATE, item->key))
		check_add(c, false, item->path, "this domain is not hosted here, so nobody finds these rooms");
	if (!check_is_set(r, SET_DOMAIN_CERTIFICATE, item->value))
		check_add(c, false, item->path, "the rooms' domain has no certificate, so other domains do not reach them: set domain NAME certificate CERTIFICATE");
}

/* D-GCA-02: name@domain, nothing else. */
static bool is_person(struct bytes v)
{
	struct arena a;
	struct jid j;

	arena_init(&a, 1 << 16);
	bool is_one = jid_parse(v, &a, &j) == 0 && j.local_n && !j.resource_n;
	arena_fini(&a);
	return is_one;
}

static void check_people(struct bytes rest, struct bytes path, struct check *c)
{
	while (rest.n) {
		size_t n = bytes_find(rest, ' ');
		if (n && !is_person(bytes_make(rest.p, n)))
			check_add(c, true, path, "each must be name@domain, spaces between");
		rest = bytes_skip(rest, n + 1);
	}
}

void check_rooms(const struct rows *r, struct check *c)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].row->id == SET_IM_ROOMS_SERVICE)
			check_service(r, i, c);
	check_people(rows_value(r, SET_IM_ROOM_ADMINS, BYTES_NONE), BYTES("im room-admins"), c);
	check_people(rows_value(r, SET_IM_ADMINISTRATORS, BYTES_NONE), BYTES("im administrators"), c);
	if (rows_number(r, SET_IM_ROOM_OCCUPANTS) > rows_number(r, SET_IM_ROOM_OCCUPANTS_MAX)) /* D-ROM-13 */
		check_add(c, true, BYTES("im room-occupants"), "more than im room-occupants-max");
	if (rows_number(r, SET_IM_ROOM_HISTORY) > rows_number(r, SET_IM_ROOM_HISTORY_MAX)) /* D-ROM-19 */
		check_add(c, true, BYTES("im room-history"), "more than im room-history-max");
}
