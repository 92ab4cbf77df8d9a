/* contacts import and contacts rename: the operator's file goes to gh-im piece by piece; the counters and the reasons come at the end
 * (D-CIM-12, D-CIM-13). */
#include "base/err.h"
#include "contacts_impl.h"
#include "run/bulk.h"

#include <stdio.h>

enum { RESULTS_MAX = 1000000, TELL_BYTES = 1000 * BULK_RESULT_BYTES, SILENCE_MS = 300 * 1000 };

static void fini(struct conf *c)
{
	struct contacts *x = &c->contacts;

	loop_timer_del(c->loop, &x->again);
	buf_fini(&x->text);
	buf_fini(&x->results);
	buf_fini(&x->user);
	buf_fini(&x->contact);
	buf_fini(&x->part);
}

bool contacts_begin(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;

	if (!conf_runs(c, PROG_IM)) {
		oper_done(o, ERR_BAD_STATE, "gh-im is not for a box of this role (system role)");
		return false;
	}
	if (!transfer_begin(c, o, 0, fini))
		return false;
	*x = (struct contacts){ .line = 1 };
	buf_init(&x->text, BULK_PIECE_MAX);
	buf_init(&x->results, (size_t)RESULTS_MAX * BULK_RESULT_BYTES);
	buf_init(&x->user, BULK_ROW_MAX);
	buf_init(&x->contact, BULK_ROW_MAX);
	buf_init(&x->part, OPER_FRAME_MAX);
	return true;
}

bool contacts_wait(struct conf *c, int rc, void (*then)(void *conf))
{
	struct contacts *x = &c->contacts;

	if ((rc != ERR_CLOSED && rc != ERR_AGAIN) || x->tries++ == CONTACTS_TRIES)
		return false;
	loop_timer_init(&x->again, then, c);
	return loop_timer_set(c->loop, &x->again, CONTACTS_AGAIN_MS) == 0;
}

uint64_t contacts_number(struct bytes value)
{
	uint64_t n;

	return bytes_to_u64(value, UINT64_MAX, &n) ? 0 : n;
}

/* ---- the end ---- */

static const char *text_of(enum bulk_result r)
{
	static const char *const texts[BULK_RESULT_COUNT] = {
		[BULK_DONE] = "done",
		[BULK_FORMAT] = "not a row of this format: a mandatory field is missing or blank, or a field is too long",
		[BULK_DOMAIN] = "the contact's domain is not one",
		[BULK_SELF] = "the user may not be a contact of the own list",
		[BULK_FULL] = "the list would be too long (im roster-max), or the contact in too many groups",
		[BULK_NOT_LOCAL] = "the user has no account here",
		[BULK_DIRECTORY] = "the contact is of a group of the directory, which says what it is",
		[BULK_NOBODY] = "no list has this contact",
		[BULK_REPEATED] = "no list has this contact: renamed before gh-im began anew, or not there at all",
		[BULK_ERROR] = "an internal error: see the log of gh-im and gh-store",
	};

	return texts[r];
}

static void tell(struct conf *c, struct oper *o, struct bytes result)
{
	struct wire w = wire_of(result);
	uint32_t line = wire_u32(&w);
	uint8_t r = wire_u8(&w);
	uint32_t lists = wire_u32(&w);

	oper_record_begin(o);
	oper_record_int(o, "line", line);
	if (c->contacts.is_rename)
		oper_record_int(o, "lists", lists);
	oper_record_int(o, "reason", r);
	oper_record_str(o, "text", text_of((enum bulk_result)r));
	oper_record_end(o);
}

static void tell_results(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;
	struct bytes all = buf_bytes(&x->results);
	char text[400];

	while (x->told < all.n && !o->is_closing) {
		if (oper_pending(o) > TRANSFER_QUEUE_BYTES) {
			c->transfer.drained = tell_results;
			return;
		}
		for (size_t i = 0; i < TELL_BYTES && x->told < all.n; i += BULK_RESULT_BYTES, x->told += BULK_RESULT_BYTES)
			tell(c, o, bytes_skip(all, x->told));
	}
	if (o->is_closing)
		return; /* its end stops the transfer */
	int rc = x->rc;
	snprintf(text, sizeof text, "%s%s%llu %s, %llu errors, %llu ignored, %llu unprocessed", rc ? x->why : "", rc ? ": " : "",
	         (unsigned long long)x->done, x->is_rename ? "renamed" : "imported", (unsigned long long)x->errors,
	         (unsigned long long)x->ignored, (unsigned long long)x->unprocessed);
	if (!rc)
		fini(c);
	transfer_end(c, o, rc, text);
}

static void report(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;

	log_info("conf.contacts.read", LOG_STR("by", o->by), LOG_STR("kind", x->is_rename ? BULK_RENAME : BULK_IMPORT), LOG_INT("done", x->done), LOG_INT("errors", x->errors),
	         LOG_INT("ignored", x->ignored), LOG_INT("unprocessed", x->unprocessed));
	oper_record_begin(o);
	oper_record_int(o, x->is_rename ? "renamed" : "imported", (int64_t)x->done);
	oper_record_int(o, "errors", (int64_t)x->errors);
	oper_record_int(o, "ignored", (int64_t)x->ignored);
	oper_record_int(o, "unprocessed", (int64_t)x->unprocessed);
	oper_record_end(o);
	tell_results(c, o);
}

/* ---- an early end: what is left is counted ---- */

static void count(struct conf *c, struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		c->contacts.unprocessed += text.p[i] == '\n';
	if (text.n > 0)
		c->contacts.is_open_line = text.p[text.n - 1] != '\n';
}

