#include "session_impl.h"

#include "base/err.h"
#include "base/fsm.h"

#include <stdlib.h>

/* ---- actions of the machine ---- */

static int queue(void *machine, void *event)
{
	struct session *s = machine;
	struct outgoing *o = event;

	if (s->n_queue >= SESSION_QUEUE_MAX) {
		outgoing_fail(o, STANZA_RESOURCE_CONSTRAINT, "too many messages wait for the other side");
		return 0;
	}
	list_add_tail(&s->queue, &o->node);
	s->n_queue++;
	return 0;
}

static int flush(void *machine, void *event)
{
	struct session *s = machine;

	(void)event;
	session_touch(s);
	session_flush(s);
	return 0;
}

static int open_media(void *machine, void *event)
{
	struct session *s = machine;

	if (s->msrp)
		msrp_joined(s);
	if (s->owner)
		s->owner->opened(s->owner_arg);
	return flush(machine, event);
}

static int queue_and_flush(void *machine, void *event)
{
	(void)queue(machine, event); /* refused ones have been told so */
	return flush(machine, NULL);
}

static struct outgoing *take(struct session *s)
{
	struct outgoing *o = s->sending;

	s->sending = NULL;
	if (o || list_is_empty(&s->queue))
		return o;
	o = LIST_OWNER(s->queue.next, struct outgoing, node);
	list_del(&o->node);
	s->n_queue--;
	return o;
}

static int confirm(void *machine, void *event)
{
	struct session *s = machine;
	const struct outcome *o = event;
	int rc = dialog_of_response(&s->dialog, o->m);

	session_ack(s);
	return rc == ERR_LIMIT ? rc : 0; /* without a Contact the target stays as it was */
}

static void tell_owner(struct session *s, enum session_event e, const struct outcome *why)
{
	const struct session_owner *owner = s->owner;

	s->owner = NULL;
	if (owner)
		owner->over(s->owner_arg, e, why);
}

/* The messages go to page mode (SES-02), or their senders hear why (MSG-X20). */
static int refuse(void *machine, void *event)
{
	struct session *s = machine;
	const struct outcome *why = event;
	struct jid remote = jid_of_normal(bytes_of(s->remote));
	bool is_page = s->kind == SESSION_MSRP &&
	               (why->status == 488 || why->status == 415 || why->status == 405 || why->status == 501);
	struct outgoing *o;

	session_leave(s);
	if (s->owner) {
		tell_owner(s, SESSION_REFUSED, why);
		return 0;
	}
	if (is_page)
		session_set_paged(s->x, &remote);
	while ((o = take(s)))
		if (is_page)
			outgoing_page(o);
		else
			outgoing_refuse(o, why);
	return 0;
}

/* What is not sent finds a new session (MSG-S24). */
static int leave(void *machine, void *event)
{
	struct session *s = machine;
	struct outgoing *o;

	(void)event;
	session_leave(s);
	request_out_drop(s->message);
	s->message = NULL;
	while ((o = take(s)))
		outgoing_again(o);
	return 0;
}

static int bye(void *machine, void *event)
{
	session_bye(machine, event);
	return leave(machine, NULL);
}

static int gone(void *machine, void *event)
{
	struct session *s = machine;

	if (!s->owner)
		session_tell_state(s, CHAT_GONE); /* CMP-04, SES-08 */
	return leave(machine, event);
}

static int bye_and_gone(void *machine, void *event)
{
	session_bye(machine, event);
	return gone(machine, NULL);
}

/* The dialog is gone (Lync), or its media: then the dialog must go too. */
static int lose(void *machine, void *event)
{
	struct session *s = machine;

	return s->kind == SESSION_MSRP ? bye_and_gone(s, event) : gone(s, event);
}

/* ---- its table ---- */

