/* proto/stunmsg.h - STUN messages (RFC 8489; the clients of RFC 5389 and RFC 3489 too) with the
 * attributes of TURN (RFC 8656, 6062, 8016), NAT discovery (RFC 5780) and OAuth (RFC 7635).
 * Pure: no clock, no log; libcrypto for HMAC and digests only. Reads byte by byte: no alignment is
 * assumed. Parsing allocates nothing and is one pass over the datagram.
 *
 *	 0                   1                   2                   3
 *	|0 0|  type     |  length (without these 20) |
 *	|         magic cookie 0x2112A442            |
 *	|         transaction id, 12 bytes           |   RFC 8489 5
 */
#ifndef PROTO_STUNMSG_H
#define PROTO_STUNMSG_H

#include "base/bytes.h"

enum {
	STUNMSG_HEADER = 20,
	STUNMSG_COOKIE = 0x2112A442,
	STUNMSG_MAX = 65535 + 20,      /* of a Send or Data indication */
	STUNMSG_SIGNED_MAX = 4096,     /* a longer signed message does not verify: no request is */
	STUNMSG_USERNAME_MAX = 508,    /* RFC 8489 14.3: shorter than 509 */
	STUNMSG_REALM_MAX = 763,       /* RFC 8489 14.9 */
	STUNMSG_NONCE_MAX = 763,       /* RFC 8489 14.10 */
	STUNMSG_UNKNOWN_MAX = 16,      /* unknown required attributes that a 420 names */
	STUNMSG_PEERS_MAX = 32,        /* XOR-PEER-ADDRESS attributes of one request that are looked at */
	STUNMSG_ALGORITHMS_MAX = 8,
	STUNMSG_TICKET_MAX = 128,      /* MOBILITY-TICKET, ours */
};

/* An address and port; IPv4 has 4 bytes in ip, the rest 0. */
struct stunaddr {
	uint8_t family; /* 4 or 6; 0: none */
	uint16_t port;  /* host order */
	uint8_t ip[16];
};
bool stunaddr_eq(const struct stunaddr *a, const struct stunaddr *b);    /* with port */
bool stunaddr_eq_ip(const struct stunaddr *a, const struct stunaddr *b); /* without */
/* "192.0.2.1:3478", "[2001:db8::1]:3478". */
enum { STUNADDR_TEXT_BYTES = 56 };
void stunaddr_text(const struct stunaddr *a, char out[static STUNADDR_TEXT_BYTES]);

enum stunmsg_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };
enum stunmsg_method {
	STUN_BINDING = 0x001,
	STUN_ALLOCATE = 0x003,
	STUN_REFRESH = 0x004,
	STUN_SEND = 0x006,
	STUN_DATA = 0x007,
	STUN_CREATE_PERMISSION = 0x008,
	STUN_CHANNEL_BIND = 0x009,
	STUN_CONNECT = 0x00A,            /* RFC 6062 */
	STUN_CONNECTION_BIND = 0x00B,
	STUN_CONNECTION_ATTEMPT = 0x00C,
};
enum stunmsg_attribute {
	STUN_MAPPED_ADDRESS = 0x0001, STUN_CHANGE_REQUEST = 0x0003, STUN_SOURCE_ADDRESS = 0x0004, /* the last: RFC 3489 */
	STUN_CHANGED_ADDRESS = 0x0005, STUN_USERNAME = 0x0006,
	STUN_MESSAGE_INTEGRITY = 0x0008, STUN_ERROR_CODE = 0x0009, STUN_UNKNOWN_ATTRIBUTES = 0x000A,
	STUN_CHANNEL_NUMBER = 0x000C, STUN_LIFETIME = 0x000D, STUN_XOR_PEER_ADDRESS = 0x0012,
	STUN_DATA_ATTRIBUTE = 0x0013, STUN_REALM = 0x0014, STUN_NONCE = 0x0015,
	STUN_XOR_RELAYED_ADDRESS = 0x0016, STUN_REQUESTED_ADDRESS_FAMILY = 0x0017, STUN_EVEN_PORT = 0x0018,
	STUN_REQUESTED_TRANSPORT = 0x0019, STUN_DONT_FRAGMENT = 0x001A, STUN_ACCESS_TOKEN = 0x001B,
	STUN_MESSAGE_INTEGRITY_SHA256 = 0x001C, STUN_PASSWORD_ALGORITHM = 0x001D, STUN_USERHASH = 0x001E,
	STUN_XOR_MAPPED_ADDRESS = 0x0020, STUN_RESERVATION_TOKEN = 0x0022, STUN_PRIORITY = 0x0024,
	STUN_USE_CANDIDATE = 0x0025, STUN_PADDING = 0x0026, STUN_RESPONSE_PORT = 0x0027,
	STUN_CONNECTION_ID = 0x002A, STUN_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
	STUN_ADDRESS_ERROR_CODE = 0x8001, STUN_PASSWORD_ALGORITHMS = 0x8002, STUN_ALTERNATE_DOMAIN = 0x8003,
	STUN_ICMP = 0x8004, STUN_SOFTWARE = 0x8022, STUN_ALTERNATE_SERVER = 0x8023,
	STUN_FINGERPRINT = 0x8028, STUN_RESPONSE_ORIGIN = 0x802B, STUN_OTHER_ADDRESS = 0x802C,
	STUN_THIRD_PARTY_AUTHORIZATION = 0x802E, STUN_MOBILITY_TICKET = 0x8030,
};
enum stunmsg_algorithm { STUN_ALGORITHM_MD5 = 1, STUN_ALGORITHM_SHA256 = 2 }; /* RFC 8489 18.5 */

