#include "proto/oauthbearer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/err.h"

#define S "\x01"

static void test_rows(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *authzid, *token;
	} rows[] = {
		/* RFC 7628 4.1, with its token */
		{ "n,a=user@example.com," S "host=server.example.com" S "port=143" S "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" S S,
		  0, "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
		{ "n,," S "auth=bearer a.b-c_d" S S, 0, "", "a.b-c_d" },
		{ "y,," S "auth=Bearer x" S S, 0, "", "x" },
		{ "n,," S "auth=Bearer x" S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S "auth=Bearer x" S S S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S "auth=Bearer x" S "auth=Bearer y" S S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S "auth=Bearer " S S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S "auth=Bearer a b" S S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S "auth=Basic eA==" S S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S "=x" S S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S "host" S S, ERR_SYNTAX, NULL, NULL },
		{ "n,," S S, ERR_SYNTAX, NULL, NULL }, /* asks for the configuration (3.2.1): there is none to tell */
		{ "n,", ERR_SYNTAX, NULL, NULL },
		{ "n,a=," S "auth=Bearer x" S S, ERR_SYNTAX, NULL, NULL },
		{ "n,b=c," S "auth=Bearer x" S S, ERR_SYNTAX, NULL, NULL },
		{ "n,a=a=2Cb," S "auth=Bearer x" S S, ERR_UNSUPPORTED, NULL, NULL },
		{ "p=tls-exporter,," S "auth=Bearer x" S S, ERR_UNSUPPORTED, NULL, NULL },
		{ "", ERR_SYNTAX, NULL, NULL },
		{ S, ERR_SYNTAX, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes authzid, token;
		assert_int_equal(oauthbearer_read(bytes_of(rows[i].in), &authzid, &token), rows[i].rc);
		if (rows[i].rc)
			continue;
		assert_true(bytes_eq_str(authzid, rows[i].authzid));
		assert_true(bytes_eq_str(token, rows[i].token));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
