/* contacts export: gh-im gives rows page by page, and the next page is asked for when the operator has taken the one before. */
#include "base/err.h"
#include "contacts_impl.h"
#include "run/bulk.h"

#include <stdio.h>

static void ask_page(struct conf *c, struct oper *o);

static bool on_record(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct contacts *x = &c->contacts;
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes v[6] = { BYTES_NONE };

	(void)o, (void)name;
	for (size_t i = 0; i < 6; i++) {
		(void)wire_str(&w); /* by their order: core/im/bulk/bulk_export.c */
		v[i] = wire_bytes(&w);
	}
	if (n != 6 || wire_end(&w) || x->is_answered)
		return true; /* not what was asked for: the end tells */
	x->is_answered = true;
	buf_clear(&x->part);
	buf_put_bytes(&x->part, v[0]);
	x->has_more = contacts_number(v[1]) != 0;
	buf_clear(&x->user);
	buf_put_bytes(&x->user, v[2]);
	buf_clear(&x->contact);
	buf_put_bytes(&x->contact, v[3]);
	x->lines += contacts_number(v[4]);
	x->left_out += contacts_number(v[5]);
	return true;
}

static void finish(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;
	char text[TRANSFER_NAME_BYTES + 120];

	log_info("conf.contacts.exported", LOG_STR("by", o->by), LOG_STR("who", x->who), LOG_INT("rows", x->lines));
	snprintf(text, sizeof text, "%s: %llu rows%s", x->file, (unsigned long long)x->lines,
	         x->left_out ? "; contacts without a user part are left out" : "");
	if (!x->lines)
		transfer_end(c, o, ERR_NOT_FOUND, "there is no such contact");
	else {
		c->transfer.undo(c);
		transfer_end(c, o, 0, text);
	}
}

/* The part goes out in pieces; then the next page, when they have left. */
static void give(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;

	transfer_give_all(o, x->file, &x->part);
	if (o->is_closing)
		return; /* its end stops the transfer */
	if (!x->has_more)
		finish(c, o);
	else if (oper_pending(o) > TRANSFER_QUEUE_BYTES)
		c->transfer.drained = ask_page;
	else
		ask_page(c, o);
}

static void ask_again(void *arg)
{
	struct conf *c = arg;
	struct oper *o = oper_of(c, c->transfer.oper_id);

	if (o)
		ask_page(c, o);
}

static void on_page(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct contacts *x = &c->contacts;

	(void)name;
	if (!rc && (!x->is_answered || buf_failed(&x->part) || buf_failed(&x->user) || buf_failed(&x->contact)))
		rc = ERR_PROTOCOL;
	if (rc && contacts_wait(c, rc, ask_again))
		return;
	if (rc) {
		transfer_end(c, o, rc, text[0] ? text : err_text(rc));
		return;
	}
	x->tries = 0;
	give(c, o);
}

static void ask_page(struct conf *c, struct oper *o)
{
	struct contacts *x = &c->contacts;
	const struct bytes args[] = { bytes_of(x->who), buf_bytes(&x->user), buf_bytes(&x->contact) };
	const struct relay_ask ask = { .targets = P(PROG_IM), .verb = BULK_PAGE, .args = args, .n_args = 3, .record = on_record, .done = on_page };

	x->is_answered = false;
	relay_start(c, o, &ask);
}

COMMAND_FN(cmd_contacts_export)
{
	struct bytes who = args->n > 1 ? args->v[1] : BYTES("all");
	char file[TRANSFER_NAME_BYTES];

	(void)cmd;
	if (!transfer_name(c, args->v[0], ".csv", file) || who.n >= sizeof c->contacts.who) {
		oper_done(o, ERR_SYNTAX, TRANSFER_NAME_HELP "; then all, a domain or an address");
		return;
	}
	if (!contacts_begin(c, o))
		return;
	snprintf(c->contacts.file, sizeof c->contacts.file, "%s", file);
	snprintf(c->contacts.who, sizeof c->contacts.who, "%.*s", BYTES_FMT(who));
	ask_page(c, o);
}
