/* turn/batch_impl.h - the inside of the batch, for batch*.c. */
#ifndef TURN_BATCH_IMPL_H
#define TURN_BATCH_IMPL_H

#include "batch.h"

enum {
	ROOM_BYTES = TURN_HEADROOM + TURN_PACKET_MAX + 1 + TURN_TAILROOM,
	ROOMS = 64,
	PIECES_BYTES = 1 << 20, /* datagrams of joined ones, each with its own room around it */
	COPIES_BYTES = 256 << 10,
	QUEUE_MAX = 512,
	GROUPS_SIZE = 1024, /* a power of two, twice the queue: a search ends soon */
};

struct queued {
	struct bytes data;
	union endpoint to;
	uint16_t next; /* of the same socket; 0: last (places count from 1) */
	bool dont_fragment;
};

struct group { /* all that waits for one socket */
	int fd;
	uint16_t first, last, n;
	uint16_t at; /* in group_at */
};

union receive_control {
	struct cmsghdr align;
	uint8_t room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t))];
};

struct batch {
	struct loop *loop;
	struct loop_defer at_end;
	uint64_t stats[BATCH_STAT_COUNT];
	uint32_t rooms_used, pieces_used, copies_used;
	uint16_t n_queued, n_groups;
	struct queued queue[QUEUE_MAX + 1];
	struct group groups[QUEUE_MAX + 1];
	uint16_t group_at[GROUPS_SIZE]; /* by descriptor; 0: none */
	/* A message of each room: what the kernel wrote of it is set back after it was read. */
	struct mmsghdr messages[ROOMS];
	struct iovec parts[ROOMS];
	union endpoint from[ROOMS];
	union receive_control beside[ROOMS];
	uint8_t copies[COPIES_BYTES];
	uint8_t pieces[PIECES_BYTES];
	uint8_t rooms[ROOMS][ROOM_BYTES]; /* the kernel gives pages for as much of one as has come */
};

/* The messages of all rooms, for the first time. */
void batch_read_init(struct batch *b);
/* Sends what waits for one socket. */
void batch_write(struct batch *b, const struct group *g);

#endif
