/* run/bus_impl.h - what the files of the bus share: bus.c (channels, receiving), bus_send.c (the
 * queue of a channel), bus_frame.c (the head of a frame). Nobody else includes it. */
#ifndef RUN_BUS_IMPL_H
#define RUN_BUS_IMPL_H

#include "run/bus.h"

enum {
	BUS_HEAD_BYTES = 10,       /* length u32, type u16, id u32 */
	BUS_READ_BYTES = 128 << 10, /* asked from the kernel at once */
	BUS_SOCKET_BYTES = 1 << 20, /* asked for sending */
	BUS_FLUSH_BYTES = 64 << 10, /* a turn that puts more sends in between */
	BUS_LOW_WATER = BUS_HIGH_WATER / 4,
	BUS_FDS_MAX = 16,          /* descriptors that ride on one send, and that may wait for their frames */
	BUS_FD_QUEUE_MAX = 1024,   /* descriptors queued to a channel */
	BUS_INSTANCES_MAX = 16,
	BUS_SPARES = 4,
	BUS_SPARE_BYTES = 1 << 20, /* larger buffers are not kept */
	BUS_SPARE_MS = 2000,       /* an idle bus keeps no buffer for longer */
};

/* A descriptor that waits to leave with the frame that starts at `at` (bytes since the channel began). */
struct chan_fd {
	uint64_t at;
	int fd;
	bool close_after, is_sent;
};

struct chan {
	struct bus *bus;
	enum prog peer;
	unsigned instance;
	bool brings_fds;          /* a row lets the peer send descriptors here */
	struct loop_watch watch;
	struct loop_defer flush;  /* at the end of the turn: send, report pressure */
	struct loop_defer resume; /* frames read already, after a pause */
	struct list dead;         /* in the bus's list until `down` has been called */
	struct buf in, out;
	uint64_t sent;            /* bytes that the kernel has taken since the channel began */
	size_t open_at;           /* length of out where the open frame starts */
	enum msg open_type;
	struct chan_fd *fds;      /* queued descriptors, in order of their frames */
	size_t n_fds, cap_fds;
	int in_fds[BUS_FDS_MAX];  /* come, their frames not yet */
	unsigned n_in_fds;
	bool is_open, is_dead, is_paused, is_full, is_parsing;
	void *user;
};

struct bus {
	struct loop *loop;
	enum prog self;
	unsigned self_instance;
	struct bus_hooks hooks;
	bus_fn fns[MSG_COUNT];
	struct chan *chans[PROG_COUNT][BUS_INSTANCES_MAX];
	struct list dead;
	struct loop_defer sweep;
	struct buf spare[BUS_SPARES]; /* empty buffers with memory, for the next channel that needs one */
	unsigned n_spare;
	struct loop_timer spare_timer;
	uint32_t next_id;
};

/* ---- bus_frame.c ---- */
/* Reads one frame at the front of `in`; f->fd is left -1. *used: its bytes. ERR_AGAIN: not all there,
 * *used then says how many bytes it will have (0: not even the length is there). ERR_SYNTAX: too
 * short or too long to be a frame; ERR_UNKNOWN: no such message. */
int bus_frame_read(struct bytes in, struct frame *f, size_t *used);
/* Puts the head with a length of 0, and sets it when the body (all from byte `at` on) is there. */
void bus_frame_begin(struct buf *out, enum msg type, uint32_t id);
void bus_frame_end(struct buf *out, size_t at);

/* ---- bus_send.c ---- */
void chan_send_init(struct chan *c);
/* Closes descriptors that were queued, frees the queue. */
void chan_send_fini(struct chan *c);

/* ---- bus.c ---- */
/* The channel is over: nothing is received from now on, bus_chan does not find it; `down` is called
 * and c freed at the end of the turn. */
void chan_drop(struct chan *c);
/* An empty buffer takes over spare memory; and gives it back when it is empty again. */
void bus_spare_take(struct bus *b, struct buf *to);
void bus_spare_give(struct bus *b, struct buf *from);

#endif
