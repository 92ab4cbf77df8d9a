/* net/dtls_impl.h - inside of DTLS doors and associations, for net/dtls*.c only. */
#ifndef NET_DTLS_IMPL_H
#define NET_DTLS_IMPL_H

#include "base/list.h"
#include "net/dtls.h"
#include "net/dtls_cookie.h"
#include "net/tls_store.h"

enum {
	/* A flight of ours is never answered by so many, repeats counted in. Each that comes before its
	 * time costs a buffer of OpenSSL's. */
	DTLS_HANDSHAKE_DATAGRAMS_MAX = 48,
	/* OpenSSL keeps 33 kB of record buffers for each association: only those that were busy last do. */
	DTLS_WARM_MAX = 256,
	DTLS_ANSWER_MAX_BYTES = 128, /* of a HelloVerifyRequest */
};

enum dtls_state {
	DTLS_LISTENING, /* the door's own, for whoever comes next */
	DTLS_PROBING,   /* the same, looking at a ClientHello without answering it */
	DTLS_PROVEN,    /* the address is; dtls_start has not been called yet */
	DTLS_HANDSHAKE,
	DTLS_SECURE,
	DTLS_OVER,
};

struct dtls {
	struct dtls_door *door;
	struct tls *tls;
	const struct dtls_owner *owner;
	void *arg;
	struct bytes in; /* the datagram that OpenSSL has not read yet */
	struct loop_timer timer;
	uint64_t deadline_ms; /* of the handshake */
	struct list warm;     /* linked: it has buffers */
	struct peer_address peer;
	uint16_t n_handshake; /* datagrams that came during it */
	uint8_t state;
	bool waits_for_key;
	bool is_busy; /* inside one of its functions, which frees it at the end when it is over */
};

struct dtls_door {
	struct loop *loop;
	struct tls_store *store; /* held */
	char fallback[TLS_DOMAIN_MAX + 1];
	const char *const *alpn;
	struct dtls_cookies cookies;
	BIO_METHOD *method;
	BIO_ADDR *nobody; /* OpenSSL wants to write a client's address, which our BIO does not know */
	struct dtls *listener; /* NULL: made when somebody comes */
	uint8_t answer[DTLS_ANSWER_MAX_BYTES]; /* of the listener */
	size_t answer_n;
	uint8_t random[SSL3_RANDOM_SIZE]; /* of the ClientHello that was probed */
	struct list warm; /* of struct dtls, busy last at the end */
	unsigned n_warm;
};

/* A BIO whose other end is struct dtls: reads its `in`, and gives what is written to its owner, or in the
 * states of a listener to its door. NULL without memory. */
BIO_METHOD *dtls_bio_method(void);

/* Shows a datagram of this address to the door's listener. What it says is in the door. */
enum dtls_heard { DTLS_HEARD_NOTHING, DTLS_HEARD_STRANGER, DTLS_HEARD_PROVEN, DTLS_HEARD_NO_MEMORY };
enum dtls_heard dtls_listen(struct dtls_door *d, const struct peer_address *from, struct bytes datagram);
/* After DTLS_HEARD_PROVEN: is it another ClientHello than the one this association began with? The
 * listener stays the door's. */
bool dtls_is_new_hello(struct dtls_door *d, struct dtls *t);
/* A listener without owner; NULL without memory. */
struct dtls *dtls_new(struct dtls_door *d);
/* Without any word to anybody. */
void dtls_destroy(struct dtls *t);

/* RFC 7983, RFC 5246 6.2.1: the first byte of a record that may belong to a handshake. */
enum { DTLS_CONTENT_CCS = 20, DTLS_CONTENT_HANDSHAKE = 22 };

#endif
