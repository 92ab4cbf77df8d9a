#include "focus_impl.h"

#include "base/err.h"

#include <stdlib.h>

/* ---- leaving ---- */

/* A call that is not answered yet is cancelled; its session ends by itself. */
static void hang_up(struct focus *f)
{
	struct session *s = f->session;

	focus_watch_stop(f);
	f->session = NULL;
	if (!s)
		return;
	s->owner_arg = NULL;
	s->name = NULL;
	if (s->state == SESSION_INVITING)
		request_out_cancel(s->invite);
	else
		session_step(s, SESSION_END, NULL);
}

static void tell_gone(struct focus *f, unsigned status, const char *extra)
{
	focus_tell_presence(f, &(struct focus_change){ .nick = f->nick, .is_gone = true, .is_us = true, .status = status, .extra = extra });
}

static int leave(void *machine, void *event) /* MUC-X09 */
{
	(void)event;
	tell_gone(machine, 0, NULL);
	hang_up(machine);
	return 0;
}

static int dismissed(void *machine, void *event)
{
	(void)event;
	tell_gone(machine, 307, NULL); /* XEP-0045 9.1: SIP does not say why */
	return 0;
}

static int destroyed(void *machine, void *event)
{
	(void)event;
	tell_gone(machine, 0, "<destroy/>"); /* XEP-0045 10.9 */
	hang_up(machine);
	return 0;
}

static int lost(void *machine, void *event)
{
	(void)event;
	tell_gone(machine, 333, NULL); /* XEP-0045: technical problems */
	hang_up(machine);
	return 0;
}

static int fail(void *machine, void *event)
{
	focus_tell_join_error(machine, event);
	hang_up(machine);
	return 0;
}

static int fail_dismissed(void *machine, void *event)
{
	const struct stanza_fault f = { .error = STANZA_NOT_ALLOWED, .text = BYTES("the room ended the call") };

	(void)event;
	return fail(machine, (void *)(uintptr_t)&f);
}

static int fail_destroyed(void *machine, void *event)
{
	const struct stanza_fault f = { .error = STANZA_ITEM_NOT_FOUND, .text = BYTES("the room is no more") };

	(void)event;
	return fail(machine, (void *)(uintptr_t)&f);
}

/* ---- coming in (MUC-X02, MUC-X03) ---- */

static int name_us(void *machine, void *event)
{
	struct focus *f = machine;

	(void)event;
	if (f->session->msrp->has_nickname)
		(void)focus_name(f, bytes_of(f->nick), NULL); /* failed: there is no name to wait for, the list says the rest */
	return 0;
}

static int list_others(void *machine, void *event)
{
	struct focus *f = machine;

	(void)event;
	f->list_ms = loop_now(f->x->loop) + FOCUS_LIST_MS;
	focus_watch_begin(f);
	return 0;
}

static int show(void *machine, void *event)
{
	struct focus *f = machine;

	(void)event;
	f->list_ms = 0;
	log_info("room.joined", LOG_ID("session", f->session->key), LOG_STR("user", f->user), LOG_STR("room", f->room),
		 LOG_INT("occupants", (int64_t)f->n_occupants));
	focus_tell_room(f);
	return 0;
}

static const struct fsm_row rows[] = {
	/* state         event            action          next */
	{ FOCUS_CALLING, FOCUS_OPENED, name_us, FOCUS_NAMING },
	{ FOCUS_CALLING, FOCUS_LEAVE, leave, FOCUS_OVER },
	{ FOCUS_CALLING, FOCUS_DISMISSED, fail_dismissed, FOCUS_OVER },
	{ FOCUS_CALLING, FOCUS_LOST, fail, FOCUS_OVER }, /* MUC-X10 */
	{ FOCUS_NAMING, FOCUS_NAMED, list_others, FOCUS_LISTING },
	{ FOCUS_NAMING, FOCUS_CLASHED, fail, FOCUS_OVER }, /* MUC-X07 */
	{ FOCUS_NAMING, FOCUS_LEAVE, leave, FOCUS_OVER },
	{ FOCUS_NAMING, FOCUS_DISMISSED, fail_dismissed, FOCUS_OVER },
	{ FOCUS_NAMING, FOCUS_LOST, fail, FOCUS_OVER },
	{ FOCUS_LISTING, FOCUS_LISTED, show, FOCUS_INSIDE },
	{ FOCUS_LISTING, FOCUS_LEAVE, leave, FOCUS_OVER },
	{ FOCUS_LISTING, FOCUS_DISMISSED, fail_dismissed, FOCUS_OVER },
	{ FOCUS_LISTING, FOCUS_DESTROYED, fail_destroyed, FOCUS_OVER },
	{ FOCUS_LISTING, FOCUS_LOST, fail, FOCUS_OVER },
	{ FOCUS_INSIDE, FOCUS_LEAVE, leave, FOCUS_OVER },
	{ FOCUS_INSIDE, FOCUS_DISMISSED, dismissed, FOCUS_OVER },
	{ FOCUS_INSIDE, FOCUS_DESTROYED, destroyed, FOCUS_OVER },
	{ FOCUS_INSIDE, FOCUS_LOST, lost, FOCUS_OVER },
};

