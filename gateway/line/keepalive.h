/* keepalive.h - signs of life that clients give by UDP (RFC 5626 4.4.2). */
#ifndef LINE_KEEPALIVE_H
#define LINE_KEEPALIVE_H

#include "line.h"

/* As of struct siptransport_owner. A registered client gets an answer to STUN once a second. Another gets one as strangers do
 * that ask too much (stranger_may_hear): the address may be another's, and an answer is longer than the shortest question. */
bool keepalive_heard(struct line *l, const struct sip_source *from, bool is_stun);

#endif
