#include "scan.h"

#include "base/err.h"

#include <stdlib.h>
#include <unistd.h>

/* Files that gh-files wants judged: a queue, so many at a time, one scanner after the other until one has an answer or the time is up. */

static void answer(struct scan *g, uint32_t id, enum scan_verdict v, const char *name)
{
	static const enum scan_stat stats[SCAN_VERDICT_COUNT] = {
		[SCAN_CLEAN] = STAT_CLEAN, [SCAN_INFECTED] = STAT_INFECTED, [SCAN_TOO_LARGE] = STAT_TOO_LARGE, [SCAN_NONE] = STAT_NONE,
	};
	struct chan *to = bus_chan(g->bus, PROG_FILES, 0);
	struct buf *b = chan_begin(to, MSG_SCANNED, id);

	g->stats[stats[v]]++;
	wire_put_u8(b, (uint8_t)v);
	wire_put_str(b, bytes_of(name));
	(void)chan_end(to); /* a gh-files that has gone has no upload any more */
}

/* Off its list; its connection ends. */
static void leave(struct job *j)
{
	struct scan *g = j->scan;

	list_del(&j->node);
	if (j->conn) {
		conn_close(j->conn);
		j->conn = NULL;
		g->n_running--;
	} else {
		g->n_waiting--;
	}
}

static void job_free(struct job *j)
{
	struct scan *g = j->scan;

	leave(j);
	loop_timer_del(g->loop, &j->timer);
	(void)close(j->fd); /* read only */
	free(j);
	loop_defer_call(g->loop, &g->next);
}

/* Back to the front of the queue: it has waited longest. */
static void wait_again(struct job *j)
{
	struct scan *g = j->scan;

	leave(j);
	list_add_head(&g->waiting, &j->node);
	g->n_waiting++;
	loop_defer_call(g->loop, &g->next);
}

void job_answered(struct job *j, int rc, const struct speech_answer *a)
{
	struct scan *g = j->scan;
	struct server *s = j->conn->server;

	if (rc == ERR_IO) { /* the file cannot be read: no scanner changes that */
		answer(g, j->id, SCAN_NONE, "");
		job_free(j);
		return;
	}
	if (rc) {
		j->tried |= 1u << (s - g->servers);
		j->was_tried = true;
		wait_again(j);
		return;
	}
	s->files++;
	s->infected += a->verdict == SCAN_INFECTED;
	g->stats[STAT_FAILOVERS] += j->was_tried;
	answer(g, j->id, a->verdict, a->text);
	job_free(j);
}

/* ---- which scanner ---- */

/* The first that may and has not failed with this file. NULL. */
static struct server *server_for(struct scan *g, const struct job *j, unsigned *others)
{
	struct server *found = NULL;

	*others = 0;
	for (size_t i = 0; i < g->n_servers; i++) {
		if ((j->tried & 1u << i) || !server_may(&g->servers[i]))
			continue;
		if (found)
			++*others;
		else
			found = &g->servers[i];
	}
	return found;
}

static bool start(struct job *j)
{
	struct scan *g = j->scan;
	unsigned others;
	struct server *s = server_for(g, j, &others);
	uint64_t now = loop_now(g->loop), left = j->deadline_ms > now ? j->deadline_ms - now : 0;

	/* One that takes it and says nothing leaves time for the others, and is known to be silent before the deadline. */
	struct conn *c = s && left ? conn_new(s, j, left * 9 / 10 / (others + 1) + 1) : NULL;
	if (!c)
		return false;
	list_del(&j->node);
	list_add_tail(&g->running, &j->node);
	g->n_waiting--;
	g->n_running++;
	j->conn = c;
	return true;
}

void jobs_next(struct scan *g)
{
	LIST_EACH (it, &g->waiting) {
		if (g->n_running >= g->config.jobs)
			return;
		if (!start(LIST_OWNER(it, struct job, node)))
			break; /* who stands behind it finds no scanner, either, or comes with the next call */
	}
	if (g->n_waiting && !loop_timer_is_set(&g->retry))
		(void)loop_timer_set(g->loop, &g->retry, RETRY_MS); /* without memory: each job's own end comes */
}

