/* names.h - a small set of addresses that belongs to a session. The oldest is first. */
#ifndef IM_NAMES_H
#define IM_NAMES_H

#include "base/bytes.h"

struct names {
	char **v; /* NUL-terminated; NULL while it is empty */
	uint16_t n;
};

bool names_has(const struct names *s, struct bytes name);
/* Adds it; a set of max members drops the oldest first. Without memory it is not added. */
void names_add(struct names *s, struct bytes name, uint16_t max);
/* false: it was not there. */
bool names_del(struct names *s, struct bytes name);
void names_clear(struct names *s);

/* Those of a setting: name@domain, spaces between; what is none is passed over (gh-conf refuses it). In the place of what there is. */
void names_read_people(struct names *n, struct bytes text);

#endif
