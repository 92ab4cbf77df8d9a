/* contact.h - how a partner reaches gh-xlate's end of a dialog. gh-xlate names the host (sip host); by which
 * transport is known only here. */
#ifndef FEDERATION_SIP_CONTACT_H
#define FEDERATION_SIP_CONTACT_H

#include "sip/message.h"

/* Says ";transport=tls" in a Contact that names none: without it an address, or a name with a port, means
 * UDP (RFC 3263 4.1), and the partner's NOTIFY would be refused for want of TLS (FED-06). */
void contact_by_tls(struct sipmsg *m);

#endif
