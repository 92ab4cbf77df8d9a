/* gh-store asked by a gh-im and a gh-xlate that were broken into: any bodies, one behind the other, each
 * after a byte with its length. What is well formed is answered once; what is not ends the channel, and
 * the store goes on for the next of them with its sums right. */
#include <stdlib.h>
#include <sys/socket.h>

#include "store.h"
#include "base/err.h"
#include "base/log.h"
#include "run/store_op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stage {
	struct loop *loop;
	struct store store;
	struct bus *im, *xlate;
	unsigned n_asked, n_done;
	uint32_t last_done;
};

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static int on_done(void *program, struct chan *from, const struct frame *f)
{
	struct stage *g = program;

	(void)from;
	must(f->id && f->id <= g->n_asked);
	g->last_done = f->id;
	g->n_done++;
	return 0;
}

static int on_item(void *program, struct chan *from, const struct frame *f)
{
	const struct stage *g = program;

	(void)from;
	must(f->id && f->id <= g->n_asked);
	return 0;
}

static const struct bus_handler store_handlers[] = { { MSG_STORE_ASK, store_on_ask } };
static const struct bus_handler im_handlers[] = { { MSG_STORE_DONE, on_done }, { MSG_STORE_ITEM, on_item } };

static void join(struct stage *g, struct bus *asker)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	must(bus_attach(asker, PROG_STORE, 0, fds[0]) == 0);
	must(bus_attach(g->store.bus, asker == g->im ? PROG_IM : PROG_XLATE, 0, fds[1]) == 0);
}

static void stage_open(struct stage *g)
{
	const struct bus_hooks store_hooks = { .program = &g->store, .handlers = store_handlers, .n_handlers = 1 };
	const struct bus_hooks im_hooks = { .program = g, .handlers = im_handlers, .n_handlers = 2 };
	const char *why = "";

	g->loop = loop_new(LOOP_FAKE);
	g->store.loop = g->loop;
	g->store.bus = bus_new(g->loop, PROG_STORE, 0, &store_hooks);
	g->im = bus_new(g->loop, PROG_IM, 0, &im_hooks);
	g->xlate = bus_new(g->loop, PROG_XLATE, 0, &im_hooks);
	must(store_open(&g->store, ":memory:", &why) == 0);
	join(g, g->im);
	join(g, g->xlate);
}

static void stage_close(struct stage *g)
{
	bus_free(g->im);
	bus_free(g->xlate);
	store_close(&g->store);
	bus_free(g->store.bus);
	loop_free(g->loop);
	free(g);
}

/* One ask; true: it was answered. */
static void ask(struct stage *g, struct bytes body)
{
	struct bus *asker = body.n && body.p[0] >= STORE_WATCH_PUT && body.p[0] <= STORE_WATCH_LIST ? g->xlate : g->im;
	struct chan *store = bus_chan(asker, PROG_STORE, 0);

	buf_put_bytes(chan_begin(store, MSG_STORE_ASK, ++g->n_asked), body);
	must(chan_end(store) == 0);
	unsigned before = g->n_done;
	loop_fake_advance(g->loop, 0);
	if (bus_chan(asker, PROG_STORE, 0))
		must(g->n_done == before + 1 && g->last_done == g->n_asked);
	else
		join(g, asker); /* it was malformed: gh-super has started another */
}

static int64_t count_offline(struct stage *g)
{
	struct db_stmt *q = g->store.sql[SQL_OFFLINE_TOTAL];

	must(db_step(q) == 1);
	int64_t n = db_int(q, 0);
	db_reset(q);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage *g = calloc(1, sizeof *g);
	struct bytes in = bytes_make(data, size);

	must(g != NULL);
	log_set_level(LOG_LEVEL_ERROR);
	stage_open(g);
	while (in.n) {
		size_t n = in.p[0] < in.n - 1 ? in.p[0] : in.n - 1;
		ask(g, bytes_make(in.p + 1, n));
		in = bytes_skip(in, n + 1);
	}
	must(!g->store.is_open && g->store.offline_total == count_offline(g));
	stage_close(g);
	return 0;
}
