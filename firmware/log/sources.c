#include "base/err.h"
#include "logd.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* One reading end for each program that gh-super starts, and gh-super's own. A program's bytes can only become lines
 * of that program. */
enum { READ_BYTES = 64 << 10, HELD_BYTES = 2 * READ_BYTES };

struct source {
	struct list node;
	struct logd *logd;
	enum prog prog;
	unsigned instance;
	struct loop_watch watch;
	struct buf in;
};

static void source_free(struct source *s)
{
	int fd = s->watch.fd;

	loop_watch_del(&s->watch);
	(void)close(fd); /* read only */
	buf_fini(&s->in);
	list_del(&s->node);
	free(s);
}

static void take(struct source *s, struct bytes raw)
{
	struct logd *l = s->logd;
	struct line line;

	if (raw.n == 0)
		return;
	line_take(raw, s->prog, s->instance, loop_wall_ms(l->loop), &l->taken);
	if (line_parse(buf_bytes(&l->taken), &line) == 0)
		logd_line(l, &line);
}

/* What is longer than any line of ours is taken in pieces. */
static void take_lines(struct source *s)
{
	for (;;) {
		struct bytes in = buf_bytes(&s->in);
		size_t n = bytes_find(in, '\n');
		if (n == in.n && n < READ_BYTES)
			break;
		n = n > LINE_TEXT_MAX ? LINE_TEXT_MAX : n;
		take(s, bytes_make(in.p, n));
		buf_consume(&s->in, n < in.n && in.p[n] == '\n' ? n + 1 : n);
	}
	buf_release_if_empty(&s->in);
}

static void on_readable(void *arg, unsigned events)
{
	struct source *s = arg;
	uint8_t *p = buf_reserve(&s->in, READ_BYTES);

	(void)events;
	if (!p) { /* no memory: the pipe holds it */
		buf_clear(&s->in);
		return;
	}
	ssize_t n = read(s->watch.fd, p, READ_BYTES);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		source_free(s);
		return;
	}
	if (n > 0)
		buf_commit(&s->in, (size_t)n);
	take_lines(s);
}

int sources_on_source(void *program, struct chan *from, const struct frame *f)
{
	struct logd *l = program;
	struct wire w = wire_of(f->body);
	unsigned prog = wire_u8(&w), instance = wire_u8(&w);

	(void)from;
	struct source *s = wire_end(&w) || prog >= PROG_COUNT ? NULL : calloc(1, sizeof *s);
	if (!s) {
		(void)close(f->fd);
		return wire_end(&w) || prog >= PROG_COUNT ? ERR_PROTOCOL : 0; /* without memory its lines are on standard error */
	}
	*s = (struct source){ .logd = l, .prog = (enum prog)prog, .instance = instance };
	buf_init(&s->in, HELD_BYTES);
	list_add_tail(&l->sources, &s->node);
	if (loop_watch_add(l->loop, &s->watch, f->fd, LOOP_READ, on_readable, s) < 0) {
		s->watch.fd = f->fd;
		source_free(s);
	}
	return 0;
}

void sources_close(struct logd *l)
{
	LIST_EACH(node, &l->sources) {
		struct source *s = LIST_OWNER(node, struct source, node);
		on_readable(s, LOOP_READ); /* what stopped programs said last */
	}
	LIST_EACH(node, &l->sources)
		source_free(LIST_OWNER(node, struct source, node));
}
