#include "push/push.h"

#include "base/err.h"

#include <stdlib.h>

enum { KEYS_BYTES_MAX = 1 << 20 };

/* An app server's domain, and what it is told. */
struct server {
	uint8_t content;
	uint16_t name_n;
	char name[];
};

void push_fini(struct im *im)
{
	size_t at = 0;

	for (struct server *s; (s = map_next(&im->push_servers, &at));)
		free(s);
	map_fini(&im->push_servers);
}

static void add(struct im *im, struct bytes name, unsigned content)
{
	struct server *s = malloc(sizeof *s + name.n);

	if (!s) {
		im_stats[STAT_NO_MEMORY]++;
		return;
	}
	s->content = (uint8_t)content;
	s->name_n = (uint16_t)name.n;
	memcpy(s->name, name.p, name.n);
	if (map_add(&im->push_servers, bytes_make(s->name, s->name_n), s)) {
		im_stats[STAT_NO_MEMORY]++;
		free(s);
	}
}

void push_apply(struct im *im, const struct settings *s)
{
	struct arena a;
	struct bytes key;
	size_t at = 0;
	struct jid j;

	push_fini(im);
	arena_init(&a, KEYS_BYTES_MAX);
	while (settings_next_key(s, SET_IM_PUSH_CONTENT, &at, &key))
		if (!jid_parse(key, &a, &j) && bytes_eq(jid_domain(&j), j.full) && !map_get(&im->push_servers, j.full))
			add(im, j.full, settings_enum_at(s, SET_IM_PUSH_CONTENT, key));
	arena_fini(&a);
}

bool push_is_on(const struct im *im)
{
	return im->push_servers.count != 0;
}

bool push_allows(const struct im *im, struct bytes jid, enum push_content *content)
{
	struct jid j = jid_of_normal(jid);
	const struct server *s = push_is_on(im) ? map_get(&im->push_servers, jid_domain(&j)) : NULL;

	if (s)
		*content = (enum push_content)s->content;
	return s != NULL;
}
