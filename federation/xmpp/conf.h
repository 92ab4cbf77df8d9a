/* conf.h - the settings of gh-s2s as typed values: what the engines read. Made from a snapshot,
 * replaced as a whole on a change. Pure. */
#ifndef S2S_CONF_H
#define S2S_CONF_H

#include "policy.h"

#include <netinet/in.h>

/* A domain that lives here. */
struct conf_domain {
	struct bytes domain;      /* normalised */
	char ascii[254];          /* A-labels */
	struct bytes certificate; /* name of the certificate that proves it to partners */
	struct bytes second;      /* of another key type; empty: none */
	bool has_certificate;     /* and it is there */
};

struct s2s_conf {
	struct policy policy;
	struct map domains; /* struct conf_domain by domain; owned */
	uint32_t queue_stanzas, queue_bytes, queue_age_ms;
	uint32_t connect_ms, setup_ms, idle_ms, ping_ms; /* idle, ping: 0 never */
	uint32_t backoff_min_ms, backoff_max_ms;
	uint32_t streams_max, unauth_max, user_attempts;
	bool has_bidi, has_sm, has_posh;
	bool may_be_sip; /* a domain that is not to be found may be one of SIP (ADR-27) */
	struct map debug_domains; /* by remote domain: its debug lines are written at every level */
	bool has_dns, dns_validates; /* somebody to ask; some answer may be a validated one */
	struct sockaddr_in source4; /* family 0: the kernel chooses */
	struct sockaddr_in6 source6;
};

/* s must outlive the conf. ERR_NOMEM. Domains without an A-label form are left out. */
int conf_init(struct s2s_conf *c, const struct settings *s);
void conf_fini(struct s2s_conf *c);
/* Are debug lines wanted for this remote domain (empty: not known yet), whatever the level? */
bool conf_is_watched(const struct s2s_conf *c, struct bytes domain);
/* NULL: does not live here. */
struct conf_domain *conf_domain(const struct s2s_conf *c, struct bytes domain);

#endif
