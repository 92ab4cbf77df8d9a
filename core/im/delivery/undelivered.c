#include "delivery/undelivered.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "delivery/deliver.h"
#include "delivery/journal.h"
#include "delivery/offline.h"
#include "delivery/sm.h"

static void let_go(struct im *im, const struct queued *q)
{
	if (q->flags & QUEUED_POINT)
		parcel_point_drop(im, q->parcel);
	else
		parcel_unref(q->parcel);
}

void undelivered_confirmed(struct im *im, struct user *u, const struct queued *q)
{
	if (q->flags & QUEUED_OFFLINE) {
		u->offline_due--;
		journal_drop_offline(im, q->parcel->row);
	}
	q->parcel->has_arrived = true;
	let_go(im, q);
}

void undelivered_next_page(struct im *im, struct user *u)
{
	offline_next_page(im, u);
}

static void another_way(struct im *im, struct user *u, const struct queued *q)
{
	struct parcel *p = q->parcel;
	struct item it = { .e = p->e, .parcel = p, .origin = p->origin };

	if (!p->e.to.n)
		return; /* ours: a push, a carbon */
	if (q->flags & QUEUED_FORKED && (p->has_arrived || p->points - p->archiving > 1))
		return; /* another resource has it, or may still say so */
	if (p->e.kind == STANZA_MESSAGE && item_must_survive(&p->e))
		deliver_again(im, u, &it);
	else if (p->e.kind == STANZA_IQ)
		item_refuse(im, &it, STANZA_SERVICE_UNAVAILABLE, NULL);
}

void undelivered_all(struct im *im, struct session *s)
{
	struct user *u = s->user;

	for (; s->queue_n; s->queue_n--) {
		struct queued q = s->queue[s->queue_at];
		s->queue_at = (s->queue_at + 1) & (s->queue_cap - 1);
		if (q.flags & QUEUED_OFFLINE) { /* it is still in storage */
			u->offline_due--;
			u->has_offline_more = true;
		} else {
			another_way(im, u, &q);
		}
		let_go(im, &q);
	}
	offline_next_page(im, u);
}
