#include "proto/http1.h"

#include "base/err.h"
#include "proto/http1_impl.h"

#include <stdio.h>

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 100, "Continue" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 206, "Partial Content" },
	{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
	{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
	{ 411, "Length Required" }, { 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" }, { 421, "Misdirected Request" }, { 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
	{ 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
};

const char *http1_reason(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

void http1_put_request(struct buf *out, struct bytes method, struct bytes target, struct bytes query)
{
	buf_put_bytes(out, method);
	buf_put_u8(out, ' ');
	buf_put_bytes(out, target);
	if (query.n) {
		buf_put_u8(out, '?');
		buf_put_bytes(out, query);
	}
	buf_put_str(out, " HTTP/1.1\r\n");
}

void http1_put_status(struct buf *out, int status)
{
	buf_putf(out, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
}

int http1_put_field(struct buf *out, const char *name, struct bytes value)
{
	if (!http1_is_token(bytes_of(name)) || !http1_is_text(value))
		return ERR_SYNTAX;
	buf_put_str(out, name);
	buf_put_str(out, ": ");
	buf_put_bytes(out, value);
	buf_put_str(out, "\r\n");
	return 0;
}

void http1_end_head_length(struct buf *out, uint64_t length)
{
	buf_putf(out, "Content-Length: %llu\r\n\r\n", (unsigned long long)length);
}

void http1_end_head_chunked(struct buf *out)
{
	buf_put_str(out, "Transfer-Encoding: chunked\r\n\r\n");
}

void http1_end_head_none(struct buf *out)
{
	buf_put_str(out, "\r\n");
}

void http1_put_chunk(struct buf *out, struct bytes b)
{
	if (b.n == 0)
		return;
	buf_putf(out, "%zx\r\n", b.n);
	buf_put_bytes(out, b);
	buf_put_str(out, "\r\n");
}

void http1_put_last_chunk(struct buf *out)
{
	buf_put_str(out, "0\r\n\r\n");
}

/* Days since 1970 to a date (proleptic Gregorian), without a C library's time zone. */
static void civil(int64_t days, int *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = z / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int)(yoe + (unsigned)(era * 400)) + (*month <= 2);
}

void http1_date(uint64_t unix_s, char out[static HTTP1_DATE_BYTES])
{
	static const char days[][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	uint64_t d = unix_s / 86400 % 2932897; /* to the end of the year 9999 */
	unsigned s = (unsigned)(unix_s % 86400), month, day;
	int year;

	civil((int64_t)d, &year, &month, &day);
	snprintf(out, HTTP1_DATE_BYTES, "%s, %02u %s %04d %02u:%02u:%02u GMT", days[d % 7], day % 100, months[(month - 1) % 12],
	         year % 10000, s / 3600, s / 60 % 60, s % 60);
}
