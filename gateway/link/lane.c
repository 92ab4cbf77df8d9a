#include "trunk.h"

#include "base/err.h"
#include "proto/xmpp.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One client's stream between the pair of sockets and the other side's. */

enum {
	LINGER_MS = 10000, /* for what is queued to reach a side that is slow */
	PAIR_SLACK = 64 << 10,
	AVOID_MS = 2000, /* a core that has refused a session; gh-access is started again in less */
};

/* ---- end ---- */

static void release(struct lane *l)
{
	struct joint *j = l->joint;

	if (l->is_gone)
		return;
	l->is_gone = true;
	if (l->has_pair)
		link_close(&l->pair);
	if (l->trunk) {
		h2_reset(&l->trunk->h2, &l->stream);
		l->trunk->n_lanes -= l->is_session;
		trunk_kick(l->trunk);
	}
	j->owed[l->kind] -= l->owed;
	loop_timer_del(j->loop, &l->linger);
	list_del(&l->node);
	list_add_tail(&j->gone_lanes, &l->node);
	loop_defer_call(j->loop, &j->sweep);
}

void lane_sweep(struct joint *j)
{
	LIST_EACH (it, &j->gone_lanes) {
		list_del(it);
		free(LIST_OWNER(it, struct lane, node));
	}
}

static void on_linger(void *arg)
{
	release(arg);
}

static void linger(struct lane *l)
{
	if (loop_timer_set(l->joint->loop, &l->linger, LINGER_MS))
		release(l);
}

/* A client that has heard nothing yet is told why (RFC 6120 4.9.1.1); later the middle of a stanza may be the last it got. */
static void apologise(struct lane *l)
{
	stream_refusal_write(link_out(&l->pair), l->from, STREAM_REMOTE_CONNECTION_FAILED);
	link_kick(&l->pair);
}

/* No more comes from the other side: what has come is given to the pair, and it ends. */
static void finish(struct lane *l, int why)
{
	struct joint *j = l->joint;

	if (l->is_session)
		j->stats[why ? STAT_LOST : STAT_ENDED]++;
	if (!l->has_pair) {
		release(l);
		return;
	}
	if (why && !l->has_heard && l->is_client)
		apologise(l);
	link_shutdown(&l->pair);
}

static void leave_trunk(struct lane *l)
{
	if (!l->trunk)
		return;
	l->trunk->n_lanes -= l->is_session;
	l->trunk = NULL;
	list_del(&l->node);
	list_init(&l->node);
}

void lane_orphan(struct lane *l)
{
	if (l->is_gone)
		return;
	buf_fini(&l->stream.out); /* its connection forgets it whole */
	l->stream.id = 0;
	leave_trunk(l);
	finish(l, ERR_CLOSED);
}

void lane_closed(void *trunk, struct h2_stream *s, int why)
{
	struct lane *l = LIST_OWNER(s, struct lane, stream);

	(void)trunk;
	if (l->is_gone)
		return;
	if (why == ERR_AGAIN && l->is_session && l->trunk)
		l->trunk->avoid_ms = loop_now(l->joint->loop) + AVOID_MS;
	leave_trunk(l);
	finish(l, why);
}

void lane_forsake(struct trunk *t)
{
	const struct trunk *other = trunk_pick(t->joint, t->kind);

	if (!other || trunk_is_doubtful(other))
		return; /* nobody else has them */
	LIST_EACH (it, &t->lanes) {
		struct lane *l = LIST_OWNER(it, struct lane, node);
		if (!l->is_session || l->has_heard)
			continue;
		h2_reset(&t->h2, &l->stream);
		leave_trunk(l);
		finish(l, ERR_CLOSED);
	}
}

/* ---- from the other side ---- */

static void settle(struct lane *l)
{
	if (l->trunk)
		h2_consume(&l->trunk->h2, &l->stream, l->owed);
	l->joint->owed[l->kind] -= l->owed;
	l->owed = 0;
}

