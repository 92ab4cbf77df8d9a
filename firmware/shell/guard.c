#include "guard.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A sanitizer build looks for leaks at exit with a second process, which is refused here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static bool is_plain(const char *term)
{
	size_t n = strlen(term);

	return n > 0 && n <= 32 &&
	       strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+._") == n && term[0] != '.';
}

void guard_environment(void)
{
	static const char *const kept[] = { "TERM", "ASAN_OPTIONS", "UBSAN_OPTIONS" };
	enum { N = sizeof kept / sizeof kept[0] };
	char *values[N];

	for (size_t i = 0; i < N; i++) {
		const char *v = getenv(kept[i]);
		values[i] = v ? strdup(v) : NULL;
	}
	clearenv();
	for (size_t i = 0; i < N; i++) {
		if (values[i] && (i > 0 || is_plain(values[i])))
			(void)setenv(kept[i], values[i], 1); /* without memory: as if it were not set */
		free(values[i]);
	}
	if (!getenv("TERM"))
		(void)setenv("TERM", "dumb", 1); /* as above */
}
