/* What the keeper says: chronyd's state, its lines, its end. Whether the clock can be relied on. */
#include "timed.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "run/alarm.h"
#include "run/foreign.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { STEP_MS = 1000, LINES_PER_S = 1, LINES_BURST = 20 };

bool watch_send(struct timed *t, struct buf *frame)
{
	struct bytes v = buf_bytes(frame);

	if (t->fd < 0 || buf_failed(frame))
		return false;
	return send(t->fd, v.p, v.n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)v.n;
}

void watch_ask(struct timed *t)
{
	struct buf b;

	if (t->has_ask)
		return;
	buf_init(&b, 8);
	wire_put_u8(&b, KEEPER_ASK);
	t->has_ask = watch_send(t, &b);
	buf_fini(&b);
}

/* ---- judgement ---- */

static void look_for_step(struct timed *t)
{
	int64_t now = (int64_t)loop_wall_ms(t->loop) - (int64_t)loop_now(t->loop), by = now - t->wall_minus_mono_ms;
	char when[TEXT_TIME_BYTES];

	t->wall_minus_mono_ms = now;
	if (by < STEP_MS && by > -STEP_MS)
		return;
	text_time(loop_wall_ms(t->loop), false, when);
	snprintf(t->stepped, sizeof t->stepped, "%s%lld.%03lld s at %s", by < 0 ? "-" : "+", (long long)(by < 0 ? -by : by) / 1000,
	         (long long)(by < 0 ? -by : by) % 1000, when);
	log_warn("time.stepped", LOG_INT("by_ms", by));
}

void watch_judge(struct timed *t)
{
	uint64_t now = loop_now(t->loop);
	const char *why = t->why[0] ? t->why : !t->is_running ? "chronyd does not answer" : report_trouble(&t->report);

	look_for_step(t);
	if (t->wanted.n_servers == 0 || (t->is_running && report_is_synchronised(&t->report)))
		t->good_ms = now;
	bool is_late = now - t->good_ms >= t->alarm_ms;
	if (t->wanted.n_servers == 0 || t->good_ms == now)
		alarm_clear(ALARM_TIME, "");
	else if (is_late)
		alarm_raise(ALARM_TIME, "", ALARM_USUAL, why);
}

/* ---- frames ---- */

static void answer_asks(struct timed *t)
{
	for (size_t i = 0; i < t->n_asks; i++)
		t->answers[i](t, t->asks[i]);
	t->n_asks = 0;
}

static int on_report(struct timed *t, struct wire *w)
{
	unsigned is_running = wire_u8(w);
	struct bytes tracking = wire_bytes(w), sources = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	t->has_ask = false;
	t->is_running = is_running && !t->is_changing;
	if (t->is_running && (report_read_tracking(tracking, &t->report.tracking) || report_read_sources(sources, &t->report))) {
		t->is_running = false;
		log_error("time.report", LOG_STR("why", "chronyc wrote what it never writes"));
	}
	t->report_ms = loop_now(t->loop);
	watch_judge(t);
	answer_asks(t);
	return 0;
}

static int on_ready(struct timed *t, struct wire *w)
{
	unsigned may_set = wire_u8(w);
	uint64_t from_s = wire_u64(w);
	char text[TEXT_TIME_BYTES];

	if (wire_end(w) || may_set > 1)
		return ERR_PROTOCOL;
	t->is_ready = true;
	t->may_set = may_set;
	if (!may_set)
		log_info("time.watches_only", LOG_STR("why", "there is no CAP_SYS_TIME here: the clock is the host's"));
	if (from_s) {
		text_time(from_s * 1000, false, text);
		log_warn("time.raised", LOG_STR("from", text));
	}
	return 0;
}

static int on_done(struct timed *t, struct wire *w)
{
	unsigned op = wire_u8(w);
	int rc = (int32_t)wire_u32(w);
	struct bytes why = wire_str(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (op == KEEPER_SET && t->setter) {
		char text[200];
		snprintf(text, sizeof text, rc ? "the clock cannot be set: %.*s" : "The clock is set.%.*s", (int)(why.n > 150 ? 150 : why.n),
		         (const char *)why.p);
		proc_done(t->setter, rc, text);
		t->setter = NULL;
		look_for_step(t);
		return 0;
	}
	if (op == KEEPER_NAME) {
		if (rc)
			log_warn("time.hostname", LOG_BYTES("why", why));
		return 0;
	}
	if (op == KEEPER_RUN)
		t->is_changing = false;
	snprintf(t->why, sizeof t->why, "%.*s", (int)(rc == 0 ? 0 : why.n > 150 ? 150 : why.n), (const char *)why.p);
	if (rc)
		log_error("time.chronyd", LOG_STR("why", t->why));
	return 0;
}

static int on_line(struct timed *t, struct wire *w)
{
	struct bytes line = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (rate_take(&t->lines, 1, loop_now(t->loop)))
		log_info("time.chronyd.says", LOG_BYTES("line", line));
	return 0;
}

static int on_ended(struct timed *t, struct wire *w)
{
	int status = (int)wire_u32(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	t->is_running = false;
	log_error("time.chronyd.ended", LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
	          LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
	return 0;
}

static int on_frame(struct timed *t, struct bytes frame)
{
	struct wire w = wire_of(frame);

	switch (wire_u8(&w)) {
	case KEEPER_READY:
		return on_ready(t, &w);
	case KEEPER_REPORT:
		return on_report(t, &w);
	case FOREIGN_LINE:
		return on_line(t, &w);
	case FOREIGN_ENDED:
		return on_ended(t, &w);
	case FOREIGN_DONE:
		return on_done(t, &w);
	}
	return ERR_PROTOCOL;
}

/* What it said last is why: then the box goes on without. Otherwise we are started again, with a fresh one. */
static void keeper_gone(struct timed *t)
{
	loop_watch_del(&t->watch);
	if (!t->why[0])
		die("time.keeper", "it ended");
	t->fd = -1; /* the descriptor stays open: nobody is at its end */
	t->is_running = t->has_ask = false;
	answer_asks(t);
}

static void on_readable(void *arg, unsigned events)
{
	static uint8_t in[FOREIGN_FRAME_MAX];
	struct timed *t = arg;
	ssize_t n = recv(t->fd, in, sizeof in, MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		keeper_gone(t);
		return;
	}
	if ((size_t)n > sizeof in || on_frame(t, bytes_make(in, (size_t)n)))
		die("time.keeper", "it broke the rules of the pair");
}

int watch_init(struct timed *t)
{
	rate_init(&t->lines, LINES_PER_S, LINES_BURST, loop_now(t->loop));
	t->wall_minus_mono_ms = (int64_t)loop_wall_ms(t->loop) - (int64_t)loop_now(t->loop);
	return loop_watch_add(t->loop, &t->watch, t->fd, LOOP_READ, on_readable, t);
}
