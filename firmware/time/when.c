#include "timed.h"

#include "base/err.h"

#include <stdio.h>
#include <time.h>

enum { YEAR_MIN = 2020, YEAR_MAX = 2099 };

static bool read_two(struct bytes text, size_t at, int min, int max, int *out)
{
	uint64_t n;

	if (at + 2 > text.n || bytes_to_u64(bytes_make(text.p + at, 2), 99, &n) || (int)n < min || (int)n > max)
		return false;
	*out = (int)n;
	return true;
}

/* Digits where digits stand, and between them what stands between. */
static bool has_form(struct bytes text)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";

	if (text.n != 16 && text.n != 19)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		bool is_right = form[i] == 'd' ? c >= '0' && c <= '9' : form[i] == 'T' ? c == 'T' || c == ' ' : c == (uint8_t)form[i];
		if (!is_right)
			return false;
	}
	return true;
}

int when_read(struct bytes text, uint64_t *unix_ms)
{
	bool is_utc = text.n > 0 && text.p[text.n - 1] == 'Z';
	int century, year, month, day, hour, minute, second = 0;

	if (is_utc)
		text.n--;
	if (!has_form(text) || !read_two(text, 0, 0, 99, &century) || !read_two(text, 2, 0, 99, &year) || !read_two(text, 5, 1, 12, &month) ||
	    !read_two(text, 8, 1, 31, &day) || !read_two(text, 11, 0, 23, &hour) || !read_two(text, 14, 0, 59, &minute) ||
	    (text.n > 16 && !read_two(text, 17, 0, 59, &second)))
		return ERR_SYNTAX;
	year += century * 100;
	if (year < YEAR_MIN || year > YEAR_MAX)
		return ERR_RANGE;
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second,
			 .tm_isdst = -1 };
	time_t s = is_utc ? timegm(&tm) : mktime(&tm);
	if (s < 0 || tm.tm_mday != day) /* the 31st of February */
		return ERR_SYNTAX;
	*unix_ms = (uint64_t)s * 1000;
	return 0;
}
