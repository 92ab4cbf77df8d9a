#include "session.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "proto/hold.h"
#include "proto/xmpp.h"
#include "run/session.h"
#include "auth/auth.h"
#include "domain.h"
#include "idle.h"
#include "iq/iq.h"
#include "presence/presence.h"
#include "push/push.h"
#include "delivery/sm.h"
#include "delivery/undelivered.h"

#include <stdlib.h>

enum { RESOURCE_RANDOM = 16 };

struct session *session_of(const struct im *im, uint64_t conn)
{
	return map_get_u64(&im->sessions, conn);
}

struct session *session_by_resource(const struct user *u, struct bytes resource)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (bytes_eq(session_resource(s), resource))
			return s;
	}
	return NULL;
}

struct session *session_by_full(const struct im *im, struct bytes full)
{
	struct jid j = jid_of_normal(full);
	struct user *u = user_find(im, jid_bare(&j));

	return u && j.resource_n ? session_by_resource(u, jid_resource(&j)) : NULL;
}

struct chan *session_chan(const struct im *im, const struct session *s)
{
	return s->conn ? bus_chan(im->bus, (enum prog)s->door_prog, s->door) : NULL;
}

/* ---- opening ---- */

/* When a person has too many, the longest lost one makes room; an attached one does not. */
static bool make_room(struct im *im, struct user *u)
{
	if (u->n_sessions < im->config.sessions_user)
		return true;
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (!s->conn) {
			session_end(im, s);
			return u->n_sessions < im->config.sessions_user;
		}
	}
	return false;
}

static int full_jid(struct im *im, const struct user *u, const struct session_wish *w, struct jid *out)
{
	struct jid bare = jid_of_normal(user_jid(u));
	struct bytes resource = w->wanted;
	char random[RESOURCE_RANDOM + 1];

	if (resource.n) {
		if (jid_parse_resource(resource, &im->arena, &resource))
			return ERR_SYNTAX;
	} else {
		random_hex(random, RESOURCE_RANDOM);
		buf_clear(&im->out);
		if (w->tag.n) {
			buf_put_bytes(&im->out, w->tag);
			buf_put_u8(&im->out, '~');
		}
		buf_put_str(&im->out, random);
		if (jid_parse_resource(buf_bytes(&im->out), &im->arena, &resource))
			return ERR_SYNTAX;
	}
	return jid_make(jid_local(&bare), jid_domain(&bare), resource, &im->arena, out);
}

static struct session *add(struct im *im, struct user *u, const struct session_wish *w, const struct jid *j)
{
	struct session *s = calloc(1, sizeof *s + j->full.n);

	if (!s)
		return NULL;
	s->user = u;
	s->conn = w->conn;
	s->door_prog = w->door_prog;
	s->door = w->door;
	s->full_n = (uint16_t)j->full.n;
	s->bare_n = (uint16_t)jid_bare(j).n;
	s->opened_ms = loop_wall_ms(im->loop);
	memcpy(s->full, j->full.p, j->full.n);
	list_init(&s->custody);
	list_init(&s->watches);
	if (map_add_u64(&im->sessions, s->conn, s)) {
		free(s);
		return NULL;
	}
	list_add_tail(&u->sessions, &s->node);
	u->n_sessions++;
	im_stats[STAT_SESSIONS]++;
	list_del(&u->idle_node);
	return s;
}

int session_open(struct im *im, struct user *u, const struct session_wish *w, struct session **out)
{
	struct jid j;
	int rc = full_jid(im, u, w, &j);

	if (rc)
		return rc;
	struct session *old = session_by_resource(u, jid_resource(&j));
	if (old) {
		im_stats[STAT_CONFLICTS]++;
		session_kick(im, old, "conflict", "Replaced by a new session of this resource");
	}
	if (!make_room(im, u))
		return ERR_FULL;
	*out = add(im, u, w, &j);
	if (!*out)
		return ERR_NOMEM;
	im_stats[STAT_SESSIONS_OPENED]++;
	return 0;
}

/* ---- ending ---- */

void session_close_stream(struct im *im, const struct session *s, const char *condition, const char *text,
                          struct bytes detail)
{
	struct chan *c = session_chan(im, s);
	struct buf *b = chan_begin(c, MSG_SESSION_CLOSE, 0);

	wire_put_u64(b, s->conn);
	wire_put_str(b, bytes_of(condition));
	wire_put_str(b, bytes_of(text));
	wire_put_bytes(b, detail);
	(void)chan_end(c); /* detached, or the worker is gone: nothing to close */
}

void session_kick(struct im *im, struct session *s, const char *condition, const char *text)
{
	session_close_stream(im, s, condition, text, BYTES_NONE);
	session_end(im, s);
}

void session_kick_all(struct im *im, struct user *u, const char *condition, const char *text)
{
	user_pin(u);
	while (!list_is_empty(&u->sessions))
		session_kick(im, LIST_OWNER(u->sessions.next, struct session, node), condition, text);
	user_unpin(im, u);
}

