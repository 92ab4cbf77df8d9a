#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bytes past_from(const struct room_past *p)
{
	return bytes_make(p->data, p->from_n);
}

struct bytes past_id(const struct room_past *p)
{
	return bytes_make(p->data + p->from_n, p->id_n);
}

struct bytes past_by(const struct room_past *p)
{
	return bytes_make(p->data + p->from_n + p->id_n, p->by_n);
}

struct bytes past_rest(const struct room_past *p)
{
	return bytes_make(p->data + p->from_n + p->id_n + p->by_n, p->n);
}

static void drop(struct room *r, struct room_past *p)
{
	list_del(&p->node);
	r->n_past--;
	free(p);
}

static struct room_past *make(uint64_t at_ms, const struct bytes parts[static 4])
{
	struct room_past *p = malloc(sizeof *p + parts[0].n + parts[1].n + parts[2].n + parts[3].n);

	if (!p)
		return NULL;
	uint8_t *at = p->data;
	*p = (struct room_past){ .at_ms = at_ms, .from_n = (uint32_t)parts[0].n, .id_n = (uint32_t)parts[1].n, .by_n = (uint32_t)parts[2].n,
				 .n = (uint32_t)parts[3].n };
	for (int i = 0; i < 4; i++) {
		if (parts[i].n)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	return p;
}

void room_past_add(struct room *r, uint64_t at_ms, struct bytes from, struct bytes id, struct bytes by, struct bytes rest, bool is_new)
{
	struct room_service *s = r->service;
	uint32_t most = room_history_of(r);

	if (!most)
		return;
	struct room_past *p = make(at_ms, (const struct bytes[]){ from, id, by, rest });
	if (!p)
		return; /* newcomers will not see it */
	list_add_tail(&r->past, &p->node);
	r->n_past++;
	while (r->n_past > most)
		drop(r, LIST_OWNER(r->past.next, struct room_past, node));
	if (is_new && room_is(r, ROOM_PERSISTENT))
		s->ops->save_past(s->arg, r, p);
}

struct room_past *room_past_find(const struct room *r, struct bytes id)
{
	LIST_EACH (it, &r->past) {
		struct room_past *p = LIST_OWNER(it, struct room_past, node);
		if (bytes_eq(past_id(p), id))
			return p;
	}
	return NULL;
}

void room_past_replace(struct room *r, struct room_past *old, struct bytes rest)
{
	struct room_service *s = r->service;
	struct room_past *p = make(old->at_ms, (const struct bytes[]){ past_from(old), past_id(old), past_by(old), rest });

	if (!p) {
		drop(r, old); /* rather nothing than what shall not be read */
		return;
	}
	list_add_head(&old->node, &p->node);
	r->n_past++;
	drop(r, old);
	if (room_is(r, ROOM_PERSISTENT))
		s->ops->save_past(s->arg, r, p);
}

void room_past_clear(struct room *r)
{
	while (!list_is_empty(&r->past))
		drop(r, LIST_OWNER(r->past.next, struct room_past, node));
}

/* ---- for newcomers (7.2.13) ---- */

enum { STANZA_END_BYTES = sizeof "</message>" - 1, DELAY_BYTES = 128 };

/* Seconds of a time in UTC as XEP-0082 writes it, in ms. */
static bool read_time(struct bytes v, uint64_t *out)
{
	char text[40];
	struct tm tm = { 0 };

	if (v.n < 20 || v.n >= sizeof text || v.p[v.n - 1] != 'Z')
		return false;
	memcpy(text, v.p, v.n);
	text[v.n] = '\0';
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t t = end ? timegm(&tm) : -1;
	if (t < 0 || (*end != 'Z' && *end != '.'))
		return false;
	*out = (uint64_t)t * 1000;
	return true;
}

struct wish {
	uint64_t stanzas, chars, since_ms;
};

static struct wish read_wish(const struct room *r, const struct room_in *in, const struct xml_node *history)
{
	struct wish w = { .stanzas = r->config.v[ROOM_HISTORY], .chars = UINT64_MAX };
	uint64_t n;

	if (!bytes_to_u64(xml_attr(history, "maxstanzas"), UINT32_MAX, &n) && n < w.stanzas)
		w.stanzas = n;
	if (!bytes_to_u64(xml_attr(history, "maxchars"), UINT32_MAX, &n))
		w.chars = n;
	if (!bytes_to_u64(xml_attr(history, "seconds"), UINT32_MAX, &n))
		w.since_ms = in->wall_ms > n * 1000 ? in->wall_ms - n * 1000 : 0;
	if (read_time(xml_attr(history, "since"), &n) && n > w.since_ms)
		w.since_ms = n;
	return w;
}

static size_t length_of(const struct room_past *p, struct bytes to)
{
	return sizeof "<message from='' to=''" + p->from_n + to.n + p->n + DELAY_BYTES;
}

/* The first of those that are wanted: counted from the newest. */
static struct list *first_of(const struct room *r, const struct wish *w, struct bytes to)
{
	uint64_t chars = 0, n = 0;
	struct list *at = r->past.prev;

	for (; at != &r->past; at = at->prev) {
		const struct room_past *p = LIST_OWNER(at, struct room_past, node);
		chars += length_of(p, to);
		if (++n > w->stanzas || chars > w->chars || p->at_ms < w->since_ms)
			break;
	}
	return at->next;
}

static void replay(struct room *r, const struct room_past *p, struct bytes to)
{
	struct room_letter l = { .s = r->service, .kind = STANZA_MESSAGE, .type = TYPE_GROUPCHAT, .from = past_from(p),
				 .facts = FACT_BODY | FACT_PAYLOAD | FACT_DELAYED };
	struct buf *b = &r->service->rest;
	struct bytes rest = past_rest(p);
	char stamp[TEXT_TIME_BYTES];

	text_time(p->at_ms, true, stamp);
	buf_clear(b);
	buf_put(b, rest.p, rest.n - STANZA_END_BYTES);
	buf_put_str(b, "<delay xmlns='" NS_DELAY "'");
	xml_write_attr(b, "from", room_jid(r));
	buf_putf(b, " stamp='%s'/></message>", stamp);
	l.rest = buf_bytes(b);
	room_letter_send(&l, to);
}

void room_past_replay(struct room *r, struct room_seat *to, const struct room_in *in, const struct xml_node *history)
{
	const struct wish w = read_wish(r, in, history);

	for (struct list *at = first_of(r, &w, seat_full(to)); at != &r->past; at = at->next)
		replay(r, LIST_OWNER(at, struct room_past, node), seat_full(to));
}

/* ---- for who keeps them ---- */

uint32_t room_history_of(const struct room *r)
{
	return r->config.v[ROOM_HISTORY] < r->service->rules.history_max ? r->config.v[ROOM_HISTORY] : r->service->rules.history_max;
}

void room_restore_past(struct room *r, uint64_t at_ms, struct bytes from, struct bytes id, struct bytes by, struct bytes rest)
{
	if (rest.n > STANZA_END_BYTES)
		room_past_add(r, at_ms, from, id, by, rest, false);
}

void room_past_parts(const struct room_past *p, uint64_t *at_ms, struct bytes *from, struct bytes *id, struct bytes *by, struct bytes *rest)
{
	*at_ms = p->at_ms;
	*from = past_from(p);
	*id = past_id(p);
	*by = past_by(p);
	*rest = past_rest(p);
}
