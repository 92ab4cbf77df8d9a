#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "worker.h"

/* The kernel's path: gh-xdp brings its maps, one descriptor a message, and says when there is none. */

static void drop_maps(struct worker *w)
{
	for (unsigned i = 0; i < w->n_maps; i++)
		(void)close(w->maps.fds[i]); /* nothing was written */
	w->n_maps = 0;
}

void fast_end(struct worker *w, const char *why)
{
	drop_maps(w);
	if (w->fast) {
		turn_server_kernel(w->server, false);
		fastpath_close(w->fast);
		w->fast = NULL;
		log_info("turn.kernel.ended", LOG_STR("why", why));
	}
	(void)snprintf(w->fast_why, sizeof w->fast_why, "%s", why);
}

static void begin(struct worker *w)
{
	int rc = fastpath_open(&w->maps, &w->fast);

	if (rc) {
		w->fast = NULL;
		log_error("turn.kernel.failed", LOG_STR("reason", err_name(rc)), LOG_STR("do", "restart gh-xdp: turn fast-path off, then on"));
		fast_end(w, "the kernel's maps cannot be used");
		return;
	}
	w->n_maps = 0; /* it has them */
	w->fast_why[0] = 0;
	log_info("turn.kernel.began", LOG_INT("flows-max", w->maps.slots));
	turn_server_kernel(w->server, true);
}

static int on_map(void *program, struct chan *from, const struct frame *f)
{
	struct worker *w = program;
	struct wire in = wire_of(f->body);
	unsigned which = wire_u8(&in);
	struct fastpath_maps m = { .cpus = wire_u32(&in) };

	(void)from;
	m.first_slot = wire_u32(&in);
	m.slots = wire_u32(&in);
	if (which == 0)
		fast_end(w, "the maps come");
	if (wire_end(&in) || f->fd < 0 || which >= FLOWMAP_COUNT || which != w->n_maps) {
		if (f->fd >= 0)
			(void)close(f->fd); /* as above */
		return ERR_PROTOCOL;
	}
	memcpy(m.fds, w->maps.fds, sizeof m.fds);
	m.fds[which] = f->fd;
	w->maps = m;
	if (++w->n_maps == FLOWMAP_COUNT)
		begin(w);
	return 0;
}

static int on_none(void *program, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);
	struct bytes why = wire_str(&in);
	char text[FAST_WHY_BYTES];

	(void)from;
	if (wire_end(&in))
		return ERR_PROTOCOL;
	(void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(why)); /* cut, it still says */
	fast_end(program, text);
	return 0;
}

const struct bus_handler fast_handlers[] = { { MSG_XDP_MAP, on_map }, { MSG_XDP_NONE, on_none } };
const size_t n_fast_handlers = sizeof fast_handlers / sizeof fast_handlers[0];
static_assert(sizeof fast_handlers / sizeof fast_handlers[0] == FAST_HANDLERS, "main.c has room for them");

void fast_down(struct worker *w, struct chan *c)
{
	if (chan_prog(c) == PROG_XDP)
		fast_end(w, "gh-xdp is not there");
}

/* ---- as in io.h ---- */

int fast_add(void *io, const struct fastpath_flow *f, uint32_t *id)
{
	return fastpath_add(((struct worker *)io)->fast, f, id);
}

int fast_renew(void *io, uint32_t id, const struct fastpath_flow *f)
{
	return fastpath_renew(((struct worker *)io)->fast, id, f);
}

int fast_read(void *io, uint32_t id, struct fastpath_counts *out)
{
	return fastpath_read(((struct worker *)io)->fast, id, out);
}

void fast_del(void *io, uint32_t id, struct fastpath_counts *out)
{
	fastpath_del(((struct worker *)io)->fast, id, out);
}
