#include "archive/archive_query.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "archive/archive.h"
#include "archive/archive_form.h"
#include "ask.h"

#include <stdlib.h>

/* A page of gh-store's ends behind the row that passes STORE_ARCHIVE_PAGE_BYTES. */
enum { PAGE_BYTES_MAX = STORE_ARCHIVE_PAGE_BYTES + (2 << 20) };

struct question {
	struct list node; /* in im->archive.questions while it waits */
	struct iq_later *later;
	struct buf ask;  /* its body, without the op */
	enum store_op op;
	bool is_down, is_flipped, is_metadata;
	bool is_of_room;
	bool is_plain;          /* all that lies between its bounds is wanted */
	uint64_t after, before; /* of the page */
	/* the page, as it comes */
	struct buf rows; /* stanzas */
	uint64_t ids[STORE_ARCHIVE_PAGE_MAX];
	uint32_t ends[STORE_ARCHIVE_PAGE_MAX];
	uint32_t n, count;
	bool is_complete;
	uint64_t first_id; /* of the archive: is_metadata */
	size_t queryid_n;
	uint8_t queryid[];
};

static void question_free(struct question *q)
{
	list_del(&q->node);
	buf_fini(&q->ask);
	buf_fini(&q->rows);
	free(q);
}

/* NULL: it has gone, or lives elsewhere and asks a room. */
static struct session *asker(const struct im *im, const struct question *q)
{
	return session_by_full(im, q->later->to);
}

static void next_question(struct im *im);

/* It is answered. */
static void end(struct im *im, struct question *q)
{
	struct session *s = asker(im, q);

	if (s && s->archive_asks)
		s->archive_asks--;
	im->archive.n_of_rooms -= q->is_of_room;
}

static void refuse(struct im *im, struct question *q, int rc)
{
	im_stats[STAT_ARCHIVE_REFUSED]++;
	end(im, q);
	iq_late_error(im, q->later, rc == ERR_NOT_FOUND ? STANZA_ITEM_NOT_FOUND : rc == ERR_LIMIT ? STANZA_NOT_ACCEPTABLE :
	                            STANZA_INTERNAL_SERVER_ERROR);
	question_free(q);
}

/* ---- answering ---- */

static uint32_t place(const struct question *q, uint32_t i, bool is_reversed)
{
	return is_reversed ? q->n - 1 - i : i;
}

static struct bytes row(const struct question *q, uint32_t i)
{
	uint32_t begin = i ? q->ends[i - 1] : 0;

	return bytes_make(buf_bytes(&q->rows).p + begin, q->ends[i] - begin);
}

static void put_result(struct im *im, struct buf *b, const struct question *q, uint32_t i)
{
	static const size_t tag = sizeof "<message" - 1;
	char id[ARCHIVE_ID_CHARS + 1], at[TEXT_TIME_BYTES];

	archive_id_text(im, q->ids[i], id);
	text_time(q->ids[i] >> STORE_ARCHIVE_TIME_SHIFT, true, at);
	buf_clear(b);
	buf_put_str(b, "<message");
	xml_write_attr(b, "from", q->later->from);
	xml_write_attr(b, "to", q->later->to);
	buf_put_str(b, "><result xmlns='" NS_MAM "'");
	if (q->queryid_n)
		xml_write_attr(b, "queryid", bytes_make(q->queryid, q->queryid_n));
	xml_write_attr(b, "id", bytes_of(id));
	buf_putf(b, "><forwarded xmlns='" NS_FORWARD "'><delay xmlns='" NS_DELAY "' stamp='%s'/><message xmlns='" NS_CLIENT "'", at);
	buf_put_bytes(b, bytes_skip(row(q, i), tag));
	buf_put_str(b, "</forwarded></result></message>");
}

static void put_edge(struct im *im, struct buf *b, const char *name, uint64_t id)
{
	char text[ARCHIVE_ID_CHARS + 1];

	archive_id_text(im, id, text);
	buf_putf(b, "<%s>%s</%s>", name, text, name);
}

static void put_fin(struct im *im, struct buf *b, const struct question *q)
{
	buf_clear(b);
	buf_putf(b, "<fin xmlns='" NS_MAM "'%s><set xmlns='" NS_RSM "'>", q->is_complete ? " complete='true'" : "");
	if (q->n) { /* in the order of the archive, flipped or not */
		put_edge(im, b, "first", q->ids[place(q, 0, q->is_down)]);
		put_edge(im, b, "last", q->ids[place(q, q->n - 1, q->is_down)]);
	}
	if (q->count != STORE_ARCHIVE_UNCOUNTED)
		buf_putf(b, "<count>%u</count>", q->count);
	buf_put_str(b, "</set></fin>");
}

/* What the session has read without a gap: pages that follow one another, or the last one. */
static void note_read(struct session *s, const struct question *q)
{
	if (!q->is_plain || !q->n)
		return;
	uint64_t first = q->ids[place(q, 0, q->is_down)], last = q->ids[place(q, q->n - 1, q->is_down)];
	bool goes_on = s->archive_last && q->after == s->archive_last, goes_back = s->archive_last && q->before == s->archive_first;
	if (!goes_on)
		s->archive_first = first;
	if (!goes_back)
		s->archive_last = last;
}

