#include "proto/disco.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

/* XEP-0115 5.1 step 5: sorted by i;octet, and nothing twice. */
static void features_are_in_order(void **state)
{
	(void)state;
	for (size_t i = 1; i < disco_n_features; i++)
		assert_true(strcmp(disco_features[i - 1], disco_features[i]) < 0);
}

static void hash_follows_what_is_said(void **state)
{
	char none[DISCO_HASH_BYTES], one[DISCO_HASH_BYTES], again[DISCO_HASH_BYTES];

	(void)state;
	assert_int_equal(disco_hash(&(struct disco_facts){ 0 }, none), 0);
	assert_int_equal(disco_hash(&(struct disco_facts){ .contact = BYTES("mailto:abuse@a.example") }, one), 0);
	assert_int_equal(disco_hash(&(struct disco_facts){ .contact = BYTES("mailto:abuse@a.example") }, again), 0);
	assert_int_equal(strlen(none), DISCO_HASH_BYTES - 1);
	assert_string_equal(one, again);
	assert_string_not_equal(one, none);
}

static void uploads_are_said_only_when_there_are(void **state)
{
	const struct disco_facts none = { 0 }, some = { .upload_max = 1048576 }, more = { .upload_max = 1048577 };
	char a[DISCO_HASH_BYTES], b[DISCO_HASH_BYTES], c[DISCO_HASH_BYTES];
	struct buf text;

	(void)state;
	buf_init(&text, 8192);
	disco_write(&text, &none);
	assert_null(strstr(buf_cstr(&text), "upload"));
	buf_clear(&text);
	disco_write(&text, &some);
	assert_non_null(strstr(buf_cstr(&text), "<feature var='urn:xmpp:http:upload:0'/>"));
	assert_non_null(strstr(buf_cstr(&text), "<field var='max-file-size'><value>1048576</value></field>"));
	assert_non_null(strstr(buf_cstr(&text), "category='store' type='file'"));
	assert_int_equal(disco_hash(&none, a) | disco_hash(&some, b) | disco_hash(&more, c), 0);
	assert_string_not_equal(a, b);
	assert_string_not_equal(b, c);
	buf_fini(&text);
}

static void commands_are_said_only_when_there_are(void **state)
{
	const struct disco_facts none = { 0 }, some = { .has_commands = true };
	char a[DISCO_HASH_BYTES], b[DISCO_HASH_BYTES];
	struct buf text;

	(void)state;
	buf_init(&text, 8192);
	disco_write(&text, &none);
	assert_null(strstr(buf_cstr(&text), "protocol/commands"));
	buf_clear(&text);
	disco_write(&text, &some);
	assert_non_null(strstr(buf_cstr(&text), "<feature var='http://jabber.org/protocol/commands'/>"));
	assert_int_equal(disco_hash(&none, a) | disco_hash(&some, b), 0);
	assert_string_not_equal(a, b);
	buf_fini(&text);
}

static void searches_are_said_only_when_there_are(void **state)
{
	const struct disco_facts none = { 0 }, some = { .has_search = true };
	char a[DISCO_HASH_BYTES], b[DISCO_HASH_BYTES];
	struct buf text;

	(void)state;
	buf_init(&text, 8192);
	disco_write(&text, &none);
	assert_null(strstr(buf_cstr(&text), "search"));
	buf_clear(&text);
	disco_write(&text, &some);
	assert_non_null(strstr(buf_cstr(&text), "<feature var='jabber:iq:search'/>"));
	assert_non_null(strstr(buf_cstr(&text), "category='directory' type='user'"));
	assert_int_equal(disco_hash(&none, a) | disco_hash(&some, b), 0);
	assert_string_not_equal(a, b);
	buf_fini(&text);
}

static void form_only_with_a_contact(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8192);
	disco_write(&b, &(struct disco_facts){ 0 });
	assert_null(strstr(buf_cstr(&b), "jabber:x:data"));
	buf_clear(&b);
	disco_write(&b, &(struct disco_facts){ .contact = BYTES("mailto:a&b@a.example") });
	assert_non_null(strstr(buf_cstr(&b), "<value>mailto:a&amp;b@a.example</value>"));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_in_order),
		cmocka_unit_test(hash_follows_what_is_said),
		cmocka_unit_test(form_only_with_a_contact),
		cmocka_unit_test(uploads_are_said_only_when_there_are),
		cmocka_unit_test(commands_are_said_only_when_there_are), cmocka_unit_test(searches_are_said_only_when_there_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
