#include "base/secret.h"

#include "base/err.h"

#include <stdlib.h>

int secret_set(struct secret *s, struct bytes v)
{
	if (v.n > SECRET_MAX_BYTES)
		return ERR_LIMIT;
	uint8_t *p = malloc(v.n ? v.n : 1);
	if (!p)
		return ERR_NOMEM;
	if (v.n)
		memcpy(p, v.p, v.n);
	secret_fini(s);
	s->p = p;
	s->n = v.n;
	return 0;
}

void secret_fini(struct secret *s)
{
	if (s->p)
		secret_wipe(s->p, s->n);
	free(s->p);
	*s = (struct secret){ 0 };
}

void secret_wipe(void *p, size_t n)
{
	if (n > 0) /* p may be NULL then */
		explicit_bzero(p, n);
}

bool secret_eq(struct bytes a, struct bytes b)
{
	uint8_t diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= a.p[i] ^ b.p[i];
	return diff == 0;
}
