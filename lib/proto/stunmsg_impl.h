/* proto/stunmsg_impl.h - inside of lib/proto/stunmsg_*.c. */
#ifndef PROTO_STUNMSG_IMPL_H
#define PROTO_STUNMSG_IMPL_H

#include "proto/stunmsg.h"

enum { STUNMSG_FINGERPRINT_XOR = 0x5354554e }; /* RFC 8489 14.7 */

static inline uint16_t stunmsg_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t stunmsg_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void stunmsg_set16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void stunmsg_set32(uint8_t *p, uint32_t v)
{
	stunmsg_set16(p, v >> 16);
	stunmsg_set16(p + 2, v & 0xffff);
}

/* MAPPED-ADDRESS' form, without XOR. ERR_RANGE. */
int stunmsg_read_address(struct bytes v, struct stunaddr *out);
/* The checksum of RFC 8489 14.7 (ITU V.42). */
uint32_t stunmsg_crc32(struct bytes b);
/* HMAC over a message up to `at`, its length field reading as if it ended behind an attribute of
 * value_n bytes there. False when libcrypto fails. */
bool stunmsg_hmac(struct bytes raw, size_t at, size_t value_n, struct bytes key, bool use_sha256, uint8_t out[static 32]);

#endif
