/* caps_table.h - the tables of caps.c, as gh-im holds them. */
#ifndef IM_CAPS_TABLE_H
#define IM_CAPS_TABLE_H

#include "base/list.h"
#include "base/map.h"

struct caps_table {
	struct map known;     /* "hash ver" -> struct caps: verified ones */
	struct list by_use;   /* of them, those not used for longest first */
	struct map entities;  /* bare JID -> struct caps_bare */
	struct list remote;   /* entities at other domains, oldest first */
	unsigned n_remote;
};

#endif
