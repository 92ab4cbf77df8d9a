/* backup show, backup restore: the file comes from the operator in pieces, gh-keys opens it, sections go where they belong.
 * Nothing that runs is touched before the whole file is verified and everybody has its part on disk. */
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "conf.h"
#include "run/box.h"

#include <stdio.h>

static void wipe(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_clear(b);
}

static void undo(struct conf *c)
{
	wipe(&c->backup.store);
	backup_fini(&c->backup);
	restore_drop(c);
}

static void want_more(struct conf *c, struct oper *o);

/* ---- the head ---- */

static void copy_text(struct bytes v, char *out, size_t room)
{
	snprintf(out, room, "%.*s", BYTES_FMT(v));
}

static int take_head(struct backup *b, struct wire *w)
{
	(void)wire_u16(w); /* the version of the file: gh-keys knows it */
	copy_text(wire_str(w), b->product, sizeof b->product);
	copy_text(wire_str(w), b->platform, sizeof b->platform);
	struct bytes host = wire_raw(w, BACKUP_ID_BYTES);
	copy_text(wire_str(w), b->name, sizeof b->name);
	b->generation = wire_u32(w);
	uint64_t made_ms = wire_u64(w);
	b->flags = wire_u8(w);
	if (wire_failed(w))
		return ERR_PROTOCOL;
	text_hex(host, b->host);
	text_time(made_ms, false, b->made);
	return 0;
}

static void show(struct conf *c, struct oper *o)
{
	const struct backup *b = &c->backup;

	oper_record_begin(o);
	oper_record_str(o, "name", b->name);
	oper_record_str(o, "host", b->host);
	oper_record_str(o, "made", b->made);
	oper_record_str(o, "platform", b->platform);
	oper_record_str(o, "release", b->product);
	oper_record_int(o, "generation", b->generation);
	oper_record_str(o, "content", b->flags & BACKUP_HAS_STORE ? "settings, keys, people's data" : "settings, keys");
	oper_record_end(o);
	backup_fini(&c->backup);
	transfer_end(c, o, 0, "");
}

/* ---- the two phases ---- */

static void finish(struct conf *c, struct oper *o)
{
	char text[300];
	int rc = restore_decide(c);

	if (rc) {
		transfer_end(c, o, rc, "the decision could not be written: nothing has changed");
		return;
	}
	log_info("conf.restored", LOG_STR("by", o->by), LOG_STR("host", c->backup.host), LOG_STR("made", c->backup.made),
	         LOG_INT("people", c->backup.has_begun_store));
	snprintf(text, sizeof text, "restored from %s (host %s) of %s; all programs start again now", c->backup.name, c->backup.host, c->backup.made);
	backup_fini(&c->backup);
	transfer_end(c, o, 0, text);
	rc = conf_end_box(c, BOX_RESTART);
	if (rc) /* without gh-super this program ends, and the decision stands */
		log_error("conf.restore.restart", LOG_STR("why", err_name(rc)));
}

static void on_store_prepared(struct conf *c, struct oper *o, struct wire *answer)
{
	(void)answer;
	finish(c, o);
}

static void ask_prepare(struct conf *c, enum prog p, transfer_answer_fn then)
{
	buf_put(transfer_ask(c, MSG_BACKUP_ASK, p, BACKUP_PREPARE, then), c->backup.id, sizeof c->backup.id);
	transfer_sent(c);
}

static void on_keys_prepared(struct conf *c, struct oper *o, struct wire *answer)
{
	(void)answer;
	if (c->backup.has_begun_store)
		ask_prepare(c, PROG_STORE, on_store_prepared);
	else
		finish(c, o);
}

static void prepare(struct conf *c, struct oper *o)
{
	struct backup *b = &c->backup;
	char why[300] = "", text[400];
	int rc = 0;

	for (unsigned i = 0; i < BACKUP_PARTS && !rc; i++) {
		if (buf_len(&b->parts[i]) > 0)
			rc = backup_parts[i].check(c, buf_bytes(&b->parts[i]), why);
		if (rc) {
			snprintf(text, sizeof text, "its %s: %s", backup_parts[i].name, why);
			transfer_end(c, o, rc, text);
			return;
		}
	}
	if (buf_len(&b->parts[0]) == 0)
		transfer_end(c, o, ERR_SYNTAX, "the backup has no settings");
	else if ((b->flags & BACKUP_HAS_STORE) && !b->has_begun_store)
		transfer_end(c, o, ERR_SYNTAX, "the backup has no people's data, though its head says so");
	else
		ask_prepare(c, PROG_KEYS, on_keys_prepared);
}

/* ---- pieces ---- */

