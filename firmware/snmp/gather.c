#include "gather.h"

#include "base/err.h"
#include "base/log.h"
#include "run/oper.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, OUT_MAX = 4096, WORDS = 3 };

static const struct source {
	const char *words[WORDS];
} sources[] = {
	[MIB_VERSION] = { { "show", "version" } },
	[MIB_PROCESSES] = { { "show", "processes" } },
	[MIB_LISTENERS] = { { "show", "listeners" } },
	[MIB_COUNTERS] = { { "show", "counters" } },
	[MIB_FEDERATION] = { { "show", "federation" } },
	[MIB_SIP] = { { "show", "sip" } },
	[MIB_CERTIFICATES] = { { "certificate", "show" } },
	[MIB_INTERFACES] = { { "show", "interfaces" } },
};
_Static_assert(sizeof sources / sizeof sources[0] == MIB_SOURCE_COUNT, "one row a source");

struct gather {
	struct loop *loop;
	struct bus *bus;
	const struct gather_hooks *hooks;
	void *arg;
	struct loop_watch watch;
	struct buf in, out;
	struct loop_timer silence;
	uint64_t number;
	unsigned at;      /* source that is asked; MIB_SOURCE_COUNT: none is */
	unsigned without; /* bits of those that are not */
	bool is_open, has_greeted;
};

static void close_pair(struct gather *g)
{
	int fd = g->watch.fd;

	if (!g->is_open)
		return;
	g->is_open = false;
	loop_watch_del(&g->watch);
	(void)close(fd); /* nothing more is expected of it */
	buf_fini(&g->in);
	buf_fini(&g->out);
}

static void finish(struct gather *g, bool is_whole)
{
	if (g->at >= MIB_SOURCE_COUNT)
		return;
	g->at = MIB_SOURCE_COUNT;
	loop_timer_del(g->loop, &g->silence);
	if (!is_whole)
		close_pair(g); /* an answer that comes late is nobody's */
	g->hooks->done(g->arg, is_whole);
}

/* ---- asking ---- */

static void flush(struct gather *g)
{
	struct bytes b = buf_bytes(&g->out);
	ssize_t n = b.n ? send(g->watch.fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		finish(g, false);
		return;
	}
	if (n > 0)
		buf_consume(&g->out, (size_t)n);
	(void)loop_watch_set(&g->watch, LOOP_READ | (buf_len(&g->out) ? LOOP_WRITE : 0)); /* a watch that is there takes any */
}

static void put_frame(struct gather *g, struct buf *body)
{
	wire_put_u32(&g->out, (uint32_t)buf_len(body));
	buf_put_bytes(&g->out, buf_bytes(body));
	buf_fini(body);
}

static void greet(struct gather *g)
{
	struct buf b;

	buf_init(&b, 64);
	wire_put_u8(&b, OPER_HELLO);
	wire_put_u16(&b, OPER_VERSION);
	wire_put_u8(&b, OPER_AUDITOR);
	put_frame(g, &b);
}

static void ask(struct gather *g)
{
	const struct source *s = &sources[g->at];
	uint16_t n = 0;
	struct buf b;

	while (n < WORDS && s->words[n])
		n++;
	buf_init(&b, 256);
	wire_put_u8(&b, OPER_ASK);
	wire_put_u16(&b, n);
	for (uint16_t i = 0; i < n; i++) {
		wire_put_u8(&b, OPER_WORD_TYPED);
		wire_put_bytes(&b, bytes_of(s->words[i]));
	}
	put_frame(g, &b);
	flush(g);
}

/* ---- answers ---- */

static int take_record(struct gather *g, struct wire *w)
{
	struct mib_pair pairs[MIB_PAIRS_MAX];
	unsigned n = wire_u16(w);
	size_t kept = 0;

	for (unsigned i = 0; i < n && !wire_failed(w); i++) {
		const struct mib_pair p = { wire_str(w), wire_bytes(w) };
		if (kept < MIB_PAIRS_MAX)
			pairs[kept++] = p;
	}
	if (wire_end(w) < 0)
		return ERR_PROTOCOL;
	if (g->has_greeted && g->at < MIB_SOURCE_COUNT)
		g->hooks->record(g->arg, (enum mib_source)g->at, pairs, kept);
	return 0;
}

