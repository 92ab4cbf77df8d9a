/* sip/endpoint_client_impl.h - one client transaction: endpoint_client_machine.c is what it does in which state,
 * endpoint_client.c how it begins, ends and is found. */
#ifndef SIP_ENDPOINT_CLIENT_IMPL_H
#define SIP_ENDPOINT_CLIENT_IMPL_H

#include "sip/endpoint_impl.h"

enum client_state { CS_CALLING, CS_PROCEEDING, CS_CANCELLING, CS_COMPLETED, CS_ACCEPTED, CS_TERMINATED, CS_COUNT };
enum client_event { CE_PROVISIONAL, CE_2XX, CE_FINAL, CE_FAILED, CE_AGAIN, CE_END, CE_COUNT };

struct sipclient {
	struct sipendpoint *e;
	const struct sipclient_owner *owner; /* NULL: let go, or told all */
	void *arg;
	struct life life;
	uint64_t id, flow;
	union sip_sockaddr addr;
	char *names; /* of a TLS place: name and local, each with its NUL */
	uint8_t *text; /* the request, or the ACK to its response; NULL: not needed any more */
	uint32_t text_n;
	uint32_t via_at; /* where the Via's transport stands in text */
	unsigned listener; /* of the place */
	uint8_t state, transport;
	bool is_invite, is_cancel_wanted, is_cancelled;
	bool may_go_back; /* to UDP, where the place was */
};

/* What an event carries. */
struct client_news {
	struct sipmsg *m;
	const struct sip_source *from;
	int rc;
	const char *words;
};

static inline bool client_is_datagram(const struct sipclient *t)
{
	return t->transport == SIPT_UDP;
}
static inline struct bytes client_text(const struct sipclient *t)
{
	return bytes_make(t->text, t->text_n);
}
/* To its place or flow. */
int client_send(struct sipclient *t, struct bytes text);
void client_forget_text(struct sipclient *t);
/* RFC 3261 17.1.1.3, 9.1: a request of the same hop as the one that was sent. to: what has its To; NULL: that one. */
struct sipmsg *client_same_hop(const struct sipclient *t, const char *method, const struct sipmsg *to);
void client_tell_failed(struct sipclient *t, int rc, const char *words);
/* CANCEL, once, and an end for what is cancelled. */
void client_cancel_now(struct sipclient *t);
/* The CANCEL's own transaction. */
void client_start_cancel(struct sipclient *invite);

#endif