#define NAME(id, name) [id] = name,
static const char *const state_names[FOCUS_STATE_COUNT] = { FOCUS_STATES(NAME) };
static const char *const event_names[FOCUS_EVENT_COUNT] = { FOCUS_EVENTS(NAME) };
#undef NAME
const struct fsm focus_fsm = { "focus", rows, sizeof rows / sizeof rows[0], state_names, event_names };

/* ---- ending ---- */

static void focus_free(struct focus *f)
{
	struct foci *all = f->x->foci;

	focus_watch_end(f);
	while (!list_is_empty(&f->sent))
		focus_sent_free(f, LIST_OWNER(f->sent.next, struct focus_sent, node));
	focus_roster_free(f);
	if (f->key && map_get(&all->by_key, bytes_of(f->key)) == f)
		map_del(&all->by_key, bytes_of(f->key));
	if (list_is_linked(&f->node)) {
		list_del(&f->node);
		all->count--;
	}
	loop_timer_del(f->x->loop, &f->timer);
	dialog_fini(&f->watch);
	free(f->key);
	free(f->user);
	free(f->room);
	free(f->nick);
	free(f->join_sid);
	free(f->subject);
	free(f);
}

static void end(struct focus *f, enum focus_event e)
{
	log_info("room.left", LOG_STR("user", f->user), LOG_STR("room", f->room), LOG_STR("reason", event_names[e]));
	while (!list_is_empty(&f->sent))
		focus_sent_refuse(f, LIST_OWNER(f->sent.next, struct focus_sent, node), STANZA_RECIPIENT_UNAVAILABLE, "the room was left");
	focus_free(f);
}

void focus_step(struct focus *f, enum focus_event e, void *arg)
{
	if (fsm_step(&focus_fsm, &f->state, e, f, arg))
		return; /* what does not fit the state changes nothing */
	if (f->state == FOCUS_OVER)
		end(f, e);
	else if (f->state == FOCUS_NAMING && list_is_empty(&f->sent))
		focus_step(f, FOCUS_NAMED, NULL); /* without nicknames in the room the list says who we are */
	else
		focus_arm(f);
}

/* ---- the clock ---- */

void focus_arm(struct focus *f)
{
	uint64_t now = loop_now(f->x->loop), next = 0;

	session_sooner(&next, f->list_ms);
	session_sooner(&next, f->refresh_ms);
	if (!list_is_empty(&f->sent)) /* oldest first */
		session_sooner(&next, LIST_OWNER(f->sent.next, struct focus_sent, node)->due_ms);
	loop_timer_del(f->x->loop, &f->timer);
	if (next)
		(void)loop_timer_set(f->x->loop, &f->timer, next > now ? next - now : 0); /* the next event sets it */
}

static void on_timer(void *arg)
{
	struct focus *f = arg;
	uint64_t now = loop_now(f->x->loop);

	xlate_begin(f->x);
	if (f->refresh_ms && f->refresh_ms <= now)
		focus_watch_refresh(f);
	if (f->list_ms && f->list_ms <= now)
		focus_step(f, FOCUS_LISTED, NULL); /* he is inside all the same */
	focus_sent_expire(f, now);
}

/* ---- what the session says ---- */

/* The answer of a conference (RFC 4579 5.1), or of somebody who thinks he is one. */
static bool is_wanted(void *arg, const struct sipmsg *m)
{
	struct sip_address contact;
	struct bytes value;

	return arg && sipmsg_address(m, SIPH_CONTACT, 0, &contact) && sip_param(contact.params, "isfocus", &value);
}

static void opened(void *arg)
{
	if (arg)
		focus_step(arg, FOCUS_OPENED, NULL);
}

/* MUC-X10 where it says other than RFC 7247. */
static struct stanza_fault fault_of(struct focus *f, const struct outcome *why)
{
	if (!why->m)
		return error_of_failure(why->why);
	struct stanza_fault fault = error_of_status(why->status, why->reason, BYTES_NONE, &f->x->arena);
	if (why->status == 486)
		fault.error = STANZA_SERVICE_UNAVAILABLE;
	else if (why->status == 488)
		fault.error = STANZA_NOT_ACCEPTABLE;
	return fault;
}

