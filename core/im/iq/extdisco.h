/* extdisco.h - the relay that clients are told of, and credentials for it (XEP-0215). A client's name at the relay
 * is made up: it passes there in clear, and a log line says whose it is. */
#ifndef IM_EXTDISCO_H
#define IM_EXTDISCO_H

#include "base/log.h"
#include "base/secret.h"
#include "run/settings.h"

enum { EXTDISCO_DOORS_MAX = 16 };

struct extdisco_door {
	const char *transport; /* "udp", "tcp" */
	bool is_secure;        /* TLS or DTLS below */
	uint16_t port;
};
struct extdisco {
	char host[256]; /* empty: there is no relay to tell of */
	struct extdisco_door doors[EXTDISCO_DOORS_MAX];
	size_t n_doors;
	bool has_stun;        /* a plain Binding is answered */
	struct secret secret; /* empty: no credentials, so no relay */
	uint32_t lifetime_s;
	struct log_limit log;
};

void extdisco_apply(struct extdisco *x, const struct settings *s);
void extdisco_fini(struct extdisco *x);

#endif
