#include "allocation.h"

#include <stdlib.h>

#include "base/err.h"

void path_key(const struct turn_path *p, uint8_t out[static PATH_KEY_BYTES])
{
	out[0] = p->transport;
	out[1] = p->door;
	out[2] = p->from.family;
	out[3] = 0;
	out[4] = (uint8_t)(p->from.port >> 8);
	out[5] = (uint8_t)p->from.port;
	memcpy(out + 6, &p->conn, 4);
	memcpy(out + 10, p->from.ip, 16);
}

void allocation_table_init(struct allocation_table *t, unsigned worker)
{
	map_init(&t->by_path);
	map_init(&t->by_number);
	t->last = NULL;
	t->next_number = (uint64_t)worker << 48;
}

void allocation_table_fini(struct allocation_table *t)
{
	map_fini(&t->by_path);
	map_fini(&t->by_number);
}

struct allocation *allocation_of_path(struct allocation_table *t, const struct turn_path *p)
{
	uint8_t key[PATH_KEY_BYTES];

	path_key(p, key);
	if (!t->last || memcmp(t->last->key_of_path, key, sizeof key) != 0)
		t->last = map_get(&t->by_path, bytes_make(key, sizeof key));
	return t->last;
}

struct allocation *allocation_of_number(const struct allocation_table *t, uint64_t number)
{
	return map_get_u64(&t->by_number, number);
}

static struct bytes key_of(const struct allocation *a)
{
	return bytes_make(a->key_of_path, sizeof a->key_of_path);
}

struct allocation *allocation_new(struct allocation_table *t, const struct turn_path *p)
{
	struct allocation *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->client = *p;
	a->relay[0].fd = a->relay[1].fd = -1;
	path_key(p, a->key_of_path);
	a->number = ++t->next_number;
	if (map_add(&t->by_path, key_of(a), a) < 0)
		goto fail;
	if (map_add_u64(&t->by_number, a->number, a) < 0) {
		(void)map_del(&t->by_path, key_of(a)); /* is a */
		goto fail;
	}
	return a;
fail:
	free(a);
	return NULL;
}

int allocation_move(struct allocation_table *t, struct allocation *a, const struct turn_path *p)
{
	uint8_t before[PATH_KEY_BYTES];

	memcpy(before, a->key_of_path, sizeof before);
	(void)map_del(&t->by_path, key_of(a)); /* is a */
	path_key(p, a->key_of_path);
	int rc = map_add(&t->by_path, key_of(a), a);
	if (rc == 0) {
		a->client = *p;
		return 0;
	}
	memcpy(a->key_of_path, before, sizeof before);
	/* There was room for it a moment ago. */
	(void)map_add(&t->by_path, key_of(a), a);
	return rc;
}

void allocation_free(struct allocation_table *t, struct allocation *a)
{
	if (t->last == a)
		t->last = NULL;
	(void)map_del(&t->by_path, key_of(a)); /* is a */
	(void)map_del_u64(&t->by_number, a->number); /* is a */
	free(a->permissions);
	free(a->channels);
	free(a->sends);
	free(a);
}

/* ---- permissions ---- */

static struct permission *permission_find(struct allocation *a, const struct stunaddr *peer)
{
	if (a->hot_permission < a->n_permissions && stunaddr_eq_ip(&a->permissions[a->hot_permission].peer, peer))
		return &a->permissions[a->hot_permission];
	for (uint16_t i = 0; i < a->n_permissions; i++) {
		if (!stunaddr_eq_ip(&a->permissions[i].peer, peer))
			continue;
		a->hot_permission = i;
		return &a->permissions[i];
	}
	return NULL;
}

const struct permission *permission_of(struct allocation *a, const struct stunaddr *peer, uint64_t now_ms)
{
	const struct permission *p = permission_find(a, peer);

	return p && p->expires_ms > now_ms ? p : NULL;
}

bool permission_holds(struct allocation *a, const struct stunaddr *peer, uint64_t now_ms)
{
	return permission_of(a, peer, now_ms) != NULL;
}

uint64_t permission_ends_ms(struct allocation *a, const struct stunaddr *peer)
{
	const struct permission *p = permission_find(a, peer);

	return p ? p->expires_ms : 0;
}

static void permissions_prune(struct allocation *a, uint64_t now_ms)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < a->n_permissions; i++)
		if (a->permissions[i].expires_ms > now_ms)
			a->permissions[n++] = a->permissions[i];
	a->n_permissions = n;
}

/* Room for one more entry of an array that grows by doubling up to most. */
static int grow(void **array, size_t size, uint16_t n, uint16_t *room, uint32_t most)
{
	if (n < *room)
		return 0;
	if (n >= most)
		return ERR_LIMIT;
	uint32_t want = *room ? *room * 2u : 2;
	void *p = realloc(*array, (want < most ? want : most) * size);
	if (!p)
		return ERR_NOMEM;
	*array = p;
	*room = (uint16_t)(want < most ? want : most);
	return 0;
}

