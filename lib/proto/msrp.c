#include "proto/msrp_impl.h"

static const char *const methods[] = {
	[MSRP_OTHER] = "", [MSRP_SEND] = "SEND", [MSRP_REPORT] = "REPORT",
	[MSRP_NICKNAME] = "NICKNAME", [MSRP_AUTH] = "AUTH",
};
_Static_assert(sizeof methods / sizeof methods[0] == MSRP_METHOD_COUNT, "a name each");

const struct msrp_header msrp_headers[MSRP_HEADER_COUNT] = {
	{ "To-Path", MSRP_TEXT, offsetof(struct msrp_frame, to_path) },
	{ "From-Path", MSRP_TEXT, offsetof(struct msrp_frame, from_path) },
	{ "Message-ID", MSRP_TEXT, offsetof(struct msrp_frame, message_id) },
	{ "Success-Report", MSRP_TEXT, offsetof(struct msrp_frame, success_report) },
	{ "Failure-Report", MSRP_TEXT, offsetof(struct msrp_frame, failure_report) },
	{ "Byte-Range", MSRP_RANGE, 0 },
	{ "Status", MSRP_STATUS, 0 },
	{ "Use-Nickname", MSRP_TEXT, offsetof(struct msrp_frame, use_nickname) },
	{ "Expires", MSRP_TEXT, offsetof(struct msrp_frame, expires) },
	{ "Content-Type", MSRP_TEXT, offsetof(struct msrp_frame, content_type) },
};

const char *msrp_method_name(enum msrp_method m)
{
	return methods[m];
}

static bool is_ident(uint8_t c)
{
	return msrp_is_alnum(c) || (c && strchr(".-+%=", c)); /* RFC 4975 9: ident-char */
}

bool msrp_is_id(struct bytes id)
{
	if (id.n < MSRP_ID_MIN_BYTES || id.n > MSRP_ID_MAX_BYTES || !msrp_is_alnum(id.p[0]))
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!is_ident(id.p[i]))
			return false;
	return true;
}

int msrp_id_of(struct bytes text, char out[static MSRP_ID_MAX_BYTES + 1])
{
	if (text.n < MSRP_ID_MIN_BYTES || text.n > MSRP_ID_MAX_BYTES)
		return ERR_RANGE;
	for (size_t i = 0; i < text.n; i++)
		out[i] = is_ident(text.p[i]) ? (char)text.p[i] : '-';
	if (!msrp_is_alnum((uint8_t)out[0]))
		out[0] = 'x';
	out[text.n] = 0;
	return 0;
}
