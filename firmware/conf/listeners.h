/* listeners.h - the settings that open ports, and which door listens there. */
#ifndef CONF_LISTENERS_H
#define CONF_LISTENERS_H

#include "rows.h"

struct listener {
	const char *name; /* of the service table's row: "c2s" */
	enum prog prog;
	char addr[256];
	uint16_t port;
	const struct row_item *item;
};

/* Walks the listeners of a set: start with *at = 0. Rows that say "off" are left out. */
bool listeners_next(const struct rows *r, size_t *at, struct listener *out);
/* Those that the role of the box keeps shut (system role). */
bool listeners_next_asleep(const struct rows *r, size_t *at, struct listener *out);
bool listeners_differ(const struct rows *a, const struct rows *b);
/* Body of LISTENERS_SET. */
void listeners_put(const struct rows *r, struct buf *out);
/* Path of the setting behind a listener, or empty. */
struct bytes listeners_path(const struct rows *r, struct bytes name, struct bytes addr, uint16_t port);

#endif
