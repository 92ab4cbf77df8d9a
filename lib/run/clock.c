#include "run/clock.h"

#include "base/text.h"
#include "run/version.h"

#include <stdio.h>

const char *clock_trouble(uint64_t wall_s)
{
	if (wall_s < GATEHOUSE_MADE_S)
		return "before this version was made";
	if (wall_s >= GATEHOUSE_MADE_S + (uint64_t)CLOCK_YEARS * 365 * 86400)
		return "more than 20 years after this version was made";
	return NULL;
}

const char *clock_remark(uint64_t wall_s, char out[static CLOCK_TEXT])
{
	const char *why = clock_trouble(wall_s);
	char at[TEXT_TIME_BYTES];

	out[0] = '\0';
	if (why) {
		text_time(wall_s * 1000, false, at);
		(void)snprintf(out, CLOCK_TEXT, " (by the clock of this box, which is wrong: it says %s, %s)", at, why);
	}
	return out;
}
