#include "book.h"

#include "base/err.h"
#include "base/log.h"
#include "base/wire.h"
#include "run/disk.h"
#include "records.h"

#include <stdlib.h>
#include <unistd.h>

static const char file_name[] = "alarms";
enum {
	KIND_STANDING = BOOK_EVENT_COUNT, /* of a compacted file: stood before its first event */
	RECORDS_MAX = 3 * BOOK_HISTORY_MAX,
	FILE_MAX_BYTES = 64 << 20,
};

static const char *const event_names[] = { "raised", "changed", "cleared" };
_Static_assert(sizeof event_names / sizeof event_names[0] == BOOK_EVENT_COUNT, "one name an event");

const char *book_event_name(enum book_event e)
{
	return event_names[e];
}

/* ---- records ---- */

static void encode(struct buf *b, unsigned kind, const struct book_past *p)
{
	wire_put_u8(b, (uint8_t)kind);
	wire_put_u64(b, p->at_ms);
	wire_put_str(b, bytes_of(prog_name(p->prog)));
	wire_put_u8(b, (uint8_t)p->instance);
	struct alarm_news n = { p->alarm, p->event != BOOK_CLEARED, p->severity, bytes_of(p->key), bytes_of(p->text) };
	alarm_put(b, &n);
}

static void put_record(struct buf *out, unsigned kind, const struct book_past *p)
{
	struct buf body;

	buf_init(&body, RECORD_MAX_BYTES);
	encode(&body, kind, p);
	record_put(out, buf_bytes(&body));
	buf_fini(&body);
}

static void keep(char *out, struct bytes v)
{
	memcpy(out, v.p, v.n); /* alarm_decode has seen to the length */
	out[v.n] = '\0';
}

int book_decode(struct bytes body, bool *is_standing, struct book_past *out)
{
	struct wire w = wire_of(body);
	unsigned kind = wire_u8(&w);
	struct book_past p = { .event = kind == KIND_STANDING ? BOOK_RAISED : (enum book_event)kind, .at_ms = wire_u64(&w) };
	struct bytes prog = wire_str(&w);
	struct alarm_news n;

	p.instance = wire_u8(&w);
	if (wire_failed(&w) || kind > KIND_STANDING || prog_of(prog, &p.prog) || alarm_decode(wire_raw(&w, wire_left(&w)), &n) ||
	    n.is_raised != (p.event != BOOK_CLEARED))
		return ERR_PROTOCOL;
	p.alarm = n.alarm;
	p.severity = n.severity;
	keep(p.key, n.key);
	keep(p.text, n.text);
	*is_standing = kind == KIND_STANDING;
	*out = p;
	return 0;
}

/* ---- the two tables ---- */

static struct book_alarm *find(struct book *b, const struct book_past *p)
{
	LIST_EACH(node, &b->standing) {
		struct book_alarm *a = LIST_OWNER(node, struct book_alarm, node);
		if (a->alarm == p->alarm && a->prog == p->prog && a->instance == p->instance && strcmp(a->key, p->key) == 0)
			return a;
	}
	return NULL;
}

static void forget(struct book *b, struct book_alarm *a)
{
	list_del(&a->node);
	b->n_standing--;
	b->n_of[a->severity]--;
	free(a);
}

/* Raised or changed. NULL: no room. */
static struct book_alarm *stand(struct book *b, struct book_alarm *a, const struct book_past *p)
{
	if (!a) {
		size_t max = BOOK_STANDING_MAX + (p->alarm == ALARM_ALARMS_FULL); /* which must find room */
		a = b->n_standing < max ? calloc(1, sizeof *a) : NULL;
		if (!a)
			return NULL;
		a->alarm = p->alarm;
		a->prog = p->prog;
		a->instance = p->instance;
		a->since_ms = p->at_ms;
		a->number = ++b->next_number;
		memcpy(a->key, p->key, sizeof a->key);
		list_add_tail(&b->standing, &a->node);
		b->n_standing++;
	} else {
		b->n_of[a->severity]--;
	}
	a->severity = p->severity;
	b->n_of[a->severity]++;
	memcpy(a->text, p->text, sizeof a->text);
	return a;
}

