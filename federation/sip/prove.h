/* prove.h - who is at the other end: certificates and addresses against the rows of `sip peer` (RFC 5922,
 * FED-01 to FED-09). */
#ifndef GSIP_PROVE_H
#define GSIP_PROVE_H

#include "gsip.h"

struct proof {
	enum refusal why; /* REFUSED_NOT: it is proved */
	int rc;           /* the certificate's fault */
	const char *hint;
	char identities[512]; /* of the certificate, for the log (FED-05) */
};
/* May this source speak for the (normalised) domain? Asked for each request, not once a connection. */
void prove_sender(struct gsip *g, struct bytes domain, const struct peer_rule *rule, const struct sip_source *from,
                  struct proof *out);
/* Hooks of sip/endpoint.h. */
int prove_server(void *g, struct tls *t, const struct sip_place *to, const char **words);
/* On a listener that demands a certificate: a trusted chain, or a key that a row pins (whose domain it may speak for,
 * and no other, prove_sender says for each request). */
int prove_client(void *g, struct tls *t, const struct sip_source *from, const char **words);
void prove_flow_closed(void *g, uint64_t flow, int why);
void prove_fini_all(struct gsip *g);
/* Has this connection, which proved itself, not yet been made an alias (RFC 5923)? It counts as one then. */
bool prove_is_first_alias(struct gsip *g, uint64_t flow);

/* Our domain for a request that goes out (A-labels): From's if it is ours, else the first. Empty: none. */
struct bytes prove_local_domain(struct gsip *g, const struct sipmsg *m);
/* One line about a place that failed (NULL: none was found), rate-limited by domain. */
void prove_log_failed(struct gsip *g, struct bytes domain, const struct sip_place *at, int rc, const char *words, uint64_t trace);
/* What the administrator can do. Never NULL. */
const char *prove_advice(int rc);

/* A revocation list has come or gone: ends the connections whose certificate it names. */
void prove_again(struct gsip *g);

#endif
