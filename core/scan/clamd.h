/* clamd.h - the protocol of ClamAV's daemon (clamd(8), COMMANDS), of which two commands are spoken, both ended by NUL:
 *
 *	zPING\0                                 PONG\0
 *	zINSTREAM\0  {length:u32 bytes}* 0:u32  stream: OK\0 | stream: NAME FOUND\0 | ... ERROR\0
 *
 * Pure. */
#ifndef SCAN_CLAMD_H
#define SCAN_CLAMD_H

#include "base/buf.h"
#include "run/scan.h"

enum { CLAMD_PORT = 3310, CLAMD_REPLY_MAX = 1024, CLAMD_CHUNK_HEAD_BYTES = 4 };

enum clamd_kind { CLAMD_PONG, CLAMD_CLEAN, CLAMD_FOUND, CLAMD_TOO_LARGE, CLAMD_ERROR };

struct clamd_reply {
	enum clamd_kind kind;
	char text[SCAN_NAME_MAX + 1]; /* FOUND: the signature's name; ERROR: what clamd says; printable ASCII */
};

void clamd_put_ping(struct buf *out);
void clamd_put_stream(struct buf *out);
void clamd_put_chunk(struct buf *out, struct bytes piece); /* not empty */
void clamd_put_end(struct buf *out);
/* All that has come on a connection. ERR_AGAIN: the reply is not whole. ERR_LIMIT: it is longer than any may be. ERR_SYNTAX: it is
 * none, or more comes behind it. */
int clamd_read(struct bytes in, struct clamd_reply *out);

#endif
