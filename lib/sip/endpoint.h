/* sip/endpoint.h - transactions (RFC 3261 17, with RFC 6026 and 4320) between a program and its transports.
 *
 * A held transaction costs under 2 KB: of a finished one only what a retransmission needs is kept (the key
 * and the last response's bytes), no parsed message. */
#ifndef SIP_ENDPOINT_H
#define SIP_ENDPOINT_H

#include "sip/transport.h"

struct sipendpoint;
struct sipserver; /* a server transaction that is not answered yet; gone after its final response */
struct sipclient; /* a client transaction; gone after its final response (2xx to INVITE too) */

struct sipendpoint_owner {
	/* A new request (retransmissions never come here; faults are answered already). m is the owner's. t is
	 * NULL for ACK to a 2xx, or to what nobody knows. The owner must answer t with a final response, now or
	 * later: until then t stays valid, even when after 64*T1 an unanswered non-INVITE was let go in silence (RFC
	 * 4320 4.2). A request that came on two ways is two, as a proxy passes both: see sipserver_claim. */
	void (*request)(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from);
	/* CANCEL for an INVITE that is not answered (the 200 to CANCEL is sent already). */
	void (*cancelled)(void *arg, struct sipserver *t);
	/* An INVITE's 2xx that came again, or of another branch of a fork (RFC 6026 7.2), or that belongs to nothing:
	 * a proxy passes it on with sipendpoint_pass_response, a user agent answers with ACK (what sipendpoint_acknowledge
	 * has answered is not told). m is the owner's.
	 * Optional. */
	void (*stray)(void *arg, struct sipmsg *m, const struct sip_source *from);
	/* A connection ended; optional. */
	void (*closed)(void *arg, uint64_t flow, int why);
	/* As in sip/transport.h; optional. */
	bool (*welcome)(void *arg, const union sip_sockaddr *from);
	bool (*keepalive)(void *arg, const struct sip_source *from, bool is_stun);
	int (*prove)(void *arg, struct tls *t, const struct sip_place *to, const char **words);
	int (*admit)(void *arg, struct tls *t, const struct sip_source *from, const char **words);
};

struct sipendpoint *sipendpoint_new(struct loop *l, const struct sipendpoint_owner *o, void *arg);
void sipendpoint_free(struct sipendpoint *e);
struct siptransports *sipendpoint_transports(struct sipendpoint *e);
/* sent-by of our Vias: host (or address) and port; port 0: none is written. Without it (NULL): the local
 * address of the socket. */
void sipendpoint_set_sent_by(struct sipendpoint *e, const char *host, uint16_t port);
/* Most held transactions of each side (100,000 each, and never more than 256 MiB): over it a request gets 503,
 * sipclient_start ERR_FULL. */
void sipendpoint_set_limits(struct sipendpoint *e, uint32_t servers, uint32_t clients);

/* ---- server side ---- */
/* A word for the owner. */
void sipserver_set_user(struct sipserver *t, void *user);
void *sipserver_user(const struct sipserver *t);
/* Sends a response made with sipmsg_response_new (or a proxied one with our Via taken off). A final one ends
 * t. Not taken over. A 408 to a non-INVITE is not sent, nor is a provisional one (RFC 4320 4.1, 4.2): 100 is sent
 * by the transaction. One that cannot be printed goes as 500. */
void sipserver_respond(struct sipserver *t, const struct sipmsg *response);
/* The same for a user agent: its 2xx to an INVITE is sent again until the ACK comes, or for 64*T1 (RFC 3261
 * 13.3.1.4); the ACK is the owner's as ever. */
void sipserver_accept(struct sipserver *t, const struct sipmsg *response);
/* Sends a response without a transaction to where its topmost Via came from, by the flow of `to`. */
int sipendpoint_pass_response(struct sipendpoint *e, const struct sip_source *to, const struct sipmsg *response);
/* A response made from what the transaction keeps, so that its owner need not hold the request (a parsed message
 * costs more than a held transaction). As sipmsg_response_new; NULL without memory, or when t is over. */
