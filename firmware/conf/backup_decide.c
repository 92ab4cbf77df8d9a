/* The decision of a restore: the file "restore" in our folder, "ID\n". It is written last of all that is prepared and goes
 * when everybody has taken over; in between each start goes on with it. */
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "conf.h"
#include "run/disk.h"
#include "run/box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { AGAIN_MS = 5000, ID_DIGITS = 2 * BACKUP_ID_BYTES, FILE_ROOM = 256 << 10 };

static const char decision_file[] = "restore";

static void staged_name(unsigned part, char out[static 32])
{
	snprintf(out, 32, "restore.%u", backup_parts[part].section);
}

static void note_of(const struct restore *r, char out[static 64])
{
	char hex[ID_DIGITS + 1];

	text_hex(bytes_make(r->id, sizeof r->id), hex);
	snprintf(out, 64, "restored %s", hex);
}

static void drop_staged(int folder)
{
	char name[32];

	for (unsigned i = 0; i < BACKUP_PARTS; i++) {
		staged_name(i, name);
		(void)unlinkat(folder, name, 0); /* may not be there */
	}
}

int restore_decide(struct conf *c)
{
	struct restore *r = &c->restore;
	const struct backup *b = &c->backup;
	char name[32], text[ID_DIGITS + 2];
	int rc = 0, folder = c->store.dir_fd;

	drop_staged(folder);
	for (unsigned i = 0; !rc && i < BACKUP_PARTS; i++) {
		staged_name(i, name);
		if (buf_len(&b->parts[i]) > 0)
			rc = disk_replace(folder, name, buf_bytes(&b->parts[i]));
	}
	text_hex(bytes_make(b->id, sizeof b->id), text);
	text[ID_DIGITS] = '\n';
	if (!rc)
		rc = disk_replace(folder, decision_file, bytes_make(text, ID_DIGITS + 1));
	if (rc)
		return rc;
	memcpy(r->id, b->id, sizeof r->id);
	r->is_decided = r->is_fresh = true;
	return 0;
}

static int read_decision(struct conf *c)
{
	struct buf b;

	buf_init(&b, FILE_ROOM);
	int rc = disk_read(c->store.dir_fd, decision_file, &b);
	if (!rc)
		rc = buf_len(&b) == ID_DIGITS + 1 ? text_unhex(bytes_make(buf_bytes(&b).p, ID_DIGITS), c->restore.id, BACKUP_ID_BYTES) : ERR_SYNTAX;
	buf_fini(&b);
	return rc;
}

static int install(struct conf *c, unsigned part, const char *note)
{
	char name[32];
	struct buf b;

	staged_name(part, name);
	buf_init(&b, backup_parts[part].max_bytes + FILE_ROOM);
	int rc = disk_read(c->store.dir_fd, name, &b);
	if (!rc)
		rc = backup_parts[part].install(c, buf_bytes(&b), note);
	buf_fini(&b);
	return rc == ERR_NOT_FOUND ? 0 : rc; /* the backup had none */
}

static void on_again(void *arg);

int restore_resume(struct conf *c)
{
	char note[64];

	c->restore = (struct restore){ 0 };
	loop_timer_init(&c->restore.again, on_again, c);
	int rc = read_decision(c);
	if (rc == ERR_NOT_FOUND) {
		drop_staged(c->store.dir_fd); /* of one that was never decided */
		return 0;
	}
	if (rc) { /* it is written as a whole: only a failing disk does this */
		log_error("conf.restore.damaged", LOG_STR("why", err_name(rc)), LOG_STR("advice", "restore again"));
		return 0;
	}
	c->restore.is_decided = true;
	note_of(&c->restore, note);
	for (unsigned i = 0; !rc && i < BACKUP_PARTS; i++)
		rc = install(c, i, note);
	if (rc)
		log_error("conf.restore.waits", LOG_STR("program", "gh-conf"), LOG_STR("why", err_name(rc)));
	else
		log_info("conf.restore.resumed", LOG_STR("restore", note + 9), LOG_INT("generation", c->store.generation));
	return rc;
}

bool restore_is_asked(enum prog p)
{
	return p == PROG_KEYS || p == PROG_STORE;
}

static int send_decision(struct conf *c, enum prog p, const uint8_t id[static BACKUP_ID_BYTES], uint32_t ask_id)
{
	struct buf *b = chan_begin(bus_chan(c->bus, p, 0), MSG_BACKUP_ASK, ask_id);

	wire_put_u8(b, BACKUP_DECIDE);
	buf_put(b, id, BACKUP_ID_BYTES);
	return chan_end(bus_chan(c->bus, p, 0));
}

void restore_ask(struct conf *c, enum prog p)
{
	struct restore *r = &c->restore;

	if (r->is_fresh)
		return; /* it waits: all start again in a moment, or with us */
	r->ask_id[p] = bus_next_id(c->bus);
	if (send_decision(c, p, r->id, r->ask_id[p]))
		r->ask_id[p] = 0; /* it has gone, and asks again when it is back */
}

static void on_again(void *arg)
{
	struct conf *c = arg;

	for (unsigned p = 0; p < PROG_COUNT; p++)
		if (restore_is_asked((enum prog)p) && !c->txn.slots[p][0].is_up && bus_chan(c->bus, (enum prog)p, 0))
			restore_ask(c, (enum prog)p);
}

static void settle(struct conf *c, enum prog p)
{
	struct restore *r = &c->restore;

	r->is_settled[p] = true;
	if (!r->is_decided || !r->is_settled[PROG_KEYS] || (conf_runs(c, PROG_STORE) && !r->is_settled[PROG_STORE]))
		return;
	drop_staged(c->store.dir_fd);
	if (unlinkat(c->store.dir_fd, decision_file, 0) < 0 || fsync(c->store.dir_fd) < 0)
		log_error("conf.restore.unfinished", LOG_STR("why", "the decision cannot be removed")); /* harmless: it is repeated */
	r->is_decided = false;
	memset(r->id, 0, sizeof r->id);
	log_info("conf.restore.finished", LOG_INT("generation", c->store.generation));
}

bool restore_on_answer(struct conf *c, enum prog p, uint32_t id, int rc)
{
	struct restore *r = &c->restore;

	if (!restore_is_asked(p) || !r->ask_id[p] || id != r->ask_id[p])
		return false;
	r->ask_id[p] = 0;
	if (rc == 0) {
		settle(c, p);
		txn_up(&c->txn, p, 0);
	} else if (rc == ERR_AGAIN) {
		(void)conf_end_box(c, BOX_RESTART); /* it served the old while we started: now all take the new */
	} else {
		log_error("conf.restore.waits", LOG_STR("program", prog_name(p)), LOG_STR("why", err_name(rc)));
		(void)loop_timer_set(c->loop, &r->again, AGAIN_MS); /* without memory its next start does it */
	}
	return true;
}

void restore_drop(struct conf *c)
{
	static const uint8_t nothing[BACKUP_ID_BYTES];

	for (unsigned p = 0; p < PROG_COUNT; p++)
		if (restore_is_asked((enum prog)p))
			(void)send_decision(c, (enum prog)p, nothing, bus_next_id(c->bus)); /* who has gone drops it at its start */
	drop_staged(c->store.dir_fd);
}
