#include "proto/msrp_impl.h"

static bool is_line(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == 127)
			return false;
	return true;
}

static bool holds_end_line(struct bytes body, struct bytes id)
{
	for (size_t at = 0; at + END_LINE_BYTES + id.n <= body.n; at++) {
		at += bytes_find(bytes_skip(body, at), '-');
		if (at + END_LINE_BYTES + id.n > body.n)
			return false;
		if (memcmp(body.p + at, END_LINE, END_LINE_BYTES) == 0 && memcmp(body.p + at + END_LINE_BYTES, id.p, id.n) == 0)
			return true;
	}
	return false;
}

static void put_number(struct buf *out, uint64_t v)
{
	if (v == MSRP_UNKNOWN)
		buf_put_str(out, "*");
	else
		buf_putf(out, "%llu", (unsigned long long)v);
}

static void put_range(const struct msrp_frame *f, struct buf *out)
{
	buf_put_str(out, "Byte-Range: ");
	put_number(out, f->from);
	buf_put_str(out, "-");
	put_number(out, f->to);
	buf_put_str(out, "/");
	put_number(out, f->total);
	buf_put_str(out, "\r\n");
}

static bool put_headers(const struct msrp_frame *f, struct buf *out)
{
	for (size_t i = 0; i < MSRP_HEADER_COUNT; i++) {
		const struct msrp_header *h = &msrp_headers[i];
		if (h->form == MSRP_RANGE && f->has_range)
			put_range(f, out);
		if (h->form == MSRP_STATUS && f->report_status)
			buf_putf(out, "Status: 000 %03u\r\n", f->report_status);
		if (h->form != MSRP_TEXT)
			continue;
		struct bytes v = *(const struct bytes *)(const void *)((const char *)f + h->field);
		if (!is_line(v))
			return false;
		bool is_type = i == MSRP_HEADER_COUNT - 1;
		if (is_type)
			buf_put_bytes(out, f->other);
		if (v.n && (!is_type || f->has_body))
			buf_putf(out, "%s: %.*s\r\n", h->name, BYTES_FMT(v));
	}
	return true;
}

int msrp_encode(const struct msrp_frame *f, struct buf *out)
{
	size_t before = buf_len(out);
	int rc = 0;

	if (!msrp_is_id(f->id) || !msrp_is_path(f->to_path) || !msrp_is_path(f->from_path) || !is_line(f->comment))
		return ERR_SYNTAX;
	if (f->has_body && holds_end_line(f->body, f->id))
		return ERR_EXISTS;
	buf_putf(out, "MSRP %.*s ", BYTES_FMT(f->id));
	if (f->status)
		buf_putf(out, "%03u%s%.*s\r\n", f->status, f->comment.n ? " " : "", BYTES_FMT(f->comment));
	else
		buf_putf(out, "%.*s\r\n", BYTES_FMT(f->method ? bytes_of(msrp_method_name(f->method)) : f->method_text));
	if (!put_headers(f, out))
		rc = ERR_SYNTAX;
	if (f->has_body) {
		buf_put_str(out, "\r\n");
		buf_put_bytes(out, f->body);
		buf_put_str(out, "\r\n");
	}
	buf_putf(out, "%s%.*s%c\r\n", END_LINE, BYTES_FMT(f->id), f->flag ? f->flag : '$');
	if (rc == 0 && buf_failed(out))
		rc = ERR_LIMIT;
	if (rc != 0)
		buf_truncate(out, before);
	return rc;
}

static const char *comment_of(unsigned status)
{
	static const struct {
		uint16_t status;
		const char *text;
	} rows[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },              /* RFC 7701: the recipient of a private message */
		{ 408, "Request Timeout" },
		{ 413, "Stop Sending" },
		{ 415, "Unsupported Media Type" },
		{ 423, "Parameter Out Of Bounds" },
		{ 424, "Malformed Nickname" },     /* RFC 7701 */
		{ 425, "Nickname Reserved" },      /* RFC 7701 */
		{ 428, "Private Messages Not Supported" },
		{ 481, "No Such Session" },
		{ 501, "Unknown Method" },
		{ 506, "Session Bound Elsewhere" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "";
}

int msrp_respond(const struct msrp_frame *request, unsigned status, const char *comment, struct buf *out)
{
	struct bytes rest;
	struct msrp_frame f = {
		.status = (uint16_t)status,
		.comment = bytes_of(comment ? comment : comment_of(status)),
		.id = request->id,
		.to_path = request->from_path,
		.from_path = msrp_path_first(request->to_path, &rest),
		.flag = '$',
	};

	if (request->method == MSRP_SEND) /* answered hop by hop */
		f.to_path = msrp_path_first(request->from_path, &rest);
	return msrp_encode(&f, out);
}
