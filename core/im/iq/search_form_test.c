/* Searches for people (XEP-0055) in both forms, what is refused, and which texts a pattern fits. */
#include "iq/search_form.h"

#include "base/err.h"
#include "proto/xmpp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static struct search_form form;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static int read_query(const char *inside, bool is_local)
{
	struct xml_node *n;
	char text[2048];

	(void)snprintf(text, sizeof text, "<query xmlns='" NS_SEARCH "'>%s</query>", inside);
	assert_int_equal(xml_parse(bytes_of(text), NS_CLIENT, &xml_limits_default, &arena, &n), 0);
	return search_form_read(n, is_local, &arena, &form);
}

static int read_form(const char *fields, bool is_local)
{
	char text[1536];

	(void)snprintf(text, sizeof text, "<x xmlns='jabber:x:data' type='submit'>%s</x>", fields);
	return read_query(text, is_local);
}

#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"

static void assert_word(enum directory_field f, const char *want)
{
	assert_int_equal(form.words[f].n, strlen(want));
	assert_memory_equal(form.words[f].p, want, form.words[f].n);
}

static void test_elements(void **state)
{
	(void)state;
	assert_int_equal(read_query("<first> Ali </first><last>L*ll</last><nick/><email>**</email>", false), 0);
	assert_false(form.has_form);
	assert_word(DIRECTORY_FIRST, "Ali*"); /* without a star: what begins with it */
	assert_word(DIRECTORY_LAST, "L*ll");
	assert_word(DIRECTORY_USER, "");
	assert_word(DIRECTORY_MAIL, "");
	assert_int_equal(read_query("<first>Ali</first>", true), ERR_RANGE); /* not known of local accounts */
	assert_int_equal(read_query("<nick>ali</nick>", true), 0);
	assert_int_equal(read_query("", false), ERR_RANGE);
	assert_int_equal(read_query("<first>*</first>", false), ERR_RANGE);
}

static void test_data_form(void **state)
{
	(void)state;
	assert_int_equal(read_form(FIELD("FORM_TYPE", "jabber:iq:search") FIELD("x-title", "Queen") FIELD("x-unknown", " "), false), 0);
	assert_true(form.has_form);
	assert_word(DIRECTORY_TITLE, "Queen*");
	assert_int_equal(read_form(FIELD("x-unknown", "a") FIELD("nick", "a"), false), ERR_SYNTAX);
	assert_int_equal(read_form(FIELD("x-title", "a") FIELD("nick", "a"), true), ERR_SYNTAX);
	assert_int_equal(read_form(FIELD("FORM_TYPE", "jabber:iq:register") FIELD("nick", "a"), false), ERR_SYNTAX);
	assert_int_equal(read_query("<x xmlns='jabber:x:data' type='cancel'/>", false), ERR_SYNTAX);
	assert_int_equal(read_form("", false), ERR_RANGE);
}

static void test_longest_word(void **state)
{
	char word[DIRECTORY_WORD_MAX + 1] = "", text[DIRECTORY_WORD_MAX + 64];

	(void)state;
	memset(word, 'a', DIRECTORY_WORD_MAX - 1);
	(void)snprintf(text, sizeof text, "<first>%s</first>", word);
	assert_int_equal(read_query(text, false), 0);
	assert_int_equal(form.words[DIRECTORY_FIRST].n, DIRECTORY_WORD_MAX);
	word[DIRECTORY_WORD_MAX - 1] = 'a';
	(void)snprintf(text, sizeof text, "<first>%s</first>", word);
	assert_int_equal(read_query(text, false), ERR_LIMIT);
}

static void test_patterns(void **state)
{
	(void)state;
	assert_true(search_fits(BYTES("ali*"), BYTES("Alice")));
	assert_false(search_fits(BYTES("ali"), BYTES("alice")));
	assert_true(search_fits(BYTES("*ice"), BYTES("alice")));
	assert_true(search_fits(BYTES("a*i*e"), BYTES("alicie")));
	assert_true(search_fits(BYTES("*b*ab"), BYTES("abbaabab")));
	assert_false(search_fits(BYTES("a*b*c"), BYTES("acb")));
	assert_true(search_fits(BYTES("*"), BYTES("")));
	assert_false(search_fits(BYTES("a*"), BYTES("")));
}

static void test_answer(void **state)
{
	struct look_person p = { .jid = BYTES("o'hara@a.example"), .fields = { [DIRECTORY_USER] = BYTES("<&>") } };
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_int_equal(read_query("<nick>a</nick>", true), 0);
	search_result_begin(&b, &form, true, true);
	search_result_add(&b, &form, true, &p);
	search_result_end(&b, &form);
	assert_string_equal(buf_cstr(&b), "<query xmlns='jabber:iq:search'><item jid='o&apos;hara@a.example'><nick>&lt;&amp;&gt;</nick></item></query>");
	buf_clear(&b);
	assert_int_equal(read_form(FIELD("nick", "a"), true), 0);
	search_result_begin(&b, &form, true, true);
	search_result_add(&b, &form, true, &p);
	search_result_end(&b, &form);
	assert_non_null(strstr(buf_cstr(&b), "More people fit"));
	assert_non_null(strstr(buf_cstr(&b), "<item><field var='jid'><value>o&apos;hara@a.example</value></field><field var='nick'><value>&lt;&amp;&gt;</value>"));
	buf_fini(&b);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { test(test_elements), test(test_data_form), test(test_longest_word), test(test_patterns), test(test_answer) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
