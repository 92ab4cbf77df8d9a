#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

void play_assert(const char *text, const char *part, bool is_wanted, const char *file, int line)
{
	if ((strstr(text, part) != NULL) == is_wanted)
		return;
	fprintf(stderr, "%s:%d: %s \"%s\" in:\n%s\n", file, line, is_wanted ? "no" : "there is", part, text);
	_fail(file, line);
}