int permission_put(struct allocation *a, const struct stunaddr *peer, bool is_own, uint64_t now_ms, uint32_t most)
{
	struct permission *p = permission_find(a, peer);

	if (!p) {
		if (a->n_permissions == a->room_permissions)
			permissions_prune(a, now_ms);
		int rc = grow((void **)&a->permissions, sizeof *a->permissions, a->n_permissions, &a->room_permissions, most);
		if (rc < 0)
			return rc;
		p = &a->permissions[a->n_permissions++];
		p->peer = *peer;
		p->peer.port = 0;
	}
	p->is_own = is_own;
	p->expires_ms = now_ms + PERMISSION_MS;
	return 0;
}

/* ---- channels ---- */

struct channel *channel_of_number(struct allocation *a, uint16_t number, uint64_t now_ms)
{
	struct channel *c = NULL;

	if (a->hot_channel < a->n_channels && a->channels[a->hot_channel].number == number)
		c = &a->channels[a->hot_channel];
	for (uint16_t i = 0; !c && i < a->n_channels; i++)
		if (a->channels[i].number == number) {
			a->hot_channel = i;
			c = &a->channels[i];
		}
	return c && c->expires_ms > now_ms ? c : NULL;
}

struct channel *channel_of_peer(struct allocation *a, const struct stunaddr *peer, uint64_t now_ms)
{
	struct channel *c = NULL;

	if (a->hot_channel < a->n_channels && stunaddr_eq(&a->channels[a->hot_channel].peer, peer))
		c = &a->channels[a->hot_channel];
	for (uint16_t i = 0; !c && i < a->n_channels; i++)
		if (stunaddr_eq(&a->channels[i].peer, peer)) {
			a->hot_channel = i;
			c = &a->channels[i];
		}
	return c && c->expires_ms > now_ms ? c : NULL;
}

static void channels_prune(struct allocation *a, uint64_t now_ms)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < a->n_channels; i++)
		if (a->channels[i].expires_ms > now_ms)
			a->channels[n++] = a->channels[i];
	a->n_channels = n;
}

int channel_put(struct allocation *a, uint16_t number, const struct stunaddr *peer, uint64_t now_ms, uint32_t most,
                struct channel **out)
{
	struct channel *c = channel_of_number(a, number, now_ms), *other = channel_of_peer(a, peer, now_ms);

	if (c != other)
		return ERR_EXISTS;
	if (!c) {
		channels_prune(a, now_ms);
		int rc = grow((void **)&a->channels, sizeof *a->channels, a->n_channels, &a->room_channels, most);
		if (rc < 0)
			return rc;
		c = &a->channels[a->n_channels++];
		*c = (struct channel){ .number = number, .peer = *peer };
	}
	c->expires_ms = now_ms + CHANNEL_MS;
	*out = c;
	return 0;
}

/* ---- flows of indications ---- */

struct send_flow *send_flow_of(struct allocation *a, const struct stunaddr *peer)
{
	if (a->hot_send < a->n_sends && stunaddr_eq(&a->sends[a->hot_send].peer, peer))
		return &a->sends[a->hot_send];
	for (uint16_t i = 0; i < a->n_sends; i++) {
		if (!stunaddr_eq(&a->sends[i].peer, peer))
			continue;
		a->hot_send = i;
		return &a->sends[i];
	}
	return NULL;
}

struct send_flow *send_flow_new(struct allocation *a, const struct stunaddr *peer)
{
	if (grow((void **)&a->sends, sizeof *a->sends, a->n_sends, &a->room_sends, SEND_FLOWS_MAX) < 0)
		return NULL;
	struct send_flow *f = &a->sends[a->n_sends++];
	*f = (struct send_flow){ .peer = *peer };
	return f;
}

void send_flow_forget(struct allocation *a, struct send_flow *f)
{
	*f = a->sends[--a->n_sends];
}

void allocation_revoke(struct allocation *a, enum peer_verdict (*judge)(void *arg, const struct stunaddr *peer), void *arg)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < a->n_permissions; i++)
		if (judge(arg, &a->permissions[i].peer) == (a->permissions[i].is_own ? PEER_OWN_RELAY : PEER_PERMITTED))
			a->permissions[n++] = a->permissions[i];
	a->n_permissions = n;
	n = 0;
	for (uint16_t i = 0; i < a->n_channels; i++)
		if (judge(arg, &a->channels[i].peer) != PEER_DENIED)
			a->channels[n++] = a->channels[i];
	a->n_channels = n;
}

uint32_t allocation_count_permissions(const struct allocation *a, uint64_t now_ms)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < a->n_permissions; i++)
		n += a->permissions[i].expires_ms > now_ms;
	return n;
}

uint32_t allocation_count_channels(const struct allocation *a, uint64_t now_ms)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < a->n_channels; i++)
		n += a->channels[i].expires_ms > now_ms;
	return n;
}

size_t allocation_memory(const struct allocation *a)
{
	return sizeof *a + a->room_permissions * sizeof *a->permissions + a->room_channels * sizeof *a->channels +
	       a->room_sends * sizeof *a->sends;
}