static void answer(struct im *im, struct question *q)
{
	struct session *s = asker(im, q);

	for (uint32_t i = 0; (s || q->is_of_room) && i < q->n; i++) {
		put_result(im, &im->out, q, place(q, i, q->is_down != q->is_flipped));
		if (s)
			session_send(im, s, STANZA_MESSAGE, buf_bytes(&im->out));
		else
			post(im, STANZA_MESSAGE, TYPE_NORMAL, q->later->from, q->later->to, buf_bytes(&im->out));
	}
	if (s && !q->is_of_room)
		note_read(s, q);
	end(im, q);
	put_fin(im, &im->out2, q);
	iq_late_result(im, q->later, buf_bytes(&im->out2));
	question_free(q);
}

/* ---- metadata: the oldest row, then the newest ---- */

static void put_end(struct im *im, struct buf *b, const char *name, uint64_t id)
{
	char text[ARCHIVE_ID_CHARS + 1], at[TEXT_TIME_BYTES];

	archive_id_text(im, id, text);
	text_time(id >> STORE_ARCHIVE_TIME_SHIFT, true, at);
	buf_putf(b, "<%s id='%s' timestamp='%s'/>", name, text, at);
}

static void answer_metadata(struct im *im, struct question *q)
{
	struct buf *b = &im->out2;

	buf_clear(b);
	buf_put_str(b, "<metadata xmlns='" NS_MAM "'>");
	if (q->n) { /* of an empty archive there is nothing to tell */
		put_end(im, b, "start", q->first_id);
		put_end(im, b, "end", q->ids[0]);
	}
	buf_put_str(b, "</metadata>");
	end(im, q);
	iq_late_result(im, q->later, buf_bytes(b));
	question_free(q);
}

/* ---- asking ---- */

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct question *q = a->arg;
	uint32_t number = wire_u32(w);

	(void)im;
	if (number == STORE_ARCHIVE_END) {
		q->count = wire_u32(w);
		q->is_complete = wire_u8(w);
		return;
	}
	uint64_t id = wire_u64(w);
	struct bytes stanza = wire_bytes(w);
	if (number == 0) { /* also when the ask is sent again */
		q->n = 0;
		buf_clear(&q->rows);
	}
	if (wire_failed(w) || number != q->n || number >= STORE_ARCHIVE_PAGE_MAX)
		return;
	buf_put_bytes(&q->rows, stanza);
	q->ids[q->n] = id;
	q->ends[q->n++] = (uint32_t)buf_len(&q->rows);
}

static void put_bounds(struct buf *b, const struct archive_form *f, struct bytes jid, bool wants_count)
{
	wire_put_str(b, jid);
	wire_put_u8(b, (uint8_t)((f->is_down ? STORE_ARCHIVE_DOWN : 0) | (wants_count ? STORE_ARCHIVE_COUNTED : 0)));
	wire_put_u64(b, f->from);
	wire_put_u64(b, f->to);
	wire_put_u64(b, f->after);
	wire_put_u64(b, f->before);
	wire_put_str(b, f->peer);
	wire_put_str(b, f->resource);
	wire_put_str(b, f->text);
	wire_put_u32(b, f->max);
	wire_put_u8(b, f->n_named);
	for (uint8_t i = 0; i < f->n_named; i++)
		wire_put_u64(b, f->named[i]);
}

static bool turn_to_newest(struct im *im, struct question *q)
{
	const struct archive_form last = { .from = archive_oldest(im), .to = STORE_ARCHIVE_ID_MAX, .before = STORE_ARCHIVE_ID_MAX,
					   .is_down = true, .max = 1 };

	if (!q->is_metadata || q->is_down || !q->n)
		return false;
	q->first_id = q->ids[0];
	q->is_down = true;
	buf_clear(&q->ask);
	put_bounds(&q->ask, &last, q->later->from, false);
	list_add_head(&im->archive.questions, &q->node);
	im->archive.n_questions++;
	return true;
}

static void on_page(struct im *im, struct ask *a, int rc)
{
	struct question *q = a->arg;

	im->archive.n_asked--;
	if (rc || buf_failed(&q->rows))
		refuse(im, q, rc ? rc : ERR_NOMEM);
	else if (q->is_metadata && !turn_to_newest(im, q))
		answer_metadata(im, q);
	else if (!q->is_metadata)
		answer(im, q);
	next_question(im);
}

/* While fewer than ARCHIVE_ASKED_MAX are asked: pages of many people at once would fill the memory. */
static void next_question(struct im *im)
{
	struct archive *a = &im->archive;

	while (a->n_asked < ARCHIVE_ASKED_MAX && !list_is_empty(&a->questions)) {
		struct question *q = LIST_OWNER(a->questions.next, struct question, node);
		list_del(&q->node);
		a->n_questions--;
		a->n_asked++;
		q->n = 0;
		buf_put_bytes(ask_begin(im, q->op), buf_bytes(&q->ask));
		ask_send_free(im, on_item, on_page, q, 0);
	}
}

