/* Whatever parses can be printed, as an offer and as the answer to itself, and means the same then. */
#include <stdlib.h>

#include "base/err.h"
#include "sip/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const char *a, const char *b)
{
	return bytes_eq(bytes_of(a), bytes_of(b));
}

static void check_again(const struct imsdp *s, const struct imsdp *offer, struct arena *a)
{
	struct imsdp back;
	struct buf out;

	buf_init(&out, IMSDP_MAX_BYTES);
	int rc = imsdp_print(s, offer, &out);
	if (rc == 0 && imsdp_parse(buf_bytes(&out), a, &back) == 0) {
		if (back.kind != s->kind || back.port != s->port || back.max_size != s->max_size || back.setup != s->setup)
			abort();
		if (!is_same(back.path, s->path) || !is_same(back.accept, s->accept))
			abort();
		if (offer && (back.n_media != offer->n_media || back.chosen != offer->chosen))
			abort();
	} else if (rc == 0 && *s->host && bytes_find(bytes_of(s->host), '/') == strlen(s->host)) {
		abort();
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct imsdp s;

	arena_init(&a, 1 << 20);
	if (imsdp_parse((struct bytes){ data, size }, &a, &s) == 0 && s.kind != IMSDP_NONE) {
		if (s.n_media == 0 || s.chosen >= s.n_media)
			abort();
		check_again(&s, NULL, &a);
		check_again(&s, &s, &a);
	}
	arena_fini(&a);
	return 0;
}
