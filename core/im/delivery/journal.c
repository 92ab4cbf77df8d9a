#include "delivery/journal.h"

#include "base/err.h"
#include "archive/archive.h"
#include "ask.h"
#include "delivery/item.h"
#include "delivery/parcel.h"
#include "delivery/remote.h"
#include "user.h"

#include <stdlib.h>

enum { BATCH = 500, DROP_WAIT_MS = 100, DROP_BATCH_BYTES = 8 * 4000, DROPS_MAX_BYTES = 64 << 20 };

/* One JOURNAL_ADD and whom it makes safe. */
struct batch {
	uint32_t n;
	struct parcel *parcels[BATCH];
};

static void arm(struct im *im)
{
	if (list_is_empty(&im->young) || loop_timer_is_set(&im->journal_timer))
		return;
	struct parcel *p = LIST_OWNER(im->young.next, struct parcel, young_node);
	uint64_t due = p->born_ms + JOURNAL_WAIT_MS, now = loop_now(im->loop);
	(void)loop_timer_set(im->loop, &im->journal_timer, due > now ? due - now : 0); /* next watch arms again */
}

static void settle_one(struct im *im, struct parcel *p, int rc)
{
	if (rc) { /* not on disk: it waits on, and is tried again */
		p->journal = JOURNAL_NONE;
		p->born_ms = loop_now(im->loop) + 1000;
		if (p->origin != ORIGIN_NONE)
			journal_watch(im, p);
	} else if (p->points == 0) { /* confirmed meanwhile */
		p->journal = JOURNAL_NONE;
		journal_drop(im, p->disk_uid);
	} else {
		p->journal = JOURNAL_ON;
		parcel_release(im, p);
	}
	parcel_unref(p);
}

static void on_added(struct im *im, struct ask *a, int rc)
{
	struct batch *b = a->arg;

	for (uint32_t i = 0; i < b->n; i++)
		settle_one(im, b->parcels[i], rc);
	free(b);
}

static struct bytes home_of(const struct parcel *p, struct jid *jid)
{
	*jid = jid_of_normal(p->e.to);
	return p->is_remote ? BYTES_NONE : jid_bare(jid);
}

static void put_parcel(struct im *im, struct batch *b, struct parcel *p)
{
	struct jid jid;

	wire_put_u64(&im->ask_body, p->disk_uid);
	wire_put_u64(&im->ask_body, p->at_ms);
	wire_put_str(&im->ask_body, home_of(p, &jid));
	wire_put_bytes(&im->ask_body, bytes_make(p->body, p->n));
	p->journal = JOURNAL_ASKED;
	parcel_ref(p);
	b->parcels[b->n++] = p;
}

/* What only waits for the disk anyway, or is no message (a roster change), needs no journal; a
 * subscription to another domain does. */
static bool needs_journal(const struct parcel *p)
{
	return p->points > p->storing + p->archiving && (item_must_survive(&p->e) || (p->is_remote && p->e.kind == STANZA_PRESENCE));
}

/* A request, a chat state: whoever sent it can do without, and a partner that is slow to take it must
 * not hold up the acknowledgement of all that its sender says. */
static bool may_be_lost(const struct parcel *p)
{
	return p->is_remote && p->points - p->archiving == 1;
}

static void on_timer(void *arg)
{
	struct im *im = arg;
	struct batch *b = malloc(sizeof *b);
	uint64_t now = loop_now(im->loop);

	if (!b) {
		im_stats[STAT_NO_MEMORY]++;
		(void)loop_timer_set(im->loop, &im->journal_timer, JOURNAL_WAIT_MS);
		return;
	}
	b->n = 0;
	archive_flush(im); /* what the journal acknowledges is in the archive first */
	wire_put_u32(ask_begin(im, STORE_JOURNAL_ADD), 0);
	LIST_EACH (it, &im->young) {
		struct parcel *p = LIST_OWNER(it, struct parcel, young_node);
		if (b->n == BATCH || p->born_ms + JOURNAL_WAIT_MS > now || buf_len(&im->ask_body) > (4 << 20))
			break;
		list_del(&p->young_node);
		if (needs_journal(p))
			put_parcel(im, b, p);
		else if (may_be_lost(p))
			parcel_release(im, p);
	}
	if (!b->n) {
		free(b);
	} else {
		im_stats[STAT_JOURNALLED] += b->n;
		uint8_t *count = im->ask_body.p + im->ask_body.off + 1; /* behind the op */
		for (int i = 0; i < 4; i++)
			count[i] = (uint8_t)(b->n >> (24 - 8 * i));
		ask_send_free(im, NULL, on_added, b, 0);
	}
	arm(im);
}

void journal_watch(struct im *im, struct parcel *p)
{
	list_add_tail(&im->young, &p->young_node);
	arm(im);
}

/* ---- what has arrived ---- */

static void flush(struct im *im, struct buf *drops, enum store_op op)
{
	struct bytes v = buf_bytes(drops);

	if (!v.n)
		return;
	struct buf *b = ask_begin(im, op);
	wire_put_u32(b, (uint32_t)(v.n / 8));
	buf_put_bytes(b, v);
	ask_send_free(im, NULL, NULL, NULL, 0);
	buf_clear(drops);
	buf_release_if_empty(drops);
}

static void on_drop_timer(void *arg)
{
	struct im *im = arg;

	archive_flush(im); /* what leaves the disk here is there first */
	flush(im, &im->journal_drops, STORE_JOURNAL_DROP);
	flush(im, &im->offline_drops, STORE_OFFLINE_DROP);
}

void journal_flush(struct im *im)
{
	on_drop_timer(im);
}

static void drop(struct im *im, struct buf *drops, uint64_t id)
{
	wire_put_u64(drops, id);
	if (buf_failed(drops)) /* no memory: the row stays, and comes twice after a crash */
		buf_truncate(drops, buf_len(drops));
	if (buf_len(drops) >= DROP_BATCH_BYTES)
		on_drop_timer(im);
	else if (!loop_timer_is_set(&im->drop_timer))
		(void)loop_timer_set(im->loop, &im->drop_timer, DROP_WAIT_MS); /* the next drop sets it */
}

void journal_drop(struct im *im, uint64_t uid)
{
	drop(im, &im->journal_drops, uid);
}

void journal_drop_offline(struct im *im, uint64_t row)
{
	drop(im, &im->offline_drops, row);
}

/* ---- after a crash ---- */

static void on_left(struct im *im, struct ask *a, struct wire *w)
{
	uint64_t uid = wire_u64(w), at = wire_u64(w);
	struct bytes envelope = wire_bytes(w);

	(void)a;
	if (!wire_failed(w))
		remote_restore(im, uid, at, envelope);
}

void journal_settle(struct im *im)
{
	ask_begin(im, STORE_JOURNAL_SETTLE);
	ask_send_free(im, on_left, NULL, NULL, 0);
}

void journal_init(struct im *im)
{
	list_init(&im->young);
	loop_timer_init(&im->journal_timer, on_timer, im);
	loop_timer_init(&im->drop_timer, on_drop_timer, im);
	buf_init(&im->journal_drops, DROPS_MAX_BYTES);
	buf_init(&im->offline_drops, DROPS_MAX_BYTES);
}

void journal_fini(struct im *im)
{
	loop_timer_del(im->loop, &im->journal_timer);
	loop_timer_del(im->loop, &im->drop_timer);
	buf_fini(&im->journal_drops);
	buf_fini(&im->offline_drops);
}
