/* dn.h - distinguished names as they are compared (RFC 4514): one writes spaces, letters' cases and escapes as another does not. Pure. */
#ifndef DIR_DN_H
#define DIR_DN_H

#include "base/arena.h"

enum { DN_MAX = 2048 };

/* The same bytes for DNs that differ in letters' case (of ASCII), in spaces around , + and =, and in how characters are escaped; of what is no
 * DN some bytes as well. In the arena; empty: longer than DN_MAX, empty, or without memory. The order of parts joined by + counts. */
struct bytes dn_key(struct bytes dn, struct arena *a);

#endif
