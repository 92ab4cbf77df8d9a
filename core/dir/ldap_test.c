/* Requests against bytes from RFC 4511's ASN.1 by hand; answers, whole and cut; filters of RFC 4515 4. */
#include "ldap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

#define AS(literal) BYTES(literal)

static void check_request(struct buf *b, struct bytes want)
{
	assert_int_equal(buf_len(b), want.n);
	assert_memory_equal(buf_bytes(b).p, want.p, want.n);
	buf_fini(b);
}

static void test_requests(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(ldap_put_bind(&b, 1, BYTES("cn=a"), BYTES("pw")), 0);
	check_request(&b, AS("\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04" "cn=a" "\x80\x02" "pw"));
	assert_int_equal(ldap_put_starttls(&b, 2), 0);
	check_request(&b, AS("\x30\x1d\x02\x01\x02\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037"));
	assert_int_equal(ldap_put_unbind(&b, 3), 0);
	check_request(&b, AS("\x30\x05\x02\x01\x03\x42\x00"));
}

/* The filter alone of a search. */
static int filter_of(struct bytes text, struct buf *out)
{
	struct ldap_search s = { .base = BYTES(""), .filter = text };
	struct bytes head = BYTES("\x02\x01\x07\x63");
	struct buf b;

	buf_init(&b, 65536);
	int rc = ldap_put_search(&b, 7, &s);
	if (!rc) {
		/* sequence, id, operation, then base, scope, deref, two limits, typesOnly: 17 bytes; at the end an empty list */
		struct bytes m = buf_bytes(&b);
		assert_true(m.n < 0x80);
		assert_memory_equal(m.p + 2, head.p, head.n);
		assert_int_equal(m.p[7 + 17], 0xa0); /* and around it */
		buf_put(out, m.p + 7 + 17 + 2, m.p[7 + 17 + 1]);
	}
	buf_fini(&b);
	return rc;
}

