/* pcapng.h - blocks of a capture file (draft-ietf-opsawg-pcapng): one section, one interface, packets with times in
 * nanoseconds, and at the end what was lost. Pure: blocks go to a buffer, which fails over its maximum.
 * Numbers are in this machine's byte order; the section header tells a reader which. */
#ifndef CAPTURE_PCAPNG_H
#define CAPTURE_PCAPNG_H

#include "base/buf.h"

struct pcapng_interface {
	struct bytes name;
	struct bytes filter;  /* as it was typed; may be empty */
	struct bytes hardware; /* of the section: the box's name and version */
	uint16_t link_type;   /* LINKTYPE_* */
	uint32_t snap_length;
};

struct pcapng_packet {
	uint64_t time_ns; /* since 1970 */
	uint32_t length;  /* on the wire */
	uint8_t direction; /* 0 not known, 1 inbound, 2 outbound */
	struct bytes captured; /* no longer than length */
};

/* Section header and interface description: the head of each file. */
void pcapng_put_head(struct buf *out, const struct pcapng_interface *i);
void pcapng_put_packet(struct buf *out, const struct pcapng_packet *p);
/* Bytes that pcapng_put_packet adds for so many captured ones. */
size_t pcapng_packet_bytes(size_t captured);
/* Interface statistics: packets that the filter took, and that were lost because nobody read in time. */
void pcapng_put_end(struct buf *out, uint64_t time_ns, uint64_t taken, uint64_t lost);

#endif
