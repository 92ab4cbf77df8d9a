/* parcel.h - a stanza that must be kept for a while: in a session's queue, in a waiting list, on
 * its way outward, while it is written to disk.
 *
 * Each of these is a "point" of the parcel. It is safe when all points are gone (the recipient has
 * it, it is on disk, or its sender got an error), or when the journal has it. Then its origin gets
 * the acknowledgement. Points hold the memory; so do bare references. */
#ifndef IM_PARCEL_H
#define IM_PARCEL_H

#include "im.h"

enum parcel_journal { JOURNAL_NONE, JOURNAL_ASKED, JOURNAL_ON };

struct parcel {
	struct list young_node;  /* in im->young while it is not safe and somebody waits */
	struct list origin_node; /* in its session's custody */
	struct list place_node;  /* in a user's waiting list or in im->remote_order */
	uint64_t uid;            /* its name in ROUTE, outward */
	uint64_t disk_uid;       /* its name in journal and offline storage: as uid, or the id it came with from
				  * gh-switch, so that gh-store knows it again when it is sent again to the next gh-im */
	uint64_t born_ms, at_ms; /* loop time, wall time */
	struct session *session; /* ORIGIN_SESSION; or the local sender */
	uint64_t route_id;       /* ORIGIN_ROUTE */
	uint64_t row;            /* in offline storage, when it came from there; or 0 */
	uint32_t h;
	uint8_t origin, journal, is_remote, is_bounced;
	bool has_arrived; /* one of the resources it was forked to has it */
	uint16_t refs, points;
	uint16_t storing, archiving; /* points that are writes to offline storage, to archives */
	struct envelope e; /* views into body */
	uint32_t n;
	uint8_t *body; /* the encoded envelope, or only a stanza: behind this struct, or of its own */
};

/* Of an encoded envelope (decoded as e). One reference, the caller's. NULL without memory. */
struct parcel *parcel_new(struct im *im, struct bytes body);
/* Of a stanza that gh-im made: only to be delivered. Kind, type, facts and stanza are taken. */
struct parcel *parcel_of_stanza(struct im *im, const struct envelope *e);
/* Is another encoded envelope from now on. ERR_NOMEM, ERR_SYNTAX: it is what it was. */
int parcel_become(struct parcel *p, struct bytes body);
void parcel_ref(struct parcel *p);
void parcel_unref(struct parcel *p);

void parcel_point_add(struct parcel *p);
/* The last one makes it safe and drops its journal row. */
void parcel_point_drop(struct im *im, struct parcel *p);
/* It is safe (journalled): tells the origin, once. */
void parcel_release(struct im *im, struct parcel *p);
/* Its origin has gone: nobody waits. */
void parcel_orphan(struct parcel *p);

#endif
