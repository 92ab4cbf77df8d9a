/* run/bus.h - messages between processes.
 *
 * A channel is one end of a stream socket pair that gh-super made; each end knows which program and
 * instance is at the other. A frame on it is
 *     length:u32 (of what follows) type:u16 id:u32 body
 * Frames put during one loop turn leave together at its end, so a busy bus costs few system calls.
 * A descriptor may ride with a frame (only where its row says so).
 *
 * The table in run/msg.def lists every message with who may send it to whom. A frame outside its
 * row, or one whose body does not decode, is the sender's fault: the receiver drops the channel and
 * tells gh-super, which ends the sender. */
#ifndef RUN_BUS_H
#define RUN_BUS_H

#include "base/wire.h"
#include "run/loop.h"
#include "run/msg.h"
#include "run/prog.h"

struct bus;
struct chan;

struct frame {
	enum msg type;
	uint32_t id;       /* the request's id, carried back in the answer; 0 for one-way messages */
	struct bytes body; /* valid during the call */
	int fd;            /* a descriptor that came along, now the handler's; or -1 */
};

/* A handler: 0, or an error: the frame was malformed, which ends the sender. */
typedef int (*bus_fn)(void *program, struct chan *from, const struct frame *f);
struct bus_handler {
	enum msg type;
	bus_fn fn;
};

struct bus_hooks {
	void *program; /* first argument of handlers and hooks */
	const struct bus_handler *handlers;
	size_t n_handlers;
	/* A peer instance has come (again): resend what it must know. Optional. */
	void (*up)(void *program, struct chan *c);
	/* It has gone (died or misbehaved): what waited for it will not be answered. c is freed after. */
	void (*down)(void *program, struct chan *c);
	/* c had more than its high-water mark queued (is_full) or has drained again: stop or resume
	 * reading from whatever feeds it. Optional. */
	void (*pressure)(void *program, struct chan *c, bool is_full);
	/* Asked to report a bad peer (proc wires this to gh-super). */
	void (*bad_peer)(void *program, enum prog peer, unsigned instance);
};

struct bus *bus_new(struct loop *l, enum prog self, unsigned self_instance, const struct bus_hooks *hooks);
void bus_free(struct bus *b);
/* Takes over fd as the channel to (peer, instance), replacing a dead one. Calls hooks->up. */
int bus_attach(struct bus *b, enum prog peer, unsigned instance, int fd);

/* The channel to an instance, or NULL while it is not there. */
struct chan *bus_chan(struct bus *b, enum prog peer, unsigned instance);
/* Walks the channels to all instances of a program: start with NULL. */
struct chan *bus_next(struct bus *b, enum prog peer, struct chan *after);
enum prog chan_prog(const struct chan *c);
unsigned chan_instance(const struct chan *c);
/* A word for the program to keep with the channel. */
void chan_set_user(struct chan *c, void *user);
void *chan_user(const struct chan *c);

/* Begins a frame and gives the buffer to put the body's fields into (base/wire.h); chan_end
 * finishes it. NULL c is fine: the fields go nowhere (then chan_end gives ERR_CLOSED).
 * chan_end: ERR_LIMIT when the channel's hard limit is reached or the frame is longer than
 * BUS_FRAME_MAX: then the frame was not queued. Only one frame at a time may be open. */
enum { BUS_FRAME_MAX = 8 << 20, BUS_QUEUE_MAX = 256 << 20, BUS_HIGH_WATER = 4 << 20 };
struct buf *chan_begin(struct chan *c, enum msg type, uint32_t id);
int chan_end(struct chan *c);
/* The same with a descriptor, which is duplicated by the kernel when the frame leaves; fd is closed
 * then if close_after. */
int chan_end_fd(struct chan *c, int fd, bool close_after);
/* Bytes queued and not yet taken by the kernel. */
size_t chan_pending(const struct chan *c);
/* Pauses and resumes reading frames from a channel (nested pauses are not counted). */
void chan_pause(struct chan *c, bool is_paused);
/* Sends what is queued now instead of at the end of the turn. */
void chan_flush(struct chan *c);
/* Fresh request id, never 0. */
uint32_t bus_next_id(struct bus *b);

#endif
