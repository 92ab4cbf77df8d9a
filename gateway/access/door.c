#include "conn.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"

#define STAT_NAME(id, name) name,
const char *const access_stat_names[ACCESS_STAT_COUNT] = { ACCESS_STATS(STAT_NAME) };
#undef STAT_NAME

enum {
	PARSERS_IDLE_MAX = 64,
	ARENA_BYTES_MAX = 16 << 20,   /* the tree of the largest stanza that may be set, and more */
	SCRATCH_BYTES_MAX = 16 << 20,
	WRITTEN_BATCH = 1000,
};

/* ---- what the kernel has taken (WRITTEN) ---- */

static uint16_t count_told(struct door *d)
{
	uint16_t n = 0;

	LIST_EACH (it, &d->tell) {
		struct conn *c = LIST_OWNER(it, struct conn, tell_node);
		if (link_queued(&c->link)) /* on_drained comes back to it */
			list_del(&c->tell_node);
		else if (n < WRITTEN_BATCH)
			n++;
	}
	return n;
}

static void put_written(struct door *d, uint16_t n)
{
	struct buf *b = chan_begin(d->im, MSG_WRITTEN, 0);

	wire_put_u16(b, n);
	for (; n; n--) {
		struct conn *c = LIST_OWNER(d->tell.next, struct conn, tell_node);
		list_del(&c->tell_node);
		c->is_tell_due = false;
		c->told = c->delivered;
		wire_put_u64(b, c->id);
		wire_put_u32(b, c->delivered);
	}
	if (chan_end(d->im))
		d->stats[STAT_BUS_FULL]++; /* gone with gh-im, or told with the next delivery */
}

/* Runs at the end of the turn, twice: links that were written to after the first call was asked
 * for flush between the two. */
static void tell_written(void *arg)
{
	struct door *d = arg;
	uint16_t n;

	d->is_tell_second = !d->is_tell_second;
	if (d->is_tell_second) {
		loop_defer_call(d->loop, &d->tell_defer);
		return;
	}
	while ((n = count_told(d)))
		put_written(d, n);
}

/* ---- asking for acknowledgements ---- */

static void on_ack_timer(void *arg)
{
	struct door *d = arg;
	uint64_t now = loop_now(d->loop);

	while (!list_is_empty(&d->ack)) {
		struct conn *c = LIST_OWNER(d->ack.next, struct conn, ack_node);
		if (c->ack_due_ms > now) {
			(void)loop_timer_set(d->loop, &d->ack_timer, c->ack_due_ms - now); /* no memory: by count */
			return;
		}
		list_del(&c->ack_node);
		conn_ask(c);
	}
}

/* ---- memory goes back after a flood ---- */

static void on_trim(void *arg)
{
	struct door *d = arg;

	d->n_freed = 0;
	xml_pool_trim(d->xml);
	malloc_trim(0);
}

static void sweep(void *arg)
{
	conn_sweep(arg);
}

/* ---- gh-im comes and goes ---- */

static void unpark_all(struct door *d)
{
	struct list now;

	/* Those that must wait again go to the door's list, not to this one. */
	list_init(&now);
	while (!list_is_empty(&d->parked)) {
		struct list *it = d->parked.next;
		list_del(it);
		list_add_tail(&now, it);
	}
	while (!list_is_empty(&now))
		conn_unpark(LIST_OWNER(now.next, struct conn, node));
}

void door_up(struct door *d, struct chan *c)
{
	if (chan_prog(c) != PROG_IM)
		return;
	d->im = c;
	d->is_im_full = false;
	unpark_all(d);
}

void door_down(struct door *d, struct chan *chan)
{
	uint32_t at = 0;
	struct conn *c;

	if (chan_prog(chan) == PROG_KEYS)
		keyproxy_down(d->keys);
	if (chan != d->im)
		return;
	d->im = NULL;
	while ((c = conn_next(d, &at))) {
		c->core = CORE_NOTHING;
		conn_event(c, &(struct stream_input){ .event = E_CORE_GONE });
	}
}

void door_pressure(struct door *d, struct chan *c, bool is_full)
{
	if (c != d->im)
		return;
	d->is_im_full = is_full;
	if (!is_full)
		unpark_all(d);
}

void door_stop(struct door *d)
{
	uint32_t at = 0;
	struct conn *c;

	d->is_stopping = true;
	door_accept_update(d);
	while ((c = conn_next(d, &at)))
		conn_event(c, &(struct stream_input){ .event = E_KILL, .error = STREAM_SYSTEM_SHUTDOWN });
}

/* ---- life ---- */

int door_init(struct door *d, struct loop *l, struct bus *b, struct keyproxy *keys, unsigned instance)
{
	*d = (struct door){ .loop = l, .bus = b, .keys = keys, .instance = instance, .first_free = UINT32_MAX };
	drain_init(&d->drain, l, &door_drain_owner, d);
	acceptor_init(&d->acceptor, l, false, &door_acceptor_hooks, d);
	list_init(&d->parked);
	list_init(&d->tell);
	list_init(&d->ack);
	list_init(&d->gone);
	loop_defer_init(&d->tell_defer, tell_written, d);
	loop_defer_init(&d->sweep_defer, sweep, d);
	loop_timer_init(&d->ack_timer, on_ack_timer, d);
	loop_timer_init(&d->trim_timer, on_trim, d);
	address_table_init(&d->addresses);
	bans_init(&d->bans);
	strangers_init(&d->strangers);
	arena_init(&d->arena, ARENA_BYTES_MAX);
	buf_init(&d->scratch, SCRATCH_BYTES_MAX);
	/* Ids of a worker that starts again are not those of the one before. */
	d->generation = (uint32_t)random_u64();
	d->next_trace = (uint64_t)PROG_ACCESS << 56 | (uint64_t)instance << 48 | random_u64() >> 20;
	d->xml = xml_pool_new(PARSERS_IDLE_MAX);
	return d->xml ? 0 : ERR_NOMEM;
}

void door_fini(struct door *d)
{
	uint32_t at = 0;
	struct conn *c;

	acceptor_fini(&d->acceptor);
	drain_end(&d->drain);
	while ((c = conn_next(d, &at)))
		conn_drop(c);
	conn_sweep(d);
	loop_defer_cancel(&d->tell_defer);
	loop_defer_cancel(&d->sweep_defer);
	loop_timer_del(d->loop, &d->ack_timer);
	loop_timer_del(d->loop, &d->trim_timer);
	door_config_fini(d);
	address_table_fini(&d->addresses);
	bans_fini(&d->bans);
	strangers_fini(&d->strangers);
	xml_pool_free(d->xml);
	arena_fini(&d->arena);
	buf_fini(&d->scratch);
	free(d->slots);
}
