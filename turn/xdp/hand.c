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

static void send_none(struct xdp *x, struct chan *c)
{
	struct buf *b = chan_begin(c, MSG_XDP_NONE, 0);

	wire_put_u32(b, x->round);
	wire_put_str(b, bytes_of(x->why));
	(void)chan_end(c); /* as above */
}

static bool is_inside(unsigned instance, uint32_t slots)
{
	return slots && instance < FLOWMAP_FLOWS_MAX / slots; /* else it is about to end */
}

void hand_up(struct xdp *x, struct chan *c)
{
	if (chan_prog(c) != PROG_TURN)
		return;
	if (!x->slots)
		send_none(x, c);
	else if (is_inside(chan_instance(c), x->slots))
		send_maps(x, c);
}

static void each(struct xdp *x, void (*fn)(struct xdp *x, struct chan *c))
{
	struct bus *b = proc_bus(x->proc);

	for (struct chan *c = bus_next(b, PROG_TURN, NULL); c; c = bus_next(b, PROG_TURN, c))
		fn(x, c);
}

/* No two workers ever have the same slot: ranges of another size wait for the last one to be out. */
static void go_on(struct xdp *x)
{
	if (x->slots || x->acks || !x->next_slots)
		return;
	x->slots = x->next_slots;
	x->why[0] = 0;
	each(x, hand_up);
}

static void is_out(struct xdp *x, unsigned instance)
{
	x->acks &= ~(1u << instance);
	go_on(x);
}

/* Nobody owns its flows any more, and its ports may soon be another's. The next one in its slots sweeps them. */
void hand_down(struct xdp *x, struct chan *c)
{
	unsigned instance = chan_instance(c);
	uint32_t slots = x->slots ? x->slots : x->last_slots;

	if (chan_prog(c) != PROG_TURN)
		return;
	if (is_inside(instance, slots) && fastpath_expire(x->fds[FLOWMAP_FLOWS], instance * slots, slots))
		log_error("turn.kernel.expire_failed", LOG_INT("worker", instance));
	is_out(x, instance);
}

static int on_out(void *program, struct chan *from, const struct frame *f)
{
	struct xdp *x = program;
	struct wire in = wire_of(f->body);
	uint32_t round = wire_u32(&in);

	if (wire_end(&in))
		return ERR_PROTOCOL;
	if (round == x->round)
		is_out(x, chan_instance(from));
	return 0;
}

const struct bus_handler hand_handlers[] = { { MSG_XDP_OUT, on_out } };
const size_t n_hand_handlers = sizeof hand_handlers / sizeof hand_handlers[0];

static void await(struct xdp *x, struct chan *c)
{
	if (is_inside(chan_instance(c), x->last_slots))
		x->acks |= 1u << chan_instance(c);
}

void hand_back(struct xdp *x, const char *why)
{
	bool is_new = x->slots || strcmp(x->why, why) != 0;

	x->next_slots = 0;
	(void)snprintf(x->why, sizeof x->why, "%s", why);
	if (x->slots) {
		x->last_slots = x->slots;
		x->slots = 0;
		x->round++;
		each(x, await);
	}
	if (is_new)
		each(x, send_none);
}

void hand_out(struct xdp *x, uint32_t slots)
{
	if (x->slots == slots)
		return;
	if (x->slots)
		hand_back(x, "the number of workers changes");
	x->next_slots = slots;
	go_on(x);
}