static void put_ids(struct buf *b, const struct archive_form *f, struct bytes jid)
{
	wire_put_str(b, jid);
	wire_put_u8(b, f->n_ids);
	for (uint8_t i = 0; i < f->n_ids; i++)
		wire_put_u64(b, f->ids[i]);
}

/* Rooms have no account. */
static bool is_of_room(const struct iq *iq)
{
	return !iq->user;
}

static struct bytes owner_of(const struct iq *iq)
{
	return is_of_room(iq) ? iq->it->e.to : user_jid(iq->user);
}

/* Its turn will come. NULL: the request is refused. */
static struct question *queue(struct im *im, struct iq *iq, const struct archive_form *f)
{
	struct session *s = iq->session;
	/* Its queue must have room for the page. */
	bool is_full = s ? s->archive_asks >= ARCHIVE_OF_SESSION_MAX || (s->sm && s->queue_n + f->max >= im->config.unacked_max)
	                 : is_of_room(iq) ? im->archive.n_of_rooms >= ARCHIVE_OF_ROOMS_MAX : true;
	is_full |= im->archive.n_questions >= ARCHIVE_QUESTIONS_MAX;
	struct question *q = is_full ? NULL : calloc(1, sizeof *q + f->queryid.n);

	if (q && !(q->later = iq_keep(iq))) {
		free(q);
		q = NULL;
	}
	if (!q) { /* a client that takes nothing in, or asks without end */
		im_stats[STAT_ARCHIVE_REFUSED]++;
		iq_error(im, iq, STANZA_RESOURCE_CONSTRAINT);
		return NULL;
	}
	im_stats[STAT_ARCHIVE_ASKED]++;
	q->queryid_n = f->queryid.n;
	if (f->queryid.n)
		memcpy(q->queryid, f->queryid.p, f->queryid.n);
	q->is_down = f->is_down;
	q->is_flipped = f->is_flipped;
	q->count = STORE_ARCHIVE_UNCOUNTED;
	q->op = f->has_ids ? STORE_ARCHIVE_IDS : STORE_ARCHIVE_PAGE;
	buf_init(&q->ask, 16 << 10);
	buf_init(&q->rows, PAGE_BYTES_MAX);
	q->is_of_room = is_of_room(iq);
	im->archive.n_of_rooms += q->is_of_room;
	if (s)
		s->archive_asks++;
	list_add_tail(&im->archive.questions, &q->node);
	im->archive.n_questions++;
	return q;
}

/* ---- requests ---- */

static bool is_off(struct im *im, struct iq *q)
{
	if (!im->config.has_archive)
		iq_error(im, q, STANZA_SERVICE_UNAVAILABLE);
	return !im->config.has_archive;
}

static enum stanza_error refusal_of(int rc)
{
	switch (rc) {
	case ERR_NOT_FOUND:
		return STANZA_ITEM_NOT_FOUND;
	case ERR_UNSUPPORTED:
		return STANZA_FEATURE_NOT_IMPLEMENTED;
	case ERR_LIMIT:
		return STANZA_NOT_ACCEPTABLE;
	default:
		return STANZA_BAD_REQUEST;
	}
}

void archive_form_get(struct im *im, struct iq *q)
{
	if (is_off(im, q))
		return;
	buf_clear(&im->out2);
	archive_form_write(&im->out2, im->config.has_archive_search);
	iq_result(im, q, buf_bytes(&im->out2));
}

void archive_query(struct im *im, struct iq *iq)
{
	struct archive_form f;
	int rc = is_off(im, iq) ? ERR_CLOSED : archive_form_read(im, iq->child, &f);

	if (rc == ERR_CLOSED)
		return;
	if (rc) {
		im_stats[STAT_ARCHIVE_REFUSED]++;
		iq_error(im, iq, refusal_of(rc));
		return;
	}
	archive_flush(im); /* what was said just now is in it */
	struct question *q = queue(im, iq, &f);
	if (!q)
		return;
	q->is_plain = !f.has_ids && !f.peer.n && !f.text.n;
	q->after = f.after;
	q->before = f.before;
	if (f.has_ids)
		put_ids(&q->ask, &f, owner_of(iq));
	else /* counting is for the first page */
		put_bounds(&q->ask, &f, owner_of(iq), !f.after && f.before == STORE_ARCHIVE_ID_MAX);
	next_question(im);
}

void archive_metadata(struct im *im, struct iq *iq)
{
	const struct archive_form first = { .from = archive_oldest(im), .to = STORE_ARCHIVE_ID_MAX, .before = STORE_ARCHIVE_ID_MAX, .max = 1 };

	if (is_off(im, iq))
		return;
	archive_flush(im);
	struct question *q = queue(im, iq, &first);
	if (!q)
		return;
	q->is_metadata = true;
	put_bounds(&q->ask, &first, owner_of(iq), false);
	next_question(im);
}

void archive_query_init(struct im *im)
{
	list_init(&im->archive.questions);
}

void archive_query_fini(struct im *im)
{
	while (!list_is_empty(&im->archive.questions)) {
		struct question *q = LIST_OWNER(im->archive.questions.next, struct question, node);
		free(q->later);
		question_free(q);
	}
}
