#include "net/revoked.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/pki_fixture.h"

struct world {
	struct pki_cert root, other, mid, leaf;
};

static int world_up(void **state)
{
	static struct world w;

	w.root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.other = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.mid = pki_make(&(struct pki_wish){ .cn = "mid", .is_ca = true }, &w.root);
	w.leaf = pki_make(&(struct pki_wish){ .cn = "leaf" }, &w.root);
	*state = &w;
	return 0;
}

static int world_down(void **state)
{
	struct world *w = *state;

	pki_free(&w->root);
	pki_free(&w->other);
	pki_free(&w->mid);
	pki_free(&w->leaf);
	return 0;
}

enum { FROM_S = 1000, UNTIL_S = 2000, NOW_S = 1500 };

/* A list with these numbers in it, each the last byte of a serial number. */
static struct revoked_list *list_of(const char *name, const struct pki_cert *authority, const uint32_t *numbers, uint32_t n)
{
	struct revoked_list *l = calloc(1, sizeof *l);

	snprintf(l->name, sizeof l->name, "%s", name);
	l->head = (struct revoked_head){ .from_s = FROM_S, .until_s = UNTIL_S, .scope = REVOKED_USERS | REVOKED_AUTHORITIES };
	assert_int_equal(revoked_key(authority->x, l->head.key), 0);
	l->n = n;
	l->serials = calloc(n + 1, REVOKED_SERIAL_BYTES);
	for (uint32_t i = 0; i < n; i++)
		for (int b = 0; b < 4; b++)
			l->serials[(i + 1) * REVOKED_SERIAL_BYTES - 1 - (size_t)b] = (uint8_t)(numbers[i] >> 8 * b);
	revoked_list_sort(l);
	return l;
}

static uint32_t number_of(const struct pki_cert *c)
{
	return (uint32_t)ASN1_INTEGER_get(X509_get0_serialNumber(c->x));
}

/* Sends it over the wire; frames of a list, or only the first `most`. Frees l. */
static int send_list(struct revoked *r, struct revoked_list *l, unsigned most, bool *is_new)
{
	uint32_t at = 0;
	bool is_more = true;
	int rc = 0;

	for (unsigned i = 0; is_more && !rc && i < most; i++) {
		struct buf b;
		buf_init(&b, REVOKED_PART_BYTES + 1024);
		is_more = revoked_put(l, &at, &b);
		assert_false(buf_failed(&b));
		rc = revoked_take(r, buf_bytes(&b), is_new);
		buf_fini(&b);
	}
	revoked_list_free(l);
	return rc;
}

