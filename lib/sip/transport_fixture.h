/* sip/transport_fixture.h - two servers' transports on one loop, for tests: what each was told. */
#ifndef SIP_TRANSPORT_FIXTURE_H
#define SIP_TRANSPORT_FIXTURE_H

#include "net/pki_fixture.h"
#include "sip/transport.h"

enum { PARTY_FAILED_MAX = 64 };

struct party {
	struct siptransports *t;
	struct tls_store *store;
	unsigned n_messages, n_failed, n_closed;
	char subject[64];          /* of the last message */
	struct sip_source from;    /* of the last one */
	uint64_t failed[PARTY_FAILED_MAX];
	int failed_rc, closed_why;
	char failed_words[128];
	bool answers;              /* each request with 200, at once */
	bool closes;               /* the flow, after each message */
	bool pauses;               /* itself, at each message */
	struct sip_place place[SIPT_PLACES]; /* where it listens */
	unsigned listener[SIPT_PLACES];
	const char *port_text;     /* of our Via; NULL: none */
};

/* A loopback address of each family; is_v6 chooses. Listens nowhere yet. */
void party_open(struct party *p, struct loop *l);
void party_close(struct party *p);
void party_listen(struct party *p, enum siptransport how, bool is_mutual, bool is_v6);
/* Trusts the root; shows each certificate for its domain. The first one is the default. */
struct party_certificate {
	const char *domain;
	const struct pki_cert *cert;
};
void party_set_tls(struct party *p, const struct pki_cert *root, const struct party_certificate *c, size_t n);
/* A MESSAGE with this Subject; the text is static and good until the next call. */
struct bytes party_request(enum siptransport how, const char *sent_by, const char *subject);
/* Turns the loop until *what >= n or three seconds have passed; says whether it came. */
bool party_wait(struct loop *l, const unsigned *what, unsigned n);
void party_turns(struct loop *l, unsigned n);
/* A connected, non-blocking socket of a stranger. */
int party_stranger(const struct sip_place *to);

#endif