struct sipmsg *sipserver_response_new(const struct sipserver *t, unsigned status, const char *reason, const char *to_tag);
/* A plain refusal with a tag of ours; ends t. m is the request; NULL: from what the transaction keeps. */
void sipserver_refuse(struct sipserver *t, const struct sipmsg *m, unsigned status, const char *reason);
/* As sipserver_refuse, but nothing of it is kept (RFC 3261 8.2.7): for strangers, who would fill the table. The same
 * request is a new one when it comes again; an ACK comes to nobody. */
void sipserver_dismiss(struct sipserver *t, const struct sipmsg *m, unsigned status, const char *reason);
/* Ends t without an answer: for strangers' requests that are not worth one. */
void sipserver_drop(struct sipserver *t);
/* A new tag for From or To (RFC 3261 19.3), 16 hex digits. */
enum { SIP_TAG_BYTES = 17 };
void sip_new_tag(char out[static SIP_TAG_BYTES]);

/* For a user agent, once it takes a request: ERR_EXISTS when it has one of the same sender, call and number already,
 * that came on another way and is held: to be refused with 482 (RFC 3261 8.2.2.2). ERR_NOMEM. m is the request; one with
 * a To tag is never merged. */
int sipserver_claim(struct sipserver *t, const struct sipmsg *m);

/* ---- client side ---- */
struct sipclient_owner {
	/* A response, provisional (over 100) or final; m is valid during the call. flow: 0 or its connection. */
	void (*response)(void *arg, struct sipmsg *m, const struct sip_source *from);
	/* No final response: Timer B or F (ERR_TIMEOUT), or the request did not leave (ERR_CONN_*, ERR_TLS,
	 * ERR_CERT_*, ERR_FULL). words: for the log, may be "". */
	void (*failed)(void *arg, int rc, const char *words);
};
/* Sends m (a Via of ours is put in front; m itself is not changed) to one place. A request over 1,300 bytes
 * for a UDP place goes by TCP to the same address, and back to UDP when there is no TCP (RFC 3261 18.1.1), both
 * counted. flow: not 0: on this connection, place is then ignored and may be NULL.
 * branch: NULL, or up to 64 token characters for the end of the branch ("z9hG4bK<16 hex>.<branch>": loop
 * detection of a proxy, RFC 3261 16.6 8).
 * ACK for a non-2xx is sent by the transaction; ACK for a 2xx by sipendpoint_send_ack. ERR_* at once. */
int sipclient_start(struct sipendpoint *e, const struct sipmsg *m, const struct sip_place *place, uint64_t flow,
                    const char *branch, const struct sipclient_owner *o, void *arg, struct sipclient **out);
/* CANCEL (INVITE only), once a provisional response is there (RFC 3261 9.1). The transaction goes on. */
void sipclient_cancel(struct sipclient *t);
/* The request as it was given, made from the text that is kept until its final response or its failure has been told
 * (in these calls too), so that its owner need not hold it meanwhile. NULL without memory. */
struct sipmsg *sipclient_request(const struct sipclient *t);
/* Lets go: owner is not called any more; the transaction goes on by itself. */
void sipclient_drop(struct sipclient *t);
int sipendpoint_send_ack(struct sipendpoint *e, const struct sipmsg *ack, const struct sip_place *place, uint64_t flow);
/* The same for a user agent: for 64*T1 it is sent again when its 2xx comes again (RFC 3261 13.2.2.4), which `stray` is
 * not told of then. */
int sipendpoint_acknowledge(struct sipendpoint *e, const struct sipmsg *ack, const struct sip_place *place, uint64_t flow);

struct sipendpoint_counts {
	uint64_t servers, clients;   /* held now */
	uint64_t retransmitted_in, retransmitted_out, timeouts;
	uint64_t udp_to_tcp, tcp_back_to_udp;
	uint64_t held_bytes; /* of all held transactions, with what malloc and the tables add */
};
void sipendpoint_counts(const struct sipendpoint *e, struct sipendpoint_counts *out);
/* The four machines as graphs, for docs. */
void sipendpoint_print_machines(struct buf *out);

#endif
