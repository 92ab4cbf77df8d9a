#include "files.h"

#include "base/err.h"
#include "net/front_stream.h"
#include "net/link.h"
#include "proto/upload.h"

#include <stdio.h>
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
	READ_BYTES = 64 << 10,
	QUEUE_HIGH = 128 << 10, /* of a file on its way out */
	QUEUE_MAX = 512 << 10,
	TEXT_MAX = 2048,
	GUST_MS = 20, /* bytes of so long may come at once */
	LINES = 30,
};

enum state { STATE_ASK, STATE_IN, STATE_OUT, STATE_ENDING };

struct transfer {
	struct list node;
	struct files *files;
	struct link link;
	struct loop_timer timer;
	struct loop_defer pump;
	struct loop_timer rest; /* files have had their bytes: read, or send, again after it */
	struct address_count *address;
	struct buf head; /* STATE_ASK: what has come of it */
	struct slot slot;
	struct draft draft;    /* STATE_IN */
	struct owner *owner;   /* STATE_IN: whose bytes are reserved */
	uint64_t left;         /* bytes that still come, or go */
	int fd;                /* STATE_OUT */
	uint64_t at;           /* STATE_OUT: next byte of the file */
	uint64_t began_ms, moved; /* bytes at the last look */
	uint8_t state;
	bool is_head; /* HEAD was asked: no body follows any answer */
	bool is_gone;
};

/* ---- end ---- */

static void leave_quota(struct transfer *t)
{
	if (t->owner)
		quota_leave(t->files, t->owner, t->slot.size);
	t->owner = NULL;
}

static void drop(struct transfer *t)
{
	struct files *f = t->files;

	if (t->is_gone)
		return;
	t->is_gone = true;
	if (t->state == STATE_IN) {
		f->stats[STAT_UPLOADS_BROKEN]++;
		shelf_drop(&f->shelf, &t->draft);
	}
	leave_quota(t);
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
		drop(LIST_OWNER(it, struct transfer, node));
	transfer_sweep(f);
}

static uint64_t pace_ms(const struct transfer *t)
{
	return t->state == STATE_OUT ? PACE_OUT_MS : PACE_IN_MS;
}

static void wait_for(struct transfer *t, uint64_t ms)
{
	if (loop_timer_set(t->files->loop, &t->timer, ms))
		drop(t); /* nothing may wait without an end */
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

/* Is it to rest? It goes on by itself. */
static bool rests(struct transfer *t, struct rate *r)
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

static void send_answer(struct transfer *t, const struct upload_answer *a)
{
	upload_put_answer(link_out(&t->link), a);
	link_kick(&t->link);
}

static void end(struct transfer *t)
{
	t->state = STATE_ENDING;
	link_shutdown(&t->link);
}

static void refuse(struct transfer *t, int status, const char *why)
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
	send_answer(t, &a);
	if (!t->is_head) {
		(void)link_send(&t->link, bytes_of(why)); /* full: it ends in any case */
		(void)link_send(&t->link, BYTES("\n"));
	}
	end(t);
}

/* ---- a file that goes ---- */

static void pump(void *arg)
{
	struct transfer *t = arg;
	uint8_t *p;

	if (t->is_gone || t->state != STATE_OUT || link_queued(&t->link) >= QUEUE_HIGH)
		return;
	if (t->left && rests(t, &t->files->out))
		return;
	size_t n = t->left < READ_BYTES ? (size_t)t->left : READ_BYTES;
	if (n == 0) {
		if (link_queued(&t->link) == 0) /* else drained() comes back: a shutdown does not wait for who is slow */
			end(t);
		return;
	}
	p = buf_reserve(link_out(&t->link), n);
	ssize_t got = p ? pread(t->fd, p, n, (off_t)t->at) : -1;
	if (got <= 0) { /* the client sees that it is not whole */
		t->files->stats[STAT_IO]++;
		log_error("files.read.failed", LOG_STR("file", t->slot.name), LOG_INT("at", t->at));
		drop(t);
		return;
	}
	buf_commit(link_out(&t->link), (size_t)got);
	t->at += (uint64_t)got;
	t->left -= (uint64_t)got;
	t->files->stats[STAT_DOWNLOAD_BYTES] += (uint64_t)got;
	rate_charge(&t->files->out, (uint64_t)got, loop_now(t->files->loop));
	link_kick(&t->link);
	loop_defer_call(t->files->loop, &t->pump); /* after that kick; what the kernel does not take brings it back (drained) */
}

