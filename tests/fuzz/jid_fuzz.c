/* A normal form is its own normal form, in whole and in parts; escapes come back. */
#include <stdlib.h>

#include "proto/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ascii(struct arena *a, struct bytes domain)
{
	char ascii[254];
	struct bytes back;

	if (jid_domain_to_ascii(domain, ascii) != 0)
		return;
	if (jid_parse_domain(bytes_of(ascii), a, &back) != 0 || !bytes_eq(back, domain))
		abort();
}

static void check_whole(struct arena *a, struct bytes in)
{
	struct jid j, again;

	if (jid_parse(in, a, &j) != 0)
		return;
	if (jid_parse(j.full, a, &again) != 0 || !jid_eq(&j, &again))
		abort();
	struct jid cheap = jid_of_normal(j.full);
	if (cheap.local_n != j.local_n || cheap.domain_n != j.domain_n || cheap.resource_n != j.resource_n)
		abort();
	if (jid_make(jid_local(&j), jid_domain(&j), jid_resource(&j), a, &again) != 0 || !jid_eq(&j, &again))
		abort();
	check_ascii(a, jid_domain(&j));
}

static void check_part(struct arena *a, struct bytes in,
                       int (*parse)(struct bytes, struct arena *, struct bytes *))
{
	struct bytes once, twice;

	if (parse(in, a, &once) != 0)
		return;
	if (parse(once, a, &twice) != 0 || !bytes_eq(once, twice))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size }, escaped, back;
	struct arena a;

	arena_init(&a, 1 << 20);
	check_whole(&a, in);
	check_part(&a, in, jid_parse_local);
	check_part(&a, in, jid_parse_domain);
	check_part(&a, in, jid_parse_resource);
	if (jid_escape(in, &a, &escaped) == 0 && escaped.n <= JID_PART_MAX_BYTES)
		if (jid_unescape(escaped, &a, &back) != 0 || !bytes_eq(back, in))
			abort();
	(void)jid_unescape(in, &a, &back); /* of any bytes: must only not crash */
	arena_fini(&a);
	return 0;
}
