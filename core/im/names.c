#include "names.h"

#include "base/arena.h"
#include "proto/jid.h"

#include <stdlib.h>

static int find(const struct names *s, struct bytes name)
{
	for (int i = 0; i < s->n; i++)
		if (bytes_eq_str(name, s->v[i]))
			return i;
	return -1;
}

bool names_has(const struct names *s, struct bytes name)
{
	return find(s, name) >= 0;
}

static void take_out(struct names *s, int at)
{
	free(s->v[at]);
	s->n--;
	memmove(s->v + at, s->v + at + 1, (size_t)(s->n - at) * sizeof *s->v);
	if (s->n == 0)
		names_clear(s);
}

void names_add(struct names *s, struct bytes name, uint16_t max)
{
	if (names_has(s, name))
		return;
	if (s->n >= max)
		take_out(s, 0);
	char **more = realloc(s->v, (s->n + 1u) * sizeof *more);
	char *copy = more ? strndup((const char *)name.p, name.n) : NULL;
	if (more)
		s->v = more;
	if (copy)
		s->v[s->n++] = copy;
}

bool names_del(struct names *s, struct bytes name)
{
	int at = find(s, name);

	if (at >= 0)
		take_out(s, at);
	return at >= 0;
}

void names_clear(struct names *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct names){ 0 };
}

void names_read_people(struct names *n, struct bytes text)
{
	struct arena a;
	struct jid j;

	arena_init(&a, 1 << 20);
	names_clear(n);
	while (text.n) {
		size_t end = bytes_find(text, ' ');
		if (end && !jid_parse(bytes_make(text.p, end), &a, &j))
			names_add(n, jid_bare(&j), UINT16_MAX);
		text = bytes_skip(text, end + 1);
	}
	arena_fini(&a);
}
