#include "base/fsm_fixture.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PICTURE_MAX = 64 << 10 };

static void write_picture(const char *path, struct bytes picture)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(picture.p, 1, picture.n, f), picture.n);
	assert_int_equal(fclose(f), 0);
}

void fsm_check_picture(const struct fsm *m, const char *path)
{
	static char have[PICTURE_MAX];
	struct buf want;

	buf_init(&want, sizeof have);
	fsm_print(m, &want);
	if (getenv("GATEHOUSE_UPDATE_DOCS"))
		write_picture(path, buf_bytes(&want));
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(have, 1, sizeof have, f);
	(void)fclose(f); /* it was only read */
	assert_int_equal(n, buf_len(&want));
	assert_memory_equal(have, buf_bytes(&want).p, n);
	buf_fini(&want);
}
