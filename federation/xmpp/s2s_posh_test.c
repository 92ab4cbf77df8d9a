/* POSH documents (RFC 7711) as web servers send them. */
#include "posh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define HASH "4/mggdlVx8A3pvHAWW5sD+qJyMtUHgiRuPjVC48N0XQ="
#define DOC "{\"fingerprints\":[{\"sha-256\":\"" HASH "\"}],\"expires\":604800}"

static const struct {
	const char *answer;
	int rc;
	size_t n;
} rows[] = {
	{ OK "\r\n" DOC, 0, 1 },
	{ "HTTP/1.0 200 OK\n\n" DOC, 0, 1 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n10\r\n{\"fingerprints\":\r\n3\r\n[]}\r\n0\r\n\r\n", 0, 0 },
	{ OK "Transfer-Encoding: chunked\r\n\r\nffff\r\n{}", ERR_SYNTAX, 0 },
	{ OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", ERR_SYNTAX, 0 },
	{ "HTTP/1.1 404 Not Found\r\n\r\n", ERR_NOT_FOUND, 0 },
	{ "HTTP/1.1 302 Found\r\nLocation: https://x.example/\r\n\r\n", ERR_NOT_FOUND, 0 },
	{ OK "\r\n{\"url\":\"https://x.example/posh.json\",\"expires\":86400}", ERR_UNSUPPORTED, 0 },
	{ OK "\r\n{\"fingerprints\":[{\"sha-256\":\"short\"},{\"sha-1\":\"x\"}]}", 0, 0 },
	{ OK "\r\n{\"fingerprints\":{}}", ERR_SYNTAX, 0 },
	{ OK "\r\n[", ERR_SYNTAX, 0 },
	{ OK, ERR_SYNTAX, 0 },
	{ "SSH-2.0-x\r\n", ERR_SYNTAX, 0 },
	{ "", ERR_SYNTAX, 0 },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct posh p = { .n = 0 };
		int rc = posh_read(bytes_of(rows[i].answer), &p);
		if (rc != rows[i].rc || p.n != rows[i].n)
			fail_msg("row %zu: rc %d, n %zu", i, rc, p.n);
		if (p.n)
			assert_int_equal(p.sha256[0][0], 0xe3);
	}
}

static void test_most(void **state)
{
	struct posh p = { .n = 0 };
	struct buf b;

	(void)state;
	buf_init(&b, POSH_ANSWER_BYTES);
	buf_put_str(&b, OK "\r\n{\"fingerprints\":[");
	for (int i = 0; i < 50; i++)
		buf_putf(&b, "%s{\"sha-256\":\"" HASH "\"}", i ? "," : "");
	buf_put_str(&b, "]}");
	assert_int_equal(posh_read(buf_bytes(&b), &p), 0);
	assert_int_equal(p.n, POSH_MAX);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers), cmocka_unit_test(test_most) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
