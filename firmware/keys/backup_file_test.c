/* The backup file: what was put comes back, and no change of it passes. */
#include "backup_file.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PASSWORD BYTES("correct horse battery")

static EVP_PKEY *identity;

static int setup(void **state)
{
	(void)state;
	identity = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return identity == NULL;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(identity);
	return 0;
}

static void make(struct buf *out, size_t *ends, size_t n_ends)
{
	static const uint8_t big[BACKUP_PIECE_MAX] = { 7 };
	struct backup_head about = { .product = "0.1", .platform = "virtual", .name = "gate", .generation = 12, .made_ms = 1764012345678, .flags = BACKUP_HAS_STORE };
	struct backup_writer w;
	size_t n = 0;

	buf_init(out, 1 << 20);
	assert_int_equal(backup_writer_init(&w, &about, identity, PASSWORD, out), 0);
	ends[n++] = buf_len(out);
	assert_int_equal(backup_writer_put(&w, BACKUP_SETTINGS, BYTES("set system name gate\n"), out), 0);
	ends[n++] = buf_len(out);
	assert_int_equal(backup_writer_put(&w, BACKUP_STORE, bytes_make(big, sizeof big), out), 0);
	ends[n++] = buf_len(out);
	assert_int_equal(backup_writer_put(&w, BACKUP_STORE, BYTES("end"), out), 0);
	ends[n++] = buf_len(out);
	assert_int_equal(backup_writer_put(&w, BACKUP_KEYS, BYTES("x"), out), ERR_BAD_STATE);
	assert_int_equal(backup_writer_end(&w, out), 0);
	ends[n++] = buf_len(out);
	assert_int_equal(n, n_ends);
	backup_writer_fini(&w);
}

struct got {
	size_t settings, store;
};

static int count(void *arg, enum backup_section section, struct bytes piece)
{
	struct got *g = arg;

	*(section == BACKUP_SETTINGS ? &g->settings : &g->store) += piece.n;
	return 0;
}

static int read_all(struct bytes in, struct bytes password, size_t step, struct got *g, char why[static 160])
{
	struct backup_reader r;
	int rc = backup_reader_init(&r, password);

	*g = (struct got){ 0 };
	while (!rc && in.n > 0) {
		size_t n = in.n < step ? in.n : step;
		rc = backup_reader_feed(&r, bytes_make(in.p, n), count, g);
		in = bytes_skip(in, n);
	}
	if (!rc)
		rc = backup_reader_end(&r);
	memcpy(why, r.why, 160);
	backup_reader_fini(&r);
	return rc;
}

static void test_round_trip(void **state)
{
	struct buf file;
	struct got g;
	size_t ends[5];
	char why[160];

	(void)state;
	make(&file, ends, 5);
	for (size_t step = 1; step < buf_len(&file); step = step * 13 + 1) {
		assert_int_equal(read_all(buf_bytes(&file), PASSWORD, step, &g, why), 0);
		assert_int_equal(g.settings, 21);
		assert_int_equal(g.store, BACKUP_PIECE_MAX + 3);
	}
	buf_fini(&file);
}

static void test_head_without_password(void **state)
{
	struct backup_reader r;
	struct buf file;
	size_t ends[5];
	uint8_t key[PUBLIC_KEY_BYTES], id[HOST_ID_BYTES];
	size_t n = sizeof key;

	(void)state;
	make(&file, ends, 5);
	assert_int_equal(backup_reader_init(&r, BYTES_NONE), 0);
	assert_int_equal(backup_reader_feed(&r, buf_bytes(&file), NULL, NULL), 0);
	assert_true(r.has_head);
	assert_string_equal(r.head.platform, "virtual");
	assert_string_equal(r.head.name, "gate");
	assert_int_equal(r.head.generation, 12);
	assert_int_equal(r.head.made_ms, 1764012345678);
	assert_int_equal(EVP_PKEY_get_raw_public_key(identity, key, &n), 1);
	backup_host_id(key, id);
	assert_memory_equal(r.head.host_id, id, sizeof id);
	backup_reader_fini(&r);
	buf_fini(&file);
}

static void test_wrong_password(void **state)
{
	struct buf file;
	struct got g;
	size_t ends[5];
	char why[160];

	(void)state;
	make(&file, ends, 5);
	assert_int_equal(read_all(buf_bytes(&file), BYTES("correct horse battery."), 4096, &g, why), ERR_AUTH);
	assert_string_equal(why, "wrong password");
	assert_int_equal(g.settings, 0);
	buf_fini(&file);
}

