/* net/link.h - one TCP connection, in clear or TLS, as a byte stream with few events. Carries bytes
 * both ways and knows no protocol. The owner embeds it and is told: connected, TLS ready, data,
 * drained, closed with a reason.
 *
 * Memory: no buffer while idle. Received bytes go through one shared scratch buffer of the process
 * straight to the owner. Bytes to send are tried at once at the end of the turn (one write for all
 * that was put in the turn); what the kernel does not take stays queued up to `queue_max`. */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "base/buf.h"
#include "net/tls.h"
#include "run/loop.h"

#include <sys/socket.h>

enum link_state {
	LINK_CLOSED,
	LINK_CONNECTING,
	LINK_CLEAR,       /* connected, no TLS */
	LINK_HANDSHAKE,   /* TLS under way */
	LINK_SECURE,      /* TLS done */
	LINK_CLOSING,     /* what is queued goes out, then it closes */
};

struct link;
struct link_owner {
	void (*connected)(void *arg);                      /* outgoing only */
	void (*secured)(void *arg);                        /* handshake done */
	/* Bytes came; valid during the call. The owner may close from inside any of these (not free
	 * the struct: only closed() may do that). */
	void (*data)(void *arg, struct bytes in);
	void (*drained)(void *arg);                        /* the queue is empty again after it was not; optional */
	/* The peer says nothing more and may hear us still (end of file; TLS: close_notify): optional. What is sent goes
	 * out until link_shutdown or link_close. Without it that is closed(0). */
	void (*ended)(void *arg);
	/* It is over: 0 the peer closed in order (TLS: close_notify, or end of file after a clear
	 * stream), ERR_CONN_*, ERR_TLS, ERR_CERT_*, ERR_TIMEOUT, ERR_FULL (our queue overran), ERR_CLOSED
	 * (link_shutdown has finished). Descriptor and TLS state are gone already. */
	void (*closed)(void *arg, int why);
};

struct link {
	struct loop_watch watch;
	struct loop_defer flush;
	struct loop_timer timer; /* connect and handshake */
	struct tls *tls;         /* NULL in clear */
	struct buf out;
	const struct link_owner *owner;
	void *arg;
	struct loop *loop;
	uint32_t queue_max;
	uint32_t clear_left; /* bytes of out that were put before TLS: they go in clear */
	uint64_t bytes_in, bytes_out;
	uint8_t state; /* enum link_state */
	bool is_paused;
	bool is_write_wanted; /* TLS wants to write before it can read */
	bool is_blocked;      /* the kernel took only a part of out */
	bool has_ended;       /* the peer says nothing more */
	bool is_ending;       /* nor do we, after what is queued */
	bool is_ended;        /* the peer has been told so */
	bool is_lingering;    /* all is sent; waits for the peer's end */
	bool is_cut;          /* ends with this turn */
	int why;
	const char *words; /* OpenSSL's, about why; for the log; "" mostly */
};

/* Takes over a connected, non-blocking descriptor (from accept). */
int link_accept(struct link *k, struct loop *l, int fd, const struct link_owner *o, void *arg, uint32_t queue_max);
/* Connects; source may be NULL. Fails later through closed(); ERR_SYS or ERR_CONN_* when it cannot
 * even begin (no route, no source address). */
int link_connect(struct link *k, struct loop *l, const struct sockaddr *to, socklen_t to_n,
                 const struct sockaddr *source, socklen_t source_n, uint32_t timeout_ms,
                 const struct link_owner *o, void *arg, uint32_t queue_max);
/* Starts TLS on the clear connection; bytes that are queued in clear go out before it. Takes over t,
 * on failure too. Bytes put afterwards wait for TLS.
 * The owner must have dropped what it had read in clear. */
int link_start_tls(struct link *k, struct tls *t, uint32_t timeout_ms);
/* Queues bytes; ERR_FULL closes the link (at the end of the turn, with closed(ERR_FULL)). */
int link_send(struct link *k, struct bytes b);
/* The queue to put bytes into directly, then link_kick. */
struct buf *link_out(struct link *k);
void link_kick(struct link *k);
/* Stops and resumes reading. */
void link_pause(struct link *k, bool is_paused);
/* Sends what is queued, then tells the peer that no more comes (RFC 9293 3.6, half of the connection); reading goes
 * on. For a link that is connected, its TLS done. Ends with link_shutdown or link_close, or by itself as any. */
void link_end(struct link *k);
/* Sends what is queued, then closes in order; closed(ERR_CLOSED) follows within 2 s. */
void link_shutdown(struct link *k);
/* Closes at once and forgets; closed() is not called. Harmless when closed. */
void link_close(struct link *k);
size_t link_queued(const struct link *k);
struct loop *link_loop(const struct link *k);

#endif
