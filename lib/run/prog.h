/* run/prog.h - the programs by number: on the bus, in logs, in tables. */
#ifndef RUN_PROG_H
#define RUN_PROG_H

#include "base/bytes.h"

#define PROG(id, name) id,
enum prog {
#include "run/prog.def"
	PROG_COUNT
};
#undef PROG

const char *prog_name(enum prog p);
int prog_of(struct bytes name, enum prog *out); /* ERR_UNKNOWN */

#endif
