/* turn_wire.h - one client connection of the TURN load generator, over UDP, TCP, TLS or DTLS. A message is
 * one STUN message or one ChannelData (RFC 8656 12.5: padded on streams, by the caller). Nothing blocks. */
#ifndef LOAD_TURN_WIRE_H
#define LOAD_TURN_WIRE_H

#include "base/bytes.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

enum { TURNWIRE_MESSAGE_MAX = 2048, TURNWIRE_BATCH = 32 };
enum turnwire_kind { TURNWIRE_UDP, TURNWIRE_TCP, TURNWIRE_TLS, TURNWIRE_DTLS };

struct turnwire {
	enum turnwire_kind kind;
	int fd;
	SSL *tls;
	bool is_ready;
	uint8_t *out; /* streams: a message that the kernel has not taken whole */
	size_t out_n;
	uint8_t *in; /* streams: the start of a message */
	size_t in_n;
};

/* A client's context for a kind; verifies nothing: the server under test is ours to start. NULL for UDP, TCP. */
SSL_CTX *turnwire_context(enum turnwire_kind k);
/* From an address (port 0: any) in the network of this thread. ERR_SYS, ERR_NOMEM. */
int turnwire_open(struct turnwire *w, enum turnwire_kind k, SSL_CTX *c, const struct sockaddr_in *from, const struct sockaddr_in *to);
void turnwire_close(struct turnwire *w);
/* Goes on with connection and handshake. ERR_AGAIN: not ready yet. */
int turnwire_ready(struct turnwire *w);
/* How many of n messages (at most TURNWIRE_BATCH, of equal length) were taken. Streams go on with the rest of an
 * earlier one first, with n 0 too. */
unsigned turnwire_send(struct turnwire *w, uint8_t (*messages)[TURNWIRE_MESSAGE_MAX], size_t bytes, unsigned n);
/* Calls fn for what has come, some dozens of messages at most. ERR_AGAIN: nothing; ERR_CLOSED: over. */
int turnwire_receive(struct turnwire *w, void (*fn)(void *arg, struct bytes message), void *arg);
bool turnwire_is_stream(const struct turnwire *w);
int turnwire_udp(const struct sockaddr_in *at); /* a non-blocking socket with large buffers; negative: ERR_SYS */

#endif
