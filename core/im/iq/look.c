#include "iq/look.h"

#include "base/err.h"

#include <stdlib.h>

enum { LOOKS_MAX = 256, ANSWER_MS = 60000 };

struct look {
	struct im *im;
	uint32_t id;
	struct look_question q; /* its callbacks alone: the texts were the asker's */
	struct loop_timer timer;
};

static void end(struct look *l, int rc, bool is_more)
{
	struct im *im = l->im;

	(void)map_del_u64(&im->directory.looks, l->id);
	loop_timer_del(im->loop, &l->timer);
	l->q.done(im, l->q.arg, rc, is_more);
	free(l);
}

static void on_timeout(void *arg)
{
	end(arg, ERR_TIMEOUT, false);
}

/* 0: it waits for the answer. */
static int keep(struct im *im, struct look *l)
{
	int rc = map_add_u64(&im->directory.looks, l->id, l);

	if (!rc && (rc = loop_timer_set(im->loop, &l->timer, ANSWER_MS)))
		(void)map_del_u64(&im->directory.looks, l->id);
	return rc;
}

void look_ask(struct im *im, const struct look_question *q)
{
	struct chan *dir = bus_chan(im->bus, PROG_DIR, 0);
	struct look *l = dir && im->directory.looks.count < LOOKS_MAX ? calloc(1, sizeof *l) : NULL;
	uint8_t n = 0;

	if (!l) {
		q->done(im, q->arg, dir ? ERR_FULL : ERR_CLOSED, false);
		return;
	}
	l->im = im;
	l->id = bus_next_id(im->bus);
	l->q = *q;
	loop_timer_init(&l->timer, on_timeout, l);
	int rc = keep(im, l);
	if (rc) {
		free(l);
		q->done(im, q->arg, rc, false);
		return;
	}
	for (int i = 0; i < DIRECTORY_FIELD_COUNT; i++)
		n += q->words[i].n > 0;
	struct buf *b = chan_begin(dir, MSG_DIR_LOOK, l->id);
	wire_put_str(b, q->jid);
	wire_put_u16(b, q->limit);
	wire_put_u8(b, n);
	for (uint8_t i = 0; i < DIRECTORY_FIELD_COUNT; i++) {
		if (!q->words[i].n)
			continue;
		wire_put_u8(b, i);
		wire_put_str(b, q->words[i]);
	}
	rc = chan_end(dir);
	if (rc)
		end(l, rc, false);
}

static int read_person(struct wire *w, struct look_person *p)
{
	*p = (struct look_person){ .jid = wire_str(w) };
	for (uint8_t n = wire_u8(w); n; n--) {
		uint8_t field = wire_u8(w);
		struct bytes text = wire_str(w);
		if (wire_failed(w) || field >= DIRECTORY_FIELD_COUNT)
			return ERR_PROTOCOL;
		p->fields[field] = text;
	}
	p->picture = wire_bytes(w);
	return wire_failed(w) ? ERR_PROTOCOL : 0;
}

int look_on_found(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct look *l = map_get_u64(&im->directory.looks, f->id);
	struct wire w = wire_of(f->body);
	int rc = (int)(int32_t)wire_u32(&w);
	bool is_more = wire_u8(&w);
	struct look_person p;

	(void)from;
	for (uint16_t n = wire_u16(&w); n; n--) {
		if (read_person(&w, &p))
			return ERR_PROTOCOL;
		if (l)
			l->q.person(im, l->q.arg, &p);
	}
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (l)
		end(l, rc, is_more);
	return 0;
}

void look_down(struct im *im)
{
	size_t at = 0;

	for (struct look *l; (l = map_next(&im->directory.looks, &at)); at = 0)
		end(l, ERR_CLOSED, false);
}
