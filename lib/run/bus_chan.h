/* run/bus_chan.h - the inside of a channel, shared by bus.c, bus_chan.c. */
#ifndef RUN_BUS_CHAN_H
#define RUN_BUS_CHAN_H

#include "run/bus.h"

enum {
	FRAME_HEAD_BYTES = 10, /* length:u32 type:u16 id:u32 */
	CHAN_FDS_MAX = 64,     /* descriptors that wait to be sent */
	CHAN_READ_BYTES = 256 << 10,
};

struct chan_fd {
	uint64_t at; /* stream offset of the first byte of its frame */
	int fd;
	bool is_ours;
};

struct chan {
	struct list node;
	struct bus *bus;
	enum prog peer;
	unsigned instance;
	void *user;
	int fd;
	struct loop_watch watch;
	struct loop_defer flush;
	struct buf out, in; /* in: the beginning of a frame that has not wholly come */
	uint64_t sent;      /* bytes sent since the start */
	struct chan_fd fds_out[CHAN_FDS_MAX];
	unsigned n_fds_out;
	int fds_in[CHAN_FDS_MAX]; /* came, and not yet claimed by a frame */
	unsigned n_fds_in;
	size_t open_at;     /* where the open frame began in out */
	bool is_open, is_dead, is_paused, is_pressed;
};

struct bus {
	struct loop *loop;
	enum prog self;
	unsigned self_instance;
	struct bus_hooks hooks;
	bus_fn fns[MSG_COUNT];
	struct list chans, dead;
	struct loop_defer sweep;
	uint8_t *scratch;   /* CHAN_READ_BYTES, made with the first channel */
	uint32_t last_id;
};

int chan_new(struct bus *b, enum prog peer, unsigned instance, int fd, struct chan **out);
void chan_close(struct chan *c);
void chan_free(struct chan *c);
void bus_sweep(void *arg);
/* Takes the channel out of service; is_bad: its peer broke the rules. */
void bus_drop(struct chan *c, bool is_bad);

#endif
