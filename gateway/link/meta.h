/* gateway/link/meta.h - what an edge says of a client stream that it hands to a core: the fields of its request (mra.md 2.3).
 * The edge may be hostile: no field names a host, a port or a path inside. Pure functions. */
#ifndef LINK_META_H
#define LINK_META_H

#include "base/buf.h"
#include "base/bytes.h"

enum {
	META_PAIRS_MAX = 13,
	META_FIELDS_BYTES_MAX = 4096, /* all names and values of a request */
};

struct meta {
	char service[16];   /* a row of service.h */
	char transport[16]; /* "tls", "starttls", "websocket": what the client speaks to the edge */
	char tls[16];       /* its version, "TLSv1.3" */
	char sni[254];      /* "" none */
	uint8_t address[16], address_n; /* 4 or 16 bytes */
	uint16_t port;
	uint8_t exporter[32], end_point[64], unique[64]; /* channel bindings: RFC 9266, RFC 5929 */
	uint8_t exporter_n, end_point_n, unique_n;       /* 0: there is none */
};

/* ---- as fields of a request ---- */
struct meta_reader {
	struct meta meta;
	uint32_t seen, bytes;
	bool is_bad;
};
void meta_read_begin(struct meta_reader *r);
/* Any bytes. Fields that are not known are passed over, so that a newer edge can talk to an older core. */
void meta_read(struct meta_reader *r, struct bytes name, struct bytes value);
/* After the last field. ERR_SYNTAX: one that must be there is not, one is there twice or malformed; ERR_LIMIT: too many bytes. */
int meta_read_end(const struct meta_reader *r);

struct meta_pair {
	const char *name;
	struct bytes value;
};
struct meta_fields {
	struct meta_pair pairs[META_PAIRS_MAX];
	size_t n;
	char address[48], port[8], exporter[65], end_point[129], unique[129];
};
/* The request's fields, pseudo fields first; views into m and out. */
void meta_write(const struct meta *m, struct meta_fields *out);

/* ---- as the body of CLIENT_STREAM (run/msg.def) ---- */
/* service is not in it: the message says it. ERR_SYNTAX. */
int meta_from_body(struct bytes body, struct meta *out);
void meta_put_body(struct buf *b, const struct meta *m, const char *edge);

#endif
