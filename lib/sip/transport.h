/* sip/transport.h - SIP over UDP, TCP and TLS (RFC 3261 18, 5922, 5923, 5626 3.5.1) on the loop. Knows
 * framing and connections; knows no transaction.
 *
 * Connections are kept by place and by alias (RFC 5923) and used again; their queues are bounded. Accepting
 * pauses while descriptors are short (trap 5 of spec/sip.md). A connection that is silent, half through
 * its handshake or half through a message ends in time (FED-13). Nothing here looks a name up. */
#ifndef SIP_TRANSPORT_H
#define SIP_TRANSPORT_H

#include "net/tls.h"
#include "run/loop.h"
#include "sip/message.h"
#include "sip/place.h"

struct siptransports;

struct siptransport_owner {
	/* A message came; m is the owner's now. Its fault, if any, is to be answered. received and rport of a
	 * request's topmost Via are set already. */
	void (*message)(void *arg, struct sipmsg *m, const struct sip_source *from);
	/* What was sent under this token did not leave (ERR_CONN_*, ERR_TLS, ERR_CERT_*, ERR_TIMEOUT, ERR_FULL),
	 * or its connection ended within 32 s (Timer F) of it: the peer may have closed it at the same moment (RFC
	 * 3261 8.1.3.1: as if 503). What was answered before then is not told apart here: the owner ignores what
	 * it does not wait for. Never from inside the call that sent it. words: for the log, may be "". */
	void (*failed)(void *arg, uint64_t token, int rc, const char *words);
	/* A connection has ended; optional. */
	void (*closed)(void *arg, uint64_t flow, int why);
	/* May anything come from there? Asked before TLS, and for each datagram. NULL: it may. */
	bool (*welcome)(void *arg, const union sip_sockaddr *from);
	/* A sign of life came by UDP: a STUN Binding request, whole and right (RFC 5626 4.4.2), which is answered if this
	 * says so; or (COMPAT: phones that know no STUN) line ends and zeros, which have no answer. Optional. */
	bool (*keepalive)(void *arg, const struct sip_source *from, bool is_stun);
	/* May a server with this certificate be at this place? Asked once a connection that we opened. NULL: the
	 * name must be proved by RFC 5922 7. 0, or the ERR_CERT_* that refuses it. */
	int (*prove)(void *arg, struct tls *t, const struct sip_place *to, const char **words);
	/* May this one stay on a listener that demands a certificate? Asked once; there is one. NULL: its chain
	 * must be trusted. 0, or the ERR_CERT_* that refuses it. */
	int (*admit)(void *arg, struct tls *t, const struct sip_source *from, const char **words);
};

struct siptransport_config {
	uint32_t connections_max; /* an eighth of them is kept for ours to others */
	uint32_t per_address_max; /* strangers' connections from one address (or /64), see siptransports_know */
	uint32_t idle_ms;      /* an unused connection ends after this */
	uint32_t handshake_ms; /* 10 s */
	uint32_t half_ms;      /* a message begun and not ended: 30 s */
	uint32_t first_ms;     /* a connection that never spoke: 10 s */
	uint32_t queue_max;    /* bytes to one connection */
};

struct siptransports *siptransports_new(struct loop *l, const struct siptransport_owner *o, void *arg);
void siptransports_free(struct siptransports *t);
void siptransports_configure(struct siptransports *t, const struct siptransport_config *c);
/* Certificates and trust for connections from now on; live ones stay (FED-10). Not taken over: it is good
 * until the next one is set. NULL: no TLS. */
void siptransports_set_tls(struct siptransports *t, struct tls_store *store);
/* The domain whose certificate a caller sees that names none (many SIP servers send no SNI); NULL: the only
 * one, if there is one only. */
void siptransports_set_default_domain(struct siptransports *t, const char *domain);

/* A socket from gh-super: a UDP socket, or a listening one; taken over, on failure too. *listener (from 1)
 * names it in sip_source. ERR_FULL, ERR_NOMEM, ERR_SYS. */
