#include "credentials_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/text.h"

void credentials_fixture_add(struct credentials *c, const char *user, const char *password)
{
	char line[128] = "md5=";
	uint8_t key[STUNMSG_KEY_MAX];
	size_t n;

	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_MD5, bytes_of(user), BYTES("example.org"), bytes_of(password), key, &n), 0);
	text_hex(bytes_make(key, n), line + 4);
	memcpy(line + 36, " sha256=", 8);
	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_SHA256, bytes_of(user), BYTES("example.org"), bytes_of(password), key, &n), 0);
	text_hex(bytes_make(key, n), line + 44);
	assert_int_equal(credentials_add_user(c, bytes_of(user), bytes_of(line)), 0);
}
