#include "run/bus.h"

#include "base/err.h"
#include "base/log.h"
#include "run/bus_chan.h"

#include <stdlib.h>
#include <unistd.h>

struct bus *bus_new(struct loop *l, enum prog self, unsigned self_instance, const struct bus_hooks *hooks)
{
	struct bus *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->loop = l;
	b->self = self;
	b->self_instance = self_instance;
	b->hooks = *hooks;
	list_init(&b->chans);
	list_init(&b->dead);
	loop_defer_init(&b->sweep, bus_sweep, b);
	for (size_t i = 0; i < hooks->n_handlers; i++)
		b->fns[hooks->handlers[i].type] = hooks->handlers[i].fn;
	return b;
}

/* Channels are freed at the end of a turn, so that a hook may drop the channel that called it. */
void bus_sweep(void *arg)
{
	struct bus *b = arg;

	LIST_EACH(node, &b->dead) {
		struct chan *c = LIST_OWNER(node, struct chan, node);
		list_del(node);
		chan_free(c);
	}
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	bus_sweep(b);
	LIST_EACH(node, &b->chans) {
		list_del(node);
		chan_free(LIST_OWNER(node, struct chan, node));
	}
	loop_defer_cancel(&b->sweep);
	free(b->scratch);
	free(b);
}

void bus_drop(struct chan *c, bool is_bad)
{
	struct bus *b = c->bus;

	if (c->is_dead)
		return;
	c->is_dead = true;
	chan_close(c);
	list_del(&c->node);
	list_add_tail(&b->dead, &c->node);
	loop_defer_call(b->loop, &b->sweep);
	if (is_bad && b->hooks.bad_peer)
		b->hooks.bad_peer(b->hooks.program, c->peer, c->instance);
	if (b->hooks.down)
		b->hooks.down(b->hooks.program, c);
}

int bus_attach(struct bus *b, enum prog peer, unsigned instance, int fd)
{
	struct chan *old = bus_chan(b, peer, instance);
	struct chan *c;

	if (old)
		bus_drop(old, false);
	int rc = chan_new(b, peer, instance, fd, &c);
	if (rc) {
		close(fd);
		return rc;
	}
	list_add_tail(&b->chans, &c->node);
	if (b->hooks.up)
		b->hooks.up(b->hooks.program, c);
	return 0;
}

struct chan *bus_chan(struct bus *b, enum prog peer, unsigned instance)
{
	LIST_EACH(node, &b->chans) {
		struct chan *c = LIST_OWNER(node, struct chan, node);
		if (c->peer == peer && c->instance == instance)
			return c;
	}
	return NULL;
}

struct chan *bus_next(struct bus *b, enum prog peer, struct chan *after)
{
	struct list *node = after ? after->node.next : b->chans.next;

	for (; node != &b->chans; node = node->next) {
		struct chan *c = LIST_OWNER(node, struct chan, node);
		if (c->peer == peer)
			return c;
	}
	return NULL;
}

uint32_t bus_next_id(struct bus *b)
{
	if (++b->last_id == 0)
		b->last_id = 1;
	return b->last_id;
}
