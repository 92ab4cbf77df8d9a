#include "proto/jid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"

static struct arena arena;

static int make_arena(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

/* RFC 7622 3.5, table 1 (with its numbers), then other forms. */
static const struct {
	const char *in, *local, *domain, *resource;
} good[] = {
	{ "juliet@example.com", "juliet", "example.com", "" },        /* 1 */
	{ "juliet@example.com/foo", "juliet", "example.com", "foo" }, /* 2 */
	{ "juliet@example.com/foo bar", "juliet", "example.com", "foo bar" },
	{ "juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar" },
	{ "foo\\20bar@example.com", "foo\\20bar", "example.com", "" },
	{ "fussball@example.com", "fussball", "example.com", "" },
	{ "fu\xc3\x9f"
	  "ball@example.com",
	  "fu\xc3\x9f"
	  "ball",
	  "example.com", "" },
	{ "\xcf\x80@example.com", "\xcf\x80", "example.com", "" },
	{ "\xce\xa3@example.com/foo", "\xcf\x83", "example.com", "foo" },
	{ "\xcf\x83@example.com/foo", "\xcf\x83", "example.com", "foo" },
	{ "\xcf\x82@example.com/foo", "\xcf\x82", "example.com", "foo" },
	{ "king@example.com/\xe2\x99\x9a", "king", "example.com", "\xe2\x99\x9a" },
	{ "example.com", "", "example.com", "" },
	{ "example.com/foobar", "", "example.com", "foobar" },
	{ "a.example.com/b@example.net", "", "a.example.com", "b@example.net" }, /* 15 */
	/* case, width, NFC, final dot */
	{ "JULIET@EXAMPLE.COM/Foo", "juliet", "example.com", "Foo" },
	{ "juliet@example.com.", "juliet", "example.com", "" },
	{ "\xef\xbd\x81\xef\xbc\xa2@example.com", "ab", "example.com", "" },
	{ "e\xcc\x81@example.com/e\xcc\x81", "\xc3\xa9", "example.com", "\xc3\xa9" },
	{ "a@example.com/x\xe3\x80\x80\xc2\xa0y", "a", "example.com", "x  y" },
	{ "a@example.com/\xef\xbd\x81", "a", "example.com", "\xef\xbd\x81" },
	{ "\xc4\xb0@example.com", "i\xcc\x87", "example.com", "" },
	/* IDNA */
	{ "a@B\xc3\x9c"
	  "CHER.example",
	  "a",
	  "b\xc3\xbc"
	  "cher.example",
	  "" },
	{ "a@xn--bcher-kva.example", "a", "b\xc3\xbc"
	                                  "cher.example", "" },
	{ "a@XN--BCHER-KVA.example", "a", "b\xc3\xbc"
	                                  "cher.example", "" },
	{ "a@fu\xc3\x9f"
	  "ball.example",
	  "a",
	  "fu\xc3\x9f"
	  "ball.example",
	  "" },
	{ "a@\xef\xbd\x85xample.com", "a", "example.com", "" },
	{ "a@a\xe3\x80\x82\x62", "a", "a.b", "" },
	{ "a@\xd7\x90\xd7\x91.example", "a", "\xd7\x90\xd7\x91.example", "" },
	/* literals */
	{ "a@192.0.2.1", "a", "192.0.2.1", "" },
	{ "a@[2001:DB8:0:0::1]", "a", "[2001:db8::1]", "" },
	/* the bidi rule and contexts */
	{ "\xd7\x90\xd7\x91@example.com", "\xd7\x90\xd7\x91", "example.com", "" },
	{ "\xd7\x90\x31@example.com", "\xd7\x90\x31", "example.com", "" },
	{ "l\xc2\xb7l@example.com", "l\xc2\xb7l", "example.com", "" },
	{ "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d@example.com", "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d",
	  "example.com", "" },
	{ "\xe3\x82\xa2\xe3\x83\xbb@example.com", "\xe3\x82\xa2\xe3\x83\xbb", "example.com", "" },
};

static void parses(void **state)
{
	struct jid j, again;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		int rc = jid_parse(bytes_of(good[i].in), &arena, &j);
		if (rc)
			print_error("%s: %s\n", good[i].in, err_name(rc));
		assert_int_equal(rc, 0);
		assert_true(bytes_eq_str(jid_local(&j), good[i].local));
		assert_true(bytes_eq_str(jid_domain(&j), good[i].domain));
		assert_true(bytes_eq_str(jid_resource(&j), good[i].resource));
		assert_int_equal(jid_parse(j.full, &arena, &again), 0);
		assert_true(jid_eq(&j, &again));
		struct jid cheap = jid_of_normal(j.full);
		assert_int_equal(cheap.local_n, j.local_n);
		assert_int_equal(cheap.domain_n, j.domain_n);
		assert_int_equal(cheap.resource_n, j.resource_n);
	}
}