static void remember(struct book *b, const struct book_past *p)
{
	b->past[b->past_at] = *p;
	b->past_at = (b->past_at + 1) % BOOK_HISTORY_MAX;
	if (b->n_past < BOOK_HISTORY_MAX)
		b->n_past++;
}

const struct book_past *book_past(const struct book *b, size_t i)
{
	return i < b->n_past ? &b->past[(b->past_at + BOOK_HISTORY_MAX - 1 - i) % BOOK_HISTORY_MAX] : NULL;
}

/* ---- the file ---- */

static void lose_file(struct book *b, const char *step)
{
	if (b->fd >= 0)
		(void)close(b->fd);
	b->fd = -1;
	log_error("log.alarms.unwritten", LOG_STR("step", step));
	alarm_raise(ALARM_LOG_WRITE, file_name, ALARM_USUAL, "the alarms cannot be written");
}

/* What stands, then the history: the same state from the fewest records. */
static void compact(struct book *b)
{
	struct buf all;
	size_t n = 0;

	buf_init(&all, FILE_MAX_BYTES);
	LIST_EACH(node, &b->standing) {
		const struct book_alarm *a = LIST_OWNER(node, struct book_alarm, node);
		struct book_past p = { BOOK_RAISED, a->since_ms, a->alarm, a->prog, a->instance, a->severity, "", "" };
		memcpy(p.key, a->key, sizeof p.key);
		memcpy(p.text, a->text, sizeof p.text);
		put_record(&all, KIND_STANDING, &p);
		n++;
	}
	for (size_t i = b->n_past; i-- > 0; n++)
		put_record(&all, book_past(b, i)->event, book_past(b, i));
	int fd = buf_failed(&all) ? ERR_NOMEM : records_replace(b->dir_fd, file_name, buf_bytes(&all));
	buf_fini(&all);
	if (fd < 0) {
		lose_file(b, "replace");
		return;
	}
	if (b->fd >= 0)
		(void)close(b->fd); /* the old file */
	b->fd = fd;
	b->records = n;
	alarm_clear(ALARM_LOG_WRITE, file_name);
}

static void write_past(struct book *b, const struct book_past *p)
{
	struct buf one;

	if (b->fd < 0 || b->records >= RECORDS_MAX) {
		compact(b); /* with p, which is in the history already */
		return;
	}
	buf_init(&one, RECORD_MAX_BYTES + RECORD_HEAD_BYTES);
	put_record(&one, p->event, p);
	int rc = buf_failed(&one) ? ERR_NOMEM : disk_write(b->fd, buf_bytes(&one));
	buf_fini(&one);
	if (rc)
		lose_file(b, "append");
	b->records++;
	b->is_dirty = true;
}

static void read_record(void *arg, struct bytes body)
{
	struct book *b = arg;
	struct book_past p;
	bool is_standing;

	b->records++;
	if (book_decode(body, &is_standing, &p))
		return; /* of a version that had other alarms */
	struct book_alarm *a = find(b, &p);
	if (p.event == BOOK_CLEARED && a)
		forget(b, a);
	else if (p.event != BOOK_CLEARED)
		(void)stand(b, a, &p); /* over the limit: only in the history */
	if (!is_standing)
		remember(b, &p);
}

int book_open(struct book *b, int dir_fd, uint64_t now_ms)
{
	uint64_t size = 0;

	*b = (struct book){ .dir_fd = dir_fd, .fd = -1 };
	list_init(&b->standing);
	b->past = calloc(BOOK_HISTORY_MAX, sizeof *b->past);
	if (!b->past)
		return ERR_NOMEM;
	b->fd = records_open(dir_fd, file_name, FILE_MAX_BYTES, read_record, b, &size);
	if (b->fd < 0)
		lose_file(b, "open");
	LIST_EACH(node, &b->standing)
		LIST_OWNER(node, struct book_alarm, node)->doubt_ms = now_ms + BOOK_ABSENT_MS;
	return 0;
}

