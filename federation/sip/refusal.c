#include "refusal.h"

#define REFUSAL_ROW(id, reason, status, phrase, advice) { reason, status, phrase, advice },
static const struct refusal_row rows[REFUSAL_COUNT] = { { "", 0, NULL, "" }, REFUSAL_TABLE(REFUSAL_ROW) };
#undef REFUSAL_ROW

const struct refusal_row *refusal_row(enum refusal r)
{
	return &rows[r];
}