/* A program that does not run answers with an error: its objects are not there. */
static void next(struct gather *g)
{
	if (!g->has_greeted)
		g->has_greeted = true; /* that was HELLO's */
	else
		g->at++;
	while (g->at < MIB_SOURCE_COUNT && g->without >> g->at & 1)
		g->at++;
	if (g->at < MIB_SOURCE_COUNT) {
		ask(g);
		return;
	}
	g->at = MIB_SOURCE_COUNT - 1; /* it is under way until finish */
	finish(g, true);
}

static int on_frame(struct gather *g, struct bytes frame)
{
	struct wire w = wire_of(frame);
	unsigned type = wire_u8(&w);

	if (wire_failed(&w) || (type == OPER_DONE && g->at >= MIB_SOURCE_COUNT))
		return ERR_PROTOCOL;
	if (type == OPER_RECORD)
		return take_record(g, &w);
	if (type == OPER_NEED || type == OPER_WANT)
		return ERR_PROTOCOL;
	if (type == OPER_DONE)
		next(g);
	return 0;
}

static int read_frames(struct gather *g)
{
	while (g->is_open) {
		struct wire head = wire_of(buf_bytes(&g->in));
		uint32_t n = wire_u32(&head);
		if (wire_failed(&head))
			return 0;
		if (n == 0 || n > OPER_FRAME_MAX)
			return ERR_LIMIT;
		if (wire_left(&head) < n)
			return 0;
		int rc = on_frame(g, bytes_make(buf_bytes(&g->in).p + 4, n));
		if (rc < 0)
			return rc;
		if (g->is_open)
			buf_consume(&g->in, 4 + (size_t)n);
	}
	return 0;
}

static void fill(struct gather *g)
{
	uint8_t *to = buf_reserve(&g->in, READ_BYTES);
	ssize_t n = to ? recv(g->watch.fd, to, READ_BYTES, MSG_DONTWAIT) : -1;

	if (n > 0)
		buf_commit(&g->in, (size_t)n);
	bool is_over = !to || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || read_frames(g) < 0;
	if (g->is_open)
		buf_release_if_empty(&g->in);
	if (!is_over)
		return;
	close_pair(g);
	finish(g, false);
}

static void on_ready(void *arg, unsigned events)
{
	struct gather *g = arg;

	if (events & LOOP_WRITE)
		flush(g);
	if ((events & LOOP_READ) && g->is_open)
		fill(g);
}

static void on_silence(void *arg)
{
	struct gather *g = arg;

	log_warn("snmp.gather.slow", LOG_STR("asked", sources[g->at].words[1]));
	finish(g, false);
}

/* ---- opening ---- */

static int announce(struct gather *g, int fd)
{
	struct chan *to = bus_chan(g->bus, PROG_CONF, 0);
	struct buf *b = chan_begin(to, MSG_OPERATOR, 0);

	wire_put_u64(b, ++g->number);
	wire_put_str(b, BYTES("gh-snmp"));
	wire_put_u64(b, 0);
	return chan_end_fd(to, fd, true);
}

static int open_pair(struct gather *g)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return ERR_SYS;
	if (announce(g, fds[1]) < 0 || loop_watch_add(g->loop, &g->watch, fds[0], LOOP_READ, on_ready, g) < 0) {
		(void)close(fds[0]); /* gh-conf sees its end */
		return ERR_CLOSED;
	}
	buf_init(&g->in, OPER_FRAME_MAX + READ_BYTES + 4);
	buf_init(&g->out, OUT_MAX);
	g->is_open = true;
	g->has_greeted = false;
	return 0;
}

void gather_start(struct gather *g, unsigned without)
{
	if (gather_is_under_way(g))
		return;
	g->at = 0; /* that is always asked */
	g->without = without;
	if (loop_timer_set(g->loop, &g->silence, GATHER_MS) < 0 || (!g->is_open && open_pair(g) < 0)) {
		finish(g, false);
		return;
	}
	if (g->has_greeted) {
		ask(g);
	} else {
		greet(g);
		flush(g);
	}
}

bool gather_is_under_way(const struct gather *g)
{
	return g->at < MIB_SOURCE_COUNT;
}

struct gather *gather_new(struct loop *loop, struct bus *bus, const struct gather_hooks *hooks, void *arg)
{
	struct gather *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->loop = loop;
	g->bus = bus;
	g->hooks = hooks;
	g->arg = arg;
	g->at = MIB_SOURCE_COUNT;
	loop_timer_init(&g->silence, on_silence, g);
	return g;
}

void gather_free(struct gather *g)
{
	if (!g)
		return;
	close_pair(g);
	loop_timer_del(g->loop, &g->silence);
	free(g);
}