static void test_filters(void **state)
{
	static const struct {
		struct bytes text, want;
	} rows[] = {
		{ AS("(cn=Bob)"), AS("\xa3\x09\x04\x02" "cn" "\x04\x03" "Bob") },
		{ AS("(cn=*)"), AS("\x87\x02" "cn") },
		{ AS("(!(cn=a))"), AS("\xa2\x09\xa3\x07\x04\x02" "cn" "\x04\x01" "a") },
		{ AS("(&(a=1)(|(b=2)(c=3)))"), AS("\xa0\x1a\xa3\x06\x04\x01" "a" "\x04\x01" "1" "\xa1\x10\xa3\x06\x04\x01" "b" "\x04\x01" "2"
		                                  "\xa3\x06\x04\x01" "c" "\x04\x01" "3") },
		{ AS("(o=a*b*c)"), AS("\xa4\x0e\x04\x01" "o" "\x30\x09\x80\x01" "a" "\x81\x01" "b" "\x82\x01" "c") },
		{ AS("(o=*b)"), AS("\xa4\x08\x04\x01" "o" "\x30\x03\x82\x01" "b") },
		{ AS("(n>=5)"), AS("\xa5\x06\x04\x01" "n" "\x04\x01" "5") },
		{ AS("(n<=5)"), AS("\xa6\x06\x04\x01" "n" "\x04\x01" "5") },
		{ AS("(n~=x)"), AS("\xa8\x06\x04\x01" "n" "\x04\x01" "x") },
		{ AS("(o=\\2a\\28)"), AS("\xa3\x07\x04\x01" "o" "\x04\x02" "*(") },
		{ AS("(uac:1.2.840:=2)"), AS("\xa9\x11\x81\x07" "1.2.840" "\x82\x03" "uac" "\x83\x01" "2") },
		{ AS("(o:dn:=A)"), AS("\xa9\x09\x82\x01" "o" "\x83\x01" "A" "\x84\x01\xff") },
		{ AS("(:DN:2.4:=A)"), AS("\xa9\x0b\x81\x03" "2.4" "\x83\x01" "A" "\x84\x01\xff") },
		{ AS("(&)"), AS("\xa0\x00") }, /* RFC 4526 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out;
		buf_init(&out, 1024);
		assert_int_equal(ldap_filter_check(rows[i].text), 0);
		assert_int_equal(filter_of(rows[i].text, &out), 0);
		check_request(&out, rows[i].want);
	}
}

static void test_bad_filters(void **state)
{
	static const char *const rows[] = { "", "cn=a", "(cn=a", "(cn=a))", "(cn=a)(cn=b)", "()", "(=a)", "(cn)", "(cn=a(b)", "(cn=\\2)", "(cn=\\zz)",
		                            "(!(a=1)(b=2))", "(!)", "(c n=a)", "(cn=a**b)", "(cn>=a*)", "(::=a)", "(&(a=1)", "(&(a=1)x)", "(|a=1)" };
	char deep[64];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(ldap_filter_check(bytes_of(rows[i])), ERR_SYNTAX);
	while (n < 2 * (LDAP_FILTER_DEPTH + 1)) {
		deep[n++] = '(';
		deep[n++] = '&';
	}
	assert_int_equal(ldap_filter_check(bytes_make(deep, n)), ERR_LIMIT);
}

/* What people type is a value, whatever it looks like. */
static void test_no_injection(void **state)
{
	struct ldap_search s = { .base = BYTES("dc=x"), .filter = BYTES("(a=b)"), .n_terms = 1,
				 .terms = { { .type = BYTES("uid"), .value = BYTES("*)(uid=*") } }, .attributes = { BYTES("uid") }, .n_attributes = 1 };
	static const struct bytes want = AS("\xa3\x0f\x04\x03" "uid" "\x04\x08" "*)(uid=*");
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(ldap_put_search(&b, 1, &s), 0);
	assert_non_null(memmem(buf_bytes(&b).p, buf_len(&b), want.p, want.n));
	buf_fini(&b);
}

static void test_paged(void **state)
{
	struct ldap_search s = { .filter = BYTES("(a=b)"), .page_size = 100, .cookie = BYTES("ck") };
	static const struct bytes want = AS("\xa0\x28\x30\x26\x04\x16" "1.2.840.113556.1.4.319" "\x01\x01\xff\x04\x09\x30\x07\x02\x01\x64\x04\x02" "ck");
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(ldap_put_search(&b, 1, &s), 0);
	struct bytes m = buf_bytes(&b);
	assert_true(m.n > want.n + 2);
	assert_memory_equal(m.p + m.n - want.n, want.p, want.n);
	buf_fini(&b);
}

#define ENTRY "\x30\x29\x02\x01\x05\x64\x24\x04\x04" "cn=a" "\x30\x1c\x30\x0b\x04\x03" "uid" "\x31\x04\x04\x02" "u1" \
	      "\x30\x0d\x04\x06" "mail;x" "\x31\x03\x04\x01" "m"

static void test_answers(void **state)
{
	static const struct bytes entry = AS(ENTRY), done = AS("\x30\x31\x02\x01\x05\x65\x07\x0a\x01\x00\x04\x00\x04\x00\xa0\x23\x30\x21\x04\x16"
	                                                       "1.2.840.113556.1.4.319" "\x04\x07\x30\x05\x02\x01\x00\x04\x00");
	struct ldap_answer a;
	struct bytes values, v;
	size_t n;

	(void)state;
	assert_int_equal(ldap_frame(entry, &n), 0);
	assert_int_equal(n, entry.n);
	assert_int_equal(ldap_read(entry, &a), 0);
	assert_int_equal(a.op, LDAP_ENTRY);
	assert_int_equal(a.id, 5);
	assert_true(bytes_eq_str(a.dn, "cn=a"));
	values = ldap_values(&a, BYTES("UID"));
	assert_true(ldap_next_value(&values, &v) && bytes_eq_str(v, "u1"));
	assert_false(ldap_next_value(&values, &v));
	values = ldap_values(&a, BYTES("mail"));
	assert_true(ldap_next_value(&values, &v) && bytes_eq_str(v, "m"));
	assert_int_equal(ldap_values(&a, BYTES("")).n, 0);
	assert_int_equal(ldap_read(done, &a), 0);
	assert_int_equal(a.op, LDAP_SEARCH_DONE);
	assert_int_equal(a.code, 0);
	assert_int_equal(a.cookie.n, 0);
	for (size_t i = 0; i < entry.n; i++) { /* cut anywhere */
		struct bytes cut = bytes_make(entry.p, i);
		assert_int_equal(ldap_frame(cut, &n), ERR_TRUNCATED);
		assert_int_equal(ldap_read(cut, &a), ERR_PROTOCOL);
	}
}

static void test_bad_answers(void **state)
{
	static const struct {
		struct bytes in;
		int rc; /* of the frame, or ERR_PROTOCOL of the read */
	} rows[] = {
		{ AS("\x31\x03\x02\x01\x01"), ERR_PROTOCOL },
		{ AS("\x30\x80\x00\x00"), ERR_PROTOCOL }, /* an indefinite length */
		{ AS("\x30\x84\x7f\xff\xff\xff"), ERR_LIMIT },
		{ AS("\x30\x85\x00\x00\x00\x00\x01"), ERR_PROTOCOL },
		{ AS("\x30\x03\x02\x01\x01"), ERR_PROTOCOL }, /* nothing in it */
		{ AS("\x30\x05\x02\x01\x81\x42\x00"), ERR_PROTOCOL }, /* below zero */
		{ AS("\x30\x05\x02\x01\x01\x42\x00"), ERR_PROTOCOL }, /* a request */
		{ AS("\x30\x0a\x02\x01\x01\x65\x05\x0a\x01\x00\x04\x00"), ERR_PROTOCOL }, /* no text */
		{ AS("\x30\x0e\x02\x01\x01\x64\x09\x04\x00\x30\x05\x30\x03\x04\x05" "a"), ERR_PROTOCOL }, /* longer inside than outside */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ldap_answer a;
		size_t n;
		int rc = ldap_frame(rows[i].in, &n);
		if (!rc)
			rc = ldap_read(rows[i].in, &a);
		assert_int_equal(rc, rows[i].rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_filters),      cmocka_unit_test(test_bad_filters),
		cmocka_unit_test(test_no_injection), cmocka_unit_test(test_paged), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_bad_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
