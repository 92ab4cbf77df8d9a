#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "xdp.h"

/* Each worker has a range of slots of its own, by its number. */

static void send_maps(struct xdp *x, struct chan *c)
{
	for (unsigned i = 0; i < FLOWMAP_COUNT; i++) {
		struct buf *b = chan_begin(c, MSG_XDP_MAP, 0);
		wire_put_u8(b, (uint8_t)i);
		wire_put_u32(b, xdp_kernel_cpus());
		wire_put_u32(b, chan_instance(c) * x->slots);
		wire_put_u32(b, x->slots);
		(void)chan_end_fd(c, x->fds[i], false); /* its end is said by down */
	}
}

static void send_why(struct xdp *x, struct chan *c)
{
	wire_put_str(chan_begin(c, MSG_XDP_NONE, 0), bytes_of(x->why));
	(void)chan_end(c); /* as above */
}

void hand_up(struct xdp *x, struct chan *c)
{
	if (chan_prog(c) != PROG_TURN)
		return;
	if (!x->slots)
		send_why(x, c);
	else if (chan_instance(c) < FLOWMAP_FLOWS_MAX / x->slots) /* else it is about to end */
		send_maps(x, c);
}

/* Nobody owns its flows any more, and its ports may soon be another's. */
void hand_down(struct xdp *x, struct chan *c)
{
	if (chan_prog(c) != PROG_TURN || !x->slots)
		return;
	if (chan_instance(c) < FLOWMAP_FLOWS_MAX / x->slots &&
	    fastpath_expire(x->fds[FLOWMAP_FLOWS], chan_instance(c) * x->slots, x->slots))
		log_error("turn.kernel.expire_failed", LOG_INT("worker", chan_instance(c)));
}

static void each(struct xdp *x, void (*fn)(struct xdp *x, struct chan *c))
{
	struct bus *b = proc_bus(x->proc);

	for (struct chan *c = bus_next(b, PROG_TURN, NULL); c; c = bus_next(b, PROG_TURN, c))
		fn(x, c);
}

void hand_out(struct xdp *x, uint32_t slots)
{
	if (x->slots == slots)
		return;
	if (x->slots)
		hand_back(x, "the number of workers changes");
	x->slots = slots;
	x->why[0] = 0;
	each(x, hand_up);
}

void hand_back(struct xdp *x, const char *why)
{
	bool is_new = x->slots || strcmp(x->why, why) != 0;

	x->slots = 0;
	(void)snprintf(x->why, sizeof x->why, "%s", why);
	if (is_new)
		each(x, send_why);
}