/* RFC 7622 3.5, table 2, then other refusals. */
static const struct {
	const char *in;
	int rc;
} bad[] = {
	{ "\"juliet\"@example.com", ERR_SYNTAX },            /* 16 */
	{ "foo bar@example.com", ERR_SYNTAX },               /* 17 */
	{ "juliet@example.com/ foo", ERR_SYNTAX },           /* 18 */
	{ "juliet@example.com/\xe3\x80\x80", ERR_SYNTAX },
	{ "juliet@example.com/foo\x01", ERR_SYNTAX },
	{ "@example.com/", ERR_SYNTAX },                     /* 19 */
	{ "henry\xe2\x85\xa3@example.com", ERR_SYNTAX },     /* 20: ROMAN NUMERAL FOUR */
	{ "\xe2\x99\x9a@example.com", ERR_SYNTAX },          /* 21: a symbol in a localpart */
	{ "juliet@", ERR_SYNTAX },                           /* 22 */
	{ "/foobar", ERR_SYNTAX },                           /* 23 */
	{ "", ERR_SYNTAX },
	{ "@example.com", ERR_SYNTAX },
	{ "a@example.com/", ERR_SYNTAX },
	{ "example.com/", ERR_SYNTAX },
	{ ".", ERR_SYNTAX },
	{ "a@b@c", ERR_SYNTAX },
	{ "a&b@example.com", ERR_SYNTAX },
	{ "a\xef\xbc\x8f\x62@example.com", ERR_SYNTAX },     /* fullwidth solidus */
	{ "\xef\xbc\xa0@example.com", ERR_SYNTAX },          /* fullwidth commercial at */
	{ "a@exa mple.com", ERR_SYNTAX },
	{ "a@exa_mple.com", ERR_SYNTAX },
	{ "a@exa_mpl\xc3\xa4.com", ERR_SYNTAX },
	{ "a@exampl\xc3\xa4\xef\xbc\xa0.com", ERR_SYNTAX },
	{ "a@xn--a_b-sla", ERR_SYNTAX },
	{ "a@-example.com", ERR_SYNTAX },
	{ "a@example-.com", ERR_SYNTAX },
	{ "a@a..b", ERR_SYNTAX },
	{ "a@.b", ERR_SYNTAX },
	{ "a@b..", ERR_SYNTAX },
	{ "a@ab--cd.example", ERR_SYNTAX },
	{ "a@xn--a.example", ERR_SYNTAX },
	{ "a@xn--\xc3\xa4.example", ERR_SYNTAX },
	{ "a@a\xe2\x99\x9a.example\xef\xbc\x8f", ERR_SYNTAX },
	{ "a@[::1", ERR_SYNTAX },
	{ "a@[::1%lo]", ERR_SYNTAX },
	{ "a@[]", ERR_SYNTAX },
	{ "a@[192.0.2.1]", ERR_SYNTAX },
	{ "a\xd7\x90@example.com", ERR_SYNTAX },             /* bidi: starts left to right */
	{ "\xd7\x90\x61@example.com", ERR_SYNTAX },          /* bidi: L inside */
	{ "1\xd7\x90@example.com", ERR_SYNTAX },             /* bidi: first is a number */
	{ "\xd7\x90-@example.com", ERR_SYNTAX },             /* bidi: ends neutral */
	{ "a\xc2\xb7l@example.com", ERR_SYNTAX },            /* middle dot outside l·l */
	{ "a\xe2\x80\x8d@example.com", ERR_SYNTAX },         /* joiner without virama */
	{ "a\xe3\x83\xbb@example.com", ERR_SYNTAX },
	{ "\xd9\xa0\xdb\xb0@example.com", ERR_SYNTAX },      /* Arabic-Indic digits mixed */
	{ "\xc2\xad@example.com", ERR_SYNTAX },              /* soft hyphen */
	{ "a@example.com/\xe2\x80\x8b", ERR_SYNTAX },        /* zero width space */
	{ "\xcd\xb8@example.com", ERR_SYNTAX },              /* unassigned */
	{ "a@example.com/\xe1\x84\x80", ERR_SYNTAX },        /* old Hangul jamo */
	{ "a@example.com/\x7f", ERR_SYNTAX },
	{ "\xff@example.com", ERR_UTF8 },
	{ "a@\xc0\xaf.com", ERR_UTF8 },
	{ "a@example.com/\xed\xa0\x80", ERR_UTF8 },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct jid j = { .local_n = 77 };
		int rc = jid_parse(bytes_of(bad[i].in), &arena, &j);
		if (rc != bad[i].rc)
			print_error("%s: %s\n", bad[i].in, err_name(rc));
		assert_int_equal(rc, bad[i].rc);
		assert_int_equal(j.local_n, 77);
	}
	struct jid j;
	assert_int_equal(jid_parse(bytes_make("a\0b@c", 5), &arena, &j), ERR_SYNTAX);
	assert_int_equal(jid_parse(bytes_make("a@c\0d", 5), &arena, &j), ERR_SYNTAX);
}

