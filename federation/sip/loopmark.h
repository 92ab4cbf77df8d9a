/* loopmark.h - what our Vias carry so that we know a request when it comes back (RFC 3261 16.3 step 4 and
 * 16.6 step 8, RFC 5393 4, FED-14). Pure.
 *
 * The mark is a part of the branch: 'g' for what gh-xlate sent, 'r' for what was relayed, and 32 hex digits of
 * a digest under a key of this box over what a proxy's decision depends on; of what gh-xlate sent, over what
 * no server on the way may change. Whoever sees the Via learns nothing from it, and cannot make one. */
#ifndef GSIP_LOOPMARK_H
#define GSIP_LOOPMARK_H

#include "sip/message.h"

enum { LOOPMARK_CHARS = 36, LOOPMARK_KEY_BYTES = 32, DIALOGMARK_CHARS = 32 };
struct loopmark_key {
	uint8_t bytes[LOOPMARK_KEY_BYTES];
	struct evp_mac_ctx_st *mac; /* under these bytes already; NULL: made for each mark, which costs more than the mark */
};
/* Fresh bytes. */
void loopmark_key_init(struct loopmark_key *k);
/* Those that outlive the process. bytes: LOOPMARK_KEY_BYTES; else nothing changes. */
void loopmark_key_set(struct loopmark_key *k, struct bytes bytes);
void loopmark_key_fini(struct loopmark_key *k);

void loopmark_make(const struct loopmark_key *k, bool is_gateway, const struct sipmsg *m, char out[static LOOPMARK_CHARS + 1]);
enum loopmark_found { LOOPMARK_NONE, LOOPMARK_SPIRAL, LOOPMARK_LOOP };
/* Looks through the Vias of a request that came: LOOP: it was here before, with the same destination; or
 * gh-xlate sent it, and it comes back. SPIRAL: it was here, and goes elsewhere now, which is fine. */
enum loopmark_found loopmark_find(const struct loopmark_key *k, const struct sipmsg *m);

/* What our Record-Route carries: proof that we have allowed the dialog of this Call-ID between two domains. */
void dialogmark_make(const struct loopmark_key *k, const struct sipmsg *m, char out[static DIALOGMARK_CHARS + 1]);
bool dialogmark_is_right(const struct loopmark_key *k, const struct sipmsg *m, struct bytes mark);

#endif