static void over(void *arg, unsigned event, const struct outcome *why)
{
	struct focus *f = arg;
	struct stanza_fault fault = { .error = STANZA_REMOTE_SERVER_TIMEOUT, .text = BYTES("the connection to the room is lost") };

	if (!f)
		return;
	f->session = NULL;
	if (why)
		fault = fault_of(f, why);
	focus_step(f, event == SESSION_BYE ? FOCUS_DISMISSED : FOCUS_LOST, &fault);
}

static const struct session_owner owner = {
	.is_wanted = is_wanted, .opened = opened, .message = focus_on_text, .response = focus_on_response, .over = over,
};

/* ---- making and finding ---- */

static void put_key(struct buf *b, const struct jid *user, const struct jid *room)
{
	buf_init(b, 2 * JID_MAX_BYTES + 1);
	buf_put_bytes(b, user->full);
	buf_put_u8(b, '\n');
	buf_put_bytes(b, jid_bare(room));
}

struct focus *focus_of_pair(struct xlate *x, const struct jid *user, const struct jid *room)
{
	struct buf key;

	put_key(&key, user, room);
	struct focus *f = map_get(&x->foci->by_key, buf_bytes(&key));
	buf_fini(&key);
	return f;
}

size_t focus_count_of(struct xlate *x, const struct jid *user)
{
	size_t n = 0;

	LIST_EACH (it, &x->foci->all) {
		struct jid other = jid_of_normal(bytes_of(LIST_OWNER(it, struct focus, node)->user));
		n += jid_bare_eq(user, &other);
	}
	return n;
}

static bool fill(struct focus *f, const struct stanza_in *st)
{
	struct buf key;

	put_key(&key, &st->from, &st->to);
	bool is_whole = session_set(&f->key, buf_bytes(&key)) && session_set(&f->user, st->e.from) && session_set(&f->room, jid_bare(&st->to)) &&
	                session_set(&f->nick, jid_resource(&st->to)) && session_set(&f->join_sid, st->e.sid) &&
	                session_set(&f->subject, BYTES_NONE);
	buf_fini(&key);
	return is_whole;
}

static struct focus *focus_new(struct xlate *x, const struct stanza_in *st)
{
	struct foci *all = x->foci;
	struct focus *f = all->count < FOCI_MAX ? calloc(1, sizeof *f) : NULL;

	if (!f)
		return NULL;
	f->x = x;
	f->state = FOCUS_CALLING;
	list_init(&f->node);
	list_init(&f->occupants);
	list_init(&f->sent);
	dialog_init(&f->watch);
	loop_timer_init(&f->timer, on_timer, f);
	if (!fill(f, st) || map_add(&all->by_key, bytes_of(f->key), f)) {
		focus_free(f);
		return NULL;
	}
	list_add_tail(&all->all, &f->node);
	all->count++;
	return f;
}

static int call(struct focus *f)
{
	struct session *s = session_new(f->x, SESSION_MSRP, bytes_of(f->user), bytes_of(f->room), BYTES_NONE);

	if (!s)
		return ERR_FULL;
	s->owner = &owner;
	s->owner_arg = f;
	s->name = f->nick;
	s->idle_ms = 0;
	int rc = session_invite(s);
	if (rc)
		session_drop(s);
	else
		f->session = s;
	return rc;
}

int focus_join(struct xlate *x, struct stanza_in *st)
{
	struct focus *f = focus_new(x, st);
	int rc = f ? call(f) : ERR_FULL;

	if (rc && f)
		focus_free(f);
	return rc;
}

/* ---- the feature ---- */

static int init(struct xlate *x)
{
	struct foci *all = calloc(1, sizeof *all);

	if (!all)
		return ERR_NOMEM;
	list_init(&all->all);
	x->foci = all;
	return 0;
}

static void fini(struct xlate *x)
{
	struct foci *all = x->foci;

	if (!all)
		return;
	while (!list_is_empty(&all->all))
		focus_free(LIST_OWNER(all->all.next, struct focus, node));
	map_fini(&all->by_key);
	map_fini(&all->by_watch);
	free(all);
	x->foci = NULL;
}

static void show_counts(struct xlate *x, struct proc_ask *ask)
{
	size_t n_inside = 0;

	LIST_EACH (it, &x->foci->all)
		n_inside += LIST_OWNER(it, struct focus, node)->state == FOCUS_INSIDE;
	proc_record_begin(ask);
	proc_record_str(ask, "part", "rooms");
	proc_record_int(ask, "all", (int64_t)x->foci->count);
	proc_record_int(ask, "inside", (int64_t)n_inside);
	proc_record_end(ask);
}

const struct feature focus_feature = { .name = "rooms", .init = init, .fini = fini, .show = show_counts };
