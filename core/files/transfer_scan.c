#include "transfer_impl.h"

#include "base/err.h"
#include "run/scan.h"

#include <stdio.h>
#include <unistd.h>

/* A file that has come whole, before anybody may have it: gh-scan, another program that may connect to scanners and reads nothing but
 * the descriptor it is given, says what is in it. Until then it is a draft, as while it comes: nothing is left of it after a crash, and
 * its link leads nowhere. The client waits for its 201, since it sends the link to others once it has that (XEP-0363 5). */

enum {
	GRACE_MS = 2000, /* gh-scan knows the time-out and says so itself */
	LINES = 30,
};

/* To gh-scan, if it is there; when it comes it is asked again. */
static void ask(struct transfer *t)
{
	struct files *f = t->files;
	struct chan *to = f->bus ? bus_chan(f->bus, PROG_SCAN, 0) : NULL;
	int fd = to ? draft_open(&f->shelf, &t->draft) : ERR_CLOSED;

	if (fd < 0) {
		if (fd == ERR_IO)
			f->stats[STAT_IO]++;
		return;
	}
	uint32_t id = bus_next_id(f->bus);
	struct buf *b = chan_begin(to, MSG_SCAN, id);
	wire_put_u64(b, t->slot.size);
	wire_put_u32(b, f->config.scan_ms);
	wire_put_str(b, bytes_of(t->slot.type));
	if (chan_end_fd(to, fd, true) == 0)
		t->scan = id;
	else
		(void)close(fd); /* read only */
}

void transfer_scan(struct transfer *t)
{
	if (!t->files->config.is_scanned) {
		transfer_keep(t);
		return;
	}
	t->state = STATE_SCAN;
	transfer_wait(t, t->files->config.scan_ms + GRACE_MS);
	if (!t->is_gone)
		ask(t);
}

void transfer_scan_stop(struct transfer *t)
{
	struct chan *to = t->scan && t->files->bus ? bus_chan(t->files->bus, PROG_SCAN, 0) : NULL;

	if (to) {
		(void)chan_begin(to, MSG_SCAN_STOP, t->scan);
		(void)chan_end(to); /* a gh-scan that has gone scans nothing */
	}
	t->scan = 0;
}

/* ---- what comes of it ---- */

static void refuse(struct transfer *t, int status, const char *why)
{
	t->state = STATE_ENDING;
	shelf_drop(&t->files->shelf, &t->draft);
	transfer_leave_quota(t);
	transfer_refuse(t, status, why);
	if (!t->is_gone)
		transfer_wait(t, 2 * UPLOAD_PACE_MS);
}

/* It counts as a file of its owner: else who uploads viruses has no bound. */
static bool put_away(struct transfer *t, const char *virus)
{
	struct files *f = t->files;
	struct shelf_label label;
	char place[SHELF_PLACE_BYTES];

	transfer_label(t, &label);
	memcpy(label.virus, virus, strlen(virus) + 1);
	shelf_place(t->slot.hour, t->slot.id, place);
	int rc = shelf_keep(&f->quarantine, &t->draft, place, &label);
	if (rc && rc != ERR_EXISTS) { /* it is gone then, and nobody has got it */
		f->stats[STAT_IO] += rc != ERR_FULL;
		log_error("files.quarantine.failed", LOG_STR("reason", err_name(rc)), LOG_STR("user", t->slot.owner));
	}
	if (rc)
		return false;
	quota_add(f, t->owner, label.size);
	f->n_quarantined++;
	return true;
}

static void infected(struct transfer *t, const char *virus)
{
	struct files *f = t->files;
	bool is_kept = f->config.has_quarantine && put_away(t, virus);
	char place[SHELF_PLACE_BYTES], why[64 + SCAN_NAME_MAX];

	shelf_place(t->slot.hour, t->slot.id, place);
	f->stats[STAT_INFECTED]++;
	log_warn("files.infected", LOG_STR("user", t->slot.owner), LOG_STR("file", place + 12), LOG_STR("name", t->slot.name),
	         LOG_INT("size", t->slot.size), LOG_STR("virus", virus), LOG_STR("action", is_kept ? "quarantine" : "delete"));
	(void)snprintf(why, sizeof why, "the virus scanner refuses it: %s", virus);
	fact_tell(t, TRANSFER_INFECTED, t->slot.size, virus);
	refuse(t, 422, why);
}