static void orphan_custody(struct session *s)
{
	LIST_EACH (it, &s->custody)
		parcel_orphan(LIST_OWNER(it, struct parcel, origin_node));
}

static void release(struct im *im, struct session *s)
{
	sm_free(im, s);
	names_clear(&s->directed);
	names_clear(&s->answered);
	free(s->app);
	free(s->client);
	free(s->presence);
	hold_free(s->held);
	free(s->queue);
	free(s);
}

void session_end(struct im *im, struct session *s)
{
	struct user *u = s->user;

	if (s->bits & SESSION_IS_ENDING)
		return;
	s->bits |= SESSION_IS_ENDING;
	user_pin(u);
	list_del(&s->node);
	u->n_sessions--;
	im_stats[STAT_SESSIONS]--;
	if (s->conn)
		map_del_u64(&im->sessions, s->conn);
	s->conn = 0;
	orphan_custody(s);
	if (im->item && im->item->session == s) {
		im->item->session = NULL;
		im->item->origin = ORIGIN_NONE;
	}
	presence_gone(im, s);
	undelivered_all(im, s);
	release(im, s);
	if (!u->n_sessions && u->state == USER_READY)
		iq_last_left(im, u);
	user_unpin(im, u);
}

/* ---- delivering ---- */

static void transmit(struct im *im, struct session *s, const struct envelope *e, bool tell)
{
	struct chan *c = session_chan(im, s);
	uint8_t flags = (uint8_t)((tell ? DELIVER_TELL : 0) | (item_is_urgent(e) ? DELIVER_URGENT : 0));

	if (!c)
		return;
	struct buf *b = chan_begin(c, MSG_DELIVER, 0);
	wire_put_u64(b, s->conn);
	wire_put_u8(b, flags);
	wire_put_bytes(b, e->stanza);
	if (chan_end(c))
		im_stats[STAT_QUEUE_FULL]++; /* the worker hangs: its streams are lost with it */
	im_stats[STAT_DELIVERED]++;
}

static int grow_queue(struct session *s)
{
	uint32_t cap = s->queue_cap ? s->queue_cap * 2 : 4;
	struct queued *q = malloc(cap * sizeof *q);

	if (!q)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < s->queue_n; i++)
		q[i] = s->queue[(s->queue_at + i) & (s->queue_cap - 1)];
	free(s->queue);
	s->queue = q;
	s->queue_at = 0;
	s->queue_cap = cap;
	return 0;
}

static bool enqueue(struct im *im, struct session *s, struct parcel *p, uint8_t flags)
{
	if (s->queue_n >= im->config.unacked_max || (s->queue_n == s->queue_cap && grow_queue(s))) {
		im_stats[STAT_QUEUE_FULL]++;
		return false;
	}
	s->queue[(s->queue_at + s->queue_n++) & (s->queue_cap - 1)] = (struct queued){ p, s->delivered + 1, flags };
	if (flags & QUEUED_POINT)
		parcel_point_add(p);
	else
		parcel_ref(p);
	return true;
}

bool session_send_parcel(struct im *im, struct session *s, struct parcel *p, uint8_t flags)
{
	idle_release(im, s);
	if ((s->sm || flags & QUEUED_POINT) && !enqueue(im, s, p, flags))
		return false;
	s->delivered++;
	transmit(im, s, &p->e, flags & QUEUED_POINT);
	return true;
}

bool session_send_item(struct im *im, struct session *s, struct item *it, uint8_t flags)
{
	bool waits = item_wants_safety(it) && item_must_survive(&it->e);

	if (!waits && idle_takes(im, s, &it->e)) {
		it->was_written = true; /* as far as anybody needs to know */
		return true;
	}
	if (!s->sm && !waits && !it->parcel) {
		s->delivered++;
		transmit(im, s, &it->e, false);
		it->was_written = true;
		return true;
	}
	struct parcel *p = item_parcel(im, it);
	/* With stream management a message is not done before the client has said so. */
	if (waits || (s->sm && item_must_survive(&it->e)))
		flags |= QUEUED_POINT;
	it->was_written |= !s->sm && !(flags & QUEUED_POINT);
	return p && session_send_parcel(im, s, p, flags);
}

void session_send_as(struct im *im, struct session *s, const struct envelope *e)
{
	if (!idle_takes(im, s, e))
		session_send_now(im, s, e);
}

void session_send_now(struct im *im, struct session *s, const struct envelope *e)
{
	if (s->sm) {
		struct parcel *p = parcel_of_stanza(im, e);
		if (!p || !enqueue(im, s, p, 0)) {
			parcel_unref(p);
			return;
		}
		parcel_unref(p);
	}
	s->delivered++;
	transmit(im, s, e, false);
}

void session_send(struct im *im, struct session *s, enum stanza_kind kind, struct bytes stanza)
{
	const struct envelope e = { .kind = (uint8_t)kind, .type = TYPE_RESULT, .facts = FACT_BODY, .stanza = stanza };

	session_send_as(im, s, &e);
}