static struct buf *part_of(struct backup *b, unsigned section)
{
	for (unsigned i = 0; i < BACKUP_PARTS; i++)
		if (backup_parts[i].section == section)
			return &b->parts[i];
	return section == BACKUP_STORE ? &b->store : NULL;
}

static int take_items(struct conf *c, struct wire *w, char why[static 100])
{
	unsigned n = wire_u16(w);

	for (unsigned i = 0; i < n; i++) {
		unsigned section = wire_u8(w);
		struct bytes piece = wire_bytes(w);
		struct buf *to = part_of(&c->backup, section);
		snprintf(why, 100, "section %u is not known to this release", section);
		if (!to)
			return ERR_UNSUPPORTED;
		buf_put_bytes(to, piece);
		snprintf(why, 100, "section %u is too large", section);
		if (buf_failed(to))
			return ERR_LIMIT;
	}
	snprintf(why, 100, "gh-keys's answer is malformed");
	return wire_end(w);
}

static void on_written(struct conf *c, struct oper *o, struct wire *answer)
{
	(void)answer;
	want_more(c, o);
}

static void write_store(struct conf *c)
{
	struct backup *b = &c->backup;

	wire_put_bytes(transfer_ask(c, MSG_BACKUP_ASK, PROG_STORE, BACKUP_WRITE, on_written), buf_bytes(&b->store));
	transfer_sent(c);
	wipe(&b->store);
}

static void on_write_begun(struct conf *c, struct oper *o, struct wire *answer)
{
	(void)o;
	(void)answer;
	c->backup.has_begun_store = true;
	write_store(c);
}

static void pass_store(struct conf *c, struct oper *o)
{
	struct backup *b = &c->backup;

	if (buf_len(&b->store) == 0) {
		want_more(c, o);
	} else if (b->has_begun_store) {
		write_store(c);
	} else {
		(void)transfer_ask(c, MSG_BACKUP_ASK, PROG_STORE, BACKUP_WRITE_BEGIN, on_write_begun);
		transfer_sent(c);
	}
}

static void on_fed(struct conf *c, struct oper *o, struct wire *answer)
{
	struct backup *b = &c->backup;
	char why[100] = "gh-keys's answer is malformed";
	unsigned state = wire_u8(answer);
	int rc = wire_u8(answer) ? take_head(b, answer) : 0;

	if (!rc)
		rc = take_items(c, answer, why);
	b->is_whole |= state == BACKUP_WHOLE;
	if (rc)
		transfer_end(c, o, rc, why);
	else if (b->is_show && b->host[0])
		show(c, o);
	else if (b->is_at_end)
		prepare(c, o);
	else
		pass_store(c, o);
}

static void on_piece(struct conf *c, struct oper *o, struct bytes piece)
{
	struct backup *b = &c->backup;

	(void)o;
	b->bytes += piece.n;
	b->is_at_end = piece.n == 0;
	wire_put_bytes(transfer_ask(c, MSG_BACKUP_ASK, PROG_KEYS, BACKUP_OPEN_FEED, on_fed), piece);
	transfer_sent(c);
}

static void want_more(struct conf *c, struct oper *o)
{
	transfer_want(c, o, c->backup.word, c->backup.bytes, on_piece);
}

static void on_opened(struct conf *c, struct oper *o, struct wire *answer)
{
	(void)answer;
	want_more(c, o);
}

static void begin(struct conf *c, struct oper *o, const struct command_args *args, bool is_show)
{
	struct backup *b = &c->backup;

	if (!transfer_begin(c, o, P(PROG_KEYS) | (conf_runs(c, PROG_STORE) ? P(PROG_STORE) : 0), undo))
		return;
	*b = (struct backup){ .is_show = is_show, .word = args->first_word };
	random_bytes(b->id, sizeof b->id);
	for (unsigned i = 0; i < BACKUP_PARTS; i++)
		buf_init(&b->parts[i], backup_parts[i].max_bytes);
	buf_init(&b->store, 8 * BACKUP_PIECE_MAX);
	struct buf *w = transfer_ask(c, MSG_BACKUP_ASK, PROG_KEYS, BACKUP_OPEN_BEGIN, on_opened);
	wire_put_u8(w, !is_show);
	wire_put_bytes(w, is_show ? BYTES_NONE : args->v[1]);
	transfer_sent(c);
}

COMMAND_FN(cmd_backup_show)
{
	(void)cmd;
	begin(c, o, args, true);
}

COMMAND_FN(cmd_backup_restore)
{
	(void)cmd;
	if (txn_confirm_left_ms(&c->txn) > 0)
		oper_done(o, ERR_BAD_STATE, "a commit waits for its confirmation: confirm or revert it first");
	else
		begin(c, o, args, false);
}
