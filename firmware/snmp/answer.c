#include "answer.h"

enum { HEAD_BYTES = 4, SUB_BYTES = 5, NUMBER_BYTES = 9 };

size_t answer_item_bytes(const struct answer_item *item)
{
	size_t value = 0;

	if (item->kind == ITEM_VALUE && item->value->type == VALUE_OCTETS)
		value = item->value->octets.n;
	else if (item->kind == ITEM_VALUE && item->value->type == VALUE_NAME)
		value = item->value->octets.n / sizeof(uint32_t) * SUB_BYTES;
	else if (item->kind == ITEM_VALUE)
		value = NUMBER_BYTES;
	return 3 * HEAD_BYTES + item->name.n * SUB_BYTES + value;
}

static struct answer_item item_of(const struct view_row *r)
{
	return (struct answer_item){ ITEM_VALUE, { r->name, r->n }, &r->value };
}

/* Version 1 has no 64-bit counters: such a row is not there (RFC 3584 4.2.2.1). */
static bool is_seen(const struct view_row *r, bool is_v1)
{
	return !is_v1 || r->value.type != VALUE_COUNTER64;
}

static struct answer_item get(const struct view *t, const struct question_name *name, bool is_v1)
{
	const struct view_row *r = view_get(t, name->id, name->n);

	if (r && is_seen(r, is_v1))
		return item_of(r);
	return (struct answer_item){ view_has_object(t, name->id, name->n) ? ITEM_NO_INSTANCE : ITEM_NO_OBJECT, *name, NULL };
}

static struct answer_item next(const struct view *t, const struct question_name *name, bool is_v1)
{
	const struct view_row *r = view_next(t, name->id, name->n);

	while (r && !is_seen(r, is_v1))
		r = view_next(t, r->name, r->n);
	return r ? item_of(r) : (struct answer_item){ ITEM_END_OF_VIEW, *name, NULL };
}

/* False: there is no room. */
static bool put(struct answer *out, const struct answer_item *item, size_t *room)
{
	size_t bytes = answer_item_bytes(item);

	if (out->n == ANSWER_ITEMS_MAX || bytes > *room)
		return false;
	*room -= bytes;
	out->items[out->n++] = *item;
	return true;
}

static void fail(struct answer *out, enum answer_error error, uint32_t index)
{
	out->error = error;
	out->index = index;
	out->n = 0;
}

static void one_each(const struct view *t, const struct question *q, struct answer *out)
{
	size_t room = q->room;

	for (size_t i = 0; i < q->n_names; i++) {
		struct answer_item item = (q->kind == QUESTION_GET ? get : next)(t, &q->names[i], q->is_v1);
		if (q->is_v1 && item.kind != ITEM_VALUE) {
			fail(out, ANSWER_NO_SUCH_NAME, (uint32_t)i + 1);
			return;
		}
		if (!put(out, &item, &room)) {
			fail(out, ANSWER_TOO_BIG, 0);
			return;
		}
	}
}

/* One line of the repeaters; `at` names the last line, or the names asked for. False: no more lines are of use. */
static bool repeat(const struct view *t, struct question_name *at, size_t n, struct answer *out, size_t *room)
{
	bool is_any = false;

	for (size_t i = 0; i < n; i++) {
		struct answer_item item = next(t, &at[i], false);
		if (!put(out, &item, room))
			return false;
		at[i] = item.name;
		is_any |= item.kind == ITEM_VALUE;
	}
	return is_any;
}

static void bulk(const struct view *t, const struct question *q, struct answer *out)
{
	size_t firsts = q->non_repeaters < q->n_names ? q->non_repeaters : q->n_names, n = q->n_names - firsts, room = q->room;
	struct question_name at[ANSWER_NAMES_MAX];

	for (size_t i = 0; i < firsts; i++) {
		struct answer_item item = next(t, &q->names[i], false);
		if (!put(out, &item, &room))
			goto full;
	}
	memcpy(at, q->names + firsts, n * sizeof *at);
	for (uint32_t i = 0; n > 0 && i < q->max_repetitions; i++)
		if (!repeat(t, at, n, out, &room))
			break;
full:
	if (out->n == 0 && q->n_names > 0 && (firsts > 0 || q->max_repetitions > 0))
		fail(out, ANSWER_TOO_BIG, 0);
}

void answer_make(const struct view *t, const struct question *q, struct answer *out)
{
	out->error = ANSWER_OK;
	out->index = 0;
	out->n = 0;
	if (q->n_names > ANSWER_NAMES_MAX)
		fail(out, ANSWER_TOO_BIG, 0);
	else if (q->kind == QUESTION_BULK)
		bulk(t, q, out);
	else
		one_each(t, q, out);
}
