/* policy.h - what the administrator lets a remote domain do. Pure.
 * The one place where federation policy is judged (lesson 16 of spec/xmpp.md): both directions, each
 * stream and each stanza ask policy_for() with the remote domain and nothing else. */
#ifndef S2S_POLICY_H
#define S2S_POLICY_H

#include "base/map.h"

/* The order is that of the settings' ranges. */
enum policy_mode { POLICY_OFF, POLICY_ALLOW_LIST, POLICY_OPEN, POLICY_MODE_COUNT };
enum policy_auth { POLICY_CERTIFICATE, POLICY_DIALBACK_ALLOWED, POLICY_DIALBACK_ONLY, POLICY_AUTH_COUNT };

struct policy_row {
	char *key; /* "b.example", or "*.example.com" for subdomains; normalised */
	bool is_denied;
	bool is_tls_required;
	bool may_wildcard; /* believe a wildcard in the certificate */
	bool has_pin;
	bool is_direct_tls; /* at host */
	uint8_t auth;       /* enum policy_auth */
	uint8_t pin[32];    /* SHA-256 of the SPKI */
	char *authority;    /* name of the only trust anchor; NULL: any */
	char *host;         /* instead of DNS; NULL: DNS */
	uint16_t port;
	uint32_t stanza_bytes;
};

struct policy {
	enum policy_mode mode;
	struct map rows; /* by key; owns the rows */
	struct policy_row fallback; /* for domains without a row */
};

struct policy_rule {
	bool is_allowed;
	const char *why;              /* when not allowed: "mode-off", "not-in-allow-list", "denied" */
	const struct policy_row *row; /* never NULL; lives as long as the policy */
};

/* Mode allow-list, no rows, the defaults of spec/xmpp.md section 5. */
void policy_init(struct policy *p);
void policy_fini(struct policy *p);
/* A new row with default values. ERR_EXISTS, ERR_NOMEM. key is copied. */
int policy_add(struct policy *p, struct bytes key, struct policy_row **out);
/* The rule for a normalised domain: its own row, else the longest wildcard above it, else the mode. */
struct policy_rule policy_for(const struct policy *p, struct bytes domain);
/* Does some row allow dialback? Then a peer that names no `from` may still be offered it. */
bool policy_has_dialback(const struct policy *p);
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
