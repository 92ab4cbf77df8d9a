/* partner.h - what is going on with one SIP domain: its rate, its counts, its last trouble. Made for domains
 * that a row allows or that have proved themselves, never only because a stranger says the name. */
#ifndef GSIP_PARTNER_H
#define GSIP_PARTNER_H

#include "gsip.h"

enum { PARTNERS_MAX = 100000, PARTNER_KEEP_MS = 600000 };

struct partner {
	struct rate rate;
	struct log_limit refused_log, failed_log;
	uint64_t n_in, n_out, n_refused, n_failed;
	enum refusal refused; /* the last time; REFUSED_NOT: never */
	int refused_rc;
	uint64_t refused_wall_ms;
	int why;              /* of the last failed request out; 0: none failed */
	unsigned status;
	char words[80];
	uint64_t failed_wall_ms, in_wall_ms, out_wall_ms;
	uint64_t used_ms;
	char domain[];
};

/* NULL: we know nothing of it. */
struct partner *partner_find(struct gsip *g, struct bytes domain);
/* Made when missing. NULL: full, or no memory. */
struct partner *partner_get(struct gsip *g, struct bytes domain);
/* A request of it came and was proved: false when it is over its row's rate. */
bool partner_take(struct gsip *g, struct bytes domain, const struct peer_row *row);
/* What came of a request to it. */
void partner_note_end(struct gsip *g, struct bytes domain, unsigned status, int why, const char *words);
/* Forgets those that were quiet for long. */
void partner_sweep(struct gsip *g);
void partner_fini_all(struct gsip *g);

#endif
