#include "proto/http1.h"

#include "base/err.h"
#include "proto/http1_impl.h"

/* What a response says of itself; its fields and chunks are read as those of a request. */

int http1_status_line(struct bytes line, uint16_t *status, bool *is_minor_0)
{
	uint64_t n;

	if (line.n < 12 || !bytes_starts(line, BYTES("HTTP/1.")) || (line.p[7] != '0' && line.p[7] != '1') || line.p[8] != ' ' ||
	    bytes_to_u64(bytes_make(line.p + 9, 3), 599, &n) || n < 100 || (line.n > 12 && line.p[12] != ' ') || !http1_is_text(line))
		return ERR_SYNTAX;
	*status = (uint16_t)n;
	*is_minor_0 = line.p[7] == '0';
	return 0;
}

const char *http1_response_framing(struct http1_request *q, bool is_of_head, uint64_t body_max)
{
	size_t n_te = http1_count(q, "transfer-encoding"), n_cl = http1_count(q, "content-length");
	bool has_none = is_of_head || q->status < 200 || q->status == 204 || q->status == 304;
	struct bytes length = http1_value(q, "content-length");

	if (n_te + n_cl > 1)
		return "more than one field tells the length";
	if (n_te && (q->minor == 0 || !bytes_eq_nocase(http1_value(q, "transfer-encoding"), BYTES("chunked"))))
		return "a transfer coding other than chunked";
	if (n_cl && (length.n == 0 || length.n > 19 || bytes_to_u64(length, INT64_MAX, &q->length)))
		return "Content-Length is no number";
	if (!has_none && q->length > body_max)
		return "the body is too long";
	q->is_chunked = n_te && !has_none;
	q->is_until_close = !has_none && !n_te && !n_cl;
	q->has_body = !has_none && (n_te || !n_cl || q->length);
	q->is_kept = !q->is_until_close && !http1_has_token(q, "connection", "close") &&
	             (q->minor > 0 || http1_has_token(q, "connection", "keep-alive"));
	return NULL;
}