void session_replay(struct im *im, struct session *s)
{
	s->stream_base = s->written = s->delivered - s->queue_n;
	for (uint32_t i = 0; i < s->queue_n; i++) {
		struct queued *q = &s->queue[(s->queue_at + i) & (s->queue_cap - 1)];
		transmit(im, s, &q->parcel->e, q->flags & QUEUED_POINT);
	}
}

void session_confirm(struct im *im, struct session *s, uint32_t seq)
{
	struct user *u = s->user;
	bool had_offline = false;

	while (s->queue_n) {
		struct queued q = s->queue[s->queue_at];
		if (!sm_reached(q.seq, seq))
			break;
		s->queue_at = (s->queue_at + 1) & (s->queue_cap - 1);
		s->queue_n--;
		had_offline |= (q.flags & QUEUED_OFFLINE) != 0;
		undelivered_confirmed(im, u, &q);
	}
	if (!s->queue_n && s->queue_cap) {
		free(s->queue);
		s->queue = NULL;
		s->queue_at = s->queue_cap = 0;
	}
	if (had_offline || u->has_offline_more)
		undelivered_next_page(im, u);
}

/* ---- from gh-access ---- */

static void lost(struct im *im, struct session *s)
{
	push_lost(im, s);
	if (!sm_detach(im, s))
		session_end(im, s);
}

int session_on_closed(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);
	uint8_t how = wire_u8(&w);
	struct session *s = session_of(im, conn);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	auth_forget(im, conn); /* it had logged in and no session yet */
	if (!s)
		return 0;
	if (how == SESSION_LOST) {
		lost(im, s);
		return 0;
	}
	/* Who closes its stream reads the other direction to the end (RFC 6120 4.4): what the kernel
	 * has taken has arrived, acknowledged or not. */
	session_confirm(im, s, s->written);
	session_end(im, s);
	return 0;
}

int session_on_written(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);

	(void)from;
	for (uint16_t n = wire_u16(&w); n && !wire_failed(&w); n--) {
		struct session *s = session_of(im, wire_u64(&w));
		uint32_t count = wire_u32(&w);
		if (!s)
			continue;
		s->written = s->stream_base + count;
		/* With stream management the client's own word counts. */
		if (!s->sm)
			session_confirm(im, s, s->written);
	}
	return wire_end(&w);
}

int session_on_csi(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct session *s = session_of(im, wire_u64(&w));
	bool is_active = wire_u8(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (s && is_active) {
		s->bits &= (uint16_t)~SESSION_IS_INACTIVE;
		idle_release(im, s);
	} else if (s) {
		s->bits |= SESSION_IS_INACTIVE;
	}
	return 0;
}

void sessions_door_down(struct im *im, const struct chan *door)
{
	uint64_t *conns = malloc((im->sessions.count + 1) * sizeof *conns);
	size_t n = 0, at = 0;

	if (!conns)
		die("im.door.down", "no memory");
	for (struct session *s; (s = map_next(&im->sessions, &at));)
		if (s->door_prog == chan_prog(door) && s->door == chan_instance(door))
			conns[n++] = s->conn;
	for (size_t i = 0; i < n; i++) { /* one end may bring about another */
		struct session *s = session_of(im, conns[i]);
		if (s)
			lost(im, s);
	}
	free(conns);
}

static void end_all(struct im *im, struct user *u)
{
	while (!list_is_empty(&u->sessions))
		session_kick(im, LIST_OWNER(u->sessions.next, struct session, node), stream_error_name(STREAM_HOST_GONE), "");
}

void sessions_check_domains(struct im *im)
{
	struct user **gone = malloc((im->users.count + 1) * sizeof *gone);
	size_t n = 0, at = 0;

	if (!gone) {
		im_stats[STAT_NO_MEMORY]++;
		return; /* they stay until they go by themselves */
	}
	for (struct user *u; (u = map_next(&im->users, &at));) {
		struct jid j = jid_of_normal(user_jid(u));
		if (u->n_sessions && !domain_of(im, jid_domain(&j)))
			gone[n++] = u;
	}
	for (size_t i = 0; i < n; i++)
		end_all(im, gone[i]);
	free(gone);
}

void sessions_fini(struct im *im)
{
	size_t at = 0;

	for (struct user *u; (u = map_next(&im->users, &at));) {
		LIST_EACH (it, &u->sessions) {
			struct session *s = LIST_OWNER(it, struct session, node);
			orphan_custody(s);
			for (; s->queue_n; s->queue_n--, s->queue_at++) {
				struct queued *q = &s->queue[s->queue_at & (s->queue_cap - 1)];
				parcel_orphan(q->parcel); /* it has not arrived: nobody hears that it had */
				if (q->flags & QUEUED_POINT)
					parcel_point_drop(im, q->parcel);
				else
					parcel_unref(q->parcel);
			}
			list_del(&s->node);
			release(im, s);
		}
		im_stats[STAT_SESSIONS] -= u->n_sessions;
		u->n_sessions = 0;
	}
	map_fini(&im->sessions);
}
