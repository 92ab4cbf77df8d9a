/* The compliance archive: gh-comply reads it and records who asked; here it is known who that is, and the file goes to the operator. */
#include "base/err.h"
#include "conf.h"

#include <stdio.h>

/* gh-comply says nothing while it reads. Its death ends the answer. */
enum { VERIFY_SILENCE_MS = 6 * 3600 * 1000 };

COMMAND_FN(cmd_compliance_verify)
{
	const struct bytes by = bytes_of(o->by);
	const struct relay_ask ask = { .targets = P(PROG_COMPLY), .verb = "compliance verify", .args = &by, .n_args = 1,
				       .silence_ms = VERIFY_SILENCE_MS };

	(void)cmd, (void)args;
	relay_start(c, o, &ask);
}

/* ---- compliance export: the next part is asked for when the last one has left ---- */

static void ask_part(struct conf *c, struct oper *o);

static bool on_part(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct oper_compliance *x = &o->compliance;
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes key = wire_str(&w), part = wire_bytes(&w), more_key = wire_str(&w), more = wire_bytes(&w);

	(void)c, (void)name;
	if (n != 2 || wire_end(&w) < 0 || !bytes_eq_str(key, "part") || !bytes_eq_str(more_key, "more"))
		return true; /* not what was asked for: the end tells */
	x->has_more = bytes_eq_str(more, "1");
	x->part += part.n;
	while (part.n > 0) {
		struct bytes piece = bytes_make(part.p, part.n < OPER_PIECE_MAX ? part.n : OPER_PIECE_MAX);
		oper_file(o, x->file, piece);
		part = bytes_skip(part, piece.n);
	}
	return true;
}

static void on_drained(struct conf *c, struct oper *o)
{
	if (!o->compliance.is_waiting || oper_pending(o) > OPER_PIECE_MAX)
		return;
	o->compliance.is_waiting = false;
	ask_part(c, o);
}

static void on_stop(struct conf *c, struct oper *o)
{
	(void)c;
	o->compliance.is_waiting = false; /* gh-comply ends it when nobody asks */
}

static const struct oper_work work = { .drained = on_drained, .stop = on_stop };

static void on_part_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct oper_compliance *x = &o->compliance;

	(void)name;
	if (rc == 0 && !x->has_more) {
		oper_done(o, x->part ? 0 : ERR_NOT_FOUND, x->part ? text : "there is no such record");
	} else if (rc) {
		oper_done(o, rc, text);
	} else {
		x->is_waiting = true;
		on_drained(c, o);
	}
}

static void ask_part(struct conf *c, struct oper *o)
{
	struct oper_compliance *x = &o->compliance;
	char ticket[16];
	int n = snprintf(ticket, sizeof ticket, "%u", x->ticket);
	const struct bytes arg = bytes_make(ticket, (size_t)n);
	const struct relay_ask ask = { .targets = P(PROG_COMPLY), .verb = "compliance read", .args = &arg, .n_args = 1,
				       .record = on_part, .done = on_part_done };

	x->has_more = false;
	relay_start(c, o, &ask);
}

static bool on_ticket(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct oper_compliance *x = &o->compliance;
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes key = wire_str(&w), ticket = wire_bytes(&w), file_key = wire_str(&w), file = wire_bytes(&w);
	uint64_t number;

	(void)c, (void)name;
	if (n != 2 || wire_end(&w) < 0 || !bytes_eq_str(key, "ticket") || !bytes_eq_str(file_key, "file") || file.n >= sizeof x->file ||
	    bytes_to_u64(ticket, UINT32_MAX, &number) < 0)
		return true; /* not what was asked for: the end tells */
	x->ticket = (uint32_t)number;
	snprintf(x->file, sizeof x->file, "%.*s", BYTES_FMT(file));
	return true;
}

static void on_open(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	(void)name;
	if (rc || !o->compliance.ticket) {
		oper_done(o, rc ? rc : ERR_PROTOCOL, text);
		return;
	}
	o->work = &work;
	ask_part(c, o);
}

COMMAND_FN(cmd_compliance_export)
{
	struct bytes passed[] = { args->v[0], args->v[1], BYTES_NONE, BYTES_NONE, bytes_of(o->by) };
	const struct relay_ask ask = { .targets = P(PROG_COMPLY), .verb = "compliance export", .args = passed, .n_args = 5,
				       .record = on_ticket, .done = on_open };

	(void)cmd;
	for (size_t i = 2; i < args->n && i < 4; i++)
		passed[i] = args->v[i];
	o->compliance = (struct oper_compliance){ 0 };
	relay_start(c, o, &ask);
}
