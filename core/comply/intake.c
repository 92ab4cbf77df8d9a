#include "comply.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdarg.h>
#include <stdio.h>

/* Records come, are numbered and chained at once, and go to the disk together: one sync for all that came meanwhile. */

enum { FAST_MS = 50, FAILURES_PER_MINUTE = 6 };

static void answer(struct comply *c, int rc)
{
	struct chan *to = bus_chan(c->bus, PROG_IM, 0);
	struct buf *b;

	if (!c->answer_seq)
		return;
	b = chan_begin(to, MSG_COMPLY_WRITTEN, 0);
	wire_put_u64(b, c->answer_seq);
	wire_put_u32(b, (uint32_t)rc);
	(void)chan_end(to); /* a gh-im that has gone sends again what it still has */
	c->answer_seq = 0;
}

static void tell_failure(struct comply *c, int rc)
{
	uint32_t held;

	c->stats[STAT_FAILED]++;
	c->is_failing = true;
	alarm_raise(ALARM_COMPLY_WRITE, "", ALARM_USUAL, rc == ERR_FULL ? "the disk is full" : "the disk does not take it");
	if (log_limit_pass(&c->log, FAILURES_PER_MINUTE, loop_now(c->loop), &held))
		log_error("comply.write.failed", LOG_STR("reason", err_name(rc)), LOG_INT("suppressed", held));
}

void intake_commit(struct comply *c)
{
	size_t n = buf_len(&c->ledger.batch);

	loop_timer_del(c->loop, &c->commit_timer);
	if (!n)
		return;
	int rc = ledger_commit(&c->ledger, loop_wall_ms(c->loop));
	if (rc) {
		tell_failure(c, rc);
	} else {
		c->stats[STAT_COMMITS]++;
		c->stats[STAT_BYTES] += n;
		if (c->is_failing)
			alarm_clear(ALARM_COMPLY_WRITE, "");
		c->is_failing = false;
		intake_roll(c);
	}
	answer(c, rc);
}

void intake_roll(struct comply *c)
{
	struct ledger *l = &c->ledger;

	if (l->fd < 0 || buf_len(&l->batch) || l->next == l->segments[l->n_segments - 1].first)
		return;
	uint64_t begun = l->segments[l->n_segments - 1].begun_ms, now = loop_wall_ms(c->loop);
	bool is_old = now > begun && now - begun >= c->config.segment_ms;
	if (l->bytes < c->config.segment_bytes && !is_old)
		return;
	notary_wish(c);
	ledger_end_segment(l);
}

static void on_commit(void *arg)
{
	intake_commit(arg);
}

/* Whoever waits for its "written" waits for nothing else; without that a sync serves more. */
static void plan(struct comply *c)
{
	if (c->config.mode == COMPLY_FAST && (loop_timer_is_set(&c->commit_timer) || loop_timer_set(c->loop, &c->commit_timer, FAST_MS) == 0))
		return;
	loop_defer_call(c->loop, &c->commit_now);
}

static int put(struct comply *c, struct bytes fields)
{
	uint64_t number;
	int rc = ledger_put(&c->ledger, fields, &number);

	if (rc == ERR_FULL) {
		intake_commit(c);
		rc = ledger_put(&c->ledger, fields, &number);
	}
	if (!rc)
		plan(c);
	return rc;
}

int intake_on_write(void *program, struct chan *from, const struct frame *f)
{
	static const enum comply_stat stats[] = { [RECORD_STANZA] = STAT_STANZAS, [RECORD_FILE] = STAT_FILES, [RECORD_TRANSFER] = STAT_FILES, [RECORD_EVENT] = STAT_EVENTS };
	struct comply *c = program;
	struct wire w = wire_of(f->body);
	uint64_t seq = wire_u64(&w);
	struct bytes fields = bytes_skip(f->body, 8);
	struct record r = { 0 };

	(void)from;
	if (wire_failed(&w) || !seq || record_read_fields(fields, &r))
		return ERR_PROTOCOL;
	int rc = put(c, fields);
	/* One answer is for all up to it: what came before stands apart from what could not be put. */
	if (rc) {
		intake_commit(c);
		c->answer_seq = seq;
		answer(c, rc);
		return 0;
	}
	c->answer_seq = seq;
	c->stats[stats[r.kind]]++;
	return 0;
}

void intake_event(struct comply *c, const char *event, const char *fmt, ...)
{
	char text[RECORD_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	const struct record r = { .kind = RECORD_EVENT, .at_ms = loop_wall_ms(c->loop), .name = bytes_of(event),
				  .text = n < 0 ? BYTES_NONE : bytes_of(text) };
	buf_clear(&c->fields);
	record_put_fields(&c->fields, &r);
	int rc = buf_failed(&c->fields) ? ERR_NOMEM : put(c, buf_bytes(&c->fields));
	if (rc)
		tell_failure(c, rc);
	else
		c->stats[STAT_EVENTS]++;
}

void intake_init(struct comply *c)
{
	buf_init(&c->fields, RECORD_TEXT_MAX + 256);
	loop_timer_init(&c->commit_timer, on_commit, c);
	loop_defer_init(&c->commit_now, on_commit, c);
}

void intake_fini(struct comply *c)
{
	intake_commit(c);
	loop_defer_cancel(&c->commit_now);
	buf_fini(&c->fields);
}
