/* A path's normal form is its own normal form and hides nothing; rules of CSV that are written again are the same rules; tests and
 * URLs of any bytes are judged. */
#include <stdlib.h>

#include "base/err.h"
#include "proto/allow.h"

enum { INPUT_MAX = 16 << 10, OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct bytes in)
{
	struct buf once, twice;
	const char *why;

	buf_init(&once, 8192);
	buf_init(&twice, 8192);
	if (allow_path(in, &once, &why) == 0) {
		struct bytes p = buf_bytes(&once);
		if (allow_path(p, &twice, &why) != 0 || !bytes_eq(p, buf_bytes(&twice)))
			abort();
		for (size_t i = 0; i < p.n; i++) {
			struct bytes rest = bytes_skip(p, i);
			if (bytes_starts(rest, BYTES("//")) || bytes_starts(rest, BYTES("/../")) || bytes_starts(rest, BYTES("/./")) ||
			    bytes_starts(rest, BYTES("%2F")) || bytes_starts(rest, BYTES("%5C")) || bytes_starts(rest, BYTES("%00")) ||
			    bytes_eq_str(rest, "/..") || bytes_eq_str(rest, "/.") || p.p[i] == ';' || p.p[i] == '\\' || p.p[i] <= ' ' || p.p[i] >= 0x7f)
				abort();
		}
	} else if (!why[0]) {
		abort();
	}
	buf_fini(&once);
	buf_fini(&twice);
}

static int into_list(void *arg, const struct allow_words *w, const char **why)
{
	return allow_add_rule(arg, w, why);
}

static void print(const struct allow_list *l, struct buf *out)
{
	allow_write_head(out);
	for (size_t i = 0; i < l->n_rules; i++)
		allow_write_rule(out, &l->rules[i]);
}

static int try(void *arg, const struct allow_test *t, const char **why)
{
	struct allow_answer a;

	if (allow_try(arg, t->url, t->method, t->deployment, &a, why) && (!a.site || !a.rule || a.verdict != ALLOW_YES))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size };
	struct allow_error error;
	struct allow_list l, again;
	struct buf out, twice;

	if (size > INPUT_MAX)
		return 0;
	check_path(in);
	allow_init(&l);
	allow_init(&again);
	buf_init(&out, OUT_MAX);
	buf_init(&twice, OUT_MAX);
	(void)allow_add_site(&l, BYTES("k"), BYTES("h"), BYTES_NONE);
	if (allow_read_rules(in, into_list, &l, &error) == 0) {
		print(&l, &out);
		if (buf_failed(&out) || allow_read_rules(buf_bytes(&out), into_list, &again, &error) != 0 || again.n_rules != l.n_rules)
			abort();
		print(&again, &twice);
		if (!bytes_eq(buf_bytes(&out), buf_bytes(&twice)))
			abort();
	}
	(void)allow_read_tests(in, try, &l, &error);
	buf_fini(&out);
	buf_fini(&twice);
	allow_fini(&l);
	allow_fini(&again);
	return 0;
}
