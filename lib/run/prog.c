#include "run/prog.h"

#include "base/err.h"

#define PROG_NAME(id, name) name,
static const char *const prog_names[] = { PROG_TABLE(PROG_NAME) };
#undef PROG_NAME
_Static_assert(sizeof prog_names / sizeof prog_names[0] == PROG_COUNT, "one name a program");

const char *prog_name(enum prog p)
{
	return (unsigned)p < PROG_COUNT ? prog_names[p] : "unknown";
}

int prog_of(struct bytes name, enum prog *out)
{
	for (unsigned i = 0; i < PROG_COUNT; i++) {
		if (bytes_eq_str(name, prog_names[i])) {
			*out = (enum prog)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}
