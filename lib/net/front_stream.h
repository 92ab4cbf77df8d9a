/* net/front_stream.h - who is behind a stream that the front hands on (FILE_STREAM, WEB_STREAM; run/msg.def): for programs to which
 * the client's TLS is of no interest. */
#ifndef NET_FRONT_STREAM_H
#define NET_FRONT_STREAM_H

#include "base/bytes.h"

#include <sys/socket.h>

/* The client's address, and whether it came to an edge, which can say any address. ERR_SYNTAX. */
int front_stream_decode(struct bytes body, struct sockaddr_storage *from, bool *is_edge);

#endif
