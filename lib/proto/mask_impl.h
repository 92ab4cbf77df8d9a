/* proto/mask_impl.h - what the maskers share; private to mask_*.c. */
#ifndef PROTO_MASK_IMPL_H
#define PROTO_MASK_IMPL_H

#include "proto/mask.h"

enum { MASK_USER_BYTES = 9 };

/* "[N]" in the arena; empty without memory. */
struct bytes mask_length(struct bytes v, struct arena *a);
/* Eight hex digits for user@domain. */
void mask_user(const struct mask *m, struct bytes user, struct bytes domain, char out[static MASK_USER_BYTES]);

#endif