static const struct fsm_row rows[] = {
	/* state             event             action            next */
	{ SESSION_INVITING, SESSION_STANZA, queue, SESSION_INVITING },
	{ SESSION_INVITING, SESSION_ACCEPTED, confirm, SESSION_JOINING },
	{ SESSION_INVITING, SESSION_REFUSED, refuse, SESSION_OVER },
	{ SESSION_INVITING, SESSION_JOINED, NULL, SESSION_INVITING },
	{ SESSION_ANSWERED, SESSION_STANZA, queue, SESSION_ANSWERED },
	{ SESSION_ANSWERED, SESSION_ACKED, NULL, SESSION_JOINING },
	{ SESSION_ANSWERED, SESSION_JOINED, NULL, SESSION_ANSWERED }, /* ACK is still awaited */
	{ SESSION_ANSWERED, SESSION_BYE, gone, SESSION_OVER },
	{ SESSION_ANSWERED, SESSION_END, bye, SESSION_OVER },
	{ SESSION_ANSWERED, SESSION_LATE, bye_and_gone, SESSION_OVER }, /* RFC 3261 13.3.1.4 */
	{ SESSION_JOINING, SESSION_STANZA, queue, SESSION_JOINING },
	{ SESSION_JOINING, SESSION_JOINED, open_media, SESSION_OPEN },
	{ SESSION_JOINING, SESSION_BYE, gone, SESSION_OVER },
	{ SESSION_JOINING, SESSION_END, bye, SESSION_OVER },
	{ SESSION_JOINING, SESSION_LATE, bye, SESSION_OVER },
	{ SESSION_JOINING, SESSION_LOST, bye, SESSION_OVER },
	{ SESSION_OPEN, SESSION_STANZA, queue_and_flush, SESSION_OPEN },
	{ SESSION_OPEN, SESSION_ACKED, NULL, SESSION_OPEN }, /* of a re-INVITE */
	{ SESSION_OPEN, SESSION_BYE, gone, SESSION_OVER },
	{ SESSION_OPEN, SESSION_END, bye, SESSION_OVER },           /* CMP-03 */
	{ SESSION_OPEN, SESSION_LATE, bye_and_gone, SESSION_OVER }, /* SES-09, MSG-S24 */
	{ SESSION_OPEN, SESSION_LOST, lose, SESSION_OVER },
};

#define NAME(id, name) [id] = name,
static const char *const state_names[SESSION_STATE_COUNT] = { SESSION_STATES(NAME) };
static const char *const event_names[SESSION_EVENT_COUNT] = { SESSION_EVENTS(NAME) };
#undef NAME
const struct fsm session_fsm = { "session", rows, sizeof rows / sizeof rows[0], state_names, event_names };

/* ---- ending ---- */

static void unlink_maps(struct session *s)
{
	struct sessions *all = s->x->sessions;

	if (map_get_u64(&all->by_key, s->key) == s)
		map_del_u64(&all->by_key, s->key);
	if (s->dialog_key && map_get(&all->by_dialog, bytes_of(s->dialog_key)) == s)
		map_del(&all->by_dialog, bytes_of(s->dialog_key));
	session_leave(s);
}

void session_leave(struct session *s)
{
	struct sessions *all = s->x->sessions;

	if (s->pair_key && map_get(&all->by_pair, bytes_of(s->pair_key)) == s)
		map_del(&all->by_pair, bytes_of(s->pair_key));
}

static void session_free(struct session *s)
{
	struct outgoing *o;

	unlink_maps(s);
	msrp_close(s);
	request_out_drop(s->invite);
	request_out_drop(s->message);
	while ((o = take(s)))
		outgoing_free(o);
	loop_timer_del(s->x->loop, &s->timer);
	if (list_is_linked(&s->node)) {
		list_del(&s->node);
		s->x->sessions->count--;
	}
	dialog_fini(&s->dialog);
	free(s->dialog_key);
	free(s->pair_key);
	free(s->user);
	free(s->remote);
	free(s->thread);
	free(s->sdp);
	free(s);
}

void session_drop(struct session *s)
{
	session_free(s);
}

static void log_end(const struct session *s, enum session_event e)
{
	log_info("session.closed", LOG_ID("session", s->key), LOG_STR("user", s->user), LOG_STR("remote", s->remote),
		 LOG_STR("reason", event_names[e]));
}

/* ---- stepping ---- */

/* How long the state may last; an open session as long as there is traffic. */
static void set_late(struct session *s)
{
	uint64_t now = loop_now(s->x->loop);

	s->late_ms = s->state == SESSION_ANSWERED ? now + SESSION_ACK_MS : s->state == SESSION_JOINING ? now + SESSION_JOIN_MS : 0;
}

void session_begin_wait(struct session *s)
{
	set_late(s);
	session_arm(s);
}

void session_step(struct session *s, enum session_event e, void *arg)
{
	uint8_t before = s->state;

	if (fsm_step(&session_fsm, &s->state, e, s, arg))
		return; /* what does not fit the state changes nothing */
	if (s->state == SESSION_OVER) {
		log_end(s, e);
		tell_owner(s, e, NULL);
		session_free(s);
		return;
	}
	if (s->state != before)
		set_late(s);
	if (s->state == SESSION_JOINING && (s->kind == SESSION_LYNC || msrp_is_joined(s)))
		session_step(s, SESSION_JOINED, NULL); /* there is no media to wait for any more */
	else
		session_arm(s);
}

