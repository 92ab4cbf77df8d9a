/* gateway/link/ferry_impl.h - what ferry.c (their life) and ferry_carry.c (what they carry) share. */
#ifndef LINK_FERRY_IMPL_H
#define LINK_FERRY_IMPL_H

#include "ferry.h"
#include "ferry_frame.h"
#include "ferry_ways.h"

#include "base/arena.h"
#include "proto/xml.h"
#include "run/service.h"

enum {
	FERRIES_PER_EDGE = 4,      /* two connections, and two that are not known to be dead yet */
	FERRY_QUEUE_MAX = 16 << 20, /* beyond that nothing is taken from gh-switch: its origin keeps it */
	FERRY_CARGO_MAX = 200000,  /* not confirmed, each way: as gh-switch has at most */
	FERRY_STUCK_MS = 30000,    /* the other side takes nothing: it ends, and what it has goes another way */
	FERRY_GREET_MS = 10000,
	FERRY_AGAIN_MS = 5000, /* edge: until one that has ended is opened again */
	FERRY_LOOK_MS = 1000,
	FERRY_LINES_PER_MINUTE = 60, /* an edge may open and end them as it likes */
};

/* An envelope that is not confirmed. */
struct cargo {
	struct list node;
	struct ferry *ferry;
	uint64_t id;     /* here: key of the map */
	uint64_t theirs; /* came: under which the other side knows it */
};

struct ferry {
	struct list node;
	struct ferries *of;
	uint64_t trunk;              /* its id */
	char with[LINK_NAME_BYTES];  /* who is at the other end */
	struct link pair;            /* the other end of the pair is a lane's */
	struct buf in;
	struct list sent, came;      /* struct cargo */
	uint32_t n_sent;
	uint64_t n_out, n_in;
	uint64_t born_ms, moved_ms, moved; /* moved: bytes of the pair that were taken, then */
	bool is_greeted, is_gone;
};

struct ferries {
	struct joint *joint;
	enum role role;
	struct list all, gone; /* oldest first */
	struct map sent, came; /* struct cargo by id */
	struct ferry_ways ways;
	struct xml_pool *xml;
	struct arena arena;
	struct buf out; /* a stanza that is written anew */
	struct log_limit refused_log, life_log;
	struct loop_timer look;
	struct loop_defer sweep;
	bool is_full; /* gh-switch does not keep up */
};

/* Ends one; what it had goes back. why: for the log; is_odd: a warning. */
void ferry_end(struct ferry *f, const char *why, bool is_odd);

/* ---- ferry_carry.c ---- */
/* All frames that came whole. Not 0: end it. */
int ferry_take(struct ferry *f);
/* It has ended: what it took goes back to gh-switch, answers for it go nowhere. */
void ferry_unload(struct ferry *f);

#endif
