#include "tap.h"

#include "proto/mask.h"

enum { MASKED_MAX = 4 << 20 };

static void show(struct conn *c, struct bytes remote, const struct xml_node *n, bool is_in, struct arena *a)
{
	struct buf b;

	for (struct tap *t = NULL; (t = taps_next(&c->s2s->taps, remote, t));) {
		const struct mask how = { tap_key(t) };
		buf_init(&b, MASKED_MAX);
		if (mask_xml(&how, n, NS_SERVER, a, &b) == 0)
			tap_put(t, is_in, c->id, buf_bytes(&b));
		buf_fini(&b);
	}
}

void s2s_tap_in(struct conn *c, struct bytes remote, const struct xml_node *stanza)
{
	struct arena a;

	if (!taps_has_any(&c->s2s->taps))
		return;
	arena_init(&a, S2S_ARENA_BYTES);
	show(c, remote, stanza, true, &a);
	arena_fini(&a);
}

void s2s_tap_out(struct conn *c, struct bytes remote, struct bytes stanza)
{
	struct xml_node *n;
	struct arena a;

	if (!taps_has_any(&c->s2s->taps) || !taps_next(&c->s2s->taps, remote, NULL))
		return;
	arena_init(&a, S2S_ARENA_BYTES);
	struct xml_limits limits = xml_limits_default;
	limits.stanza_bytes = S2S_ARENA_BYTES / 4; /* it has passed those of its own door */
	if (xml_pool_parse(c->s2s->xml, stanza, NS_SERVER, &limits, &a, &n) == 0)
		show(c, remote, n, false, &a);
	arena_fini(&a);
}

void s2s_tap_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct s2s *s = program;

	taps_command(&s->taps, ask, args, n_args);
}
