#include "run/oper_user.h"

#include "run/oper.h"

/* FNV-1a of 32 bits, folded to 16. */
unsigned oper_user_id(struct bytes account)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < account.n; i++)
		h = (h ^ account.p[i]) * 16777619u;
	return OPER_UID_FIRST + ((h >> 16 ^ h) & 0xffff);
}