static void unscanned(struct transfer *t, enum scan_verdict v)
{
	struct files *f = t->files;
	const char *reason = v == SCAN_TOO_LARGE ? "too-large" : "no-answer";
	bool may = f->config.may_unscanned;
	uint32_t held;

	f->stats[may ? STAT_UNSCANNED : STAT_SCAN_REFUSED]++;
	if (log_limit_pass(&f->log, LINES, loop_now(f->loop), &held))
		log_warn("files.unscanned", LOG_STR("user", t->slot.owner), LOG_INT("size", t->slot.size), LOG_STR("reason", reason),
		         LOG_STR("action", may ? "give" : "refuse"), LOG_INT("suppressed", held));
	t->is_unscanned = true;
	if (may)
		transfer_keep(t);
	else if (v == SCAN_TOO_LARGE)
		refuse(t, 413, "the virus scanner takes no file of this size");
	else
		refuse(t, 503, "no virus scanner answers: try again later");
}

static void judge(struct transfer *t, enum scan_verdict v, const char *virus)
{
	t->scan = 0;
	if (v == SCAN_CLEAN)
		transfer_keep(t);
	else if (v == SCAN_INFECTED)
		infected(t, virus);
	else
		unscanned(t, v);
	if (!t->is_gone && t->state == STATE_ENDING)
		transfer_wait(t, 2 * UPLOAD_PACE_MS);
}

void transfer_scan_late(struct transfer *t)
{
	transfer_scan_stop(t);
	judge(t, SCAN_NONE, "");
}

static struct transfer *find(struct files *f, uint32_t id)
{
	LIST_EACH (it, &f->transfers) {
		struct transfer *t = LIST_OWNER(it, struct transfer, node);
		if (t->state == STATE_SCAN && t->scan == id)
			return t;
	}
	return NULL;
}

int transfer_on_scanned(void *program, struct chan *from, const struct frame *frame)
{
	struct files *f = program;
	struct wire w = wire_of(frame->body);
	uint8_t verdict = wire_u8(&w);
	struct bytes name = wire_str(&w);
	char virus[SCAN_NAME_MAX + 1];

	(void)from;
	if (wire_end(&w) || verdict >= SCAN_VERDICT_COUNT || name.n > SCAN_NAME_MAX || !frame->id)
		return ERR_PROTOCOL;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < 0x20 || name.p[i] > 0x7e) /* it goes into a line, a file and an answer: gh-scan is not believed about it */
			return ERR_PROTOCOL;
	(void)snprintf(virus, sizeof virus, "%.*s", name.n ? (int)name.n : (int)sizeof "unnamed" - 1, name.n ? (const char *)name.p : "unnamed");
	struct transfer *t = find(f, frame->id);
	if (t) /* else its client has gone */
		judge(t, (enum scan_verdict)verdict, virus);
	return 0;
}

/* ---- gh-scan comes and goes ---- */

void transfer_scanner_up(struct files *f)
{
	LIST_EACH (it, &f->transfers) {
		struct transfer *t = LIST_OWNER(it, struct transfer, node);
		if (t->state == STATE_SCAN && !t->scan && !t->is_gone)
			ask(t);
	}
}

void transfer_scanner_down(struct files *f)
{
	LIST_EACH (it, &f->transfers)
		LIST_OWNER(it, struct transfer, node)->scan = 0;
}

void transfer_scan_apply(struct files *f)
{
	if (f->config.is_scanned)
		return;
	LIST_EACH (it, &f->transfers) {
		struct transfer *t = LIST_OWNER(it, struct transfer, node);
		if (t->state != STATE_SCAN)
			continue;
		transfer_scan_stop(t);
		judge(t, SCAN_CLEAN, "");
	}
}