static void open_file(struct transfer *t, const struct upload_ask *ask)
{
	struct files *f = t->files;
	char place[SHELF_PLACE_BYTES];
	struct shelf_label label;
	struct upload_answer a;
	struct buf text;

	shelf_place(t->slot.hour, t->slot.id, place);
	int rc = shelf_look(&f->shelf, place, &label, &t->fd);
	if (rc && rc != ERR_NOT_FOUND) {
		f->stats[STAT_IO]++;
		log_error("files.damaged", LOG_STR("file", place));
	}
	if (rc || strcmp(label.name, t->slot.name) != 0) {
		refuse(t, 404, "there is no such file (any more)");
		return;
	}
	buf_init(&text, TEXT_MAX);
	reply_file(ask, &t->slot, &label, &text, &a, &t->at);
	send_answer(t, &a);
	buf_fini(&text);
	f->stats[STAT_DOWNLOADS]++;
	t->left = ask->op == UPLOAD_HEAD ? 0 : a.size;
	t->state = STATE_OUT;
	loop_defer_call(f->loop, &t->pump); /* behind the answer's own kick */
}

/* ---- a file that comes ---- */

static void keep(struct transfer *t)
{
	struct files *f = t->files;
	struct shelf_label label = { .size = t->slot.size, .created_s = loop_wall_ms(f->loop) / 1000 };
	struct upload_answer a = { .status = 201 };
	char place[SHELF_PLACE_BYTES];

	memcpy(label.owner, t->slot.owner, sizeof label.owner);
	memcpy(label.type, t->slot.type, sizeof label.type);
	memcpy(label.name, t->slot.name, sizeof label.name);
	shelf_place(t->slot.hour, t->slot.id, place);
	int rc = shelf_keep(&f->shelf, &t->draft, place, &label);
	if (!rc)
		quota_add(f, t->owner, label.size);
	t->state = STATE_ENDING;
	leave_quota(t);
	if (rc) {
		f->stats[STAT_IO] += rc != ERR_EXISTS && rc != ERR_FULL;
		log_error("files.keep.failed", LOG_STR("reason", err_name(rc)), LOG_STR("user", t->slot.owner));
		refuse(t, rc == ERR_FULL ? 507 : rc == ERR_EXISTS ? 409 : 500, "the file could not be kept");
		return;
	}
	f->stats[STAT_UPLOADS]++;
	log_info("files.uploaded", LOG_STR("user", label.owner), LOG_STR("file", place + 12), LOG_INT("size", label.size));
	send_answer(t, &a);
	end(t);
}

static void take(struct transfer *t, struct bytes in)
{
	int rc = in.n > t->left ? ERR_PROTOCOL : draft_write(&t->draft, in);

	if (rc == ERR_PROTOCOL) {
		drop(t);
		return;
	}
	if (rc) {
		t->state = STATE_ENDING;
		shelf_drop(&t->files->shelf, &t->draft);
		t->files->stats[STAT_IO] += rc != ERR_FULL;
		log_error("files.write.failed", LOG_STR("reason", err_name(rc)));
		refuse(t, rc == ERR_FULL ? 507 : 500, "the disk does not take it");
		return;
	}
	t->left -= in.n;
	t->files->stats[STAT_UPLOAD_BYTES] += in.n;
	rate_charge(&t->files->in, in.n, loop_now(t->files->loop));
	if (t->left == 0)
		keep(t);
	else if (rests(t, &t->files->in))
		link_pause(&t->link, true);
}

struct refusal {
	int status;
	const char *why;
};

/* Does this PUT fit its slot? status 0: it does. */
static struct refusal judge(struct transfer *t, const struct upload_ask *ask)
{
	struct files *f = t->files;
	const struct slot *s = &t->slot;
	char place[SHELF_PLACE_BYTES];

	if (s->kind != SLOT_FILL)
		return (struct refusal){ 405, "files are fetched from here" };
	if (loop_wall_ms(f->loop) / 1000 > s->until_s)
		return (struct refusal){ 410, "this slot has expired" };
	shelf_place(s->hour, s->id, place);
	if (shelf_has(&f->shelf, place))
		return (struct refusal){ 409, "this slot is used" };
	if (ask->size != s->size)
		return (struct refusal){ ask->size > s->size ? 413 : 400, "Content-Length is not the size of the slot" };
	if (s->type[0] && ask->type.n && !bytes_eq_nocase(ask->type, bytes_of(s->type)))
		return (struct refusal){ 415, "Content-Type is not that of the slot" };
	return (struct refusal){ 0, NULL };
}

