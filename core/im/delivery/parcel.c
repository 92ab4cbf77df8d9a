#include "delivery/parcel.h"

#include "base/err.h"
#include "delivery/item.h"
#include "delivery/journal.h"
#include "delivery/remote.h"
#include "session.h"
#include "delivery/sm.h"

#include <stdlib.h>

static struct parcel *alloc(struct im *im, size_t n)
{
	struct parcel *p = malloc(sizeof *p + n);

	if (!p) {
		im_stats[STAT_NO_MEMORY]++;
		return NULL;
	}
	memset(p, 0, sizeof *p);
	p->refs = 1;
	p->n = (uint32_t)n;
	p->body = (uint8_t *)(p + 1);
	p->uid = p->disk_uid = im_next_id(im);
	p->born_ms = loop_now(im->loop);
	p->at_ms = loop_wall_ms(im->loop);
	return p;
}

struct parcel *parcel_new(struct im *im, struct bytes body)
{
	struct parcel *p = alloc(im, body.n);

	if (!p)
		return NULL;
	memcpy(p->body, body.p, body.n);
	if (envelope_decode(bytes_make(p->body, body.n), &p->e)) {
		free(p);
		return NULL;
	}
	return p;
}

struct parcel *parcel_of_stanza(struct im *im, const struct envelope *e)
{
	struct parcel *p = alloc(im, e->stanza.n);

	if (!p)
		return NULL;
	memcpy(p->body, e->stanza.p, e->stanza.n);
	p->e.kind = e->kind;
	p->e.type = e->type;
	p->e.facts = e->facts;
	p->e.stanza = bytes_make(p->body, e->stanza.n);
	return p;
}

static void free_body(struct parcel *p)
{
	if (p->body != (uint8_t *)(p + 1))
		free(p->body);
}

int parcel_become(struct parcel *p, struct bytes body)
{
	uint8_t *copy = malloc(body.n);
	struct envelope e;

	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, body.p, body.n);
	int rc = envelope_decode(bytes_make(copy, body.n), &e);
	if (rc) {
		free(copy);
		return rc;
	}
	free_body(p);
	p->e = e;
	p->body = copy;
	p->n = (uint32_t)body.n;
	return 0;
}

void parcel_ref(struct parcel *p)
{
	p->refs++;
}

void parcel_unref(struct parcel *p)
{
	if (!p || --p->refs)
		return;
	list_del(&p->young_node);
	list_del(&p->origin_node);
	list_del(&p->place_node);
	free_body(p);
	free(p);
}

void parcel_point_add(struct parcel *p)
{
	p->points++;
	p->refs++;
}

void parcel_orphan(struct parcel *p)
{
	list_del(&p->origin_node);
	list_del(&p->young_node);
	p->origin = ORIGIN_NONE;
	p->session = NULL;
}

void parcel_release(struct im *im, struct parcel *p)
{
	uint8_t origin = p->origin;
	struct session *s = p->session;

	list_del(&p->young_node);
	list_del(&p->origin_node);
	p->origin = ORIGIN_NONE;
	if (origin == ORIGIN_SESSION)
		sm_progress(im, s);
	else if (origin == ORIGIN_ROUTE)
		remote_done(im, p->route_id);
}

void parcel_point_drop(struct im *im, struct parcel *p)
{
	if (--p->points == 0) {
		parcel_release(im, p);
		if (p->journal == JOURNAL_ON) {
			p->journal = JOURNAL_NONE;
			journal_drop(im, p->disk_uid);
		}
	}
	parcel_unref(p);
}
