#include "ask.h"

#include "base/err.h"
#include "base/log.h"
#include "delivery/item.h"
#include "delivery/parcel.h"

#include <stdlib.h>

enum { ASKS_MAX = 200000, ASK_BYTES_MAX = 256 << 20 };

struct buf *ask_begin(struct im *im, enum store_op op)
{
	buf_clear(&im->ask_body);
	wire_put_u8(&im->ask_body, (uint8_t)op);
	return &im->ask_body;
}

static void transmit(const struct ask *a, struct chan *store)
{
	buf_put(chan_begin(store, MSG_STORE_ASK, a->id), a->body, a->n);
	(void)chan_end(store); /* not there, or full and about to be dropped: sent again when it is up */
}

static struct ask *make(struct im *im)
{
	struct bytes body = buf_bytes(&im->ask_body);

	if (buf_failed(&im->ask_body) || im->asks.count >= ASKS_MAX || im->ask_bytes + body.n > ASK_BYTES_MAX)
		return NULL;
	struct ask *a = malloc(sizeof *a + body.n);
	if (!a)
		return NULL;
	*a = (struct ask){ .id = bus_next_id(im->bus), .n = (uint32_t)body.n };
	memcpy(a->body, body.p, body.n);
	if (map_add_u64(&im->asks, a->id, a)) {
		free(a);
		return NULL;
	}
	list_add_tail(&im->ask_order, &a->node);
	im->ask_bytes += body.n;
	return a;
}

static void send_it(struct im *im, struct parcel *holds, ask_item_fn item, ask_done_fn done, void *arg, uint64_t number)
{
	struct ask *a = make(im);

	if (!a) {
		struct ask none = { .arg = arg, .number = number };
		im_stats[STAT_STORE_FAILED]++;
		if (done)
			done(im, &none, ERR_FULL);
		return;
	}
	a->item = item;
	a->done = done;
	a->arg = arg;
	a->number = number;
	a->holds = holds;
	if (holds)
		parcel_point_add(holds);
	transmit(a, bus_chan(im->bus, PROG_STORE, 0));
}

void ask_send(struct im *im, ask_item_fn item, ask_done_fn done, void *arg, uint64_t number)
{
	struct parcel *holds = im->item && item_wants_safety(im->item) ? item_parcel(im, im->item) : NULL;

	send_it(im, holds, item, done, arg, number);
}

void ask_send_free(struct im *im, ask_item_fn item, ask_done_fn done, void *arg, uint64_t number)
{
	send_it(im, NULL, item, done, arg, number);
}

void ask_up(struct im *im, struct chan *store)
{
	LIST_EACH (it, &im->ask_order)
		transmit(LIST_OWNER(it, struct ask, node), store);
}

int ask_on_item(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct ask *a = map_get_u64(&im->asks, f->id);
	struct wire w = wire_of(f->body);

	(void)from;
	if (!a || !a->item)
		return 0; /* the answer to an ask of an earlier life */
	a->item(im, a, &w);
	return wire_failed(&w) ? ERR_SYNTAX : 0;
}

static void finish(struct im *im, struct ask *a, int rc)
{
	struct parcel *holds = a->holds;

	map_del_u64(&im->asks, a->id);
	list_del(&a->node);
	im->ask_bytes -= a->n;
	if (a->done)
		a->done(im, a, rc);
	free(a);
	if (holds)
		parcel_point_drop(im, holds);
}

static bool is_trouble(int rc)
{
	return rc == ERR_IO || rc == ERR_NOMEM || rc == ERR_SYNTAX;
}

int ask_on_done(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	int rc = (int32_t)wire_u32(&w);
	struct ask *a = map_get_u64(&im->asks, f->id);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (!a)
		return 0;
	if (is_trouble(rc)) {
		im_stats[STAT_STORE_FAILED]++;
		log_error("im.store.failed", LOG_INT("op", a->body[0]), LOG_STR("reason", err_name(rc)));
	}
	finish(im, a, rc);
	return 0;
}

void ask_fini(struct im *im)
{
	while (!list_is_empty(&im->ask_order)) {
		struct ask *a = LIST_OWNER(im->ask_order.next, struct ask, node);
		if (a->holds)
			parcel_orphan(a->holds); /* not done: its sender gets no acknowledgement */
		finish(im, a, ERR_CLOSED);
	}
	map_fini(&im->asks);
	buf_fini(&im->ask_body);
}
