/* show log: backwards through the files until enough lines fit, then forwards with the lines; one file a turn, so that
 * lines and alarms are taken meanwhile. Then, when asked, what comes. */
#include "base/err.h"
#include "filter.h"
#include "logd.h"

#include <stdlib.h>

enum { READERS_MAX = 8, FILE_MAX_BYTES = 1 << 30 };

struct reader {
	struct list node;
	struct logd *logd;
	struct proc_ask *ask;
	struct filter filter;
	uint64_t at, from;  /* file; the first that is shown */
	uint64_t n_fit, n_skip; /* counted backwards; not shown of the oldest */
	bool is_showing, is_following;
	struct loop_timer timer;
};

static void finish(struct reader *r, int rc, const char *text)
{
	proc_done(r->ask, rc, text);
	loop_timer_del(r->logd->loop, &r->timer);
	list_del(&r->node);
	r->logd->n_readers--;
	free(r);
}

static void show(struct reader *r, const struct line *l)
{
	proc_record_begin(r->ask);
	proc_record_text(r->ask, "time", l->stamp);
	proc_record_str(r->ask, "level", line_level_name(l->level));
	proc_record_text(r->ask, "program", l->who);
	proc_record_text(r->ask, "event", l->event);
	proc_record_text(r->ask, "text", l->pairs);
	proc_record_end(r->ask);
}

/* Each line of the file that fits. */
static void walk(struct reader *r, struct bytes text)
{
	struct line l;

	while (text.n) {
		size_t n = bytes_find(text, '\n');
		if (line_parse(bytes_make(text.p, n), &l) == 0 && filter_fits(&r->filter, &l)) {
			if (!r->is_showing)
				r->n_fit++;
			else if (r->n_skip)
				r->n_skip--;
			else
				show(r, &l);
		}
		text = bytes_skip(text, n + 1);
	}
}

static bool next_file(struct reader *r)
{
	const struct files *f = &r->logd->files;

	if (r->is_showing) {
		r->at++;
		return r->at <= f->last;
	}
	if (r->n_fit < r->filter.last && r->at > f->first && r->at > 1) {
		r->at--;
		return true;
	}
	r->is_showing = true;
	r->n_skip = r->n_fit > r->filter.last ? r->n_fit - r->filter.last : 0;
	return true;
}

static void step(void *arg)
{
	struct reader *r = arg;
	struct buf text;

	if (r->is_following) {
		finish(r, 0, "");
		return;
	}
	buf_init(&text, FILE_MAX_BYTES);
	if (files_read(&r->logd->files, r->at, &text) == 0)
		walk(r, buf_bytes(&text));
	buf_fini(&text);
	if (next_file(r)) {
		(void)loop_timer_set(r->logd->loop, &r->timer, 0); /* it had room */
	} else if (r->filter.follow_s) {
		r->is_following = true;
		(void)loop_timer_set(r->logd->loop, &r->timer, r->filter.follow_s * 1000);
	} else {
		finish(r, 0, "");
	}
}

void cmd_show_log(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct logd *l = program;
	const char *why = "";
	struct reader *r = l->n_readers < READERS_MAX ? calloc(1, sizeof *r) : NULL;

	if (!r) {
		proc_done(ask, ERR_FULL, "too many read the log");
		return;
	}
	int rc = filter_parse(args, n, loop_wall_ms(l->loop), &r->filter, &why);
	files_flush(&l->files);
	r->logd = l;
	r->ask = ask;
	r->at = l->files.last;
	loop_timer_init(&r->timer, step, r);
	list_add_tail(&l->readers, &r->node);
	l->n_readers++;
	if (rc || loop_timer_set(l->loop, &r->timer, 0) < 0)
		finish(r, rc ? rc : ERR_NOMEM, rc ? why : "");
}

void readers_line(struct logd *l, const struct line *line)
{
	LIST_EACH(node, &l->readers) {
		struct reader *r = LIST_OWNER(node, struct reader, node);
		if (r->is_following && filter_fits(&r->filter, line))
			show(r, line);
	}
}

void readers_down(struct logd *l)
{
	LIST_EACH(node, &l->readers)
		finish(LIST_OWNER(node, struct reader, node), ERR_CLOSED, "");
}
