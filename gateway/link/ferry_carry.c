#include "ferry_impl.h"
#include "ferry_stanza.h"

#include "base/err.h"
#include "proto/jid.h"

#include <stdlib.h>

/* What ferries carry: ROUTE and ROUTE_DONE of gh-switch and of the other side's. */

enum { REFUSED_PER_MINUTE = 10 };

static struct chan *hub(const struct ferries *all)
{
	return bus_chan(all->joint->bus, PROG_SWITCH, 0);
}

/* To gh-switch. One that has gone asks again. */
static void tell_hub(const struct ferries *all, uint64_t id, int32_t rc)
{
	struct chan *c = hub(all);
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	(void)chan_end(c);
}

/* To the other side. */
static void tell(struct ferry *f, uint64_t id, int32_t rc)
{
	if (!id)
		return;
	ferry_put_done(link_out(&f->pair), id, rc);
	link_kick(&f->pair); /* one that overran ends by itself */
}

/* ---- what is under way ---- */

static int load(struct map *in, struct list *of, struct ferry *f, uint64_t id, uint64_t theirs)
{
	struct cargo *c = in->count < FERRY_CARGO_MAX ? malloc(sizeof *c) : NULL;

	if (!c)
		return in->count < FERRY_CARGO_MAX ? ERR_NOMEM : ERR_FULL;
	*c = (struct cargo){ .ferry = f, .id = id, .theirs = theirs };
	if (map_add_u64(in, id, c)) {
		free(c);
		return ERR_NOMEM;
	}
	list_add_tail(of, &c->node);
	return 0;
}

static void drop(struct map *in, struct cargo *c)
{
	(void)map_del_u64(in, c->id); /* it is in: found by its id */
	list_del(&c->node);
	free(c);
}

void ferry_unload(struct ferry *f)
{
	struct ferries *all = f->of;

	LIST_EACH (it, &f->sent) {
		struct cargo *c = LIST_OWNER(it, struct cargo, node);
		all->joint->stats[STAT_PARTNERS_BACK]++;
		tell_hub(all, c->id, ERR_AGAIN);
		drop(&all->sent, c);
	}
	LIST_EACH (it, &f->came)
		drop(&all->came, LIST_OWNER(it, struct cargo, node));
	f->n_sent = 0;
}

/* ---- which one ---- */

static struct ferry *first_with(const struct ferries *all, const char *with)
{
	LIST_EACH (it, &all->all) {
		struct ferry *f = LIST_OWNER(it, struct ferry, node);
		if (f->is_greeted && (!with || strcmp(f->with, with) == 0))
			return f;
	}
	return NULL;
}

static bool is_there(void *arg, const char *edge)
{
	return first_with(arg, edge) != NULL;
}

static struct ferry *to_partner(struct ferries *all, struct bytes domain)
{
	const char *edges[LINK_EDGES_MAX];
	size_t n = 0;

	LIST_EACH (it, &all->all) {
		const struct ferry *f = LIST_OWNER(it, struct ferry, node);
		if (n < LINK_EDGES_MAX && first_with(all, f->with) == f)
			edges[n++] = f->with;
	}
	const char *edge = ferry_ways_to(&all->ways, domain, edges, n);
	return edge ? first_with(all, edge) : NULL;
}

static struct ferry *choose(struct ferries *all, const struct envelope *e)
{
	struct jid to = jid_of_normal(e->to);

	return all->role == ROLE_CORE ? to_partner(all, jid_domain(&to)) : first_with(all, NULL);
}

/* ---- from gh-switch ---- */

static int carry(struct ferries *all, const struct envelope *e)
{
	struct ferry *f = choose(all, e);

	if (!f)
		return ERR_AGAIN;
	if (link_queued(&f->pair) >= FERRY_QUEUE_MAX)
		return ERR_FULL;
	int rc = e->id ? load(&all->sent, &f->sent, f, e->id, 0) : 0;
	if (rc)
		return rc;
	f->n_sent += e->id != 0;
	f->n_out++;
	all->joint->stats[STAT_PARTNERS_OUT]++;
	ferry_put_route(link_out(&f->pair), e);
	link_kick(&f->pair);
	return 0;
}

int ferries_on_route(void *joint, struct chan *from, const struct frame *frame)
{
	struct ferries *all = ((struct joint *)joint)->ferries;
	struct envelope e;
	int rc = envelope_decode(frame->body, &e);

	(void)from;
	if (rc || !e.from.n || !e.to.n)
		return ERR_SYNTAX;
	if (e.id && map_get_u64(&all->sent, e.id))
		return 0; /* gh-switch is new, and the answer to this one is still to come */
	rc = carry(all, &e);
	if (!rc)
		return 0;
	all->joint->stats[e.id ? STAT_PARTNERS_BACK : STAT_PARTNERS_LOST]++;
	if (e.id)
		tell_hub(all, e.id, rc);
	return 0;
}

