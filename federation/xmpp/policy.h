/* policy.h - what the administrator lets a remote domain do, as typed rows. Pure.
 * The one place where this door judges federation (lesson 16 of spec/xmpp.md): both directions, each
 * stream and each stanza ask policy_for() with the remote domain. Which row governs a domain is
 * decided in run/peer_policy.h, for gh-switch and this door alike. */
#ifndef S2S_POLICY_H
#define S2S_POLICY_H

#include "base/map.h"
#include "run/peer_policy.h"

/* The order is that of the setting's range. */
enum policy_auth { POLICY_CERTIFICATE, POLICY_DIALBACK_ALLOWED, POLICY_DIALBACK_ONLY, POLICY_AUTH_COUNT };

struct policy_row {
	struct bytes key; /* of the settings; empty: the defaults */
	bool is_tls_required;
	bool may_wildcard; /* believe a wildcard in the certificate */
	bool has_pin;
	bool is_direct_tls; /* at host */
	uint8_t auth;       /* enum policy_auth */
	uint8_t pin[32];    /* SHA-256 of the SPKI */
	struct bytes authority; /* name of the only trust anchor; empty: any */
	char host[256];     /* instead of DNS; "": DNS */
	uint16_t port;
	uint32_t stanza_bytes;
};

struct policy {
	struct peer_policy *match;
	struct map rows; /* struct policy_row by key; owned */
	struct policy_row fallback;
	bool has_dialback; /* some row allows it: a peer that names no `from` may still be offered it */
};

struct policy_rule {
	bool is_allowed;
	const char *why;              /* the word of struct peer_verdict */
	const struct policy_row *row; /* never NULL; lives as long as the policy */
};

/* Reads the rows. s must outlive the policy. ERR_NOMEM. */
int policy_init(struct policy *p, const struct settings *s);
void policy_fini(struct policy *p);
/* The rule for a normalised domain. */
struct policy_rule policy_for(const struct policy *p, struct bytes domain);
const char *policy_auth_name(enum policy_auth a);

static inline bool policy_may_certificate(const struct policy_rule *r)
{
	return r->row->auth != POLICY_DIALBACK_ONLY;
}
static inline bool policy_may_dialback(const struct policy_rule *r)
{
	return r->row->auth != POLICY_CERTIFICATE;
}

#endif
