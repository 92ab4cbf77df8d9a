/* API tokens: their text, their places and ends, and the file that keeps them. */
#include "token.h"

#include "summed.h"

#include "base/err.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static void a_text_is_known_by_its_hash_alone(void **state)
{
	struct token v[2] = { { .name = "one" }, { .name = "two" } };
	const struct tokens all = { .v = v, .n = 2 };
	char text[2][TOKEN_TEXT_BYTES];
	struct buf file;

	(void)state;
	for (int i = 0; i < 2; i++)
		token_make(&v[i], text[i]);
	assert_int_equal(strlen(text[0]), 68);
	assert_string_not_equal(text[0], text[1]);
	assert_ptr_equal(tokens_of_text(&all, bytes_of(text[1])), &v[1]);
	assert_ptr_equal(tokens_of_text(&all, bytes_of(text[0])), &v[0]);
	buf_init(&file, 4096);
	token_file_put(v, 2, &file);
	assert_null(strstr(buf_cstr(&file), text[0] + 4));
	buf_fini(&file);
	text[1][67] ^= 1;
	assert_null(tokens_of_text(&all, bytes_of(text[1])));
	assert_null(tokens_of_text(&all, bytes_make(text[0], 67)));
	assert_null(tokens_of_text(&all, BYTES_NONE));
	assert_false(token_is_text(BYTES("ght_short")));
}

static void places_are_looked_at(void **state)
{
	struct token t = { 0 };

	(void)state;
	assert_true(token_may_come_from(&t, "203.0.113.9"));
	assert_int_equal(token_add_from(&t, BYTES("192.0.2.0/24")), 0);
	assert_int_equal(token_add_from(&t, BYTES("2001:db8::/48")), 0);
	assert_int_equal(token_add_from(&t, BYTES("198.51.100.7")), 0);
	assert_int_equal(token_add_from(&t, BYTES("192.0.2.1/24")), ERR_SYNTAX);
	assert_int_equal(token_add_from(&t, BYTES("here.example")), ERR_SYNTAX);
	assert_true(token_may_come_from(&t, "192.0.2.200"));
	assert_true(token_may_come_from(&t, "198.51.100.7"));
	assert_true(token_may_come_from(&t, "2001:db8::1"));
	assert_false(token_may_come_from(&t, "198.51.100.8"));
	assert_false(token_may_come_from(&t, "192.0.3.1"));
	assert_false(token_may_come_from(&t, "2001:db8:1::1"));
	assert_false(token_may_come_from(&t, "ssh"));
	while (t.n_from < TOKEN_FROM_MAX)
		assert_int_equal(token_add_from(&t, BYTES("192.0.2.0/24")), 0);
	assert_int_equal(token_add_from(&t, BYTES("192.0.2.0/24")), ERR_LIMIT);
}

static void it_ends(void **state)
{
	(void)state;
	assert_false(token_is_over(&(struct token){ .until_s = 0 }, UINT64_MAX));
	assert_false(token_is_over(&(struct token){ .until_s = 100 }, 99));
	assert_true(token_is_over(&(struct token){ .until_s = 100 }, 100));
}

static void names(void **state)
{
	(void)state;
	assert_true(token_is_name(BYTES("backup-job.1")));
	assert_true(token_is_name(BYTES("abcdefghijklmnopqrstuvwxyz")));
	assert_false(token_is_name(BYTES("abcdefghijklmnopqrstuvwxyza")));
	assert_false(token_is_name(BYTES("a:b")));
	assert_false(token_is_name(BYTES_NONE));
}

static void fill(struct token v[2])
{
	char text[TOKEN_TEXT_BYTES];

	v[0] = (struct token){ .name = "one", .role = OPER_API, .created_s = 5, .until_s = 77, .by = "ann b", .used_s = 9, .used_from = "192.0.2.9" };
	v[1] = (struct token){ .name = "two", .role = OPER_AUDITOR, .created_s = 6, .by = "root" };
	assert_int_equal(token_add_from(&v[0], BYTES("192.0.2.0/24")), 0);
	token_make(&v[0], text);
	token_make(&v[1], text);
}