/* ---- the clock ---- */

void session_touch(struct session *s)
{
	int64_t idle_s = settings_int(s->x->settings, SET_GATEWAY_IDLE);

	s->idle_ms = s->owner ? 0 : loop_now(s->x->loop) + (uint64_t)idle_s * 1000; /* rooms are quiet at times */
}

void session_arm(struct session *s)
{
	uint64_t now = loop_now(s->x->loop), next = 0;

	session_sooner(&next, s->late_ms);
	session_sooner(&next, s->refresh_ms);
	session_sooner(&next, s->renew_ms);
	if (s->state == SESSION_OPEN) {
		session_sooner(&next, s->idle_ms);
		session_sooner(&next, session_typing_next(&s->to_sip));
		session_sooner(&next, session_typing_next(&s->to_xmpp));
		session_sooner(&next, msrp_next(s));
	}
	loop_timer_del(s->x->loop, &s->timer);
	if (next)
		(void)loop_timer_set(s->x->loop, &s->timer, next > now ? next - now : 0); /* the next event sets it */
}

static void on_timer(void *arg)
{
	struct session *s = arg;
	uint64_t now = loop_now(s->x->loop);
	bool is_typing;

	xlate_begin(s->x);
	msrp_sweep(s, now);
	if (session_typing_due(&s->to_sip, now, &is_typing))
		session_tell_typing(s, is_typing);
	if (session_typing_due(&s->to_xmpp, now, &is_typing))
		session_tell_state(s, is_typing ? CHAT_COMPOSING : CHAT_ACTIVE);
	if (s->renew_ms && s->renew_ms <= now)
		session_refresh_send(s);
	bool is_late = (s->late_ms && s->late_ms <= now) || (s->refresh_ms && s->refresh_ms <= now) ||
	               (s->state == SESSION_OPEN && s->idle_ms && s->idle_ms <= now);
	if (is_late)
		session_step(s, SESSION_LATE, NULL);
	else
		session_arm(s);
}

/* ---- making and finding ---- */

bool session_set(char **field, struct bytes v)
{
	char *text = malloc(v.n + 1);

	if (!text)
		return false;
	if (v.n)
		memcpy(text, v.p, v.n);
	text[v.n] = 0;
	free(*field);
	*field = text;
	return true;
}

static bool set_of(char **field, struct buf *b)
{
	bool is_set = !buf_failed(b) && session_set(field, buf_bytes(b));

	buf_fini(b);
	return is_set;
}

static void put_pair(struct buf *b, const struct jid *user, const struct jid *remote)
{
	buf_put_bytes(b, jid_bare(user));
	buf_put_u8(b, '\n');
	buf_put_bytes(b, jid_bare(remote));
}

struct session *session_new(struct xlate *x, enum session_kind kind, struct bytes user, struct bytes remote, struct bytes thread)
{
	struct sessions *all = x->sessions;
	struct session *s = all->count < SESSIONS_MAX ? calloc(1, sizeof *s) : NULL;
	struct jid user_jid = jid_of_normal(user), remote_jid = jid_of_normal(remote);
	struct buf pair;

	if (!s)
		return NULL;
	s->x = x;
	s->kind = kind;
	s->key = xlate_next_id(x);
	dialog_init(&s->dialog);
	list_init(&s->queue);
	list_init(&s->node);
	loop_timer_init(&s->timer, on_timer, s);
	session_touch(s);
	buf_init(&pair, 2 * 3072);
	put_pair(&pair, &user_jid, &remote_jid);
	bool is_whole = set_of(&s->pair_key, &pair) && session_set(&s->user, user) && session_set(&s->remote, remote) &&
	                session_set(&s->thread, thread);
	if (!is_whole || map_add_u64(&all->by_key, s->key, s)) {
		session_free(s);
		return NULL;
	}
	list_add_tail(&all->all, &s->node);
	all->count++;
	return s;
}

int session_enter(struct session *s)
{
	struct sessions *all = s->x->sessions;
	struct buf key;

	buf_init(&key, DIALOG_BYTES_MAX);
	dialog_key(&s->dialog, &key);
	if (!set_of(&s->dialog_key, &key))
		return ERR_NOMEM;
	int rc = map_add(&all->by_dialog, bytes_of(s->dialog_key), s);
	if (rc)
		return rc;
	if (s->owner)
		return 0; /* not where the messages of two users go */
	struct session *old = map_get(&all->by_pair, bytes_of(s->pair_key));
	if (old)
		session_leave(old); /* it ends by itself */
	return map_add(&all->by_pair, bytes_of(s->pair_key), s);
}

