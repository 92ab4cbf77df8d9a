/* Rooms in gh-store: what is written, what is read at the start, and answers that wait for the disk. */
#include "room/rooms_impl.h"

#include "base/err.h"
#include "base/log.h"
#include "archive/archive.h"
#include "ask.h"

#include <stdlib.h>

enum { PAGE = 50 };

/* ---- answers that wait ---- */

struct answer {
	struct list node;
	uint32_t n;
	uint8_t body[]; /* an encoded envelope */
};

bool rooms_hold_answer(struct rooms_hold *h, const struct envelope *e)
{
	struct buf b;

	buf_init(&b, 4 << 20);
	envelope_encode(&b, e);
	struct bytes v = buf_bytes(&b);
	struct answer *a = buf_failed(&b) ? NULL : malloc(sizeof *a + v.n);
	if (a) {
		a->n = (uint32_t)v.n;
		memcpy(a->body, v.p, v.n);
		list_add_tail(&h->answers, &a->node);
	}
	buf_fini(&b);
	return a != NULL;
}

static void refuse(struct im *im, const struct envelope *e)
{
	const struct stanza_refusal why = { .error = STANZA_INTERNAL_SERVER_ERROR, .text = "It could not be written down" };
	struct envelope out = *e;

	out.type = TYPE_ERROR;
	buf_clear(&im->out);
	if (!stanza_write_error(&im->out, STANZA_IQ, TYPE_SET, e->sid, e->from, e->to, &why) || buf_failed(&im->out))
		return;
	out.stanza = buf_bytes(&im->out);
	rooms_send_now(im, &out);
}

static void finish(struct im *im, struct rooms_hold *h)
{
	struct envelope e;

	if (h->is_open || h->n_asks)
		return;
	LIST_EACH (it, &h->answers) {
		struct answer *a = LIST_OWNER(it, struct answer, node);
		if (envelope_decode(bytes_make(a->body, a->n), &e) == 0) {
			if (h->has_failed)
				refuse(im, &e);
			else
				rooms_send_now(im, &e);
		}
		free(a);
	}
	free(h);
}

void rooms_hold_close(struct im *im, struct rooms_hold *h)
{
	h->is_open = false;
	finish(im, h);
}

static struct rooms_hold *hold_of(struct im *im)
{
	struct rooms *r = im->rooms;

	if (!r->hold) {
		r->hold = calloc(1, sizeof *r->hold);
		if (r->hold) {
			r->hold->is_open = true;
			list_init(&r->hold->answers);
		}
	}
	return r->hold;
}

/* ---- writing ---- */

static void on_written(struct im *im, struct ask *a, int rc)
{
	struct rooms_hold *h = a->arg;

	if (!h)
		return; /* the answer did not wait */
	h->has_failed |= rc != 0 && rc != ERR_NOT_FOUND; /* a room that is gone meanwhile needs nothing */
	h->n_asks--;
	finish(im, h);
}

static void write_it(struct im *im)
{
	struct rooms_hold *h = hold_of(im);

	if (h)
		h->n_asks++;
	ask_send(im, NULL, on_written, h, 0);
}

void rooms_save_room(void *arg, const struct room *r)
{
	struct im *im = ((struct rooms_service *)arg)->im;
	struct buf *body = &im->rooms->body, *b;

	buf_clear(body);
	room_encode(body, r);
	b = ask_begin(im, STORE_ROOM_PUT);
	wire_put_str(b, room_jid_of(r));
	wire_put_bytes(b, buf_bytes(body));
	write_it(im);
}

void rooms_save_affiliate(void *arg, const struct room *r, struct bytes jid, uint8_t affiliation, struct bytes nick, struct bytes reason)
{
	struct im *im = ((struct rooms_service *)arg)->im;
	struct buf *b = ask_begin(im, STORE_ROOM_AFFILIATE);

	wire_put_str(b, room_jid_of(r));
	wire_put_str(b, jid);
	wire_put_u8(b, affiliation);
	wire_put_str(b, nick);
	wire_put_str(b, reason);
	write_it(im);
}

