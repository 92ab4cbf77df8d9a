/* users import: the operator's file goes to gh-im piece by piece, twice: for accounts, then for what people have. What became of each
 * person is told as it comes. */
#include "base/err.h"
#include "conf.h"
#include "run/portable.h"

#include <stdio.h>

enum { SILENCE_MS = 600 * 1000 };
#define FILE_MAX_BYTES (16ull << 30)

static void want(struct conf *c, struct oper *o);

static const char *text_of(enum portable_result r)
{
	static const char *const texts[PORTABLE_RESULT_COUNT] = {
		[PORTABLE_DONE] = "done",
		[PORTABLE_NAME] = "refused: not a name that an account can have",
		[PORTABLE_NOT_HERE] = "refused: this domain does not live here (domain NAME certificate), or is one of rooms",
		[PORTABLE_NO_SECRET] = "refused: neither a password nor a verifier of SCRAM-SHA-1 or SCRAM-SHA-256",
		[PORTABLE_INCLUDE] = "refused: xi:include; give that file by its own",
		[PORTABLE_ERROR] = "not whole: an internal error, see the log of gh-im and gh-store; give the file again",
	};

	return texts[r];
}

static void finish(struct conf *c, struct oper *o, int rc)
{
	struct people *x = &c->people;
	char text[600];

	log_info("conf.users.imported", LOG_STR("by", o->by), LOG_INT("made", x->made), LOG_INT("existed", x->existed), LOG_INT("refused", x->refused),
	         LOG_INT("read", x->read), LOG_INT("incomplete", x->incomplete));
	snprintf(text, sizeof text, "%s%s%llu accounts made, %llu were there, %llu refused; data of %llu people read, of %llu not whole", x->error,
	         x->error[0] ? ": " : "", (unsigned long long)x->made, (unsigned long long)x->existed, (unsigned long long)x->refused,
	         (unsigned long long)x->read, (unsigned long long)x->incomplete);
	transfer_end(c, o, rc, text);
}

static void fail(struct conf *c, struct oper *o, int rc, const char *why)
{
	snprintf(c->people.error, sizeof c->people.error, "%s", why);
	finish(c, o, rc);
}

/* ---- what gh-im says ---- */

/* false: not a result. */
static bool tell(struct conf *c, struct oper *o, struct wire *w)
{
	static const char *const names[PORTABLE_COUNTS] = { "contacts", "offline", "items", "archived", "other", "left-out" };
	struct people *x = &c->people;
	struct bytes user = wire_str(w);
	uint8_t r = wire_u8(w);
	uint32_t counts[PORTABLE_COUNTS];

	for (int i = 0; i < PORTABLE_COUNTS; i++)
		counts[i] = wire_u32(w);
	struct bytes note = wire_str(w);
	if (wire_failed(w) || r >= PORTABLE_RESULT_COUNT)
		return false;
	oper_record_begin(o);
	oper_record_bytes(o, "user", user);
	oper_record_str(o, "result", text_of((enum portable_result)r));
	for (int i = 0; i < PORTABLE_COUNTS; i++)
		oper_record_int(o, names[i], counts[i]);
	oper_record_bytes(o, "note", note);
	oper_record_end(o);
	x->refused += !x->is_data;
	x->read += x->is_data && r == PORTABLE_DONE;
	x->incomplete += x->is_data && r != PORTABLE_DONE;
	return true;
}

uint64_t people_number(struct bytes value)
{
	uint64_t n;

	return bytes_to_u64(value, UINT64_MAX, &n) ? 0 : n;
}

static bool on_record(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct people *x = &c->people;
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes v[4] = { BYTES_NONE };

	(void)name;
	for (size_t i = 0; i < 4; i++) {
		(void)wire_str(&w); /* by their order: run/portable.h */
		v[i] = wire_bytes(&w);
	}
	if (n != 4 || wire_end(&w) || x->is_answered)
		return true; /* not what was asked for: the end tells */
	x->is_answered = true;
	x->made += people_number(v[0]);
	x->existed += people_number(v[1]);
	struct wire results = wire_of(v[2]);
	while (wire_left(&results) && tell(c, o, &results))
		;
	x->is_broken = v[3].n > 0;
	if (x->is_broken)
		snprintf(x->error, sizeof x->error, "%.*s", BYTES_FMT(v[3]));
	return true;
}

static void go_on(struct conf *c, struct oper *o)
{
	struct people *x = &c->people;

	if (x->is_last && x->is_data) {
		finish(c, o, 0);
		return;
	}
	if (x->is_last) {
		x->is_data = true;
		x->offset = 0;
	}
	if (oper_pending(o) > TRANSFER_QUEUE_BYTES)
		c->transfer.drained = want;
	else
		want(c, o);
}

static void on_fed(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct people *x = &c->people;

	(void)name;
	if (!rc && !x->is_answered)
		rc = ERR_PROTOCOL;
	if (rc == ERR_CLOSED)
		fail(c, o, rc, "gh-im ended in the middle: give the file again, what is there stays");
	else if (rc)
		fail(c, o, rc, text[0] ? text : err_text(rc));
	else if (x->is_broken)
		finish(c, o, ERR_SYNTAX);
	else
		go_on(c, o);
}

/* ---- pieces ---- */

static void on_piece(struct conf *c, struct oper *o, struct bytes piece)
{
	struct people *x = &c->people;

	x->is_last = piece.n == 0;
	x->is_answered = false;
	const struct bytes args[] = { x->is_data ? BYTES(PORTABLE_DATA) : BYTES(PORTABLE_ACCOUNTS), x->offset ? BYTES_NONE : BYTES("1"),
				      x->is_last ? BYTES("1") : BYTES_NONE, piece };
	const struct relay_ask ask = { .targets = P(PROG_IM), .verb = PORTABLE_FEED, .args = args, .n_args = 4, .silence_ms = SILENCE_MS,
				       .record = on_record, .done = on_fed };
	x->offset += piece.n;
	if (x->offset > FILE_MAX_BYTES)
		fail(c, o, ERR_LIMIT, "a file of more than 16 GiB: give it in parts");
	else
		relay_start(c, o, &ask);
}

static void want(struct conf *c, struct oper *o)
{
	transfer_want(c, o, c->people.word, c->people.offset, on_piece);
}

COMMAND_FN(cmd_users_import)
{
	(void)cmd;
	if (!conf_runs(c, PROG_IM)) {
		oper_done(o, ERR_BAD_STATE, "gh-im is not for a box of this role (system role)");
		return;
	}
	if (!transfer_begin(c, o, 0, NULL))
		return;
	c->people = (struct people){ .word = args->first_word };
	want(c, o);
}