static void a_file_comes_back(void **state)
{
	struct token v[2], *back = calloc(TOKENS_MAX, sizeof *back);
	struct buf file;
	unsigned line;
	size_t n;

	(void)state;
	fill(v);
	buf_init(&file, TOKENS_TEXT_MAX);
	token_file_put(v, 2, &file);
	assert_int_equal(token_file_read(buf_bytes(&file), back, &n, &line), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(&back[0], &v[0], sizeof v[0]);
	assert_memory_equal(&back[1], &v[1], sizeof v[1]);
	/* half of it, and each byte of it another one: never a token that was not there */
	for (size_t i = 0; i < buf_len(&file); i++) {
		assert_int_not_equal(token_file_read(bytes_make(file.p, i), back, &n, &line), 0);
		file.p[i] ^= 0x20;
		assert_int_not_equal(token_file_read(buf_bytes(&file), back, &n, &line), 0);
		file.p[i] ^= 0x20;
	}
	buf_fini(&file);
	free(back);
}

/* An upgrade that went back: what the newer version has written more is kept; what limits a token shuts it. */
static void a_file_of_a_newer_version(void **state)
{
	static const struct {
		const char *text;
		bool is_shut;
	} rows[] = { { "note \"for the lab\"\n", false }, { "!only-read 1\n", true }, { "role wizard\n", true }, { "from lab.example\n", true } };
	struct token v[2], *back = calloc(TOKENS_MAX, sizeof *back);
	struct buf file, newer, ours;
	unsigned line;
	size_t n;

	(void)state;
	fill(v);
	buf_init(&file, TOKENS_TEXT_MAX);
	token_file_put(v, 2, &file);
	char *end = strstr(buf_cstr(&file), "sha256 "), *role = strstr(strstr(buf_cstr(&file), "token two\n"), "role ");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool is_role = strncmp(rows[i].text, "role", 4) == 0;
		const char *cut = is_role ? role : end;
		const char *rest = is_role ? strchr(role, '\n') + 1 : end;
		buf_init(&newer, TOKENS_TEXT_MAX);
		buf_init(&ours, TOKENS_TEXT_MAX);
		buf_put(&newer, file.p, (size_t)(cut - buf_cstr(&file)));
		buf_put_str(&newer, rows[i].text);
		buf_put(&newer, rest, (size_t)(end - rest));
		summed_end(&newer);
		assert_int_equal(token_file_read(buf_bytes(&newer), back, &n, &line), 0);
		assert_int_equal(n, 2);
		assert_false(back[0].kept.is_shut);
		assert_int_equal(back[1].kept.is_shut, rows[i].is_shut);
		token_file_put(back, n, &ours);
		assert_non_null(strstr(buf_cstr(&ours), rows[i].text));
		assert_int_equal(token_file_read(buf_bytes(&ours), back, &n, &line), 0);
		assert_int_equal(back[1].kept.is_shut, rows[i].is_shut);
		buf_fini(&newer);
		buf_fini(&ours);
	}
	buf_fini(&file);
	free(back);
}

static void a_damaged_file_is_put_aside(void **state)
{
	char top[] = "/tmp/token_test.XXXXXX", command[64];
	struct tokens t;

	(void)state;
	assert_non_null(mkdtemp(top));
	int dir = open(top, O_RDONLY | O_DIRECTORY);
	assert_int_equal(tokens_open(&t, dir), 0);
	assert_non_null(tokens_add(&t, BYTES("one")));
	assert_int_equal(tokens_save(&t), 0);
	tokens_close(&t);
	assert_int_equal(tokens_open(&t, dir), 0);
	assert_int_equal(t.n, 1);
	tokens_close(&t);
	int fd = openat(dir, TOKENS_FILE, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
	assert_int_equal(tokens_open(&t, dir), 0);
	assert_int_equal(t.n, 0);
	assert_true(t.is_damaged);
	assert_int_equal(faccessat(dir, "tokens.damaged", F_OK, 0), 0);
	tokens_close(&t);
	(void)close(dir);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", top);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_known_by_its_hash_alone), cmocka_unit_test(places_are_looked_at), cmocka_unit_test(it_ends),
		cmocka_unit_test(names), cmocka_unit_test(a_file_comes_back), cmocka_unit_test(a_file_of_a_newer_version), cmocka_unit_test(a_damaged_file_is_put_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
