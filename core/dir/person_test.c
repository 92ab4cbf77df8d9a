/* Entries as people: addresses by both schemes, what is refused, and whom a search for an address finds. */
#include "person.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

static const struct person_rules by_user = { .user = "uid", .mail = "mail", .name = "displayName", .uri = "sip", .domain = "a.example" };
static const struct person_rules by_uri = { .user = "uid", .mail = "mail", .name = "displayName", .uri = "sip", .is_by_uri = true };

static void put(struct buf *b, uint8_t tag, struct bytes v)
{
	buf_put_u8(b, tag);
	buf_put_u8(b, 0x82);
	buf_put_u8(b, (uint8_t)(v.n >> 8));
	buf_put_u8(b, (uint8_t)v.n);
	buf_put_bytes(b, v);
}

/* An entry with these attributes, each "type=value". */
struct entry {
	struct buf attributes;
	struct ldap_answer answer;
};

static void entry_add(struct entry *e, const char *type, struct bytes value)
{
	struct buf set, attribute;

	buf_init(&set, 65536);
	buf_init(&attribute, 65536);
	put(&set, 0x04, value);
	put(&attribute, 0x04, bytes_of(type));
	put(&attribute, 0x31, buf_bytes(&set));
	put(&e->attributes, 0x30, buf_bytes(&attribute));
	buf_fini(&set);
	buf_fini(&attribute);
	e->answer.attributes = buf_bytes(&e->attributes);
}

static void entry_init(struct entry *e, const char *user, const char *uri)
{
	*e = (struct entry){ .answer = { .op = LDAP_ENTRY } };
	buf_init(&e->attributes, 1 << 20);
	if (user)
		entry_add(e, "uid", bytes_of(user));
	if (uri)
		entry_add(e, "SIP", bytes_of(uri));
}

static int jid_of_entry(const struct person_rules *r, const char *user, const char *uri, char out[static 512])
{
	struct entry e;
	struct person p;
	struct arena a;

	arena_init(&a, 1 << 20);
	entry_init(&e, user, uri);
	int rc = person_read(r, &e.answer, &a, &p);
	(void)snprintf(out, 512, "%.*s", rc ? 0 : (int)p.jid.n, rc ? "" : (const char *)p.jid.p);
	buf_fini(&e.attributes);
	arena_fini(&a);
	return rc;
}

static void test_addresses(void **state)
{
	static const struct {
		const struct person_rules *r;
		const char *user, *uri;
		int rc;
		const char *jid;
	} rows[] = {
		{ &by_user, "Alice", NULL, 0, "alice@a.example" },
		{ &by_user, "a@b", NULL, 0, "a\\40b@a.example" }, /* */
		{ &by_user, NULL, "x@y", ERR_NOT_FOUND, "" },
		{ &by_user, "a/b", NULL, ERR_SYNTAX, "" },
		{ &by_user, "<a>", NULL, ERR_SYNTAX, "" },
		{ &by_user, "a\nb", NULL, ERR_NOT_FOUND, "" }, /* nothing that can be shown */
		{ &by_uri, "alice", "sip:Al@B.Example", 0, "al@b.example" },
		{ &by_uri, "alice", "al@b.example", 0, "al@b.example" },
		{ &by_uri, "alice", NULL, ERR_NOT_FOUND, "" },
		{ &by_uri, "alice", "al", ERR_SYNTAX, "" },
		{ &by_uri, "alice", "b.example", ERR_SYNTAX, "" },
		{ &by_uri, "alice", "al@b.example/x", ERR_SYNTAX, "" },
		{ &by_uri, "alice", "asdf@ASDF@asdf@ADSF@x", ERR_SYNTAX, "" }, /* E-506 */
		{ &by_uri, NULL, "al@b.example", ERR_NOT_FOUND, "" },
	};
	char got[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(jid_of_entry(rows[i].r, rows[i].user, rows[i].uri, got), rows[i].rc);
		assert_string_equal(got, rows[i].jid);
	}
}

static void test_text(void **state)
{
	uint8_t text[PERSON_TEXT_MAX + 2];
	struct entry e;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text + PERSON_TEXT_MAX - 1, "\xc3\xa4", 2); /* does not fit whole */
	entry_init(&e, NULL, NULL);
	entry_add(&e, "displayName", bytes_make(text, PERSON_TEXT_MAX + 1));
	entry_add(&e, "uid", bytes_make(text, PERSON_TEXT_MAX + 1)); /* who it is: all of it, or nobody */
	entry_add(&e, "mail", BYTES("a\x01"));
	entry_add(&e, "cn", BYTES("a\xff"));
	assert_int_equal(person_text(&e.answer, "displayName").n, PERSON_TEXT_MAX - 1);
	assert_int_equal(person_text(&e.answer, "mail").n, 0);
	assert_int_equal(person_text(&e.answer, "cn").n, 0);
	assert_int_equal(person_text(&e.answer, "none").n, 0);
	struct person p;
	struct arena a;
	arena_init(&a, 1 << 20);
	assert_int_equal(person_read(&by_user, &e.answer, &a, &p), ERR_NOT_FOUND);
	assert_int_equal(p.name.n, PERSON_TEXT_MAX - 1);
	arena_fini(&a);
	buf_fini(&e.attributes);
}

static void test_find(void **state)
{
	struct ldap_search s;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(person_find(&by_user, BYTES("a\\40b@a.example"), &a, &s), 0);
	assert_int_equal(s.n_terms, 2);
	assert_true(bytes_eq_str(s.terms[0].type, "uid") && bytes_eq_str(s.terms[0].value, "a@b"));
	assert_true(bytes_eq_str(s.terms[1].value, "a\\40b"));
	assert_int_equal(person_find(&by_user, BYTES("alice@b.example"), &a, &s), ERR_NOT_FOUND);
	assert_int_equal(person_find(&by_user, BYTES("a.example"), &a, &s), ERR_NOT_FOUND);
	assert_int_equal(person_find(&by_uri, BYTES("al@b.example"), &a, &s), 0);
	assert_int_equal(s.n_terms, 2);
	assert_true(s.is_any && bytes_eq_str(s.terms[1].value, "sip:al@b.example"));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_addresses), cmocka_unit_test(test_text), cmocka_unit_test(test_find) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
