/* ask.h - what gh-im asks of gh-store. An ask waits until it is answered: when gh-store dies, all
 * asks are sent again in their order as soon as it is back (writes are idempotent; see
 * core/store/README.md). */
#ifndef IM_ASK_H
#define IM_ASK_H

#include "im.h"
#include "run/store_op.h"

struct ask;
/* w: the item's body. An ask that is sent again gives its items again from the first. */
typedef void (*ask_item_fn)(struct im *im, struct ask *a, struct wire *w);
/* The last word. rc: 0 or ERR_*. */
typedef void (*ask_done_fn)(struct im *im, struct ask *a, int rc);

struct ask {
	struct list node;
	uint32_t id;
	ask_item_fn item; /* may be NULL */
	ask_done_fn done; /* may be NULL: failures are only counted */
	void *arg;
	uint64_t number;
	struct parcel *holds; /* is not safe before this is done; or NULL */
	uint32_t n;
	uint8_t body[];
};

/* Starts a body with the op's number in it. */
struct buf *ask_begin(struct im *im, enum store_op op);
/* Sends it. `done` is always called, at once when there is no room for more asks (ERR_FULL).
 * While a stanza is dealt with, a write holds it: its sender gets no acknowledgement before. */
void ask_send(struct im *im, ask_item_fn item, ask_done_fn done, void *arg, uint64_t number);
/* The same for reads and for writes that hold nothing. */
void ask_send_free(struct im *im, ask_item_fn item, ask_done_fn done, void *arg, uint64_t number);

void ask_up(struct im *im, struct chan *store);
void ask_fini(struct im *im);
int ask_on_item(void *im, struct chan *from, const struct frame *f);
int ask_on_done(void *im, struct chan *from, const struct frame *f);

#endif