static void what_is_in_a_list_is_revoked(void **state)
{
	struct world *w = *state;
	struct revoked r = { 0 };
	uint32_t numbers[] = { 70000, number_of(&w->leaf), 30, 70000, 31 };
	bool is_new;

	assert_int_equal(revoked_look(&r, w->leaf.x, w->root.x, NOW_S), REVOKED_UNKNOWN);
	assert_int_equal(send_list(&r, list_of("a", &w->root, numbers, 5), 9, &is_new), 0);
	assert_true(is_new);
	assert_int_equal(r.lists[0]->n, 4); /* one was there twice */
	assert_int_equal(revoked_look(&r, w->leaf.x, w->root.x, NOW_S), REVOKED_IS);
	assert_int_equal(revoked_look(&r, w->mid.x, w->root.x, NOW_S), REVOKED_IS_NOT);
	assert_true(revoked_may_be(&r, w->leaf.x));
	assert_false(revoked_may_be(&r, w->mid.x));
	/* another authority of the same name numbers for itself */
	assert_int_equal(revoked_look(&r, w->leaf.x, w->other.x, NOW_S), REVOKED_UNKNOWN);
	/* an old list still revokes, and says nothing good */
	assert_int_equal(revoked_look(&r, w->leaf.x, w->root.x, UNTIL_S), REVOKED_IS);
	assert_int_equal(revoked_look(&r, w->mid.x, w->root.x, UNTIL_S), REVOKED_UNKNOWN);
	/* the next one has forgiven (removed an expired one), and takes its place */
	assert_int_equal(send_list(&r, list_of("a", &w->root, numbers, 1), 9, &is_new), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(revoked_look(&r, w->leaf.x, w->root.x, NOW_S), REVOKED_IS_NOT);
	revoked_fini(&r);
}

static void scopes(void **state)
{
	struct world *w = *state;
	struct revoked r = { 0 };
	bool is_new;
	static const struct {
		uint8_t scope;
		enum revoked_verdict leaf, mid;
	} rows[] = {
		{ REVOKED_USERS, REVOKED_IS_NOT, REVOKED_UNKNOWN },
		{ REVOKED_AUTHORITIES, REVOKED_UNKNOWN, REVOKED_IS_NOT },
		{ 0, REVOKED_UNKNOWN, REVOKED_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct revoked_list *l = list_of("a", &w->root, NULL, 0);
		l->head.scope = rows[i].scope;
		assert_int_equal(send_list(&r, l, 9, &is_new), 0);
		assert_int_equal(revoked_look(&r, w->leaf.x, w->root.x, NOW_S), rows[i].leaf);
		assert_int_equal(revoked_look(&r, w->mid.x, w->root.x, NOW_S), rows[i].mid);
	}
	revoked_fini(&r);
}

/* 120000 numbers are three frames; gh-pki may die amid them. */
static void long_lists_come_in_parts(void **state)
{
	enum { MANY = 120000 };
	static uint32_t numbers[MANY];
	struct world *w = *state;
	struct revoked r = { 0 };
	bool is_new;

	for (uint32_t i = 0; i < MANY; i++)
		numbers[i] = (i + 1) * 1000003u; /* in no order, as it wraps */
	assert_int_equal(send_list(&r, list_of("a", &w->root, numbers, 5), 9, &is_new), 0);
	assert_int_equal(send_list(&r, list_of("a", &w->root, numbers, MANY), 2, &is_new), 0);
	assert_false(is_new);
	assert_int_equal(r.lists[0]->n, 5); /* the one before is in force */
	assert_int_equal(send_list(&r, list_of("a", &w->root, numbers, MANY), 9, &is_new), 0);
	assert_true(is_new);
	assert_int_equal(r.lists[0]->n, MANY);
	numbers[MANY / 2] = number_of(&w->leaf);
	assert_int_equal(revoked_look(&r, w->leaf.x, w->root.x, NOW_S), REVOKED_IS_NOT);
	assert_int_equal(send_list(&r, list_of("a", &w->root, numbers, MANY), 9, &is_new), 0);
	assert_int_equal(revoked_look(&r, w->leaf.x, w->root.x, NOW_S), REVOKED_IS);
	revoked_fini(&r);
}

static void lists_go(void **state)
{
	struct world *w = *state;
	struct revoked r = { 0 };
	struct buf b;
	bool is_new;

	buf_init(&b, 1000);
	revoked_put_gone("a", &b);
	assert_int_equal(send_list(&r, list_of("a", &w->root, NULL, 0), 9, &is_new), 0);
	assert_int_equal(send_list(&r, list_of("b", &w->other, NULL, 0), 9, &is_new), 0);
	assert_int_equal(revoked_take(&r, buf_bytes(&b), &is_new), 0);
	assert_true(is_new);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.lists[0]->name, "b");
	assert_int_equal(revoked_take(&r, buf_bytes(&b), &is_new), 0);
	assert_false(is_new);
	buf_fini(&b);
	revoked_fini(&r);
}

static void limits(void **state)
{
	struct world *w = *state;
	struct revoked r = { 0 };
	char name[16];
	bool is_new;

	for (int i = 0; i < REVOKED_LISTS_MAX; i++) {
		snprintf(name, sizeof name, "l%d", i);
		assert_int_equal(send_list(&r, list_of(name, &w->root, NULL, 0), 9, &is_new), 0);
	}
	assert_int_equal(send_list(&r, list_of("one more", &w->root, NULL, 0), 9, &is_new), ERR_LIMIT);
	assert_int_equal(send_list(&r, list_of("l7", &w->root, NULL, 0), 9, &is_new), 0);
	struct buf b;
	buf_init(&b, 1000);
	wire_put_str(&b, BYTES("l1"));
	wire_put_u8(&b, REVOKED_BEGINS);
	for (int i = 0; i < 32 + 16 + 1; i++)
		wire_put_u8(&b, 0);
	wire_put_u32(&b, REVOKED_SERIALS_MAX + 1); /* says so; nothing may be set aside for it */
	assert_int_equal(revoked_take(&r, buf_bytes(&b), &is_new), ERR_LIMIT);
	buf_fini(&b);
	revoked_fini(&r);
}

/* Each cut and each wrong flag of a good frame: an error or nothing new, and nothing is lost of what was there. */
static void damaged_frames(void **state)
{
	struct world *w = *state;
	struct revoked r = { 0 };
	uint32_t numbers[] = { 7, 9 }, at = 0;
	struct revoked_list *l = list_of("a", &w->root, numbers, 2);
	struct buf b;
	bool is_new;

	buf_init(&b, 1000);
	assert_false(revoked_put(l, &at, &b));
	struct bytes whole = buf_bytes(&b);
	for (size_t n = 0; n < whole.n; n++) {
		assert_true(revoked_take(&r, bytes_make(whole.p, n), &is_new) < 0);
		assert_false(is_new);
	}
	uint8_t copy[1000];
	memcpy(copy, whole.p, whole.n);
	copy[whole.n - 1] = 6; /* out of order */
	assert_int_equal(revoked_take(&r, bytes_make(copy, whole.n), &is_new), ERR_PROTOCOL);
	memcpy(copy, whole.p, whole.n);
	copy[3] = REVOKED_ENDS; /* a part of nothing */
	assert_int_equal(revoked_take(&r, bytes_make(copy, whole.n), &is_new), ERR_PROTOCOL);
	copy[3] = 0x80;
	assert_int_equal(revoked_take(&r, bytes_make(copy, whole.n), &is_new), ERR_PROTOCOL);
	assert_int_equal(r.n, 0);
	revoked_list_free(l);
	buf_fini(&b);
	revoked_fini(&r);
}

static void serial_numbers(void **state)
{
	uint8_t out[REVOKED_SERIAL_BYTES], wide[21] = { 1 };
	ASN1_INTEGER *n = ASN1_INTEGER_new();

	(void)state;
	assert_int_equal(ASN1_INTEGER_set(n, 258), 1);
	assert_int_equal(revoked_serial(n, out), 0);
	assert_int_equal(out[18], 1);
	assert_int_equal(out[19], 2);
	assert_int_equal(ASN1_STRING_set(n, wide, 21), 1);
	assert_int_equal(revoked_serial(n, out), ERR_RANGE);
	assert_int_equal(ASN1_STRING_set(n, wide, 20), 1);
	assert_int_equal(revoked_serial(n, out), 0);
	assert_int_equal(out[0], 1);
	ASN1_INTEGER_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_a_list_is_revoked), cmocka_unit_test(scopes), cmocka_unit_test(long_lists_come_in_parts),
		cmocka_unit_test(lists_go), cmocka_unit_test(limits), cmocka_unit_test(damaged_frames), cmocka_unit_test(serial_numbers),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