/* More is owed than may be: the one that owes most goes, who reads least, whoever it is that got bytes now. */
static void shed(struct joint *j, enum trunk_kind kind)
{
	struct lane *worst = NULL;

	LIST_EACH (it, &j->trunks) {
		struct trunk *t = LIST_OWNER(it, struct trunk, node);
		LIST_EACH (at, &t->lanes) {
			struct lane *l = LIST_OWNER(at, struct lane, node);
			if (l->kind == kind && (!worst || l->owed > worst->owed))
				worst = l;
		}
	}
	j->stats[STAT_OVER_BUDGET]++;
	if (worst)
		release(worst);
}

void lane_data(void *trunk, struct h2_stream *s, struct bytes in)
{
	struct lane *l = LIST_OWNER(s, struct lane, stream);

	(void)trunk;
	l->has_heard = true;
	l->owed += in.n;
	l->joint->owed[l->kind] += in.n;
	if (l->joint->owed[l->kind] > l->joint->owed_max)
		shed(l->joint, l->kind);
	if (l->is_gone)
		return;
	if (l->has_pair && link_send(&l->pair, in)) {
		release(l); /* it is closing */
		return;
	}
	/* More than that means that the pair's other end does not read: its drained() gives the window back. */
	if (!l->has_pair || link_queued(&l->pair) <= LANE_HIGH)
		settle(l);
}

void lane_drained(void *trunk, struct h2_stream *s)
{
	struct lane *l = LIST_OWNER(s, struct lane, stream);

	(void)trunk;
	if (l->has_pair)
		link_pause(&l->pair, false);
}

/* ---- from the pair ---- */

static void on_data(void *arg, struct bytes in)
{
	struct lane *l = arg;

	if (l->is_gone || !l->trunk)
		return;
	if (h2_send(&l->trunk->h2, &l->stream, in))
		link_pause(&l->pair, true);
	if (buf_failed(&l->stream.out)) {
		release(l);
		return;
	}
	trunk_kick(l->trunk);
}

static void on_drained(void *arg)
{
	struct lane *l = arg;

	settle(l);
	if (l->trunk)
		trunk_kick(l->trunk);
}

static void on_closed(void *arg, int why)
{
	struct lane *l = arg;

	(void)why;
	l->has_pair = false;
	if (!l->trunk) {
		release(l);
		return;
	}
	settle(l);
	h2_end(&l->trunk->h2, &l->stream);
	trunk_kick(l->trunk);
	linger(l);
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };

/* Takes over fd. */
static struct lane *lane_new(struct joint *j, int fd, enum trunk_kind kind)
{
	uint32_t window = kind == TRUNK_BULK ? H2_WINDOW_BULK : H2_WINDOW_SIGNAL;
	struct lane *l = calloc(1, sizeof *l);

	if (!l || link_accept(&l->pair, j->loop, fd, &owner, l, LANE_HIGH + window + PAIR_SLACK)) {
		if (!l)
			(void)close(fd); /* the other end sees the end */
		free(l);
		return NULL;
	}
	l->joint = j;
	l->kind = kind;
	l->has_pair = true;
	list_init(&l->node);
	loop_timer_init(&l->linger, on_linger, l);
	return l;
}

static void join(struct lane *l, struct trunk *t)
{
	l->trunk = t;
	t->n_lanes += l->is_session;
	list_add_tail(&t->lanes, &l->node);
	l->joint->stats[STAT_OPENED] += l->is_session;
}

/* ---- edge: a client has come ---- */

/* Takes over fd. */
static int open_on(struct trunk *t, struct lane *l, const struct meta *m)
{
	int rc = t ? meta_h2_open(&t->h2, &l->stream, m) : ERR_AGAIN;

	if (rc) {
		finish(l, ERR_AGAIN);
		return rc;
	}
	join(l, t);
	h2_expect(&t->h2, loop_now(l->joint->loop));
	trunk_kick(t);
	return 0;
}

static struct lane *lane_for(struct joint *j, int fd, const struct link_service *service)
{
	struct lane *l = lane_new(j, fd, service->kind);

	if (!l)
		return NULL;
	l->is_client = service->inside == PROG_ACCESS;
	l->is_session = service->is_session;
	return l;
}

