#include "flight.h"

#include <stdlib.h>

void flights_init(struct flights *f)
{
	*f = (struct flights){ 0 };
	list_init(&f->all);
}

void flights_fini(struct flights *f)
{
	LIST_EACH(it, &f->all) {
		struct flight *x = LIST_OWNER(it, struct flight, in_table);
		list_del(&x->in_conn);
		list_del(&x->in_table);
		free(x);
	}
	map_fini(&f->by_id);
	flights_init(f);
}

static struct flight *alloc_flight(const struct envelope *e)
{
	struct buf b;
	struct flight *x;

	buf_init(&b, 16 << 20);
	if (e->id)
		envelope_encode(&b, e);
	x = buf_failed(&b) ? NULL : calloc(1, sizeof *x + buf_len(&b));
	if (x) {
		x->n = (uint32_t)buf_len(&b);
		if (x->n)
			memcpy(x->data, buf_bytes(&b).p, x->n);
	}
	buf_fini(&b);
	return x;
}

struct flight *flight_new(struct flights *f, const struct envelope *e, uint64_t conn, bool counts)
{
	struct flight *x = alloc_flight(e);

	if (!x)
		return NULL;
	x->id = e->id;
	x->conn = conn;
	x->counts = counts;
	x->is_done = e->id == 0;
	list_init(&x->in_conn);
	list_init(&x->in_table);
	if (!x->id)
		return x;
	if (map_add_u64(&f->by_id, x->id, x) < 0) {
		free(x);
		return NULL;
	}
	list_add_tail(&f->all, &x->in_table);
	f->n++;
	f->bytes += x->n;
	return x;
}

struct flight *flight_find(struct flights *f, uint64_t id)
{
	return map_get_u64(&f->by_id, id);
}

void flight_done(struct flights *f, struct flight *x)
{
	(void)map_del_u64(&f->by_id, x->id); /* it is in: found by its id */
	list_del(&x->in_table);
	f->n--;
	f->bytes -= x->n;
	x->is_done = true;
	if (!list_is_linked(&x->in_conn))
		free(x);
}

uint32_t flight_settle(struct list *in_conn, uint32_t *counting)
{
	uint32_t n = 0;

	*counting = 0;
	LIST_EACH(it, in_conn) {
		struct flight *x = LIST_OWNER(it, struct flight, in_conn);
		if (!x->is_done)
			break;
		n++;
		*counting += x->counts;
		list_del(&x->in_conn);
		free(x);
	}
	return n;
}

void flight_forget_conn(struct list *in_conn)
{
	LIST_EACH(it, in_conn) {
		struct flight *x = LIST_OWNER(it, struct flight, in_conn);
		list_del(&x->in_conn);
		x->conn = 0;
		if (x->is_done)
			free(x);
	}
}
