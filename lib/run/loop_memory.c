/* libevent keeps a record of some 20 bytes for each descriptor that was ever watched, until the end.
 * Made while clients come, those lie between what is freed when the clients leave, and each holds a
 * page of the heap: after 5,000 clients 10 MiB. Here they get memory of their own. */
#include "run/loop_impl.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { RECORD_BYTES = 32, REGION_BYTES = 8 << 20 }; /* address space; pages come when touched */

static struct {
	uint8_t *start, *next, *end;
	void *freed; /* each begins with the next */
} records;

static bool is_record(const void *p)
{
	return (const uint8_t *)p >= records.start && (const uint8_t *)p < records.end;
}

static void *record_new(void)
{
	void *p = records.freed;

	if (p) {
		records.freed = *(void **)p;
		return p;
	}
	if (records.next == records.end)
		return NULL;
	p = records.next;
	records.next += RECORD_BYTES;
	return p;
}

static void *new(size_t n)
{
	void *p = n <= RECORD_BYTES ? record_new() : NULL;

	return p ? p : malloc(n);
}

static void release(void *p)
{
	if (!is_record(p)) {
		free(p);
		return;
	}
	*(void **)p = records.freed;
	records.freed = p;
}

static void *resize(void *p, size_t n)
{
	if (!p)
		return new(n);
	if (!is_record(p))
		return realloc(p, n);
	if (n <= RECORD_BYTES)
		return p;
	void *bigger = malloc(n);
	if (bigger) {
		memcpy(bigger, p, RECORD_BYTES);
		release(p);
	}
	return bigger;
}

void loop_memory_init(void)
{
	if (records.start)
		return;
	void *region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (region == MAP_FAILED)
		return; /* malloc serves as well */
	records.start = records.next = region;
	records.end = records.start + REGION_BYTES;
	event_set_mem_functions(new, resize, release);
}
