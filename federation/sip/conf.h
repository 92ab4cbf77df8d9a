/* conf.h - the settings of gh-sip as typed values. Made from a snapshot, replaced as a whole on a change. Pure. */
#ifndef GSIP_CONF_H
#define GSIP_CONF_H

#include "peers.h"
#include "route.h"

/* A domain that lives here. */
struct conf_domain {
	struct bytes domain;      /* normalised */
	char ascii[254];          /* A-labels */
	struct bytes certificate; /* name of the certificate that proves it to partners */
	struct bytes second;      /* of another key type; empty: none */
};

struct sip_conf {
	struct peers peers;
	struct routes routes;
	struct map domains; /* struct conf_domain by domain; owned */
	const struct conf_domain *first; /* of them in order; NULL: none */
	char host[256]; /* of this box for partners, lower case; "": not set */
	uint16_t host_port; /* 0: none */
	bool is_off;
	struct map debug_domains; /* by remote domain: its debug lines are written at every level */
};

/* s must outlive the conf. ERR_NOMEM. Domains without an A-label form are left out. */
int conf_init(struct sip_conf *c, const struct settings *s);
void conf_fini(struct sip_conf *c);
bool conf_is_watched(const struct sip_conf *c, struct bytes domain);
/* NULL: does not live here. */
const struct conf_domain *conf_domain(const struct sip_conf *c, struct bytes domain);
/* Name that this box goes by: `sip host`, else its first domain; "" with neither. A-labels. */
const char *conf_name(const struct sip_conf *c);

#endif
