/* digest_check.h - is a SIP client's digest right (RFC 7616, RFC 3261 22)? gh-line asks; it sees neither
 * password nor HA1. */
#ifndef IM_DIGEST_CHECK_H
#define IM_DIGEST_CHECK_H

#include "im.h"

int digest_on_check(void *im, struct chan *from, const struct frame *f);

#endif
