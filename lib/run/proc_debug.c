/* log debug: every program watches names for a while, and says which (run/log_watch.h). */
#include "base/err.h"
#include "run/log_watch.h"
#include "run/proc_impl.h"

static void on_end(void *arg)
{
	proc_debug_tick(arg);
}

void proc_debug_init(struct proc *p)
{
	loop_timer_init(&p->debug, on_end, p);
}

void proc_debug_tick(struct proc *p)
{
	uint64_t now = loop_now(p->loop), next = log_watch_expire(now);

	if (next != UINT64_MAX && loop_timer_set(p->loop, &p->debug, (uint32_t)(next - now)) < 0)
		log_watch_end_all(); /* without a timer it would not end */
}

/* kind, name in normal form, seconds. */
void proc_debug_begin(struct proc *p, struct proc_ask *a, const struct bytes *args, size_t n)
{
	uint64_t seconds = 0;

	if (n != 3 || bytes_to_u64(args[2], LOG_WATCH_SECONDS_MAX, &seconds) < 0 || seconds == 0) {
		proc_done(a, ERR_RANGE, "1 to 3600 seconds");
		return;
	}
	enum log_watch_kind kind = bytes_eq_str(args[0], log_watch_kind_name(LOG_WATCH_USER)) ? LOG_WATCH_USER : LOG_WATCH_DOMAIN;
	int rc = log_watch_add(kind, args[1], loop_now(p->loop) + seconds * 1000);
	proc_debug_tick(p);
	proc_done(a, rc, rc == ERR_FULL ? "16 are watched already (show log debug, log debug off)" : rc ? err_text(rc) : "");
}

void proc_debug_end(struct proc *p, struct proc_ask *a)
{
	log_watch_end_all();
	loop_timer_del(p->loop, &p->debug);
	proc_done(a, 0, "");
}

void proc_debug_show(struct proc *p, struct proc_ask *a)
{
	const struct log_watch *w;

	for (size_t at = 0; (w = log_watch_next(&at));) {
		proc_record_begin(a);
		proc_record_str(a, "kind", log_watch_kind_name(w->kind));
		proc_record_text(a, "name", bytes_make(w->name, w->n));
		proc_record_str(a, "program", prog_name(p->def->prog));
		proc_record_int(a, "instance", p->instance);
		proc_record_int(a, "seconds_left", (int64_t)((w->until_ms - loop_now(p->loop) + 999) / 1000));
		proc_record_end(a);
	}
	proc_done(a, 0, "");
}
