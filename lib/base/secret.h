/* base/secret.h - bytes that must not leak: wiped on free, compared in constant time, never
 * printed (there is no accessor that gives text). */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"

enum { SECRET_MAX_BYTES = 1024 };

struct secret {
	uint8_t *p;
	size_t n;
};

/* Copies the bytes. Longer than SECRET_MAX_BYTES: ERR_LIMIT. */
int secret_set(struct secret *s, struct bytes v);
/* Wipes and frees; usable again. */
void secret_fini(struct secret *s);
/* Overwrites memory that is not a struct secret, in a way no compiler removes. */
void secret_wipe(void *p, size_t n);
/* Equality in time that depends on the lengths only. */
bool secret_eq(struct bytes a, struct bytes b);

#endif