/* Each bit of the small parts, and some of the big one. */
static void test_any_change_shows(void **state)
{
	struct buf file;
	struct got g;
	size_t ends[5], at = 0;
	char why[160];

	(void)state;
	make(&file, ends, 5);
	while (at < buf_len(&file)) {
		file.p[file.off + at] ^= (uint8_t)(1u << at % 8);
		int rc = read_all(buf_bytes(&file), PASSWORD, 1 << 20, &g, why);
		assert_true(rc < 0);
		assert_true(why[0]);
		file.p[file.off + at] ^= (uint8_t)(1u << at % 8);
		/* behind the head each try costs a scrypt */
		at += at < ends[0] ? 1 : at < ends[1] ? 5 : at + 200 < ends[2] ? 6007 : 23;
	}
	buf_fini(&file);
}

static void test_truncation(void **state)
{
	struct buf file;
	struct got g;
	size_t ends[5];
	char why[160];

	(void)state;
	make(&file, ends, 5);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(read_all(bytes_make(buf_bytes(&file).p, ends[i]), PASSWORD, 4096, &g, why), ERR_TRUNCATED);
		assert_int_equal(read_all(bytes_make(buf_bytes(&file).p, ends[i] + 3), PASSWORD, 4096, &g, why), ERR_TRUNCATED);
		assert_int_equal(read_all(bytes_make(buf_bytes(&file).p, ends[i] - 1), PASSWORD, 4096, &g, why), ERR_TRUNCATED);
	}
	buf_put_u8(&file, 0);
	assert_int_equal(read_all(buf_bytes(&file), PASSWORD, 4096, &g, why), ERR_SYNTAX);
	buf_fini(&file);
}

static void put_range(struct buf *out, const struct buf *from, size_t a, size_t b)
{
	buf_put(out, from->p + from->off + a, b - a);
}

static void test_order_and_mixture(void **state)
{
	struct buf one, two, bad;
	struct got g;
	size_t ends[5], ends2[5];
	char why[160];

	(void)state;
	make(&one, ends, 5);
	make(&two, ends2, 5);
	buf_init(&bad, 1 << 20);
	/* two parts change places */
	put_range(&bad, &one, 0, ends[0]);
	put_range(&bad, &one, ends[1], ends[2]);
	put_range(&bad, &one, ends[0], ends[1]);
	put_range(&bad, &one, ends[2], ends[4]);
	assert_int_equal(read_all(buf_bytes(&bad), PASSWORD, 4096, &g, why), ERR_CHECKSUM);
	/* one is left out, or comes twice */
	buf_clear(&bad);
	put_range(&bad, &one, 0, ends[2]);
	put_range(&bad, &one, ends[3], ends[4]);
	assert_int_equal(read_all(buf_bytes(&bad), PASSWORD, 4096, &g, why), ERR_CHECKSUM);
	buf_clear(&bad);
	put_range(&bad, &one, 0, ends[2]);
	put_range(&bad, &one, ends[1], ends[4]);
	assert_int_equal(read_all(buf_bytes(&bad), PASSWORD, 4096, &g, why), ERR_CHECKSUM);
	/* a part of another backup of the same box and password */
	buf_clear(&bad);
	put_range(&bad, &one, 0, ends[1]);
	put_range(&bad, &two, ends2[1], ends2[4]);
	assert_int_equal(read_all(buf_bytes(&bad), PASSWORD, 4096, &g, why), ERR_CHECKSUM);
	buf_fini(&one);
	buf_fini(&two);
	buf_fini(&bad);
}

static void test_password_strength(void **state)
{
	(void)state;
	assert_non_null(backup_password_weakness(BYTES("short1!")));
	assert_non_null(backup_password_weakness(BYTES("aaaaaaaaaaaaaaaa")));
	assert_non_null(backup_password_weakness(BYTES("abababababababab")));
	assert_null(backup_password_weakness(PASSWORD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	 cmocka_unit_test(test_head_without_password),
		cmocka_unit_test(test_wrong_password),	 cmocka_unit_test(test_any_change_shows),
		cmocka_unit_test(test_truncation),	 cmocka_unit_test(test_order_and_mixture),
		cmocka_unit_test(test_password_strength),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
