/* turn/batch.h - datagrams of all of a worker's sockets, many a system call. What is sent in a turn waits
 * for its end: one sendmmsg a socket then, and consecutive datagrams of one size to one destination go
 * through the kernel as one (UDP_SEGMENT). What is read comes in many at once and, where the kernel has
 * joined datagrams of a flow (UDP_GRO), many in one.
 *
 * Packets lie in the batch's own rooms, with TURN_HEADROOM before and TURN_TAILROOM behind, and are not
 * copied on their way through; bytes from elsewhere (the engine's answers) are copied when they are put. */
#ifndef TURN_BATCH_H
#define TURN_BATCH_H

#include "endpoint.h"
#include "io.h"
#include "run/loop.h"

enum batch_stat {
	BATCH_READS, BATCH_IN, BATCH_WRITES, BATCH_OUT, BATCH_SEGMENTED, BATCH_BLOCKED, BATCH_FAILED, BATCH_CUT,
	BATCH_KERNEL_DROPS,
	BATCH_STAT_COUNT
};
extern const char *const batch_stat_names[BATCH_STAT_COUNT];

struct batch;
struct batch *batch_new(struct loop *l); /* NULL without memory */
void batch_free(struct batch *b);
uint64_t *batch_stats(struct batch *b);

/* A new socket: asks the kernel to join what it receives and to count what it drops, and for room.
 * Both are only speed and sight: what the kernel refuses is done without. */
void batch_prepare(int fd, int kernel_bytes);
/* One datagram came on fd. False: no more of this socket (it has closed). */
typedef bool (*batch_fn)(void *arg, int fd, const struct stunaddr *from, struct turn_packet *p);
/* Reads once, at most `most` (up to BATCH_READ_MAX) messages. *drops: what the kernel says that it has dropped
 * on this socket, before and now (the difference is counted); may be NULL. Returns how many messages came: fewer than `most`, and it is empty. */
enum { BATCH_READ_MAX = 32 };
unsigned batch_receive(struct batch *b, int fd, unsigned most, uint32_t *drops, batch_fn fn, void *arg);
/* A copy of bytes that came in another way, in a room of the batch's: the engine may write around it, and it is not
 * copied again. n: up to TURN_PACKET_MAX. */
struct turn_packet batch_place(struct batch *b, struct bytes data);
/* Sends to `to` at the end of this turn, or before when much waits. What the kernel does not take is dropped. */
void batch_send(struct batch *b, int fd, const struct stunaddr *to, struct bytes data, bool dont_fragment);
/* Now: before a socket closes, for one. */
void batch_flush(struct batch *b);

#endif