static void keeps_lengths(void **state)
{
	char text[4000];
	struct bytes out;
	struct jid j;

	(void)state;
	memset(text, 'a', sizeof text);
	assert_int_equal(jid_parse_local(bytes_make(text, 1023), &arena, &out), 0);
	assert_int_equal(jid_parse_local(bytes_make(text, 1024), &arena, &out), ERR_LIMIT);
	assert_int_equal(jid_parse_resource(bytes_make(text, 1023), &arena, &out), 0);
	assert_int_equal(jid_parse_resource(bytes_make(text, 1024), &arena, &out), ERR_LIMIT);
	assert_int_equal(jid_parse_domain(bytes_make(text, 63), &arena, &out), 0);
	assert_int_equal(jid_parse_domain(bytes_make(text, 64), &arena, &out), ERR_LIMIT);
	assert_int_equal(jid_parse(bytes_make(text, 3072), &arena, &j), ERR_LIMIT);
	for (size_t i = 0; i + 1 < 1200; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	assert_int_equal(jid_parse_local(bytes_make(text, 1022), &arena, &out), 0);
	assert_int_equal(jid_parse_local(bytes_make(text, 1024), &arena, &out), ERR_LIMIT);
	assert_int_equal(jid_parse_resource(bytes_make(text, 1024), &arena, &out), ERR_LIMIT);
}

static void normal_is_not_copied(void **state)
{
	static const char normal[] = "juliet@example.com/balcony";
	struct jid j;

	(void)state;
	assert_int_equal(jid_parse(bytes_of(normal), &arena, &j), 0);
	assert_ptr_equal(j.full.p, normal);
	assert_true(bytes_eq_str(jid_bare(&j), "juliet@example.com"));
	assert_false(jid_is_bare(&j));
	struct jid bare = jid_of_normal(jid_bare(&j));
	assert_true(jid_is_bare(&bare) && jid_bare_eq(&bare, &j) && !jid_eq(&bare, &j));
}

static void makes_ascii(void **state)
{
	char out[254];

	(void)state;
	assert_int_equal(jid_domain_to_ascii(bytes_of("b\xc3\xbc" "cher.example"), out), 0);
	assert_string_equal(out, "xn--bcher-kva.example");
	assert_int_equal(jid_domain_to_ascii(bytes_of("example.com"), out), 0);
	assert_string_equal(out, "example.com");
	assert_int_equal(jid_domain_to_ascii(bytes_of("[::1]"), out), ERR_SYNTAX);
	assert_int_equal(jid_domain_to_ascii(bytes_of("192.0.2.1"), out), ERR_SYNTAX);
	assert_int_equal(jid_domain_to_ascii(bytes_of(""), out), ERR_SYNTAX);
}

/* XEP-0106, table 3 and section 5. */
static void escapes(void **state)
{
	static const struct {
		const char *plain, *escaped;
	} rows[] = {
		{ "space cadet", "space\\20cadet" },
		{ "call me \"ishmael\"", "call\\20me\\20\\22ishmael\\22" },
		{ "at&t guy", "at\\26t\\20guy" },
		{ "d'artagnan", "d\\27artagnan" },
		{ "/.fanboy", "\\2f.fanboy" },
		{ "::foo::", "\\3a\\3afoo\\3a\\3a" },
		{ "<foo>", "\\3cfoo\\3e" },
		{ "user@host", "user\\40host" },
		{ "c:\\net", "c\\3a\\net" },
		{ "c:\\\\net", "c\\3a\\\\net" },
		{ "c:\\cool stuff", "c\\3a\\cool\\20stuff" },
		{ "c:\\5commas", "c\\3a\\5c5commas" },
		{ "\\3and\\2is\\5cool", "\\5c3and\\2is\\5c5cool" },
	};
	struct bytes out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(jid_escape(bytes_of(rows[i].plain), &arena, &out), 0);
		assert_true(bytes_eq_str(out, rows[i].escaped));
		assert_int_equal(jid_unescape(out, &arena, &out), 0);
		assert_true(bytes_eq_str(out, rows[i].plain));
	}
	assert_int_equal(jid_escape(BYTES(" a"), &arena, &out), ERR_SYNTAX);
	assert_int_equal(jid_escape(BYTES("a "), &arena, &out), ERR_SYNTAX);
	assert_int_equal(jid_escape(BYTES(""), &arena, &out), ERR_SYNTAX);
	assert_int_equal(jid_unescape(BYTES("\\20a\\20b\\20"), &arena, &out), 0);
	assert_true(bytes_eq_str(out, "\\20a b\\20"));
}

