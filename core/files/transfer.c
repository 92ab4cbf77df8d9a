#include "transfer_impl.h"

#include "base/err.h"
#include "net/front_stream.h"

#include <stdlib.h>
#include <unistd.h>

/* One file that comes or goes: a stream of the front, of this box or by gh-link of an edge (proto/upload.h). An edge may be
 * hostile: whatever it says counts only as far as the path is genuine. */

enum {
	ASK_MS = 10000,
	/* The front looks at clients more closely. Bytes on their way out move in gusts here, as windows and queues on the way to a
	 * slow client (half a MiB of a link's stream) are emptied before they are filled again. */
	PACE_IN_MS = 2 * UPLOAD_PACE_MS,
	PACE_OUT_MS = 600000,
	LONGEST_MS = 4 * 3600 * 1000,
	QUEUE_MAX = 512 << 10,
	GUST_MS = 20, /* bytes of so long may come at once */
	LINES = 30,
};

/* ---- end ---- */

void transfer_leave_quota(struct transfer *t)
{
	if (t->owner)
		quota_leave(t->files, t->owner, t->slot.size);
	t->owner = NULL;
}

void transfer_drop(struct transfer *t)
{
	struct files *f = t->files;

	if (t->is_gone)
		return;
	t->is_gone = true;
	transfer_out_ended(t);
	transfer_scan_stop(t);
	if (t->state == STATE_IN || t->state == STATE_SCAN) {
		f->stats[STAT_UPLOADS_BROKEN]++;
		shelf_drop(&f->shelf, &t->draft);
	}
	transfer_leave_quota(t);
	if (t->fd >= 0)
		(void)close(t->fd); /* read only */
	link_close(&t->link);
	loop_timer_del(f->loop, &t->timer);
	loop_timer_del(f->loop, &t->rest);
	loop_defer_cancel(&t->pump);
	address_leave(&f->addresses, t->address);
	list_del(&t->node);
	list_add_tail(&f->gone, &t->node);
	f->n_transfers--;
	loop_defer_call(f->loop, &f->sweep);
}

void transfer_sweep(void *program)
{
	struct files *f = program;

	LIST_EACH (it, &f->gone) {
		struct transfer *t = LIST_OWNER(it, struct transfer, node);
		list_del(it);
		buf_fini(&t->head);
		free(t);
	}
}

void transfer_drop_all(struct files *f)
{
	LIST_EACH (it, &f->transfers)
		transfer_drop(LIST_OWNER(it, struct transfer, node));
	transfer_sweep(f);
}

static uint64_t pace_ms(const struct transfer *t)
{
	return t->state == STATE_OUT ? PACE_OUT_MS : PACE_IN_MS;
}

void transfer_wait(struct transfer *t, uint64_t ms)
{
	if (loop_timer_set(t->files->loop, &t->timer, ms))
		transfer_drop(t); /* nothing may wait without an end */
}

/* ---- how fast: files together get no more bytes a second than is set, so that messages beside them stay quick ---- */

void transfer_set_rate(struct files *f, uint32_t bytes_s)
{
	uint32_t gust = bytes_s / (1000 / GUST_MS);

	if (f->in.per_s == bytes_s)
		return;
	rate_init(&f->in, bytes_s, gust, loop_now(f->loop));
	rate_init(&f->out, bytes_s, gust, loop_now(f->loop));
}

bool transfer_rests(struct transfer *t, struct rate *r)
{
	uint64_t ms = rate_wait_ms(r, 1, loop_now(t->files->loop));

	return ms && loop_timer_set(t->files->loop, &t->rest, ms) == 0; /* without memory for the timer it goes on at once */
}

static void on_rested(void *arg)
{
	struct transfer *t = arg;

	if (t->state == STATE_OUT)
		loop_defer_call(t->files->loop, &t->pump);
	else if (!t->is_gone)
		link_pause(&t->link, false);
}

/* ---- answers ---- */

void transfer_send_answer(struct transfer *t, const struct upload_answer *a)
{
	upload_put_answer(link_out(&t->link), a);
	link_kick(&t->link);
}

void transfer_end(struct transfer *t)
{
	t->state = STATE_ENDING;
	link_shutdown(&t->link);
}

void transfer_refuse(struct transfer *t, int status, const char *why)
{
	struct upload_answer a = { .status = (uint16_t)status, .size = strlen(why) + 1 };
	struct files *f = t->files;
	uint32_t held;

	f->stats[t->slot.kind == SLOT_FILL ? STAT_UPLOADS_REFUSED : STAT_DOWNLOADS_REFUSED]++;
	if (log_limit_pass(&f->log, LINES, loop_now(f->loop), &held))
		log_info("files.refused", LOG_INT("status", status), LOG_STR("why", why), LOG_STR("user", t->slot.owner),
		         LOG_INT("suppressed", held));
	upload_add(&a, "Content-Type", BYTES("text/plain; charset=utf-8"));
	if (status == 503)
		upload_add(&a, "Retry-After", BYTES("30"));
	transfer_send_answer(t, &a);
	if (!t->is_head) {
		(void)link_send(&t->link, bytes_of(why)); /* full: it ends in any case */
		(void)link_send(&t->link, BYTES("\n"));
	}
	transfer_end(t);
}

/* ---- the ask ---- */