void rooms_save_past(void *arg, const struct room *r, const struct room_past *p)
{
	struct im *im = ((struct rooms_service *)arg)->im;
	struct buf *b = ask_begin(im, STORE_ROOM_PAST);
	struct bytes from, id, by, rest;
	uint64_t at_ms;

	room_past_parts(p, &at_ms, &from, &id, &by, &rest);
	wire_put_str(b, room_jid_of(r));
	wire_put_str(b, id);
	wire_put_u64(b, at_ms);
	wire_put_str(b, from);
	wire_put_str(b, by);
	wire_put_bytes(b, rest);
	wire_put_u32(b, room_history_of(r));
	write_it(im);
}

void rooms_drop_room(void *arg, struct bytes jid)
{
	struct im *im = ((struct rooms_service *)arg)->im;

	wire_put_str(ask_begin(im, STORE_ROOM_DEL), jid);
	write_it(im);
}

bool rooms_unsay(void *arg, const struct room *r, struct bytes id, struct bytes rest)
{
	struct im *im = ((struct rooms_service *)arg)->im;
	uint64_t number;

	if (archive_id_read(im, id, &number))
		return false;
	archive_flush(im); /* it may have been said just now */
	struct buf *b = ask_begin(im, STORE_ARCHIVE_REPLACE);
	wire_put_str(b, room_jid_of(r));
	wire_put_u64(b, number);
	wire_put_bytes(b, rest);
	write_it(im);
	return true;
}

/* ---- reading ---- */

static void read_room(struct im *im, struct wire *w)
{
	struct rooms *r = im->rooms;
	struct bytes jid = wire_str(w), encoded = wire_bytes(w);

	r->reading = NULL;
	if (wire_failed(w))
		return;
	struct jid j = jid_of_normal(jid);
	struct rooms_service *s = rooms_find(im, jid_domain(&j));
	r->n_read++;
	buf_clear(&r->last);
	buf_put_bytes(&r->last, jid);
	if (!s || s->machine.is_ready)
		return; /* of a domain that has no rooms now: it stays on disk */
	room_forget(&s->machine, jid); /* an ask that is sent again begins anew */
	int rc = room_restore(&s->machine, jid, encoded, &r->reading);
	if (rc)
		log_error("im.room.unreadable", LOG_BYTES("room", jid), LOG_STR("reason", err_name(rc)));
}

static void read_affiliate(struct im *im, struct wire *w)
{
	struct bytes jid = wire_str(w);
	uint8_t affiliation = wire_u8(w);
	struct bytes nick = wire_str(w), reason = wire_str(w);

	if (im->rooms->reading && !wire_failed(w))
		room_restore_affiliate(im->rooms->reading, jid, affiliation, nick, reason);
}

static void read_past(struct im *im, struct wire *w)
{
	uint64_t at_ms = wire_u64(w);
	struct bytes id = wire_str(w), from = wire_str(w), by = wire_str(w), rest = wire_bytes(w);

	if (im->rooms->reading && !wire_failed(w))
		room_restore_past(im->rooms->reading, at_ms, from, id, by, rest);
}

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	(void)a;
	switch (wire_u8(w)) {
	case STORE_ROOM_ITEM_ROOM:
		read_room(im, w);
		break;
	case STORE_ROOM_ITEM_AFFILIATE:
		read_affiliate(im, w);
		break;
	default:
		read_past(im, w);
	}
}

static void read_page(struct im *im);

static void on_page(struct im *im, struct ask *a, int rc)
{
	struct rooms *r = im->rooms;
	size_t at = 0;

	(void)a;
	r->reading = NULL;
	if (!rc && r->n_read) {
		read_page(im);
		return;
	}
	r->is_loading = false;
	if (rc)
		return; /* im.store.failed says so; the rooms stay closed, so that nothing on disk is written over */
	if (r->is_again) {
		r->is_again = false;
		rooms_load(im);
		return;
	}
	for (struct rooms_service *s; (s = map_next(&r->services, &at));)
		s->machine.is_ready = true;
}

static void read_page(struct im *im)
{
	struct buf *b = ask_begin(im, STORE_ROOM_LIST);

	im->rooms->n_read = 0;
	wire_put_str(b, buf_bytes(&im->rooms->last));
	wire_put_u32(b, PAGE);
	ask_send_free(im, on_item, on_page, NULL, 0);
}

void rooms_load(struct im *im)
{
	struct rooms *r = im->rooms;

	if (r->is_loading) {
		r->is_again = true;
		return;
	}
	r->is_loading = true;
	buf_clear(&r->last);
	read_page(im);
}