/* Room for it, and a draft. */
static struct refusal begin(struct transfer *t)
{
	struct files *f = t->files;
	struct owner *o = quota_owner(f, bytes_of(t->slot.owner));
	int rc = o ? quota_enter(f, o, t->slot.size) : ERR_NOMEM;

	if (!rc) {
		t->owner = o;
		rc = shelf_begin(&f->shelf, t->slot.id, &t->draft);
	}
	switch (rc) {
	case 0:
		return (struct refusal){ 0, NULL };
	case ERR_EXISTS:
		return (struct refusal){ 409, "this slot is being used" };
	case ERR_LIMIT:
		return (struct refusal){ 429, "so many uploads at a time are too many" };
	case ERR_FULL:
		return (struct refusal){ 507, "there is no room for it" };
	case ERR_AGAIN:
		return (struct refusal){ f->is_counted ? 507 : 503, "there is no room for it now" };
	default:
		f->stats[STAT_IO]++;
		log_error("files.begin.failed", LOG_STR("reason", err_name(rc)));
		return (struct refusal){ 500, "the file cannot be taken" };
	}
}

static void begin_upload(struct transfer *t, const struct upload_ask *ask)
{
	static const struct upload_answer go_on = { .status = 100 };
	struct refusal r = judge(t, ask);

	if (!r.status)
		r = begin(t);
	if (r.status) {
		refuse(t, r.status, r.why);
		return;
	}
	t->left = t->slot.size;
	t->state = STATE_IN;
	send_answer(t, &go_on);
}

/* ---- the ask ---- */

static void answer(struct transfer *t, const struct upload_ask *ask)
{
	struct files *f = t->files;

	t->is_head = ask->op == UPLOAD_HEAD;
	t->slot.kind = ask->op == UPLOAD_PUT ? SLOT_FILL : SLOT_FETCH; /* until it is known: for the counters */
	if (!f->key.n) {
		refuse(t, 503, "files are not ready yet");
		return;
	}
	int rc = slot_read_path(bytes_make(f->key.p, f->key.n), ask->path, &t->slot);
	f->stats[STAT_FORGED] += rc == ERR_AUTH;
	if (rc && ask->op == UPLOAD_PUT)
		refuse(t, 403, "this is no slot of ours");
	else if (rc)
		refuse(t, 404, "there is no such file");
	else if (ask->op == UPLOAD_PUT)
		begin_upload(t, ask);
	else if (t->slot.kind != SLOT_FETCH)
		refuse(t, 405, "files are put here");
	else
		open_file(t, ask);
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
		drop(t);
		return;
	}
	answer(t, &ask);
	buf_fini(&t->head);
	if (!t->is_gone)
		wait_for(t, pace_ms(t));
}

static void on_data(void *arg, struct bytes in)
{
	struct transfer *t = arg;

	if (t->is_gone)
		return;
	if (t->state == STATE_ASK)
		take_head(t, in);
	else if (t->state == STATE_IN)
		take(t, in);
	else if (t->state == STATE_OUT)
		drop(t); /* it has nothing more to say */
}

static void on_drained(void *arg)
{
	pump(arg);
}

static void on_closed(void *arg, int why)
{
	(void)why;
	drop(arg);
}

static void on_timer(void *arg)
{
	struct transfer *t = arg;
	uint64_t moved = t->link.bytes_in + t->link.bytes_out;

	uint64_t wanted = t->state == STATE_OUT ? 1 : UPLOAD_PACE_BYTES;

	if (t->state == STATE_ASK || moved - t->moved < wanted ||
	    loop_now(t->files->loop) - t->began_ms > LONGEST_MS) {
		t->files->stats[STAT_SLOW]++;
		drop(t);
		return;
	}
	t->moved = moved;
	wait_for(t, pace_ms(t));
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
	t->began_ms = loop_now(f->loop);
	buf_init(&t->head, UPLOAD_HEAD_MAX + 4);
	loop_timer_init(&t->timer, on_timer, t);
	loop_timer_init(&t->rest, on_rested, t);
	loop_defer_init(&t->pump, pump, t);
	list_add_tail(&f->transfers, &t->node);
	f->n_transfers++;
	wait_for(t, ASK_MS);
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
