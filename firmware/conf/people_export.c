/* users export: gh-im gives the file part by part, and the next part is asked for when the operator has taken the one before. */
#include "base/err.h"
#include "conf.h"
#include "run/portable.h"

#include <stdio.h>

enum { SILENCE_MS = 600 * 1000 };

static void fini(struct conf *c)
{
	buf_fini(&c->people.part);
}

static bool on_record(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct people *x = &c->people;
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes v[3] = { BYTES_NONE };

	(void)o, (void)name;
	for (size_t i = 0; i < 3; i++) {
		(void)wire_str(&w); /* by their order: run/portable.h */
		v[i] = wire_bytes(&w);
	}
	if (n != 3 || wire_end(&w) || x->is_answered)
		return true; /* not what was asked for: the end tells */
	x->is_answered = true;
	buf_clear(&x->part);
	buf_put_bytes(&x->part, v[0]);
	x->has_more = people_number(v[1]) != 0;
	x->users += people_number(v[2]);
	return true;
}

static void finish(struct conf *c, struct oper *o)
{
	struct people *x = &c->people;
	char text[TRANSFER_NAME_BYTES + 160];

	log_info("conf.users.exported", LOG_STR("by", o->by), LOG_STR("who", x->who), LOG_INT("users", x->users), LOG_INT("archive", x->has_archive));
	snprintf(text, sizeof text, "%s: %llu people. Verifiers of their passwords are in it: keep it as you keep a backup", x->file,
	         (unsigned long long)x->users);
	fini(c);
	if (!x->users)
		transfer_end(c, o, ERR_NOT_FOUND, "there is no such account: nobody is in the file");
	else
		transfer_end(c, o, 0, text);
}

static void ask_part(struct conf *c, struct oper *o);

static void give(struct conf *c, struct oper *o)
{
	struct people *x = &c->people;

	transfer_give_all(o, x->file, &x->part);
	if (o->is_closing)
		return; /* its end stops the transfer */
	if (!x->has_more)
		finish(c, o);
	else if (oper_pending(o) > TRANSFER_QUEUE_BYTES)
		c->transfer.drained = ask_part;
	else
		ask_part(c, o);
}

static void on_part(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct people *x = &c->people;

	(void)name;
	if (!rc && (!x->is_answered || buf_failed(&x->part)))
		rc = ERR_PROTOCOL;
	if (rc)
		transfer_end(c, o, rc, rc == ERR_CLOSED ? "gh-im ended in the middle: the file is not whole" : text[0] ? text : err_text(rc));
	else
		give(c, o);
}

static void ask_part(struct conf *c, struct oper *o)
{
	struct people *x = &c->people;
	const struct bytes args[] = { x->is_begun ? BYTES_NONE : BYTES("1"), bytes_of(x->who), x->has_archive ? BYTES("1") : BYTES_NONE };
	const struct relay_ask ask = { .targets = P(PROG_IM), .verb = PORTABLE_PAGE, .args = args, .n_args = 3, .silence_ms = SILENCE_MS,
				       .record = on_record, .done = on_part };

	x->is_begun = true;
	x->is_answered = false;
	relay_start(c, o, &ask);
}

COMMAND_FN(cmd_users_export)
{
	struct bytes who = args->n > 1 ? args->v[1] : BYTES("all");
	bool has_archive = args->n > 2;
	char file[TRANSFER_NAME_BYTES];

	(void)cmd;
	if (!transfer_name(c, args->v[0], ".xml", file) || who.n >= sizeof c->people.who || (has_archive && !bytes_eq_str(args->v[2], "archive"))) {
		oper_done(o, ERR_SYNTAX, TRANSFER_NAME_HELP "; then all, a domain or an address; then, if need be, the word archive");
		return;
	}
	if (!conf_runs(c, PROG_IM)) {
		oper_done(o, ERR_BAD_STATE, "gh-im is not for a box of this role (system role)");
		return;
	}
	if (!transfer_begin(c, o, 0, fini))
		return;
	c->people = (struct people){ .has_archive = has_archive };
	buf_init(&c->people.part, OPER_FRAME_MAX);
	snprintf(c->people.file, sizeof c->people.file, "%s", file);
	snprintf(c->people.who, sizeof c->people.who, "%.*s", BYTES_FMT(who));
	ask_part(c, o);
}
