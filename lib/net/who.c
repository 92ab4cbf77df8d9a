#include "net/who.h"

#include "base/err.h"

#include <stdio.h>

static bool take_id(struct bytes word, uint64_t *out)
{
	uint64_t id = 0;

	if (word.n != WHO_ID_BYTES - 1)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		uint8_t c = word.p[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit < 0)
			return false;
		id = id << 4 | (unsigned)digit;
	}
	*out = id;
	return true;
}

static bool take_jid(struct bytes word, struct arena *a, struct who *out)
{
	struct jid j;

	if (jid_parse(word, a, &j) || !j.local_n || j.full.n > sizeof out->jid)
		return false;
	memcpy(out->jid, j.full.p, j.full.n);
	out->jid_n = j.full.n;
	out->is_bare = j.resource_n == 0;
	return true;
}

int who_parse(struct bytes word, struct arena *a, struct who *out)
{
	if (word.n == 0)
		out->kind = WHO_ALL;
	else if (take_id(word, &out->id))
		out->kind = WHO_ID;
	else if (prefix_parse(word, &out->prefix) == 0)
		out->kind = WHO_ADDRESS;
	else if (take_jid(word, a, out))
		out->kind = WHO_JID;
	else
		return ERR_SYNTAX;
	return 0;
}

static bool is_from(const struct prefix *p, const struct peer_address *from)
{
	uint8_t raw[16];

	return peer_address_raw(from, raw) && prefix_has(p, raw);
}

bool who_is(const struct who *w, uint64_t id, const struct peer_address *from, struct bytes jid)
{
	switch (w->kind) {
	case WHO_ALL:
		return true;
	case WHO_ID:
		return id == w->id;
	case WHO_ADDRESS:
		return is_from(&w->prefix, from);
	case WHO_JID:
		return bytes_eq(w->is_bare ? bytes_make(jid.p, bytes_find(jid, '/')) : jid, bytes_make(w->jid, w->jid_n));
	}
	return false;
}

void who_id_text(uint64_t id, char out[static WHO_ID_BYTES])
{
	snprintf(out, WHO_ID_BYTES, "%016llx", (unsigned long long)id);
}
