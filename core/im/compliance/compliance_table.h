/* compliance_table.h - what compliance.c and gate.c keep in struct im. */
#ifndef IM_COMPLIANCE_TABLE_H
#define IM_COMPLIANCE_TABLE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "names.h"
#include "run/loop.h"

/* In the range of `compliance mode`. */
enum compliance_mode { COMPLIANCE_OFF, COMPLIANCE_FAST, COMPLIANCE_BLOCKING };

struct compliance {
	uint8_t mode; /* enum compliance_mode */
	bool has_presence;
	uint64_t wait_ms;
	struct names only, except; /* bare addresses and domains */
	/* ---- compliance.c ---- */
	struct list notes;   /* oldest first */
	struct list *unsent; /* the first that gh-comply is to get; the head: none */
	unsigned n_notes, n_flying;
	size_t bytes, flying; /* of all, of those that gh-comply has not confirmed */
	uint64_t seq;
	bool is_paused;       /* it could not write: until the timer */
	struct loop_timer timer;
	struct buf fields;
	uint64_t lost, lost_from_ms; /* since the last record of that kind */
	struct log_limit log;
	/* ---- gate.c ---- */
	struct map gates;    /* key -> struct gate */
	struct list ready;   /* gates whose first one may go */
	struct list waiting; /* held stanzas whose note is not written, oldest first */
	struct loop_timer deadline;
	unsigned n_held;
	size_t held_bytes;
	bool is_running;
};

#endif
