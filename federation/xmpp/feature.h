/* feature.h - stream features of server-to-server streams (RFC 6120 4.3.2): which we offer and how
 * they look. One builder for every transport (lesson 4 of spec/xmpp.md). Pure. */
#ifndef S2S_FEATURE_H
#define S2S_FEATURE_H

#include "base/buf.h"
#include "policy.h"
#include "proto/xml.h"

struct feature_set {
	bool has_starttls, is_tls_required;
	bool has_external;  /* SASL EXTERNAL (XEP-0178) */
	bool has_mechanism; /* any SASL mechanism at all */
	bool has_dialback;  /* XEP-0220 */
	bool has_dialback_errors;
	bool has_bidi;      /* XEP-0288 */
	bool has_sm;        /* XEP-0198 */
};

/* What decides the offer of a receiving server. */
struct feature_given {
	bool is_secure;   /* the stream is inside TLS, by STARTTLS or from the start: no difference */
	bool is_authed;   /* SASL is done */
	bool is_named;    /* the peer's header had a `from`, and rule is its */
	bool is_proven;   /* the peer's certificate proves that domain: chain and name checked */
	bool may_any_dialback; /* for peers that name no `from` */
	bool may_bidi, may_sm; /* settings */
	struct policy_rule rule;
};

/* The offer. Without TLS nothing but STARTTLS, unless the row makes TLS optional. EXTERNAL only when
 * it would succeed, otherwise dialback where the row allows it (lesson 2). */
struct feature_set feature_offer(const struct feature_given *g);
/* Can a peer prove itself with this offer? If not, the stream is refused with a reason. */
bool feature_can_auth(const struct feature_set *f);
void feature_write(struct buf *b, const struct feature_set *f);
void feature_read(const struct xml_node *features, struct feature_set *out);

#endif
