#include "comply.h"

#include "base/err.h"
#include "reader.h"
#include "run/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Retention: a segment whose records are all too old goes. Where one of them is held (`compliance hold`), the segment is written anew
 * with what is held, and with the hashes alone of what is not, so that the chain goes on over it. One segment at a time, a part at a
 * time. */

enum { STEP_FRAMES = 1000, STEP_BYTES = 1 << 20, OUT_BYTES = 256 << 10, OUT_MAX = RECORD_BODY_MAX + OUT_BYTES + 4096 };

struct expire {
	struct comply *comply;
	struct loop_timer timer;
	uint64_t segment; /* being looked at, or the last one; 0: none yet */
	bool is_open;
	struct reader reader;
	int fd;           /* of the new one */
	struct buf out;
	uint32_t pruned;  /* that stand before the next frame of the new one */
	uint64_t held, gone; /* gone: records that were there before */
};

static void close_both(struct expire *e)
{
	if (e->is_open)
		reader_close(&e->reader);
	e->is_open = false;
	if (e->fd >= 0)
		(void)close(e->fd); /* synced when it counts */
	e->fd = -1;
	buf_fini(&e->out);
}

static void temporary(uint64_t segment, char name[static LEDGER_NAME_BYTES])
{
	ledger_name(segment, "new", name);
}

static int open_both(struct expire *e)
{
	struct ledger *l = &e->comply->ledger;
	char name[LEDGER_NAME_BYTES];
	struct record_head h = { .first = e->segment, .begun_ms = l->segments[ledger_find(l, e->segment)].begun_ms };

	int rc = reader_open_all(&e->reader, l, e->segment);
	if (rc)
		return rc;
	e->is_open = true;
	memcpy(h.hash, e->reader.hash, sizeof h.hash);
	temporary(e->segment, name);
	e->fd = openat(l->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	buf_init(&e->out, OUT_MAX);
	record_put_head(&e->out, &h);
	return e->fd < 0 ? ERR_IO : 0;
}

static int flush(struct expire *e)
{
	int rc = buf_failed(&e->out) ? ERR_NOMEM : disk_write(e->fd, buf_bytes(&e->out));

	buf_clear(&e->out);
	return rc;
}

/* before: the hash of the record before the frame. */
static int take(struct expire *e, const struct record_frame *f, const uint8_t before[static RECORD_HASH_BYTES])
{
	struct record r;

	if (f->pruned || record_read(f->body, &r) || !hold_has(e->comply, &r)) {
		e->pruned += f->pruned ? f->pruned : 1;
		e->gone += !f->pruned;
		return 0;
	}
	if (e->pruned)
		record_append_pruned(&e->out, e->pruned, before);
	e->pruned = 0;
	e->held++;
	/* As it stands, the length before the body. */
	buf_put(&e->out, f->body.p - 4, f->n);
	return buf_len(&e->out) >= OUT_BYTES ? flush(e) : 0;
}

static int replace(struct expire *e)
{
	struct ledger *l = &e->comply->ledger;
	char from[LEDGER_NAME_BYTES], to[LEDGER_NAME_BYTES];

	if (e->pruned)
		record_append_pruned(&e->out, e->pruned, e->reader.hash);
	temporary(e->segment, from);
	ledger_name(e->segment, "rec", to);
	int rc = flush(e);
	return rc || fsync(e->fd) || renameat(l->dir_fd, from, l->dir_fd, to) || fsync(l->dir_fd) ? ERR_IO : 0;
}

/* The segment was read to its end. */
static void judge(struct expire *e)
{
	struct comply *c = e->comply;
	char name[LEDGER_NAME_BYTES];
	int rc = 0;

	if (!e->held)
		rc = ledger_remove(&c->ledger, e->segment);
	else if (e->gone)
		rc = replace(e);
	if (!rc && (e->gone || !e->held)) {
		c->stats[STAT_EXPIRED] += e->gone;
		intake_event(c, "expired", "segment=%llu records=%llu held=%llu", (unsigned long long)e->segment, (unsigned long long)e->gone,
		             (unsigned long long)e->held);
		log_info("comply.expired", LOG_INT("segment", e->segment), LOG_INT("records", e->gone), LOG_INT("held", e->held));
	}
	if (rc)
		log_error("comply.expire.failed", LOG_INT("segment", e->segment), LOG_STR("reason", err_name(rc)));
	temporary(e->segment, name);
	(void)unlinkat(c->ledger.dir_fd, name, 0); /* it has the other name now, or is not wanted */
}

/* The first segment behind the last whose successor begins before the time that counts. */
static bool find_next(struct expire *e)
{
	const struct comply *c = e->comply;
	const struct ledger *l = &c->ledger;
	uint64_t now = loop_wall_ms(c->loop);

	if (!c->config.keep_ms || now < c->config.keep_ms)
		return false;
	for (size_t i = 0; i + 1 < l->n_segments; i++) {
		uint64_t ended = l->segments[i + 1].begun_ms;
		if (!ended || ended > now - c->config.keep_ms)
			return false;
		if (l->segments[i].first <= e->segment || l->segments[i].first <= c->expired_to)
			continue;
		e->segment = l->segments[i].first;
		e->held = e->gone = e->pruned = 0;
		return true;
	}
	return false;
}

static void free_it(struct expire *e)
{
	close_both(e);
	loop_timer_del(e->comply->loop, &e->timer);
	e->comply->expire = NULL;
	free(e);
}

/* Frames of the segment. 0: there are more; ERR_NOT_FOUND: all were read. */
static int read_some(struct expire *e)
{
	uint8_t before[RECORD_HASH_BYTES];
	struct record_frame f;
	uint64_t bytes = 0;
	int rc = 0;

	for (int i = 0; !rc && i < STEP_FRAMES && bytes < STEP_BYTES; i++) {
		memcpy(before, e->reader.hash, sizeof before);
		rc = reader_frame(&e->reader, &f);
		if (rc)
			break;
		bytes += f.n;
		rc = take(e, &f, before);
	}
	return rc;
}

static void on_turn(void *arg)
{
	struct expire *e = arg;
	int rc = 0;

	if (!e->is_open) {
		if (!find_next(e)) {
			free_it(e);
			return;
		}
		rc = open_both(e);
	}
	if (!rc)
		rc = read_some(e);
	if (rc == ERR_NOT_FOUND)
		judge(e);
	if (rc)
		e->comply->expired_to = e->segment;
	if (rc && rc != ERR_NOT_FOUND) /* a damaged segment is evidence: it stays */
		log_error("comply.expire.failed", LOG_INT("segment", e->segment), LOG_STR("reason", err_name(rc)));
	if (rc)
		close_both(e);
	if (loop_timer_set(e->comply->loop, &e->timer, 1))
		free_it(e);
}

void expire_begin(struct comply *c)
{
	if (c->expire || c->verify || !c->config.keep_ms) /* what is being verified holds still */
		return;
	struct expire *e = calloc(1, sizeof *e);
	if (!e)
		return; /* in a minute, perhaps */
	e->comply = c;
	e->fd = -1;
	buf_init(&e->out, OUT_MAX);
	loop_timer_init(&e->timer, on_turn, e);
	c->expire = e;
	if (loop_timer_set(c->loop, &e->timer, 1))
		free_it(e);
}

void expire_again(struct comply *c)
{
	c->expired_to = 0;
	expire_fini(c); /* what is half written by the old rules is written over, or goes with the next start */
	expire_begin(c);
}

void expire_fini(struct comply *c)
{
	if (c->expire)
		free_it(c->expire);
}