void lane_open(struct joint *j, int fd, const struct meta *m)
{
	const struct link_service *service = link_service_of(bytes_of(m->service));
	struct lane *l = lane_for(j, fd, service);

	if (!l)
		return; /* without memory that one client sees the end */
	memcpy(l->from, m->sni, sizeof l->from);
	if (open_on(trunk_pick(j, service->kind), l, m))
		j->stats[STAT_NO_CORE]++;
}

int lane_open_at(struct trunk *t, int fd, const struct meta *m)
{
	struct lane *l = lane_for(t->joint, fd, link_service_of(bytes_of(m->service)));

	return l ? open_on(t, l, m) : ERR_NOMEM;
}

int joint_client_stream(void *joint, struct chan *from, const struct frame *f)
{
	const struct link_service *service = link_service_with(f->type);
	struct joint *j = joint;
	struct meta m;
	int rc = meta_from_body(f->body, &m);

	(void)from;
	if (f->fd < 0)
		return ERR_SYNTAX;
	snprintf(m.service, sizeof m.service, "%s", service->name);
	if (rc)
		(void)close(f->fd);
	else
		lane_open(j, f->fd, &m);
	return rc;
}

/* ---- core: an edge asks ---- */

static struct chan *next_inside(struct joint *j, enum prog p)
{
	struct chan *best = NULL, *first = NULL;

	for (struct chan *c = NULL; (c = bus_next(j->bus, p, c));) {
		if (!first || chan_instance(c) < chan_instance(first))
			first = c;
		if (chan_instance(c) >= j->next_inside && (!best || chan_instance(c) < chan_instance(best)))
			best = c;
	}
	best = best ? best : first;
	j->next_inside = best ? chan_instance(best) + 1 : 0;
	return best;
}

/* A status, 0: it may. */
static int judge(struct trunk *t, const struct meta *m, const struct link_service **service, struct chan **inside)
{
	struct joint *j = t->joint;
	uint32_t held;

	*service = link_service_of(bytes_of(m->service));
	if (!*service || (*service)->kind != t->kind) {
		j->stats[STAT_NO_SERVICE]++;
		if (log_limit_pass(&j->service_log, 10, loop_now(j->loop), &held))
			log_warn("link.service.refused", LOG_STR("edge", t->name), LOG_STR("service", m->service), LOG_INT("suppressed", held));
		return 404;
	}
	if ((*service)->serve)
		return 0;
	*inside = j->is_stopping ? NULL : next_inside(j, (*service)->inside);
	if (*inside)
		return 0;
	j->stats[STAT_NO_ACCESS]++;
	return 503;
}

static int hand_on(struct trunk *t, struct chan *inside, const struct link_service *service, const struct meta *m, int fd)
{
	if (service->serve)
		return service->serve(t, fd);
	struct buf *b = chan_begin(inside, service->with, 0);

	meta_put_body(b, m, t->name);
	return chan_end_fd(inside, fd, true);
}

void lane_begin(void *trunk)
{
	meta_read_begin(&((struct trunk *)trunk)->reader);
}

void lane_field(void *trunk, struct bytes name, struct bytes value)
{
	meta_read(&((struct trunk *)trunk)->reader, name, value);
}

void lane_request(void *trunk, int32_t id, bool is_whole)
{
	struct trunk *t = trunk;
	const struct meta *m = &t->reader.meta;
	const struct link_service *service;
	struct chan *inside = NULL;
	int fds[2];
	int status = meta_read_end(&t->reader) || is_whole ? 400 : judge(t, m, &service, &inside);

	if (!status && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		status = 503;
	if (status) {
		h2_refuse(&t->h2, id, status);
		return;
	}
	struct lane *l = lane_new(t->joint, fds[0], t->kind);
	if (!l) {
		(void)close(fds[1]);
		h2_refuse(&t->h2, id, 503);
		return;
	}
	l->is_session = service->is_session;
	if (hand_on(t, inside, service, m, fds[1])) {
		h2_refuse(&t->h2, id, 503);
		release(l);
		return;
	}
	if (h2_accept(&t->h2, id, &l->stream)) {
		release(l);
		return;
	}
	join(l, t);
}