static void on_next(void *arg)
{
	jobs_next(arg);
}

static void on_retry(void *arg)
{
	struct scan *g = arg;

	LIST_EACH (it, &g->waiting)
		LIST_OWNER(it, struct job, node)->tried = 0;
	jobs_next(g);
}

static void on_deadline(void *arg)
{
	struct job *j = arg;

	answer(j->scan, j->id, SCAN_NONE, "");
	job_free(j);
}

/* ---- gh-files ---- */

static struct job *job_find(struct scan *g, uint32_t id)
{
	LIST_EACH (it, &g->running)
		if (LIST_OWNER(it, struct job, node)->id == id)
			return LIST_OWNER(it, struct job, node);
	LIST_EACH (it, &g->waiting)
		if (LIST_OWNER(it, struct job, node)->id == id)
			return LIST_OWNER(it, struct job, node);
	return NULL;
}

/* Takes over fd. */
static int job_new(struct scan *g, uint32_t id, int fd, uint64_t size, uint32_t within_ms, struct bytes type)
{
	struct job *j = g->n_waiting + g->n_running < SCANS_MAX ? calloc(1, sizeof *j) : NULL;

	if (!j)
		return ERR_FULL;
	*j = (struct job){ .scan = g, .id = id, .fd = fd, .size = size, .deadline_ms = loop_now(g->loop) + within_ms };
	if (type.n <= MEDIA_MAX && type.n)
		memcpy(j->type, type.p, type.n); /* calloc's zeros end it */
	loop_timer_init(&j->timer, on_deadline, j);
	if (loop_timer_set(g->loop, &j->timer, within_ms)) {
		free(j);
		return ERR_NOMEM;
	}
	list_add_tail(&g->waiting, &j->node);
	g->n_waiting++;
	g->stats[STAT_SCANS]++;
	loop_defer_call(g->loop, &g->next);
	return 0;
}

int job_on_scan(void *program, struct chan *from, const struct frame *frame)
{
	struct scan *g = program;
	struct wire w = wire_of(frame->body);
	uint64_t size = wire_u64(&w);
	uint32_t within_ms = wire_u32(&w);
	struct bytes type = wire_str(&w);

	(void)from;
	if (wire_end(&w) || frame->fd < 0) {
		if (frame->fd >= 0)
			(void)close(frame->fd); /* read only */
		return ERR_PROTOCOL;
	}
	int rc = job_new(g, frame->id, frame->fd, size, within_ms, type);
	if (!rc)
		return 0;
	g->stats[STAT_FULL] += rc == ERR_FULL;
	(void)close(frame->fd); /* read only */
	answer(g, frame->id, SCAN_NONE, "");
	return 0;
}

int job_on_stop(void *program, struct chan *from, const struct frame *frame)
{
	struct scan *g = program;
	struct wire w = wire_of(frame->body);
	struct job *j = job_find(g, frame->id);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (j) { /* else its answer is on the way */
		g->stats[STAT_STOPPED]++;
		job_free(j);
	}
	return 0;
}

void jobs_init(struct scan *g)
{
	list_init(&g->waiting);
	list_init(&g->running);
	loop_timer_init(&g->retry, on_retry, g);
	loop_defer_init(&g->next, on_next, g);
}

void jobs_renew(struct scan *g)
{
	LIST_EACH (it, &g->running)
		wait_again(LIST_OWNER(it, struct job, node));
	LIST_EACH (it, &g->waiting)
		LIST_OWNER(it, struct job, node)->tried = 0;
}

void jobs_drop_all(struct scan *g)
{
	LIST_EACH (it, &g->running)
		job_free(LIST_OWNER(it, struct job, node));
	LIST_EACH (it, &g->waiting)
		job_free(LIST_OWNER(it, struct job, node));
	loop_timer_del(g->loop, &g->retry);
	loop_defer_cancel(&g->next);
}