/* RFC 8266 4, and table 1 there. */
static void compares_nicknames(void **state)
{
	static const struct { const char *a, *b; } rows[] = {
		{ "Foo", "foo" },
		{ "  Foo   Bar ", "foo bar" },
		{ "Foo\xc2\xa0" "Bar", "foo bar" },        /* NO-BREAK SPACE */
		{ "\xce\xa3", "\xcf\x83" },               /* capital sigma */
		{ "Richard \xe2\x85\xa3", "richard iv" },  /* ROMAN NUMERAL FOUR */
		{ "\xef\xbc\xa1", "a" },                   /* fullwidth */
	};
	struct bytes key;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(jid_nickname_key(bytes_of(rows[i].a), &arena, &key), 0);
		assert_true(bytes_eq_str(key, rows[i].b));
	}
	assert_int_equal(jid_nickname_key(BYTES("  "), &arena, &key), ERR_SYNTAX);
	assert_int_equal(jid_nickname_key(BYTES("a\x01"), &arena, &key), ERR_SYNTAX);
	assert_int_equal(jid_nickname_key(BYTES("\xff"), &arena, &key), ERR_UTF8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),       cmocka_unit_test(refuses),
		cmocka_unit_test(keeps_lengths), cmocka_unit_test(normal_is_not_copied),
		cmocka_unit_test(makes_ascii),  cmocka_unit_test(escapes),
		cmocka_unit_test(compares_nicknames),
	};

	return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
