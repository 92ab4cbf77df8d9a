/* mib_tables.h - which key of which record is which object. */
#ifndef SNMP_MIB_TABLES_H
#define SNMP_MIB_TABLES_H

#include "mib.h"

enum column_kind {
	COLUMN_TEXT,
	COLUMN_INTEGER,
	COLUMN_GAUGE,
	COLUMN_COUNTER64,
	COLUMN_STATE,     /* of a program, as in ghProgramState */
	COLUMN_TRANSPORT, /* udp 1, tcp 2 */
	COLUMN_TIME,      /* DateAndTime */
	COLUMN_TICKS_S,   /* seconds */
};

struct column {
	uint32_t arc;
	const char *key;
	enum column_kind kind;
};

struct table {
	enum mib_source from;
	uint32_t arcs[4]; /* below mib_root; 0 ends them */
	const struct column *columns;
	size_t n_columns;
};

/* Tables, and (scalars) groups whose record comes once. */
extern const struct table mib_box, mib_programs, mib_listeners, mib_certificates, mib_numbers;

/* Counters of `show counters` and numbers of `show sip`, summed up over programs and their instances. */
struct sum {
	enum mib_source from;
	const char *key; /* of a counter: its name */
	uint32_t group, arc;
	enum column_kind kind;
};
extern const struct sum mib_sums[];
extern const size_t mib_n_sums;

#endif
