/* Searches for people (XEP-0055): any XML as the query. Words that are taken lie within their limit and have something to look for; an answer
 * to them is XML. */
#include <stdlib.h>

#include "base/err.h"
#include "iq/search_form.h"
#include "proto/xmpp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void look_at(const struct search_form *f)
{
	bool is_any = false;

	for (int i = 0; i < DIRECTORY_FIELD_COUNT; i++) {
		struct bytes w = f->words[i];
		must(w.n <= DIRECTORY_WORD_MAX);
		if (!w.n)
			continue;
		is_any = true;
		must(bytes_find(w, '*') < w.n);
		(void)search_fits(w, BYTES("alice.liddell@a.example"));
	}
	must(is_any);
}

static void answer(const struct search_form *f, bool is_local, struct arena *a)
{
	struct look_person p = { .jid = BYTES("alice@a.example") };
	struct xml_node *n;
	struct buf b;

	for (int i = 0; i < DIRECTORY_FIELD_COUNT; i++)
		p.fields[i] = f->words[i]; /* as it may be written in a directory */
	buf_init(&b, 1 << 20);
	search_result_begin(&b, f, is_local, true);
	search_result_add(&b, f, is_local, &p);
	search_result_end(&b, f);
	must(!buf_failed(&b) && xml_parse(buf_bytes(&b), NS_CLIENT, &xml_limits_default, a, &n) == 0);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct search_form f;
	struct xml_node *n;
	struct arena a;

	if (!size)
		return 0;
	bool is_local = data[0] & 1;
	arena_init(&a, 32 << 20);
	if (xml_parse(bytes_make(data + 1, size - 1), NS_CLIENT, &xml_limits_default, &a, &n) == 0 && search_form_read(n, is_local, &a, &f) == 0) {
		look_at(&f);
		answer(&f, is_local, &a);
	}
	arena_fini(&a);
	return 0;
}
