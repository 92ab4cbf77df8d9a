/* peers.h - `sip mode` and the rows of `sip peer` as typed values. Pure. Which row governs a domain is
 * decided in run/peer_policy.h, for gh-switch, gh-xlate and this door alike. */
#ifndef GSIP_PEERS_H
#define GSIP_PEERS_H

#include "base/map.h"
#include "net/prefix.h"
#include "sip/place.h"
#include "run/peer_policy.h"

enum { PEER_SUBJECTS_MAX = 32, PEER_PREFIXES_MAX = 32 };

struct peer_row {
	struct bytes key; /* of the settings; empty: the defaults */
	bool is_lync;
	bool is_tls_required;
	bool has_pin, may_common_name, needs_client_usage;
	uint8_t pin[32];        /* SHA-256 of the SPKI */
	struct bytes authority; /* name of the only trust anchor; empty: any */
	char *subject_text;     /* what subjects point into */
	const char *subjects[PEER_SUBJECTS_MAX]; /* A-labels */
	size_t n_subjects;
	struct prefix prefixes[PEER_PREFIXES_MAX];
	size_t n_prefixes;
	struct bytes user, password;
	uint32_t rate, message_max;
};

struct peers {
	struct peer_policy *match;
	struct map rows; /* struct peer_row by key; owned */
	struct peer_row fallback;
};

struct peer_rule {
	bool is_allowed;
	bool is_explicit;           /* a row says so, not only the mode: such a domain may be relayed to */
	const char *why;            /* the word of struct peer_verdict */
	const struct peer_row *row; /* never NULL; lives as long as the peers */
};

/* s must outlive the peers. ERR_NOMEM. */
int peers_init(struct peers *p, const struct settings *s);
void peers_fini(struct peers *p);
/* The rule for a normalised domain. */
struct peer_rule peers_for(const struct peers *p, struct bytes domain);
/* May requests of this row come from there without a certificate? */
bool peer_is_from(const struct peer_row *r, const union sip_sockaddr *a);
/* Does any row name this address? */
bool peers_know_address(const struct peers *p, const union sip_sockaddr *a);
/* What a commit must not bring: 0, or ERR_* with the path of the first bad row and what is wrong (static). */
enum { PEER_PATH_BYTES = 1100 };
int peers_check(const struct settings *s, char path[static PEER_PATH_BYTES], const char **why);

#endif
