/* Files of people (XEP-0227): verifiers that are taken are whole, and times are those that were said. */
#include "fuzz_tree.h"

#include "auth/verifier.h"
#include "portable/pie.h"

enum { INPUT_MAX = 16 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct xml_node *n)
{
	struct scram_verifier v;
	enum scram_hash hash;
	struct buf b;

	(void)pie_take_delay(n, 0);
	if (verifier_of_pie(n, &hash, &v))
		return;
	size_t digest = hash == SCRAM_SHA1 ? 20 : 32;
	if (!v.salt_n || !v.iterations || v.iterations > VERIFIER_ROUNDS_MAX)
		abort();
	struct bytes salt = bytes_make(v.salt, v.salt_n), stored = bytes_make(v.stored_key, digest), server = bytes_make(v.server_key, digest);
	buf_init(&b, 4096);
	verifier_put_pie(&b, hash, v.iterations, salt, stored, server);
	struct xml_node *again;
	struct scram_verifier same;
	enum scram_hash same_hash;
	struct arena a;
	arena_init(&a, 1 << 20);
	if (xml_parse(buf_bytes(&b), "", &pie_limits, &a, &again) || verifier_of_pie(again, &same_hash, &same) || same_hash != hash ||
	    !bytes_eq(bytes_make(same.stored_key, digest), stored) || !bytes_eq(bytes_make(same.salt, same.salt_n), salt))
		abort();
	arena_fini(&a);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xml_document *d = size <= INPUT_MAX ? xml_document_new(&pie_limits, pie_holds) : NULL;
	struct xml_document_event ev = { .kind = XML_DOCUMENT_NONE };

	if (d && !xml_document_feed(d, bytes_make(data, size), true))
		while (!xml_document_next(d, &ev) && ev.kind != XML_DOCUMENT_END)
			if (ev.kind == XML_DOCUMENT_ITEM)
				check(ev.node);
	xml_document_free(d);
	return 0;
}
