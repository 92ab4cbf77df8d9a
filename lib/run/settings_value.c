/* Reading typed values out of a snapshot. */
#include "run/settings_impl.h"

static const struct settings_entry *entry_at(const struct settings *s, enum setting id, struct bytes key)
{
	size_t low = 0, high = s->n;

	if (key.n == 0)
		return s->plain[id];
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct settings_entry *e = &s->entries[mid];
		int c = e->id != id ? (e->id < id ? -1 : 1) : bytes_cmp(e->key, key);
		if (c == 0)
			return e;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

int64_t settings_int_at(const struct settings *s, enum setting id, struct bytes key)
{
	const struct settings_entry *e = entry_at(s, id, key);

	return e ? e->number : s->defaults[id];
}

bool settings_bool_at(const struct settings *s, enum setting id, struct bytes key)
{
	return settings_int_at(s, id, key) != 0;
}

unsigned settings_enum_at(const struct settings *s, enum setting id, struct bytes key)
{
	return (unsigned)settings_int_at(s, id, key);
}

struct bytes settings_text_at(const struct settings *s, enum setting id, struct bytes key)
{
	const struct settings_entry *e = entry_at(s, id, key);

	return e ? e->text : bytes_of(setting_row(id)->def);
}

int64_t settings_int(const struct settings *s, enum setting id)
{
	return settings_int_at(s, id, BYTES_NONE);
}

bool settings_bool(const struct settings *s, enum setting id)
{
	return settings_bool_at(s, id, BYTES_NONE);
}

unsigned settings_enum(const struct settings *s, enum setting id)
{
	return settings_enum_at(s, id, BYTES_NONE);
}

struct bytes settings_text(const struct settings *s, enum setting id)
{
	return settings_text_at(s, id, BYTES_NONE);
}

bool settings_is_set(const struct settings *s, enum setting id, struct bytes key)
{
	return entry_at(s, id, key) != NULL;
}

/* First place in the sorted keys that belongs to the family. */
static size_t first_key(const struct settings *s, enum setting family)
{
	size_t low = 0, high = s->n_keys;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->keys[mid].family < family)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool settings_next_key(const struct settings *s, enum setting id, size_t *at, struct bytes *key)
{
	enum setting family = s->families[id];
	size_t i = *at ? *at : first_key(s, family);

	if (i >= s->n_keys || s->keys[i].family != family)
		return false;
	*key = s->keys[i].key;
	*at = i + 1;
	return true;
}

bool settings_differ(const struct settings *a, const struct settings *b, enum setting id)
{
	size_t at_a = 0, at_b = 0;
	struct bytes key_a, key_b;

	for (;;) {
		bool is_a = settings_next_key(a, id, &at_a, &key_a), is_b = settings_next_key(b, id, &at_b, &key_b);
		if (!is_a && !is_b)
			return false;
		if (is_a != is_b || !bytes_eq(key_a, key_b) ||
		    !bytes_eq(settings_text_at(a, id, key_a), settings_text_at(b, id, key_b)))
			return true;
	}
}

uint32_t settings_generation(const struct settings *s)
{
	return s->generation;
}
