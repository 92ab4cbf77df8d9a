/* conn.h - one connection of gh-s2s: a link (bytes) and a stream (protocol) joined. Carries out what
 * the stream wants; knows no protocol itself. conn.c is its life, conn_link.c what the link and the
 * clock say, conn_stream.c the calls into the stream. Freed at the end of the turn in which it closed; others
 * hold its id. */
#ifndef S2S_CONN_H
#define S2S_CONN_H

#include "net/link.h"
#include "places.h"
#include "s2s.h"
#include "net/address.h"

enum dial_state { DIAL_NONE, DIAL_SRV, DIAL_ADDR, DIAL_CONNECT, DIAL_DONE };

struct check; /* check.h */
struct proof; /* prove.h */

struct conn {
	uint64_t id;
	struct s2s *s2s;
	struct link link;
	bool has_link;
	bool is_out;
	bool is_direct_tls;
	bool is_proven_counted; /* no more among n_unproven */
	bool is_gone;           /* sweep frees it */
	bool was_ready;
	struct stream stream;
	struct loop_timer timer;  /* the stream's */
	struct loop_timer settle; /* what was written is believed sent */
	struct loop_defer sweep;
	/* outgoing: from the domain to a connection (dial.c) */
	uint8_t dial;             /* enum dial_state */
	struct places places;
	struct dns_query *query;
	bool is_dns_secure;
	struct list sent;         /* struct queue_item: sent, not yet safe, oldest first */
	uint32_t n_sent;
	struct list flights;      /* struct flight: came in, in order */
	uint32_t n_flights;
	struct list proofs;       /* struct proof under way */
	struct tls_verdict verdict; /* the last on the header's domain */
	bool has_verdict;
	char tls_version[16], tls_cipher[48];
	char address[DNS_ADDR_TEXT_BYTES];
	uint16_t port;
	struct address_count *stranger; /* while it has proved nothing */
	uint64_t since_ms;
	struct check *check;      /* a federation check watches; NULL */
};

enum {
	CONN_QUEUE_MAX = 4 << 20,       /* bytes queued in a link before the peer is given up */
	CONN_QUEUE_HIGH = 1 << 20,       /* no more stanzas are given to the link */
	CONN_SENT_MAX = 10000,          /* stanzas without acknowledgement */
	CONN_SETTLE_MS = 300,
};

/* An accepted descriptor; closes it when it may not stay. */
void conn_accept(struct s2s *s, int fd, bool is_direct_tls);
/* A new outgoing connection, not yet begun (dial.c begins it). NULL: no memory or too many. */
struct conn *conn_new_out(struct s2s *s, struct bytes local, struct bytes remote, bool is_only_verify);
struct conn *conn_find(struct s2s *s, uint64_t id);
/* Connects to an address (dial.c). */
int conn_connect(struct conn *c, const struct dns_addr *a, uint16_t port, bool is_direct_tls);

/* Calls into the stream and carries out what it says. Each may end the connection. */
void conn_proof(struct conn *c, struct bytes remote, int rc, const char *proof);
void conn_verdict(struct conn *c, struct bytes local, struct bytes remote, int rc);
int conn_verify(struct conn *c, struct bytes local, struct bytes remote, struct bytes id, struct bytes key);
int conn_want_pair(struct conn *c, struct bytes local);
void conn_ponged(struct conn *c);
/* Stanzas of this connection became safe: acknowledges, reads on. */
void conn_settle_flights(struct conn *c);
/* Reads on after a pause. */
void conn_resume(struct conn *c);
/* Its time limits have changed with the settings. */
void conn_arm(struct conn *c);
/* Ends it: error -1 in order, else enum stream_error. */
void conn_close(struct conn *c, int error, const char *text);
/* An outgoing attempt is over without a connection. */
void conn_fail(struct conn *c, const struct reason *why);
/* Frees it at once (program's end). */
void conn_free(struct conn *c);

/* ---- dial.c ---- */
/* Begins: policy host, or DNS. */
void dial_begin(struct conn *c);
/* The connection to the current place failed before a stream stood: goes on to the next one. */
void dial_next(struct conn *c, int why);
void dial_end(struct conn *c);

#endif