/* What came; views into the datagram, valid as long as it. An attribute that occurs twice: the first
 * counts (RFC 8489 14), save XOR-PEER-ADDRESS. Nothing behind MESSAGE-INTEGRITY is looked at but
 * MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, nothing behind MESSAGE-INTEGRITY-SHA256 but FINGERPRINT
 * (RFC 8489 14.5, 14.6). */
struct stunmsg {
	struct bytes raw; /* header and attributes */
	enum stunmsg_class class;
	uint16_t method;
	bool is_classic;  /* RFC 3489: no magic cookie; the id is 16 bytes then */
	uint8_t id[16];   /* as echoed: cookie (or its place) and transaction id */
	uint64_t has;     /* bits of enum stunmsg_has */
	struct bytes username, userhash, realm, nonce, software, data, ticket, access_token;
	struct bytes password_algorithms; /* the value, whole, for the comparison of RFC 8489 9.2.4 */
	uint16_t algorithm;               /* of PASSWORD-ALGORITHM, with its parameters: */
	struct bytes algorithm_parameters;
	uint8_t n_peers;
	bool has_more_peers;
	uint32_t lifetime_s, change, connection_id;
	uint16_t channel, response_port;
	uint8_t transport, requested_family, additional_family; /* families: 4, 6, 0 unknown value */
	bool even_port_reserve;
	uint8_t token[8];
	uint32_t integrity_at, sha256_at; /* offset of the attribute; 0: none */
	uint16_t sha256_n;                /* 16 to 32, a multiple of 4 */
	uint16_t unknown[STUNMSG_UNKNOWN_MAX]; /* required and not known to us */
	uint8_t n_unknown;
	bool has_fingerprint;
	struct bytes padding;
	/* of responses and Data indications: for tests and the box's own client */
	struct stunaddr mapped, relayed, relayed2, other, response_origin, alternate;
	struct bytes reason, authorization;
	uint16_t error, address_error; /* 300..699 */
	uint8_t address_error_family, icmp_type, icmp_code;
	uint32_t icmp_data;
	struct stunaddr peers[STUNMSG_PEERS_MAX]; /* n_peers of them are valid; last: parsing leaves the rest alone */
};
enum stunmsg_has {
	STUN_HAS_LIFETIME = 1 << 0, STUN_HAS_CHANNEL = 1 << 1, STUN_HAS_TRANSPORT = 1 << 2,
	STUN_HAS_FAMILY = 1 << 3, STUN_HAS_ADDITIONAL = 1 << 4, STUN_HAS_EVEN_PORT = 1 << 5,
	STUN_HAS_TOKEN = 1 << 6, STUN_HAS_DONT_FRAGMENT = 1 << 7, STUN_HAS_CHANGE = 1 << 8,
	STUN_HAS_RESPONSE_PORT = 1 << 9, STUN_HAS_PADDING = 1 << 10, STUN_HAS_CONNECTION_ID = 1 << 11,
	STUN_HAS_DATA = 1 << 12, STUN_HAS_TICKET = 1 << 13, STUN_HAS_USERNAME = 1 << 14,
	STUN_HAS_USERHASH = 1 << 15, STUN_HAS_REALM = 1 << 16, STUN_HAS_NONCE = 1 << 17,
	STUN_HAS_ALGORITHM = 1 << 18, STUN_HAS_ALGORITHMS = 1 << 19, STUN_HAS_ACCESS_TOKEN = 1 << 20,
	STUN_HAS_ERROR = 1 << 21, STUN_HAS_PEER = 1 << 22, STUN_HAS_XOR_MAPPED = 1 << 23, STUN_HAS_ICMP = 1 << 24,
};

