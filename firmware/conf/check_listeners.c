#include "check_impl.h"

#include "run/service.h"
#include "listeners.h"
#include "planes.h"

#include <stdio.h>

/* A user's keys are digests with the realm in them (RFC 8489 9.2.2). */
static void check_turn_keys(const struct rows *r, const struct rows *running, struct check *c)
{
	bool is_new_realm = !bytes_eq(rows_value(r, SET_TURN_REALM, BYTES_NONE), rows_value(running, SET_TURN_REALM, BYTES_NONE));

	for (size_t i = 0; is_new_realm && i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_TURN_USER_KEY && bytes_eq(rows_value(running, SET_TURN_USER_KEY, item->key), item->value))
			check_add(c, false, item->path, "the keys were made for the realm that changes: the user cannot log in until turn user add makes them anew");
	}
}

void check_turn(const struct rows *r, const struct rows *running, struct check *c)
{
	bool is_draining = bytes_eq_str(rows_value(r, SET_TURN_DRAIN, BYTES_NONE), "on");

	check_turn_keys(r, running, c);
	if (check_is_set(r, SET_TURN_SERVER_NAME, BYTES_NONE) && !check_has_rows(r, SET_TURN_OAUTH_KEY))
		check_add(c, false, BYTES("turn server-name"), "has no effect without a turn oauth-key");
	if (check_is_set(r, SET_TURN_SERVICE_HOST, BYTES_NONE) && !check_has_rows(r, SET_TURN_SECRET))
		check_add(c, false, BYTES("turn service-host"), "clients are told no credentials without a turn secret");
	if (is_draining)
		check_add(c, false, BYTES("turn drain"), "the relay makes no new allocation until this is off");
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
void check_relay_ports(const struct rows *r, struct check *c)
{
	int64_t min = rows_number(r, SET_TURN_PORT_MIN), max = rows_number(r, SET_TURN_PORT_MAX);
	struct listener l;

	for (size_t i = 0; listeners_next(r, &i, &l);)
		if (l.port >= min && l.port <= max && is_on_relay_address(r, &l))
			check_add(c, true, l.item->path, "a port that turn port-min and turn port-max give to the relay, on turn relay-address");
}

void check_listeners(const struct rows *r, struct check *c)
{
	struct listener a, b;
	char text[256];

	for (size_t i = 0; listeners_next(r, &i, &a);) {
		for (size_t j = i; listeners_next(r, &j, &b);) {
			if (!collide(&a, &b))
				continue;
			snprintf(text, sizeof text, "the same address and port as %.*s", BYTES_FMT(a.item->path));
			check_add(c, true, b.item->path, text);
		}
	}
}

static void check_place(const struct rows *r, enum plane plane, const char *addr, const struct row_item *item, struct check *c)
{
	char text[160];

	if (planes_refuse(r, plane, addr, text))
		check_add(c, true, item->path, text);
}

/* Services stay on the interfaces of their plane. */
void check_planes(const struct rows *r, struct check *c)
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
