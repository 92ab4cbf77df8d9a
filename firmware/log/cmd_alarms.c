/* show alarms, show alarms history. */
#include "base/err.h"
#include "base/text.h"
#include "logd.h"

static void put_time(struct proc_ask *ask, const char *key, uint64_t wall_ms)
{
	char text[TEXT_TIME_BYTES];

	text_time(wall_ms, false, text);
	proc_record_str(ask, key, text);
}

void cmd_show_alarms(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct logd *l = program;

	(void)args;
	(void)n;
	LIST_EACH(node, &l->book.standing) {
		const struct book_alarm *a = LIST_OWNER(node, struct book_alarm, node);
		proc_record_begin(ask);
		proc_record_str(ask, "severity", alarm_severity_name(a->severity));
		proc_record_str(ask, "alarm", alarm_row(a->alarm)->name);
		proc_record_str(ask, "key", a->key);
		put_time(ask, "since", a->since_ms);
		proc_record_str(ask, "program", prog_name(a->prog));
		proc_record_int(ask, "instance", a->instance);
		proc_record_str(ask, "text", a->text);
		proc_record_str(ask, "do", alarm_row(a->alarm)->action);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}

void cmd_show_history(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct logd *l = program;
	uint64_t most = BOOK_HISTORY_MAX;
	const struct book_past *p;

	if (n > 0 && (bytes_to_u64(args[0], BOOK_HISTORY_MAX, &most) < 0 || most == 0)) {
		proc_done(ask, ERR_RANGE, "1 to 1000 events");
		return;
	}
	for (size_t i = most < l->book.n_past ? (size_t)most : l->book.n_past; i-- > 0 && (p = book_past(&l->book, i));) {
		proc_record_begin(ask);
		put_time(ask, "time", p->at_ms);
		proc_record_str(ask, "event", book_event_name(p->event));
		proc_record_str(ask, "severity", alarm_severity_name(p->severity));
		proc_record_str(ask, "alarm", alarm_row(p->alarm)->name);
		proc_record_str(ask, "key", p->key);
		proc_record_str(ask, "program", prog_name(p->prog));
		proc_record_int(ask, "instance", p->instance);
		proc_record_str(ask, "text", p->text);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}
