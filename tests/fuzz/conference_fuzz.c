/* Any conference-info document: reading ends within its memory; what was read is written as a document that
 * reads the same. */
#include <stdlib.h>

#include "conference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_equal(const struct conference *a, const struct conference *b)
{
	must(bytes_eq(a->entity, b->entity) && a->state == b->state);
	must(a->has_version == b->has_version && a->version == b->version && a->has_subject == b->has_subject);
	must(a->has_users == b->has_users && a->is_users_partial == b->is_users_partial && a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		must(bytes_eq(a->users[i].entity, b->users[i].entity) && a->users[i].is_gone == b->users[i].is_gone);
		must(a->users[i].is_gone || (a->users[i].role.n == 0) == (b->users[i].role.n == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conference c, again;
	struct arena a;
	struct buf b;

	arena_init(&a, 2 * CONFERENCE_ARENA_BYTES);
	buf_init(&b, 4 << 20);
	if (conference_read(bytes_make(data, size), &a, &c) == 0) {
		conference_write(&b, &c);
		must(!buf_failed(&b));
		/* What we add may be more than may be read. */
		int rc = conference_read(buf_bytes(&b), &a, &again);
		must(rc == 0 || buf_len(&b) > CONFERENCE_MAX_BYTES || c.n > 500);
		if (rc == 0)
			check_equal(&c, &again);
	}
	buf_fini(&b);
	arena_fini(&a);
	return 0;
}