/* Could these bytes be STUN (RFC 7983: first byte 0..3, RFC 8489 5: length a multiple of 4)? */
bool stunmsg_is(struct bytes datagram);
/* 0; ERR_TRUNCATED, ERR_SYNTAX: not a STUN message, be silent; ERR_CHECKSUM: FINGERPRINT is there and
 * wrong, be silent; ERR_RANGE: STUN, but an attribute is malformed: a request gets 400 (id, class and
 * method are set then, nothing else may be relied on). */
int stunmsg_parse(struct bytes datagram, struct stunmsg *out);

/* Does the integrity hold under this key? SHA-256 is looked at when it is there, SHA-1 else
 * (RFC 8489 9.2.4). False without either. Constant time. */
bool stunmsg_verify(const struct stunmsg *m, struct bytes key);

/* ---- keys (RFC 8489 9.2.2, 14.4, 18.5.1) ---- */
enum { STUNMSG_KEY_MAX = 32 };
/* user ":" realm ":" password under the algorithm; inputs are OpaqueString prepared by the caller
 * (proto/jid_precis.h). *n is 16 or 32. Negative when libcrypto refuses (MD5 in FIPS mode). */
int stunmsg_long_term_key(enum stunmsg_algorithm a, struct bytes user, struct bytes realm, struct bytes password,
                           uint8_t out[static STUNMSG_KEY_MAX], size_t *n);
int stunmsg_userhash(struct bytes user, struct bytes realm, uint8_t out[static 32]);

/* ---- writing: into the caller's room, never past it; sticky error ---- */
struct stunmsg_writer {
	uint8_t *p;
	size_t room, n;
	bool is_failed;
	bool is_classic;
};
/* id: 16 bytes as parsed (cookie first). Every byte of room is written before it is sent: padding is 0. */
void stunmsg_begin(struct stunmsg_writer *w, void *p, size_t room, enum stunmsg_class c, uint16_t method, const uint8_t id[static 16]);
void stunmsg_put(struct stunmsg_writer *w, enum stunmsg_attribute a, struct bytes value);
void stunmsg_put_u32(struct stunmsg_writer *w, enum stunmsg_attribute a, uint32_t v);
/* Address attributes; the XOR forms are XORed (RFC 8489 14.2), the others not. */
void stunmsg_put_address(struct stunmsg_writer *w, enum stunmsg_attribute a, const struct stunaddr *v);
/* ERROR-CODE with the standard's phrase (RFC 8489 14.8, 8656 19); code 300..699. */
void stunmsg_put_error(struct stunmsg_writer *w, unsigned code);
void stunmsg_put_address_error(struct stunmsg_writer *w, uint8_t family, unsigned code); /* RFC 8656 18.13 */
void stunmsg_put_icmp(struct stunmsg_writer *w, uint8_t type, uint8_t code, uint32_t data); /* RFC 8656 18.14 */
void stunmsg_put_unknown(struct stunmsg_writer *w, const uint16_t *types, size_t n);
/* PASSWORD-ALGORITHMS: MD5 and SHA-256 by the bits 1 << enum stunmsg_algorithm. */
void stunmsg_put_algorithms(struct stunmsg_writer *w, unsigned algorithms);
/* Signs what is there so far. use_sha256: MESSAGE-INTEGRITY-SHA256 (32 bytes), else SHA-1. */
void stunmsg_put_integrity(struct stunmsg_writer *w, struct bytes key, bool use_sha256);
void stunmsg_put_fingerprint(struct stunmsg_writer *w);
/* The finished message; n 0 when it did not fit. */
struct bytes stunmsg_end(struct stunmsg_writer *w);
const char *stunmsg_phrase(unsigned code); /* "Bad Request"; "" unknown */

/* ---- ChannelData (RFC 8656 12.4): number 0x4000..0x4FFF, length, bytes. RFC 5766 11 had more numbers, which
 * its clients still take: read here, granted or not by the server ---- */
enum { CHANNELDATA_HEADER = 4, CHANNEL_MIN = 0x4000, CHANNEL_MAX = 0x4FFF, CHANNEL_OLD_MAX = 0x7FFE };
/* ERR_SYNTAX not ChannelData; ERR_TRUNCATED: longer than the datagram (drop). Surplus bytes behind are
 * padding: ignored. */
int channeldata_parse(struct bytes datagram, uint16_t *channel, struct bytes *data);
void channeldata_header(uint8_t out[static 4], uint16_t channel, size_t n);

/* ---- framing on TCP and TLS (RFC 8656 12.5, RFC 8489 6.2.2) ---- */
/* The first whole frame of in. 0: *frame is it (view) and *used bytes are to be taken away (padding of
 * ChannelData included); ERR_AGAIN: more bytes needed, *used = how many in all are needed at least;
 * ERR_SYNTAX: no frame can start so, the connection ends; ERR_LIMIT: larger than max. */
int stunframe_next(struct bytes in, size_t max, struct bytes *frame, size_t *used);

#endif
