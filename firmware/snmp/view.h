/* view.h - what a manager can read: objects by their names (object identifiers) in lexicographic order (RFC 3416 4.2.2), each
 * with a value. Filled, sealed, then read. Pure. */
#ifndef SNMP_VIEW_H
#define SNMP_VIEW_H

#include "base/arena.h"

enum {
	VIEW_NAME_MAX = 128, /* sub-identifiers of a name (RFC 2578 3.5) */
	VIEW_ROWS_MAX = 20000,
	VIEW_BYTES_MAX = 16 << 20,
	VIEW_OCTETS_MAX = 1024, /* of one value; longer ones are cut */
};

enum value_type {
	VALUE_INTEGER,   /* number, as int32_t */
	VALUE_OCTETS,    /* octets */
	VALUE_NAME,      /* octets: an object identifier as uint32_t[], in our byte order */
	VALUE_COUNTER32, /* number */
	VALUE_GAUGE32,   /* number; what is larger is the largest */
	VALUE_TICKS,     /* number: hundredths of a second */
	VALUE_SINCE,     /* number: monotonic ms when it began; read as the hundredths since then */
	VALUE_COUNTER64, /* number */
};

struct value {
	enum value_type type;
	uint64_t number;
	struct bytes octets;
};

struct view_row {
	const uint32_t *name;
	uint8_t n, object_n; /* sub-identifiers in all, and of the object's type without the instance */
	struct value value;
};

struct view {
	struct arena arena;
	struct view_row *rows;
	size_t n, cap;
	bool is_over; /* over a limit or without memory: what came then was left out */
};

void view_init(struct view *t);
void view_fini(struct view *t);
/* Forgets all rows; keeps memory for the next ones. */
void view_clear(struct view *t);
/* Copies name and value. n: 1 to VIEW_NAME_MAX. */
void view_put(struct view *t, const uint32_t *name, size_t n, size_t object_n, const struct value *v);
/* Sorts; of rows of one name one stays. */
void view_seal(struct view *t);

/* NULL: none. */
const struct view_row *view_get(const struct view *t, const uint32_t *name, size_t n);
/* The first whose name is greater. NULL: none. */
const struct view_row *view_next(const struct view *t, const uint32_t *name, size_t n);
/* Is there an object of this name's type, only no such instance of it (RFC 3416 4.2.1)? */
bool view_has_object(const struct view *t, const uint32_t *name, size_t n);

#endif