void book_close(struct book *b)
{
	LIST_EACH(node, &b->standing)
		forget(b, LIST_OWNER(node, struct book_alarm, node));
	free(b->past);
	if (b->fd >= 0)
		(void)(fdatasync(b->fd), close(b->fd)); /* what is not written now, the next start does without */
	b->fd = -1;
}

/* ---- news ---- */

static void happened(struct book *b, struct book_past *p, const struct book_alarm *a)
{
	remember(b, p);
	write_past(b, p);
	if (b->news)
		b->news(b->arg, p, a);
}

static void clear(struct book *b, struct book_alarm *a, struct book_past *p)
{
	p->event = BOOK_CLEARED;
	p->severity = a->severity;
	happened(b, p, a);
	forget(b, a);
}

static void say_full(struct book *b)
{
	if (b->is_full)
		return;
	b->is_full = true;
	log_warn("log.alarms.full", LOG_INT("standing", b->n_standing));
	alarm_raise(ALARM_ALARMS_FULL, "", ALARM_USUAL, NULL); /* comes back to book_news */
}

void book_news(struct book *b, enum prog prog, unsigned instance, const struct alarm_news *n, struct book_time t)
{
	struct book_past p = { .at_ms = t.wall_ms, .alarm = n->alarm, .prog = prog, .instance = instance, .severity = n->severity };

	keep(p.key, n->key);
	keep(p.text, n->text);
	struct book_alarm *a = find(b, &p);
	if (!n->is_raised) {
		if (a)
			clear(b, a, &p);
		return;
	}
	if (a)
		a->doubt_ms = 0;
	if (a && a->severity == p.severity && strcmp(a->text, p.text) == 0)
		return; /* raised again after a restart */
	p.event = a ? BOOK_CHANGED : BOOK_RAISED;
	a = stand(b, a, &p);
	if (!a)
		say_full(b);
	happened(b, &p, a);
}

static void doubt(struct book *b, enum prog prog, unsigned instance, uint64_t until_ms, bool only_doubted)
{
	LIST_EACH(node, &b->standing) {
		struct book_alarm *a = LIST_OWNER(node, struct book_alarm, node);
		if (a->prog == prog && a->instance == instance && (!only_doubted || a->doubt_ms))
			a->doubt_ms = until_ms;
	}
}

void book_up(struct book *b, enum prog prog, unsigned instance, uint64_t now_ms)
{
	doubt(b, prog, instance, now_ms + BOOK_CONFIRM_MS, true);
}

void book_down(struct book *b, enum prog prog, unsigned instance, uint64_t now_ms)
{
	doubt(b, prog, instance, now_ms + BOOK_ABSENT_MS, false);
}

void book_tick(struct book *b, struct book_time t)
{
	if (b->is_full && b->n_standing < BOOK_STANDING_MAX) {
		b->is_full = false;
		alarm_clear(ALARM_ALARMS_FULL, "");
	}
	LIST_EACH(node, &b->standing) {
		struct book_alarm *a = LIST_OWNER(node, struct book_alarm, node);
		if (!a->doubt_ms || t.now_ms < a->doubt_ms)
			continue;
		struct book_past p = { .at_ms = t.wall_ms, .alarm = a->alarm, .prog = a->prog, .instance = a->instance,
				       .text = "its program ended, and it was not raised again" };
		memcpy(p.key, a->key, sizeof p.key);
		clear(b, a, &p);
	}
	if (b->is_dirty && b->fd >= 0 && fdatasync(b->fd) < 0)
		lose_file(b, "sync");
	b->is_dirty = false;
}
