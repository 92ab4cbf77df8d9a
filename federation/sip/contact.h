/* contact.h - our Contact in what gh-xlate sends says by which transport the partner is to come back: only the
 * door knows which one is used (RFC 3261 8.1.1.8, 12.1). Without it a host without records means UDP. */
#ifndef GSIP_CONTACT_H
#define GSIP_CONTACT_H

#include "gsip.h"

/* Sets ;transport= of the first Contact when its host is ours; a Contact of somebody else's is left alone. */
void contact_set_transport(const struct gsip *g, struct sipmsg *m, enum siptransport t);

#endif
