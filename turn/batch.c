#include "batch_impl.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/mman.h>

const char *const batch_stat_names[] = {
	"turn.io.reads", "turn.io.in", "turn.io.writes", "turn.io.out", "turn.io.segmented", "turn.io.blocked", "turn.io.failed",
	"turn.io.cut", "turn.kernel-drops",
};
_Static_assert(sizeof batch_stat_names / sizeof batch_stat_names[0] == BATCH_STAT_COUNT, "one name a counter");

static void flush_at_end(void *arg)
{
	batch_flush(arg);
}

struct batch *batch_new(struct loop *l)
{
	/* untouched pages of the rooms cost nothing */
	struct batch *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	b->loop = l;
	batch_read_init(b);
	loop_defer_init(&b->at_end, flush_at_end, b);
	return b;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	loop_defer_cancel(&b->at_end);
	(void)munmap(b, sizeof *b); /* cannot fail on what was mapped */
}

uint64_t *batch_stats(struct batch *b)
{
	return b->stats;
}

void batch_prepare(int fd, int kernel_bytes)
{
	const int on = 1;

	/* each is a wish: see batch.h */
	(void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kernel_bytes, sizeof kernel_bytes);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kernel_bytes, sizeof kernel_bytes);
}

static bool lies_within(const void *p, const void *room, size_t n)
{
	uintptr_t at = (uintptr_t)p, from = (uintptr_t)room;

	return at >= from && at < from + n;
}

/* In a room of ours it stays until it is sent; anything else is the caller's and is copied. */
static bool keep(struct batch *b, struct bytes *data)
{
	if (lies_within(data->p, b->rooms, sizeof b->rooms) || lies_within(data->p, b->pieces, sizeof b->pieces))
		return true;
	if (data->n > COPIES_BYTES)
		return false;
	if (data->n > COPIES_BYTES - b->copies_used)
		batch_flush(b);
	uint8_t *p = b->copies + b->copies_used;
	memcpy(p, data->p, data->n);
	b->copies_used += (uint32_t)data->n;
	data->p = p;
	return true;
}

static struct group *group_of(struct batch *b, int fd)
{
	uint32_t at = (uint32_t)fd & (GROUPS_SIZE - 1);

	while (b->group_at[at] && b->groups[b->group_at[at]].fd != fd)
		at = (at + 1) & (GROUPS_SIZE - 1);
	if (!b->group_at[at]) {
		b->group_at[at] = ++b->n_groups;
		b->groups[b->n_groups] = (struct group){ .fd = fd, .at = (uint16_t)at };
	}
	return &b->groups[b->group_at[at]];
}

void batch_send(struct batch *b, int fd, const struct stunaddr *to, struct bytes data, bool dont_fragment)
{
	if (b->n_queued == QUEUE_MAX)
		batch_flush(b);
	if (!keep(b, &data)) {
		b->stats[BATCH_FAILED]++;
		return;
	}
	uint16_t place = ++b->n_queued;
	struct group *g = group_of(b, fd);
	b->queue[place] = (struct queued){ .data = data, .dont_fragment = dont_fragment };
	(void)endpoint_of(to, &b->queue[place].to); /* its length follows from its family */
	if (g->n++)
		b->queue[g->last].next = place;
	else
		g->first = place;
	g->last = place;
	loop_defer_last(b->loop, &b->at_end);
}

void batch_flush(struct batch *b)
{
	for (uint16_t i = 1; i <= b->n_groups; i++) {
		batch_write(b, &b->groups[i]);
		b->group_at[b->groups[i].at] = 0;
	}
	b->n_groups = b->n_queued = 0;
	b->copies_used = 0;
}
