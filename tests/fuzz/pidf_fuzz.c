/* Any presence document: reading ends within its memory; what was read is written as a document that reads
 * the same, and packs and unpacks the same. */
#include <stdlib.h>

#include "pidf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_packed(const struct pres *p)
{
	struct pres back;
	struct buf b;

	buf_init(&b, 1 << 16);
	pres_encode(&b, p);
	must(pres_decode(buf_bytes(&b), &back) == 0 && pres_equal(p, &back) && p->at_ms == back.at_ms);
	buf_fini(&b);
}

static void check_written(const struct pidf *d, struct arena *a)
{
	struct pres *list = arena_zalloc(a, (d->n + 1) * sizeof *list);
	struct pidf *again = arena_alloc(a, sizeof *again);
	struct pidf_how how = { BYTES_NONE, false };
	struct buf b;

	must(list && again);
	for (size_t i = 0; i < d->n; i++)
		list[i] = d->tuples[i].pres;
	buf_init(&b, 2 << 20);
	pidf_write(&b, &(struct pidf_of){ BYTES("pres:a@b"), BYTES("sip:a@b"), list, d->n });
	must(!buf_failed(&b));
	if (buf_len(&b) <= PIDF_MAX_BYTES) {
		must(pidf_read(buf_bytes(&b), &how, a, again) == 0);
		must(again->n == d->n);
	}
	for (size_t i = 0; i < d->n && buf_len(&b) <= PIDF_MAX_BYTES; i++) {
		must(again->tuples[i].is_known && again->tuples[i].pres.is_open == list[i].is_open);
		must(bytes_eq(again->tuples[i].pres.resource, list[i].resource));
	}
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pidf_how how = { BYTES("en"), size & 1 };
	struct arena a;

	arena_init(&a, 2 * PIDF_ARENA_BYTES);
	struct pidf *d = arena_alloc(&a, sizeof *d);
	must(d != NULL);
	if (pidf_read(bytes_make(data, size), &how, &a, d) == 0) {
		for (size_t i = 0; i < d->n; i++)
			check_packed(&d->tuples[i].pres);
		check_written(d, &a);
	}
	arena_fini(&a);
	return 0;
}