int siptransports_listen(struct siptransports *t, enum siptransport how, bool is_mutual, int fd, unsigned *listener);
/* A connection that somebody else has accepted and, for TLS, has decrypted: fd is one end of a pair of sockets, taken over, on
 * failure too. from: its peer. *flow names it. Its sip_source has listener 0. ERR_FULL, ERR_LIMIT, ERR_NOMEM. */
int siptransports_adopt(struct siptransports *t, enum siptransport how, int fd, const union sip_sockaddr *from, uint64_t *flow);
/* Its connections stay. */
void siptransports_unlisten(struct siptransports *t, unsigned listener);

/* Sends to a place, on a connection that exists or a new one. token comes back with `failed`; 0: nobody
 * wants to know. At once: ERR_FULL, ERR_LIMIT, ERR_NOMEM, ERR_TLS (there is none), ERR_CONN_* (also: no
 * UDP socket of this family). */
int siptransports_send(struct siptransports *t, const struct sip_place *to, uint64_t token, struct bytes message);
/* Sends on an existing connection; ERR_CLOSED when it has gone. */
int siptransports_send_flow(struct siptransports *t, uint64_t flow, uint64_t token, struct bytes message);
/* Answers a request: same connection, or UDP from the socket it came to, to received and rport (RFC 3261
 * 18.2.2, RFC 3581). maddr is not followed, a name in Via never looked up (trap 3, FED-12): an answer goes
 * where its request came from. When the connection has gone: to that address at the port of Via's sent-by,
 * over a new one (FED-11); with TLS the sent-by is the name to be proved. */
int siptransports_answer(struct siptransports *t, const struct sip_source *to, const struct sip_via *via, struct bytes message);
/* TLS state of a flow for the door to judge (names of its certificate); NULL: gone, or not TLS. */
struct tls *siptransports_tls(struct siptransports *t, uint64_t flow);
/* What a Via names for requests over this flow (RFC 3261 18.1.1): TLS also where somebody else has decrypted it. TCP: gone. */
enum siptransport siptransports_flow_transport(const struct siptransports *t, uint64_t flow);
/* Marks the flow as the way to this place too (RFC 5923 alias, after the door has proved it). */
void siptransports_alias(struct siptransports *t, uint64_t flow, const struct sip_place *as);
/* Its peer has proved who it is (a certificate, digest): it no longer counts among the strangers of its
 * address, so that an office behind one address has room for all its people. */
void siptransports_know(struct siptransports *t, uint64_t flow);
/* Ends the TLS connections whose peer `is_bad`, each with a line in the log; what is queued is lost. words: static. */
void siptransports_cut(struct siptransports *t, bool (*is_bad)(void *arg, struct tls *tls), void *arg, int why, const char *words);
/* From now on it ends when it has been silent for so long, whatever idle_ms is; a keep-alive (RFC 5626 3.5.1) counts. */
void siptransports_set_idle(struct siptransports *t, uint64_t flow, uint32_t ms);
/* Is it open? */
bool siptransports_is_flow(const struct siptransports *t, uint64_t flow);
void siptransports_close_flow(struct siptransports *t, uint64_t flow);
/* Stops and resumes reading of everything (back-pressure). */
void siptransports_pause(struct siptransports *t, bool is_paused);

/* Who wants to see what passes: m is what came in, as it will be given to the owner; text is what goes out, m NULL.
 * flow: 0 for UDP and where it is not known yet. NULL: nobody. */
typedef void (*siptransport_tap_fn)(void *arg, uint64_t flow, const struct sipmsg *m, struct bytes text);
void siptransports_set_tap(struct siptransports *t, siptransport_tap_fn fn, void *arg);

struct siptransport_counts {
	uint64_t connections;          /* now */
	uint64_t udp_in, udp_out;      /* datagrams */
	uint64_t udp_reads, udp_writes; /* system calls for them */
	uint64_t stream_in, stream_out; /* messages */
	uint64_t refused;              /* datagrams, messages and connections */
	uint64_t accept_pauses;
};
void siptransports_counts(const struct siptransports *t, struct siptransport_counts *out);

#endif