int ferries_on_done(void *joint, struct chan *from, const struct frame *frame)
{
	struct ferries *all = ((struct joint *)joint)->ferries;
	struct wire w = wire_of(frame->body);
	uint64_t id = wire_u64(&w);
	int32_t rc = (int32_t)wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	struct cargo *c = map_get_u64(&all->came, id);
	if (!c)
		return 0; /* its ferry has ended: it comes again, and is known */
	tell(c->ferry, c->theirs, rc);
	drop(&all->came, c);
	return 0;
}

void ferries_switch_down(struct joint *j)
{
	struct ferries *all = j->ferries;

	LIST_EACH (it, &all->all) {
		struct ferry *f = LIST_OWNER(it, struct ferry, node);
		LIST_EACH (at, &f->came) {
			struct cargo *c = LIST_OWNER(at, struct cargo, node);
			tell(f, c->theirs, ERR_AGAIN);
			drop(&all->came, c);
		}
	}
	ferries_pressure(j, false);
}

/* ---- from the other side ---- */

static int hand_over(struct ferry *f, struct envelope *e)
{
	struct ferries *all = f->of;
	struct chan *c = hub(all);
	uint64_t theirs = e->id;
	int rc = 0;

	if (!c)
		return ERR_AGAIN;
	if (theirs) {
		e->id = ferry_id(f->with, theirs);
		struct cargo *held = map_get_u64(&all->came, e->id);
		if (held) /* whoever asked last gets the answer */
			drop(&all->came, held);
		rc = load(&all->came, &f->came, f, e->id, theirs);
	}
	if (rc)
		return rc;
	envelope_encode(chan_begin(c, MSG_ROUTE, 0), e);
	rc = chan_end(c);
	if (rc && theirs)
		drop(&all->came, map_get_u64(&all->came, e->id));
	return rc;
}

static void log_refused(struct ferry *f, const struct envelope *e, int rc)
{
	struct ferries *all = f->of;
	uint32_t held;

	all->joint->stats[STAT_PARTNERS_REFUSED]++;
	if (log_limit_pass(&all->refused_log, REFUSED_PER_MINUTE, loop_now(all->joint->loop), &held))
		log_warn("link.stanza.refused", LOG_ID("trace", e->trace), LOG_STR("edge", f->with), LOG_STR("reason", err_name(rc)),
		         LOG_STR("advice", "an edge whose doors are sound sends none of those: look at that edge"), LOG_INT("suppressed", held));
}

static int take_route(struct ferry *f, struct envelope *e)
{
	struct ferries *all = f->of;
	uint64_t theirs = e->id;
	int rc = 0;

	f->n_in++;
	all->joint->stats[STAT_PARTNERS_IN]++;
	if (all->role == ROLE_CORE) {
		struct jid from = jid_of_normal(e->from);
		arena_reset(&all->arena);
		rc = ferry_stanza_judge(e, all->xml, &all->arena, &all->out);
		if (rc == ERR_NOMEM) {
			tell(f, theirs, rc);
			return 0;
		}
		if (rc) {
			log_refused(f, e, rc);
			tell(f, theirs, 0); /* it is not wanted again */
			return 0;
		}
		ferry_ways_heard(&all->ways, jid_domain(&from), f->with, is_there, all);
	}
	rc = hand_over(f, e);
	if (rc)
		tell(f, theirs, rc);
	return 0;
}

static int take_done(struct ferry *f, uint64_t id, int32_t rc)
{
	struct ferries *all = f->of;
	struct cargo *c = map_get_u64(&all->sent, id);

	if (!c || c->ferry != f)
		return 0; /* another ferry has it by now */
	f->n_sent--;
	drop(&all->sent, c);
	tell_hub(all, id, rc);
	return 0;
}

static int take_hello(struct ferry *f, uint8_t version)
{
	struct ferries *all = f->of;
	uint32_t held;

	if (f->is_greeted)
		return ERR_PROTOCOL;
	if (version != FERRY_VERSION)
		return ERR_UNSUPPORTED;
	f->is_greeted = true;
	if (log_limit_pass(&all->life_log, FERRY_LINES_PER_MINUTE, loop_now(all->joint->loop), &held))
		log_info("link.partners.open", LOG_ID("id", f->trunk), LOG_STR("with", f->with), LOG_INT("suppressed", held));
	return 0;
}

static int take_frame(struct ferry *f, struct ferry_frame *frame)
{
	if (frame->type == FERRY_HELLO)
		return take_hello(f, frame->version);
	if (!f->is_greeted)
		return ERR_PROTOCOL;
	return frame->type == FERRY_ROUTE ? take_route(f, &frame->e) : take_done(f, frame->id, frame->rc);
}

static int take_all(struct ferry *f)
{
	struct ferry_frame frame;
	size_t used;

	for (;;) {
		int rc = ferry_frame_read(buf_bytes(&f->in), &frame, &used);
		if (rc)
			return rc == ERR_AGAIN ? 0 : rc;
		rc = take_frame(f, &frame);
		if (rc || f->is_gone)
			return rc;
		buf_consume(&f->in, used);
		buf_release_if_empty(&f->in);
	}
}

int ferry_take(struct ferry *f)
{
	int rc = take_all(f);

	buf_clear(&f->of->out);
	buf_release_if_empty(&f->of->out);
	return rc;
}
