#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "run/oper_user.h"
#include "text.h"

static const struct ssh_places places = { "/bin-folder", "/keys", "/files", "/run/ssh", "/run/x.sock" };

static void users_have_their_own_numbers(void **state)
{
	(void)state;
	assert_int_equal(oper_user_id(BYTES("alice")), oper_user_id(BYTES("alice")));
	assert_int_not_equal(oper_user_id(BYTES("alice")), oper_user_id(BYTES("bob")));
	assert_in_range(oper_user_id(BYTES("")), OPER_UID_FIRST, OPER_UID_LAST);
	assert_in_range(oper_user_id(BYTES("a.name-with_all.of-it")), OPER_UID_FIRST, OPER_UID_LAST);
}

static void config_has_what_was_set(void **state)
{
	struct ssh_conf c = { .listens = { { "10.0.0.1", 22 }, { "::1", 2222 } }, .n_listens = 2, .passwords = false };
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	ssh_text_config(&c, &places, &b);
	assert_non_null(strstr(buf_cstr(&b), "\nListenAddress 10.0.0.1:22\nListenAddress [::1]:2222\n"));
	assert_non_null(strstr(buf_cstr(&b), "\nKbdInteractiveAuthentication no\n"));
	assert_non_null(strstr(buf_cstr(&b), "\nAuthorizedKeysCommand /bin-folder/gh-ssh-keys /run/x.sock %u\n"));
	assert_non_null(strstr(buf_cstr(&b), "\nPermitRootLogin no\n"));
	assert_non_null(strstr(buf_cstr(&b), "\nDisableForwarding yes\n"));
	buf_clear(&b);
	c.passwords = true;
	ssh_text_config(&c, &places, &b);
	assert_non_null(strstr(buf_cstr(&b), "\nKbdInteractiveAuthentication yes\n"));
	buf_fini(&b);
}

static void two_of_one_number_are_no_users(void **state)
{
	struct ssh_conf c = { .names = { "alice" }, .n_names = 1 };
	struct buf b;

	(void)state;
	/* the first name after it that has its number */
	for (unsigned i = 0; c.n_names == 1; i++) {
		snprintf(c.names[1], sizeof c.names[1], "n%u", i);
		if (oper_user_id(bytes_of(c.names[1])) == oper_user_id(BYTES("alice")))
			c.n_names = 2;
	}
	snprintf(c.names[c.n_names++], sizeof c.names[0], "bob");
	buf_init(&b, 65536);
	ssh_text_passwd(&c, &places, &b);
	assert_null(strstr(buf_cstr(&b), "alice"));
	assert_memory_equal(buf_cstr(&b), "bob:x:", 6);
	assert_non_null(strstr(buf_cstr(&b), ":100000:operator:/files:/bin-folder/ghsh\n"));
	buf_clear(&b);
	ssh_text_shadow(&c, &b);
	assert_string_equal(buf_cstr(&b), "bob:*:19000::::::\n");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_have_their_own_numbers),
		cmocka_unit_test(config_has_what_was_set),
		cmocka_unit_test(two_of_one_number_are_no_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
