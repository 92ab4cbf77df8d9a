/* What may be handed on as it is: a TCP connection and nothing else. */
#include "net/handed.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static bool is_tcp(int domain, int type, int protocol)
{
	int fd = socket(domain, type, protocol);

	assert_true(fd >= 0);
	bool is = handed_is_tcp(fd);
	(void)close(fd); /* nothing was sent */
	return is;
}

static void tcp_alone(void **state)
{
	int pair[2];

	(void)state;
	assert_true(is_tcp(AF_INET, SOCK_STREAM, 0));
	assert_true(is_tcp(AF_INET6, SOCK_STREAM, 0));
	assert_false(is_tcp(AF_INET, SOCK_DGRAM, 0));
	assert_false(is_tcp(AF_UNIX, SOCK_STREAM, 0));
	assert_int_equal(pipe(pair), 0);
	assert_false(handed_is_tcp(pair[0]));
	assert_false(handed_is_tcp(-1));
	(void)close(pair[0]); /* nothing was written */
	(void)close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