static void on_rest(struct conf *c, struct oper *o, struct bytes piece)
{
	struct contacts *x = &c->contacts;

	if (piece.n == 0) {
		x->unprocessed += x->is_open_line;
		report(c, o);
		return;
	}
	count(c, piece);
	x->offset += piece.n;
	transfer_want(c, o, x->word, x->offset, on_rest);
}

static void end_early(struct conf *c, struct oper *o, int rc, const char *why)
{
	struct contacts *x = &c->contacts;
	struct bytes left = buf_bytes(&x->text);

	x->rc = rc;
	snprintf(x->why, sizeof x->why, "%s", why);
	count(c, left);
	x->offset += left.n;
	buf_clear(&x->text);
	if (x->is_last)
		on_rest(c, o, BYTES_NONE);
	else
		transfer_want(c, o, x->word, x->offset, on_rest);
}

/* ---- piece after piece ---- */

static void feed(struct conf *c, struct oper *o);

static void on_piece(struct conf *c, struct oper *o, struct bytes piece)
{
	struct contacts *x = &c->contacts;

	x->is_last = piece.n == 0;
	buf_put_bytes(&x->text, piece);
	if (buf_failed(&x->text))
		transfer_end(c, o, ERR_LIMIT, "a piece of the file is too large");
	else
		feed(c, o);
}

static void want(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;

	transfer_want(c, o, x->word, x->offset + buf_len(&x->text), on_piece);
}

static int take_results(struct contacts *x, struct bytes results)
{
	struct wire w = wire_of(results);

	while (wire_left(&w)) {
		uint32_t line = wire_u32(&w);
		uint8_t r = wire_u8(&w);
		uint32_t lists = wire_u32(&w);
		if (wire_failed(&w) || r >= BULK_RESULT_COUNT)
			return ERR_PROTOCOL;
		if (r == BULK_NOBODY && x->is_repeat)
			r = BULK_REPEATED;
		x->ignored += r != BULK_DONE && r != BULK_ERROR;
		wire_put_u32(&x->results, line);
		wire_put_u8(&x->results, r);
		wire_put_u32(&x->results, lists);
	}
	return 0;
}

static bool on_record(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct contacts *x = &c->contacts;
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes v[6] = { BYTES_NONE };

	(void)o, (void)name;
	for (size_t i = 0; i < 6; i++) {
		(void)wire_str(&w); /* by their order: run/bulk.h */
		v[i] = wire_bytes(&w);
	}
	uint64_t consumed = contacts_number(v[0]);
	if (n != 6 || wire_end(&w) || consumed > buf_len(&x->text) || x->is_answered || take_results(x, v[5]))
		return true; /* not what was asked for: the end tells */
	x->is_answered = true;
	x->consumed = (size_t)consumed;
	x->line = (unsigned)contacts_number(v[1]);
	x->is_skipping = contacts_number(v[2]) != 0;
	x->done += contacts_number(v[3]);
	x->errors += contacts_number(v[4]);
	return true;
}

static void feed_again(void *arg)
{
	struct conf *c = arg;
	struct oper *o = oper_of(c, c->transfer.oper_id);

	if (o)
		feed(c, o);
}

static void on_fed(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct contacts *x = &c->contacts;

	(void)name;
	if (rc == ERR_BAD_STATE) { /* stopped */
		transfer_end(c, o, rc, text);
		return;
	}
	if (!rc && !x->is_answered)
		rc = ERR_PROTOCOL;
	if (rc) {
		x->is_repeat |= rc == ERR_CLOSED;
		if (!contacts_wait(c, rc, feed_again))
			end_early(c, o, rc, text[0] ? text : err_text(rc));
		return;
	}
	bool is_going = x->consumed > 0;
	x->tries = 0;
	x->is_repeat = false;
	x->offset += x->consumed;
	buf_consume(&x->text, x->consumed);
	/* More than the front of a row: gh-im has not come to it yet. */
	size_t left = buf_len(&x->text);
	bool is_more = x->is_last ? left > 0 : left > BULK_ROW_MAX;
	if (buf_failed(&x->results))
		end_early(c, o, ERR_LIMIT, "too many rows are ignored");
	else if (is_more && !is_going)
		end_early(c, o, ERR_PROTOCOL, "gh-im takes nothing of it");
	else if (is_more)
		feed(c, o);
	else if (x->is_last)
		report(c, o);
	else
		want(c, o);
}

static void feed(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;
	char line[16];
	int n = snprintf(line, sizeof line, "%u", x->line);
	const struct bytes args[] = { x->is_rename ? BYTES(BULK_RENAME) : BYTES(BULK_IMPORT), bytes_make(line, (size_t)n), x->is_skipping ? BYTES("1") : BYTES_NONE,
				      x->is_last ? BYTES("1") : BYTES_NONE, buf_bytes(&x->text) };
	const struct relay_ask ask = { .targets = P(PROG_IM), .verb = BULK_FEED, .args = args, .n_args = 5, .silence_ms = SILENCE_MS,
				       .record = on_record, .done = on_fed };

	x->is_answered = false;
	relay_start(c, o, &ask);
}

static void begin(struct conf *c, struct oper *o, const struct command_args *args, bool is_rename)
{
	if (!contacts_begin(c, o))
		return;
	c->contacts.is_rename = is_rename;
	c->contacts.word = args->first_word;
	want(c, o);
}

COMMAND_FN(cmd_contacts_import)
{
	(void)cmd;
	begin(c, o, args, false);
}

COMMAND_FN(cmd_contacts_rename)
{
	(void)cmd;
	begin(c, o, args, true);
}
