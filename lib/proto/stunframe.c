#include "base/err.h"
#include "proto/stunmsg_impl.h"

int channeldata_parse(struct bytes d, uint16_t *channel, struct bytes *data)
{
	if (d.n < CHANNELDATA_HEADER)
		return ERR_SYNTAX;
	uint16_t number = stunmsg_u16(d.p), n = stunmsg_u16(d.p + 2);
	if (number < CHANNEL_MIN || number > CHANNEL_OLD_MAX)
		return ERR_SYNTAX;
	if (n > d.n - CHANNELDATA_HEADER)
		return ERR_TRUNCATED;
	*channel = number;
	*data = bytes_make(d.p + CHANNELDATA_HEADER, n);
	return 0;
}

void channeldata_header(uint8_t out[static 4], uint16_t channel, size_t n)
{
	stunmsg_set16(out, channel);
	stunmsg_set16(out + 2, (unsigned)n);
}

static bool is_channel(uint8_t first)
{
	return (first & 0xc0) == 0x40;
}

/* Bytes of the frame that begins so, and of its padding (RFC 8656 12.5). 0: none can. */
static size_t frame_bytes(const uint8_t *p, size_t *padding)
{
	size_t n = stunmsg_u16(p + 2);

	*padding = 0;
	if (p[0] < 4)
		return n % 4 == 0 ? STUNMSG_HEADER + n : 0;
	if (!is_channel(p[0]))
		return 0;
	*padding = -n & 3;
	return CHANNELDATA_HEADER + n;
}

int stunframe_next(struct bytes in, size_t max, struct bytes *frame, size_t *used)
{
	size_t padding, n;

	*used = CHANNELDATA_HEADER;
	if (in.n < CHANNELDATA_HEADER)
		return in.n > 0 && in.p[0] >= 4 && !is_channel(in.p[0]) ? ERR_SYNTAX : ERR_AGAIN;
	n = frame_bytes(in.p, &padding);
	if (n == 0)
		return ERR_SYNTAX;
	if (n > max)
		return ERR_LIMIT;
	*used = n + padding;
	if (in.n < *used)
		return ERR_AGAIN;
	*frame = bytes_make(in.p, n);
	return 0;
}
