#include "delivery/remote.h"

#include "base/err.h"
#include "proto/xmpp.h"

#include <stdlib.h>

static int transmit(struct im *im, const struct envelope *e, uint64_t id)
{
	struct chan *c = bus_chan(im->bus, PROG_SWITCH, 0);
	struct envelope out = *e;

	out.id = id;
	if (!out.trace)
		out.trace = im_next_id(im);
	envelope_encode(chan_begin(c, MSG_ROUTE, 0), &out);
	im_stats[STAT_REMOTE_OUT]++;
	return chan_end(c);
}

static void arm(struct im *im)
{
	if (!loop_timer_is_set(&im->remote_timer))
		(void)loop_timer_set(im->loop, &im->remote_timer, REMOTE_AGAIN_MS); /* the next one sets it */
}

/* ---- keeping ---- */

/* Messages and requests; presence of today is worth nothing tomorrow, subscriptions are. */
static bool is_kept(const struct envelope *e)
{
	if (e->type == TYPE_ERROR)
		return false;
	return e->kind != STANZA_PRESENCE || (e->type >= TYPE_SUBSCRIBE && e->type <= TYPE_UNSUBSCRIBED);
}

static bool keep(struct im *im, struct parcel *p)
{
	if (!p || im->remote.count >= REMOTE_MAX || im->remote_bytes + p->n > REMOTE_BYTES_MAX ||
	    map_add_u64(&im->remote, p->uid, p))
		return false;
	p->is_remote = true;
	parcel_point_add(p);
	list_add_tail(&im->remote_order, &p->place_node);
	im->remote_bytes += p->n;
	return true;
}

static void let_go(struct im *im, struct parcel *p)
{
	map_del_u64(&im->remote, p->uid);
	list_del(&p->place_node);
	im->remote_bytes -= p->n;
	parcel_point_drop(im, p);
}

static void again_if(struct im *im, struct parcel *p, int rc)
{
	if (!rc)
		return;
	p->is_bounced = true;
	arm(im);
}

void remote_send(struct im *im, struct item *it)
{
	if (!is_kept(&it->e)) {
		(void)transmit(im, &it->e, 0); /* lost with the way: nothing that must arrive */
		return;
	}
	struct parcel *p = item_parcel(im, it);
	if (!keep(im, p)) {
		im_stats[STAT_REMOTE_FULL]++;
		item_refuse(im, it, STANZA_RESOURCE_CONSTRAINT, "Too much is on its way to other domains");
		return;
	}
	again_if(im, p, transmit(im, &p->e, p->uid));
}

void remote_post(struct im *im, const struct envelope *e)
{
	(void)transmit(im, e, 0); /* as its contract says */
}

void remote_restore(struct im *im, uint64_t uid, uint64_t at_ms, struct bytes envelope)
{
	struct parcel *p = map_get_u64(&im->remote, uid) ? NULL : parcel_new(im, envelope);

	if (!p)
		return;
	p->uid = p->disk_uid = uid;
	p->at_ms = at_ms;
	p->journal = JOURNAL_ON;
	if (keep(im, p))
		again_if(im, p, transmit(im, &p->e, p->uid));
	parcel_unref(p);
}

/* ---- trying again ---- */

static void give_up(struct im *im, struct parcel *p)
{
	struct item it = { .e = p->e, .parcel = p };

	item_refuse(im, &it, STANZA_REMOTE_SERVER_TIMEOUT, "The way to other domains is closed");
	let_go(im, p);
}

static void on_timer(void *arg)
{
	struct im *im = arg;
	uint64_t now = loop_now(im->loop);

	if (!bus_chan(im->bus, PROG_SWITCH, 0)) {
		LIST_EACH (n, &im->remote_order) {
			struct parcel *old = LIST_OWNER(n, struct parcel, place_node);
			if (old->born_ms + REMOTE_AGE_MS > now)
				break;
			give_up(im, old);
		}
	} else {
		LIST_EACH (it, &im->remote_order) {
			struct parcel *p = LIST_OWNER(it, struct parcel, place_node);
			if (!p->is_bounced)
				continue;
			if (p->born_ms + REMOTE_AGE_MS <= now) {
				give_up(im, p);
				continue;
			}
			if (transmit(im, &p->e, p->uid))
				break;
			im_stats[STAT_REMOTE_AGAIN]++;
			p->is_bounced = false;
		}
	}
	if (!list_is_empty(&im->remote_order))
		arm(im);
}

void remote_up(struct im *im)
{
	LIST_EACH (it, &im->remote_order) {
		struct parcel *p = LIST_OWNER(it, struct parcel, place_node);
		im_stats[STAT_REMOTE_AGAIN]++;
		p->is_bounced = transmit(im, &p->e, p->uid) != 0;
	}
}

int remote_on_done(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	int rc = (int32_t)wire_u32(&w);
	struct parcel *p = map_get_u64(&im->remote, id);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (p && rc) {
		p->is_bounced = true;
		arm(im);
	} else if (p) {
		let_go(im, p);
	}
	return 0;
}

/* ---- inward ---- */

/* Ids of one origin are in sequence, so the last few thousand are all there. */
bool remote_take(struct im *im, uint64_t id)
{
	uint64_t *slot = &im->recent_routes[REMOTE_RECENT + id % REMOTE_RECENT];

	if (im->recent_routes[id % REMOTE_RECENT] == id) {
		remote_done(im, id);
		return false;
	}
	if (*slot == id)
		return false; /* it is answered when it is safe */
	*slot = id;
	return true;
}

void remote_done(struct im *im, uint64_t id)
{
	struct chan *c = bus_chan(im->bus, PROG_SWITCH, 0);

	im->recent_routes[id % REMOTE_RECENT] = id;
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);
	wire_put_u64(b, id);
	wire_put_u32(b, 0);
	(void)chan_end(c); /* it comes again, and is known */
}

int remote_init(struct im *im)
{
	list_init(&im->remote_order);
	loop_timer_init(&im->remote_timer, on_timer, im);
	im->recent_routes = calloc(2 * REMOTE_RECENT, sizeof *im->recent_routes);
	return im->recent_routes ? 0 : ERR_NOMEM;
}

void remote_fini(struct im *im)
{
	loop_timer_del(im->loop, &im->remote_timer);
	while (!list_is_empty(&im->remote_order))
		let_go(im, LIST_OWNER(im->remote_order.next, struct parcel, place_node));
	map_fini(&im->remote);
	free(im->recent_routes);
}