static struct session *find_by_dialog(struct xlate *x, const struct sipmsg *m, bool is_answer)
{
	struct buf key;

	buf_init(&key, DIALOG_BYTES_MAX);
	dialog_key_of(m, is_answer, &key);
	struct session *s = buf_failed(&key) ? NULL : map_get(&x->sessions->by_dialog, buf_bytes(&key));
	buf_fini(&key);
	return s;
}

struct session *session_of_request(struct xlate *x, const struct sipmsg *m)
{
	struct session *s = find_by_dialog(x, m, false);

	return s && dialog_has(&s->dialog, m) ? s : NULL;
}

struct session *session_of_answer(struct xlate *x, const struct sipmsg *m)
{
	struct session *s = find_by_dialog(x, m, true);

	return s && bytes_eq(dialog_get(&s->dialog, s->dialog.remote_tag), dialog_tag(m, SIPH_TO)) ? s : NULL;
}

struct session *session_of_pair(struct xlate *x, const struct jid *user, const struct jid *remote)
{
	struct buf key;

	buf_init(&key, 2 * 3072);
	put_pair(&key, user, remote);
	struct session *s = buf_failed(&key) ? NULL : map_get(&x->sessions->by_pair, buf_bytes(&key));
	buf_fini(&key);
	return s;
}

/* ---- peers that want page mode (SES-02) ---- */

struct paged {
	struct list node;
	uint64_t until_ms;
	size_t n;
	uint8_t jid[];
};

static void paged_free(struct sessions *all, struct paged *p)
{
	map_del(&all->paged, bytes_make(p->jid, p->n));
	list_del(&p->node);
	free(p);
}

bool session_is_paged(struct xlate *x, const struct jid *remote)
{
	struct paged *p = map_get(&x->sessions->paged, jid_bare(remote));

	if (p && p->until_ms <= loop_now(x->loop)) {
		paged_free(x->sessions, p);
		p = NULL;
	}
	return p != NULL;
}

void session_set_paged(struct xlate *x, const struct jid *remote)
{
	struct sessions *all = x->sessions;
	struct bytes bare = jid_bare(remote);
	struct paged *p = map_get(&all->paged, bare);

	if (p)
		paged_free(all, p);
	if (all->paged.count >= SESSION_PAGED_MAX)
		paged_free(all, LIST_OWNER(all->paged_order.next, struct paged, node));
	p = calloc(1, sizeof *p + bare.n);
	if (!p)
		return; /* the next message asks again */
	p->until_ms = loop_now(x->loop) + SESSION_PAGE_MS;
	p->n = bare.n;
	memcpy(p->jid, bare.p, bare.n);
	list_init(&p->node);
	if (map_add(&all->paged, bytes_make(p->jid, p->n), p)) {
		free(p);
		return;
	}
	list_add_tail(&all->paged_order, &p->node);
}

/* ---- the feature ---- */

static int init(struct xlate *x)
{
	struct sessions *all = calloc(1, sizeof *all);

	if (!all)
		return ERR_NOMEM;
	all->x = x;
	list_init(&all->all);
	list_init(&all->paged_order);
	list_init(&all->deliveries);
	x->sessions = all;
	return 0;
}

static void fini(struct xlate *x)
{
	struct sessions *all = x->sessions;

	if (!all)
		return;
	while (!list_is_empty(&all->all))
		session_free(LIST_OWNER(all->all.next, struct session, node));
	while (!list_is_empty(&all->paged_order))
		paged_free(all, LIST_OWNER(all->paged_order.next, struct paged, node));
	deliveries_fini(all);
	map_fini(&all->by_key);
	map_fini(&all->by_dialog);
	map_fini(&all->by_pair);
	map_fini(&all->paged);
	free(all);
	x->sessions = NULL;
}

static void show(struct xlate *x, struct proc_ask *ask)
{
	size_t n[SESSION_STATE_COUNT] = { 0 };

	LIST_EACH (it, &x->sessions->all)
		n[LIST_OWNER(it, struct session, node)->state]++;
	proc_record_begin(ask);
	proc_record_str(ask, "part", "sessions");
	proc_record_int(ask, "all", (int64_t)x->sessions->count);
	proc_record_int(ask, "open", (int64_t)n[SESSION_OPEN]);
	proc_record_int(ask, "page_mode_peers", (int64_t)x->sessions->paged.count);
	proc_record_end(ask);
}

const struct feature session_feature = { .name = "sessions", .init = init, .fini = fini, .down = session_down, .show = show };
