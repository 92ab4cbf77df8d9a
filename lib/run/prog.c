#include "run/prog.h"

#include "base/err.h"

#define PROG(id, name) name,
static const char *const names[] = {
#include "run/prog.def"
};
#undef PROG
_Static_assert(sizeof names / sizeof names[0] == PROG_COUNT, "one name a program");

const char *prog_name(enum prog p)
{
	return p < PROG_COUNT ? names[p] : "?";
}

int prog_of(struct bytes name, enum prog *out)
{
	for (unsigned i = 0; i < PROG_COUNT; i++) {
		if (bytes_eq_str(name, names[i])) {
			*out = (enum prog)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}
