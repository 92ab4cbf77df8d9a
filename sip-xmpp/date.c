#include "date.h"

#include <stdio.h>
#include <time.h>

#include "base/err.h"

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

static int index_of(struct bytes three, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (bytes_eq_nocase(three, bytes_of(names[i])))
			return i;
	return -1;
}

static int number(struct bytes in, size_t at, size_t digits, uint64_t max)
{
	uint64_t v;

	return bytes_to_u64(bytes_make(in.p + at, digits), max, &v) ? -1 : (int)v;
}

/* Fixed columns: "Sat, 13 Nov 2010 23:29:00 GMT". */
int date_parse(struct bytes in, uint64_t *out_ms)
{
	struct tm t = { 0 };

	if (in.n != 29 || !bytes_eq_str(bytes_skip(in, 25), " GMT") || in.p[3] != ',' || in.p[19] != ':' || in.p[22] != ':')
		return ERR_SYNTAX;
	t.tm_mday = number(in, 5, 2, 31);
	t.tm_mon = index_of(bytes_make(in.p + 8, 3), months, 12);
	t.tm_year = number(in, 12, 4, 9999) - 1900;
	t.tm_hour = number(in, 17, 2, 23);
	t.tm_min = number(in, 20, 2, 59);
	t.tm_sec = number(in, 23, 2, 60);
	if (t.tm_mday < 1 || t.tm_mon < 0 || t.tm_year < 70 || t.tm_hour < 0 || t.tm_min < 0 || t.tm_sec < 0)
		return ERR_SYNTAX;
	*out_ms = (uint64_t)timegm(&t) * 1000;
	return 0;
}

void date_write(uint64_t unix_ms, char out[static DATE_BYTES])
{
	time_t s = (time_t)(unix_ms / 1000);
	struct tm t;

	gmtime_r(&s, &t);
	snprintf(out, DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[t.tm_wday], (unsigned)t.tm_mday % 100,
		 months[t.tm_mon], (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
		 (unsigned)t.tm_sec % 100);
}
