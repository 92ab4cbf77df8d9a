#include "proto/msrp_join.h"

#include <stdlib.h>

#include "base/err.h"

struct piece {
	uint32_t from, to; /* offsets, to is one past the last byte */
};

struct msrp_half {
	char id[MSRP_ID_MAX_BYTES + 1];
	char type[256];
	bool wants_success;
	uint64_t since_ms;
	uint64_t total; /* MSRP_UNKNOWN until a chunk tells */
	uint8_t *body;
	size_t cap;
	size_t n_pieces;
	struct piece pieces[MSRP_JOIN_PIECES]; /* in order, apart from each other */
};

static void half_free(struct msrp_half *h)
{
	if (h)
		free(h->body);
	free(h);
}

void msrp_join_init(struct msrp_join *j, size_t max_bytes)
{
	*j = (struct msrp_join){ .max_bytes = max_bytes };
}

void msrp_join_fini(struct msrp_join *j)
{
	for (size_t i = 0; i < MSRP_JOIN_MESSAGES; i++)
		half_free(j->half[i]);
	half_free(j->given);
	msrp_join_init(j, j->max_bytes);
}

static int find(struct msrp_join *j, const struct msrp_frame *f, uint64_t now_ms, size_t *at)
{
	size_t empty = MSRP_JOIN_MESSAGES;

	for (size_t i = 0; i < MSRP_JOIN_MESSAGES; i++) {
		if (!j->half[i])
			empty = i;
		else if (bytes_eq_str(f->message_id, j->half[i]->id)) {
			*at = i;
			return 0;
		}
	}
	if (empty == MSRP_JOIN_MESSAGES)
		return ERR_FULL;
	struct msrp_half *h = calloc(1, sizeof *h);
	if (!h)
		return ERR_NOMEM;
	memcpy(h->id, f->message_id.p, f->message_id.n);
	h->since_ms = now_ms;
	h->total = MSRP_UNKNOWN;
	j->half[*at = empty] = h;
	return 0;
}

static int note_head(struct msrp_half *h, const struct msrp_frame *f)
{
	if (f->content_type.n >= sizeof h->type)
		return ERR_SYNTAX;
	if (f->content_type.n && !h->type[0])
		memcpy(h->type, f->content_type.p, f->content_type.n);
	h->wants_success |= bytes_eq_nocase(f->success_report, BYTES("yes"));
	return 0;
}

/* The last chunk tells the length when the Byte-Range did not (RFC 4975 7.1.1). */
static int note_total(struct msrp_half *h, const struct msrp_frame *f, uint64_t from, uint64_t to)
{
	uint64_t total = f->has_range ? f->total : MSRP_UNKNOWN;

	if (f->flag == '$' && total == MSRP_UNKNOWN)
		total = to;
	if (total != MSRP_UNKNOWN && h->total != MSRP_UNKNOWN && total != h->total)
		return ERR_SYNTAX;
	if (total != MSRP_UNKNOWN)
		h->total = total;
	size_t seen = h->n_pieces ? h->pieces[h->n_pieces - 1].to : 0;
	if (h->total != MSRP_UNKNOWN && (to > h->total || seen > h->total))
		return ERR_SYNTAX;
	return from > to ? ERR_SYNTAX : 0;
}

static int make_room(struct msrp_half *h, size_t want)
{
	if (want <= h->cap)
		return 0;
	size_t cap = h->total != MSRP_UNKNOWN ? (size_t)h->total : want * 2;
	uint8_t *body = realloc(h->body, cap);
	if (!body)
		return ERR_NOMEM;
	h->body = body;
	h->cap = cap;
	return 0;
}

/* Joins the piece with those it touches. */
static int add_piece(struct msrp_half *h, struct piece p)
{
	size_t first = 0;

	if (p.from == p.to)
		return 0;
	while (first < h->n_pieces && h->pieces[first].to < p.from)
		first++;
	size_t last = first;
	for (; last < h->n_pieces && h->pieces[last].from <= p.to; last++) {
		p.from = p.from < h->pieces[last].from ? p.from : h->pieces[last].from;
		p.to = p.to > h->pieces[last].to ? p.to : h->pieces[last].to;
	}
	if (first == last && h->n_pieces == MSRP_JOIN_PIECES)
		return ERR_LIMIT;
	memmove(&h->pieces[first + 1], &h->pieces[last], (h->n_pieces - last) * sizeof h->pieces[0]);
	h->pieces[first] = p;
	h->n_pieces = h->n_pieces - (last - first) + 1;
	return 0;
}

static bool is_whole(const struct msrp_half *h)
{
	if (h->total == 0)
		return true;
	return h->n_pieces == 1 && h->pieces[0].from == 0 && h->pieces[0].to == h->total;
}

static int take(struct msrp_join *j, struct msrp_half *h, const struct msrp_frame *f)
{
	uint64_t from = f->has_range ? f->from - 1 : 0, to = from + f->body.n;
	/* A range may promise more than the chunk holds: it was interrupted, the flag says so. */
	bool is_longer = f->has_range && f->to != MSRP_UNKNOWN && to > f->to;

	if ((f->has_range && f->total != MSRP_UNKNOWN && f->total > j->max_bytes) || to > j->max_bytes)
		return ERR_LIMIT;
	int rc = is_longer ? ERR_SYNTAX : note_head(h, f);
	if (rc == 0)
		rc = note_total(h, f, from, to);
	if (rc == 0)
		rc = make_room(h, (size_t)to);
	if (rc == 0)
		rc = add_piece(h, (struct piece){ (uint32_t)from, (uint32_t)to });
	if (rc != 0)
		return rc;
	if (f->body.n)
		memcpy(h->body + from, f->body.p, f->body.n);
	return is_whole(h) ? 0 : ERR_AGAIN;
}

int msrp_join_add(struct msrp_join *j, const struct msrp_frame *f, uint64_t now_ms, struct msrp_whole *out)
{
	size_t at;

	half_free(j->given);
	j->given = NULL;
	if (f->message_id.n > MSRP_ID_MAX_BYTES)
		return ERR_SYNTAX;
	int rc = find(j, f, now_ms, &at);
	if (rc != 0)
		return rc;
	struct msrp_half *h = j->half[at];
	rc = f->flag == '#' ? ERR_CLOSED : take(j, h, f);
	if (rc == ERR_AGAIN)
		return rc;
	j->half[at] = NULL;
	if (rc != 0) {
		half_free(h);
		return rc;
	}
	j->given = h;
	*out = (struct msrp_whole){ bytes_make(h->body, (size_t)h->total), bytes_of(h->type), bytes_of(h->id), h->wants_success };
	return 0;
}

uint64_t msrp_join_sweep(struct msrp_join *j, uint64_t now_ms, size_t *n)
{
	uint64_t next = 0;

	*n = 0;
	for (size_t i = 0; i < MSRP_JOIN_MESSAGES; i++) {
		struct msrp_half *h = j->half[i];
		if (!h)
			continue;
		uint64_t due = h->since_ms + MSRP_JOIN_MS;
		if (due <= now_ms) {
			half_free(h);
			j->half[i] = NULL;
			(*n)++;
		} else if (next == 0 || due < next) {
			next = due;
		}
	}
	return next;
}
