#include "transfer_impl.h"

#include "base/err.h"

#include <unistd.h>

enum {
	READ_BYTES = 64 << 10,
	QUEUE_HIGH = 128 << 10, /* bytes that wait for the client before no more are read */
	TEXT_MAX = 2048,
};

void transfer_pump(void *arg)
{
	struct transfer *t = arg;
	uint8_t *p;

	if (t->is_gone || t->state != STATE_OUT || link_queued(&t->link) >= QUEUE_HIGH)
		return;
	if (t->left && transfer_rests(t, &t->files->out))
		return;
	size_t n = t->left < READ_BYTES ? (size_t)t->left : READ_BYTES;
	if (n == 0) {
		if (link_queued(&t->link) == 0) /* else drained() comes back: a shutdown does not wait for who is slow */
			transfer_end(t);
		return;
	}
	p = buf_reserve(link_out(&t->link), n);
	ssize_t got = p ? pread(t->fd, p, n, (off_t)t->at) : -1;
	if (got <= 0) { /* the client sees that it is not whole */
		t->files->stats[STAT_IO]++;
		log_error("files.read.failed", LOG_STR("file", t->slot.name), LOG_INT("at", t->at));
		transfer_drop(t);
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

void transfer_out_ended(struct transfer *t)
{
	size_t queued = link_queued(&t->link);

	if (!t->is_download)
		return;
	t->is_download = false;
	uint64_t read = t->at - t->first, moved = read > queued ? read - queued : 0;
	log_info("files.downloaded", LOG_STR("user", t->slot.owner), LOG_STR("address", t->from), LOG_INT("size", t->slot.size), LOG_INT("moved", moved));
	fact_tell(t, TRANSFER_GET, moved, "");
}

void transfer_begin_out(struct transfer *t, const struct upload_ask *ask)
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
		transfer_refuse(t, 404, "there is no such file (any more)");
		return;
	}
	buf_init(&text, TEXT_MAX);
	reply_file(ask, &t->slot, &label, &text, &a, &t->at);
	transfer_send_answer(t, &a);
	buf_fini(&text);
	f->stats[STAT_DOWNLOADS]++;
	memcpy(t->slot.owner, label.owner, sizeof t->slot.owner);
	memcpy(t->slot.type, label.type, sizeof t->slot.type);
	t->slot.size = label.size;
	t->first = t->at;
	t->is_download = ask->op == UPLOAD_GET && (a.status == 200 || a.status == 206);
	t->left = ask->op == UPLOAD_HEAD ? 0 : a.size;
	t->state = STATE_OUT;
	loop_defer_call(f->loop, &t->pump); /* behind the answer's own kick */
}