static void answer(struct transfer *t, const struct upload_ask *ask)
{
	struct files *f = t->files;

	t->is_head = ask->op == UPLOAD_HEAD;
	t->slot.kind = ask->op == UPLOAD_PUT ? SLOT_FILL : SLOT_FETCH; /* until it is known: for the counters */
	if (!f->key.n) {
		transfer_refuse(t, 503, "files are not ready yet");
		return;
	}
	int rc = slot_read_path(bytes_make(f->key.p, f->key.n), ask->path, &t->slot);
	f->stats[STAT_FORGED] += rc == ERR_AUTH;
	if (rc && ask->op == UPLOAD_PUT)
		transfer_refuse(t, 403, "this is no slot of ours");
	else if (rc)
		transfer_refuse(t, 404, "there is no such file");
	else if (ask->op == UPLOAD_PUT)
		transfer_begin_in(t, ask);
	else if (t->slot.kind != SLOT_FETCH)
		transfer_refuse(t, 405, "files are put here");
	else
		transfer_begin_out(t, ask);
}

static void take_head(struct transfer *t, struct bytes in)
{
	struct upload_ask ask;
	size_t used;

	buf_put_bytes(&t->head, in);
	int rc = buf_failed(&t->head) ? ERR_LIMIT : upload_take_ask(buf_bytes(&t->head), &ask, &used);
	if (rc == ERR_AGAIN)
		return;
	/* Nothing of the file comes before it was answered. */
	if (rc || used != buf_len(&t->head)) {
		transfer_drop(t);
		return;
	}
	answer(t, &ask);
	buf_fini(&t->head);
	if (!t->is_gone)
		transfer_wait(t, pace_ms(t));
}

static void on_data(void *arg, struct bytes in)
{
	struct transfer *t = arg;

	if (t->is_gone)
		return;
	if (t->state == STATE_ASK)
		take_head(t, in);
	else if (t->state == STATE_IN)
		transfer_take(t, in);
	else if (t->state == STATE_OUT || t->state == STATE_SCAN)
		transfer_drop(t); /* it has nothing more to say */
}

static void on_drained(void *arg)
{
	transfer_pump(arg);
}

static void on_closed(void *arg, int why)
{
	(void)why;
	transfer_drop(arg);
}

static void on_timer(void *arg)
{
	struct transfer *t = arg;

	if (t->state == STATE_SCAN) {
		transfer_scan_late(t);
		if (!t->is_gone)
			transfer_wait(t, PACE_IN_MS);
		return;
	}
	uint64_t moved = t->link.bytes_in + t->link.bytes_out;

	uint64_t wanted = t->state == STATE_OUT ? 1 : UPLOAD_PACE_BYTES;

	if (t->state == STATE_ASK || moved - t->moved < wanted ||
	    loop_now(t->files->loop) - t->began_ms > LONGEST_MS) {
		t->files->stats[STAT_SLOW]++;
		transfer_drop(t);
		return;
	}
	t->moved = moved;
	transfer_wait(t, pace_ms(t));
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };

/* ---- begin ---- */

/* Takes over fd. */
static int open_transfer(struct files *f, int fd, const struct sockaddr *from)
{
	struct transfer *t = calloc(1, sizeof *t);
	int rc = t ? address_enter(&f->addresses, from, TRANSFERS_ADDRESS_MAX, &t->address) : ERR_NOMEM;

	if (rc) {
		free(t);
		(void)close(fd); /* the front says that we are busy */
		return rc;
	}
	rc = link_accept(&t->link, f->loop, fd, &owner, t, QUEUE_MAX);
	if (rc) {
		address_leave(&f->addresses, t->address);
		free(t);
		return rc;
	}
	t->files = f;
	t->fd = t->draft.fd = -1;
	struct peer_address peer;
	peer_address_of(from, &peer);
	peer_address_text(&peer, t->from);
	t->began_ms = loop_now(f->loop);
	buf_init(&t->head, UPLOAD_HEAD_MAX + 4);
	loop_timer_init(&t->timer, on_timer, t);
	loop_timer_init(&t->rest, on_rested, t);
	loop_defer_init(&t->pump, transfer_pump, t);
	list_add_tail(&f->transfers, &t->node);
	f->n_transfers++;
	transfer_wait(t, ASK_MS);
	return 0;
}

int transfer_on_stream(void *program, struct chan *from, const struct frame *frame)
{
	struct sockaddr_storage address;
	struct files *f = program;
	bool is_edge = false;
	int rc = front_stream_decode(frame->body, &address, &is_edge);
	/* An edge that is taken over can say any address: it gets no more than three quarters of all. */
	bool is_full = f->n_transfers >= (is_edge ? TRANSFERS_MAX - TRANSFERS_MAX / 4 : TRANSFERS_MAX);

	(void)from;
	if (rc || frame->fd < 0 || !f->config.is_on || is_full) {
		f->stats[STAT_TOO_MANY] += !rc && is_full;
		if (frame->fd >= 0)
			(void)close(frame->fd); /* the front sees that */
		return rc || frame->fd < 0 ? ERR_SYNTAX : 0;
	}
	if (open_transfer(f, frame->fd, (struct sockaddr *)&address) == ERR_LIMIT)
		f->stats[STAT_TOO_MANY]++;
	return 0;
}
