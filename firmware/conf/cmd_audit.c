/* Commands about the audit trail. */
#include "base/err.h"
#include "conf.h"

#include <stdio.h>

enum { SHOWN_DEFAULT = 50, SHOWN_MAX = 10000 };

struct show {
	struct oper *oper;
	struct buf value, detail;
};

/* by and source are columns, the rest is one. */
static void show_line(void *arg, const struct trail_line *line)
{
	struct show *s = arg;
	struct bytes rest = line->rest, key;
	char by[64] = "", source[64] = "";

	buf_clear(&s->detail);
	while (trail_next_pair(&rest, &key, &s->value)) {
		struct bytes v = buf_bytes(&s->value);
		char *column = bytes_eq_str(key, "by") ? by : bytes_eq_str(key, "source") ? source : NULL;
		if (column) {
			snprintf(column, sizeof by, "%.*s", BYTES_FMT(v));
			continue;
		}
		if (v.n == 0)
			continue;
		buf_putf(&s->detail, "%s%.*s=", buf_len(&s->detail) ? " " : "", BYTES_FMT(key));
		buf_put_bytes(&s->detail, v);
	}
	oper_record_begin(s->oper);
	oper_record_bytes(s->oper, "n", line->number);
	oper_record_bytes(s->oper, "time", line->time);
	oper_record_str(s->oper, "by", by);
	oper_record_str(s->oper, "source", source);
	oper_record_bytes(s->oper, "event", line->event);
	oper_record_bytes(s->oper, "detail", buf_bytes(&s->detail));
	oper_record_end(s->oper);
}

COMMAND_FN(cmd_show_audit)
{
	struct show s = { .oper = o };
	uint64_t most = SHOWN_DEFAULT;

	(void)cmd;
	if (args->n > 0 && (bytes_to_u64(args->v[0], SHOWN_MAX, &most) < 0 || most == 0)) {
		oper_done(o, ERR_RANGE, "1 to 10000 lines");
		return;
	}
	buf_init(&s.value, TRAIL_LINE_MAX);
	buf_init(&s.detail, TRAIL_LINE_MAX);
	int rc = trail_show(&c->trail, (size_t)most, show_line, &s);
	buf_fini(&s.value);
	buf_fini(&s.detail);
	oper_done(o, rc, "");
}

COMMAND_FN(cmd_audit_verify)
{
	struct trail_verdict v;

	(void)cmd;
	(void)args;
	int rc = trail_verify(&c->trail, &v);
	oper_record_begin(o);
	oper_record_int(o, "lines", (int64_t)v.n_lines);
	oper_record_int(o, "first", (int64_t)v.first);
	oper_record_int(o, "last", (int64_t)v.last);
	oper_record_str(o, "hash", v.hash);
	oper_record_end(o);
	oper_done(o, rc, rc < 0 ? v.why : "the chain is whole");
}
