#include "pcapng.h"

enum block { BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5, BLOCK_PACKET = 6, BLOCK_SECTION = 0x0a0d0d0a };
enum option {
	OPTION_END = 0,
	OPTION_HARDWARE = 2,   /* shb_hardware */
	OPTION_NAME = 2,       /* if_name */
	OPTION_FLAGS = 2,      /* epb_flags */
	OPTION_RESOLUTION = 9, /* if_tsresol */
	OPTION_FILTER = 11,    /* if_filter */
	OPTION_RECEIVED = 4,   /* isb_ifrecv */
	OPTION_DROPPED = 5,    /* isb_ifdrop */
};
enum { NANOSECONDS = 9, FILTER_TEXT = 0, PACKET_FIXED = 8 + 20 + 8 + 4 + 4 };

static void put_u16(struct buf *b, uint16_t v)
{
	buf_put(b, &v, sizeof v);
}

static void put_u32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof v);
}

static size_t rest_of(size_t n)
{
	return (4 - n % 4) % 4;
}

static void put_padded(struct buf *b, struct bytes v)
{
	static const uint8_t zeros[4];

	buf_put_bytes(b, v);
	buf_put(b, zeros, rest_of(v.n));
}

static void put_option(struct buf *b, uint16_t code, struct bytes v)
{
	if (v.n > UINT16_MAX)
		v.n = UINT16_MAX;
	put_u16(b, code);
	put_u16(b, (uint16_t)v.n);
	put_padded(b, v);
}

/* The length stands before and behind what it measures. */
static size_t begin(struct buf *b, uint32_t type)
{
	put_u32(b, type);
	put_u32(b, 0);
	return buf_len(b) - 8;
}

static void end(struct buf *b, size_t at)
{
	uint32_t n = (uint32_t)(buf_len(b) - at + 4);

	put_u32(b, n);
	if (!buf_failed(b))
		memcpy(b->p + b->off + at + 4, &n, sizeof n);
}

static void put_section(struct buf *b, struct bytes hardware)
{
	size_t at = begin(b, BLOCK_SECTION);
	uint64_t not_known = UINT64_MAX;

	put_u32(b, 0x1a2b3c4d);
	put_u16(b, 1); /* version 1.0 */
	put_u16(b, 0);
	buf_put(b, &not_known, sizeof not_known); /* length of the section */
	put_option(b, OPTION_HARDWARE, hardware);
	put_option(b, OPTION_END, BYTES_NONE);
	end(b, at);
}

void pcapng_put_head(struct buf *b, const struct pcapng_interface *i)
{
	static const uint8_t resolution = NANOSECONDS;

	put_section(b, i->hardware);
	size_t at = begin(b, BLOCK_INTERFACE);
	put_u16(b, i->link_type);
	put_u16(b, 0);
	put_u32(b, i->snap_length);
	put_option(b, OPTION_NAME, i->name);
	put_option(b, OPTION_RESOLUTION, bytes_make(&resolution, 1));
	if (i->filter.n > 0 && i->filter.n < UINT16_MAX) {
		put_u16(b, OPTION_FILTER);
		put_u16(b, (uint16_t)(i->filter.n + 1));
		/* the kind of the filter and its text are one value */
		buf_put_u8(b, FILTER_TEXT);
		buf_put_bytes(b, i->filter);
		static const uint8_t zeros[4];
		buf_put(b, zeros, rest_of(i->filter.n + 1));
	}
	put_option(b, OPTION_END, BYTES_NONE);
	end(b, at);
}

static void put_time(struct buf *b, uint64_t time_ns)
{
	put_u32(b, (uint32_t)(time_ns >> 32));
	put_u32(b, (uint32_t)time_ns);
}

void pcapng_put_packet(struct buf *b, const struct pcapng_packet *p)
{
	uint32_t flags = p->direction & 3;
	size_t at = begin(b, BLOCK_PACKET);

	put_u32(b, 0); /* the one interface */
	put_time(b, p->time_ns);
	put_u32(b, (uint32_t)p->captured.n);
	put_u32(b, p->length < p->captured.n ? (uint32_t)p->captured.n : p->length);
	put_padded(b, p->captured);
	put_option(b, OPTION_FLAGS, bytes_make(&flags, sizeof flags));
	put_option(b, OPTION_END, BYTES_NONE);
	end(b, at);
}

size_t pcapng_packet_bytes(size_t captured)
{
	return PACKET_FIXED + captured + rest_of(captured);
}

void pcapng_put_end(struct buf *b, uint64_t time_ns, uint64_t taken, uint64_t lost)
{
	size_t at = begin(b, BLOCK_STATISTICS);

	put_u32(b, 0);
	put_time(b, time_ns);
	put_option(b, OPTION_RECEIVED, bytes_make(&taken, sizeof taken));
	put_option(b, OPTION_DROPPED, bytes_make(&lost, sizeof lost));
	put_option(b, OPTION_END, BYTES_NONE);
	end(b, at);
}
