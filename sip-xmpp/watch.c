/* An XMPP user watches a SIP user (RFC 8048 5.2): the subscriber of RFC 6665 as a table. */
#include "presence.h"

#include "base/err.h"
#include "base/fsm.h"
#include "base/random.h"

#include <stdlib.h>

enum {
	EXPIRES_S = 3600,         /* SUB-X01 */
	EXPIRES_MAX_S = 604800,   /* an answer or Min-Expires beyond this is a mistake */
	REFRESH_MIN_MS = 5000,
	AGAIN_SOON_MS = 5000,     /* SUB-X12: two resources, one refresh */
	GRACE_MS = 60000,         /* SUB-X14 */
	LINGER_MS = 32000,        /* SUB-X15: 64*T1 */
	CHECK_MS = 10000,         /* SUB-P04 */
	HEARD_MS = 60000,
	BACK_OFF_S = 30, BACK_OFF_MAX_S = 3600, /* SUB-X11 */
	INTERVALS_MAX = 3,        /* 423 in a row */
};

/* ---- one watch ---- */

static void on_timer(void *arg)
{
	struct watch *w = arg;

	xlate_begin(w->pair->p->x);
	watch_step(w, V_TIMER, NULL);
}

static void on_grace(void *arg)
{
	struct watch *w = arg;

	xlate_begin(w->pair->p->x);
	watch_step(w, V_OFFLINE, NULL);
}

struct watch *watch_new(struct pair *c)
{
	struct presence *p = c->p;
	const char *full = presence_take(p, pair_xmpp(c), jid_domain_of(pair_sip(c)));

	if (full) {
		presence_flooded(p, pair_xmpp(c), full);
		return NULL;
	}
	struct watch *w = calloc(1, sizeof *w);
	if (!w) {
		presence_give(p, pair_xmpp(c), jid_domain_of(pair_sip(c)));
		return NULL;
	}
	w->pair = c;
	w->is_wanted = true;
	w->next_event = WATCH_EVENT_COUNT;
	dialog_init(&w->dialog);
	loop_timer_init(&w->timer, on_timer, w);
	loop_timer_init(&w->offline, on_grace, w);
	c->watch = w;
	return w;
}

static void drop_dialog(struct watch *w)
{
	if (!dialog_is_begun(&w->dialog))
		return;
	map_del_u64(&w->pair->p->watches, tag_number(dialog_get(&w->dialog, w->dialog.local_tag)));
	dialog_fini(&w->dialog);
	dialog_init(&w->dialog);
}

static void drop_request(struct watch *w)
{
	request_out_drop(w->out);
	w->out = NULL;
}

void watch_free(struct watch *w)
{
	struct pair *c = w->pair;
	struct presence *p = c->p;

	drop_request(w);
	drop_dialog(w);
	loop_timer_del(p->x->loop, &w->timer);
	loop_timer_del(p->x->loop, &w->offline);
	watch_forget(w);
	free(w->sid);
	free(w->prober);
	free(w);
	c->watch = NULL;
	presence_give(p, pair_xmpp(c), jid_domain_of(pair_sip(c)));
	pair_save(c);
	pair_settle(c);
}

void watch_set_online(struct watch *w, bool is_online)
{
	struct loop *l = w->pair->p->x->loop;

	if (is_online)
		loop_timer_del(l, &w->offline);
	else
		(void)loop_timer_set(l, &w->offline, GRACE_MS); /* without memory the refreshes go on: no harm */
}

static void set_timer(struct watch *w, uint64_t ms)
{
	(void)loop_timer_set(w->pair->p->x->loop, &w->timer, ms); /* without memory: the next event acts */
}

static void stop_timer(struct watch *w)
{
	loop_timer_del(w->pair->p->x->loop, &w->timer);
}

/* ---- what is sent ---- */

static enum watch_event event_of_status(const struct outcome *o, uint32_t min_s)
{
	if (o->status >= 200 && o->status < 300 && !o->why)
		return V_OK;
	switch (o->status) {
	case 423:
		return min_s && min_s <= EXPIRES_MAX_S ? V_BRIEF : V_FAILED;
	case 481:
		return V_LOST;
	case 404:
	case 410:
	case 604:
		return o->why ? V_FAILED : V_ABSENT; /* SUB-X10; a 404 that the door made up is a missing route (X11) */
	case 403:
	case 489:
	case 603: /* SUB-X07; and what will be the same at the next try */
	case 405:
	case 406:
	case 416:
	case 420:
	case 501:
	case 505:
	case 606:
		return V_REFUSED;
	default:
		return V_FAILED;
	}
}

static void on_outcome(void *arg, const struct outcome *o)
{
	struct watch *w = arg;
	struct watch_news news = { .m = o->m, .status = o->status };

	w->out = NULL;
	if (o->m) {
		news.is_retry_said = sipmsg_number(o->m, SIPH_RETRY_AFTER, &news.retry_s);
		(void)sipmsg_number(o->m, SIPH_MIN_EXPIRES, &news.min_s); /* absent: 0 */
	}
	enum watch_event e = event_of_status(o, news.min_s);
	watch_step(w, e == V_OK && w->prober ? V_LOOKED : e, &news);
}

/* Sends m, which is taken over. */
static int send_request(struct watch *w, struct sipmsg *m, request_out_fn fn, void *arg, struct request_out **out)
{
	struct presence *p = w->pair->p;
	struct request_to to = { .m = m, .trace = xlate_next_id(p->x), .peer = jid_domain_of(pair_sip(w->pair)) };
	int rc = m ? request_out_send(p->x, &to, fn, arg, out) : ERR_NOMEM;

	sipmsg_free(m);
	return rc;
}

static bool is_tls_peer(const struct watch *w)
{
	struct xlate *x = w->pair->p->x;

	return settings_enum_at(x->settings, SET_SIP_PEER_TLS, xlate_peer_key(x, jid_domain_of(pair_sip(w->pair)))) == 0;
}

static struct sipmsg *make_subscribe(struct watch *w, struct dialog *d, uint32_t expires_s)
{
	struct presence *p = w->pair->p;
	struct sipmsg *m = NULL;
	struct buf b;

	buf_init(&b, 4096);
	if (presence_put_contact(p, &b, pair_xmpp(w->pair), is_tls_peer(w)))
		m = dialog_request(d, "SUBSCRIBE", buf_bytes(&b));
	buf_clear(&b);
	buf_putf(&b, "%u", expires_s);
	if (m) {
		sipmsg_append(m, SIPH_EVENT, BYTES("presence"));
		sipmsg_append(m, SIPH_ACCEPT, BYTES(PIDF_CONTENT_TYPE));
		sipmsg_append(m, SIPH_EXPIRES, buf_bytes(&b));
	}
	buf_fini(&b);
	return m;
}

static void subscribe(struct watch *w, uint32_t expires_s)
{
	drop_request(w);
	w->asked_ms = presence_now(w->pair->p);
	stop_timer(w);
	if (send_request(w, make_subscribe(w, &w->dialog, expires_s), on_outcome, w, &w->out))
		w->next_event = V_FAILED;
}

/* A new dialog (SUB-X01). */
static int begin_dialog(struct watch *w)
{
	struct presence *p = w->pair->p;
	struct buf local, remote;
	int rc = ERR_SYNTAX;

	drop_dialog(w);
	buf_init(&local, 2048);
	buf_init(&remote, 2048);
	if (presence_put_uri(&local, pair_xmpp(w->pair)) && presence_put_uri(&remote, pair_sip(w->pair)))
		rc = dialog_begin(&w->dialog, buf_bytes(&local), buf_bytes(&remote), BYTES_NONE, NULL);
	if (!rc)
		rc = map_add_u64(&p->watches, tag_number(dialog_get(&w->dialog, w->dialog.local_tag)), w);
	if (rc) {
		dialog_fini(&w->dialog);
		dialog_init(&w->dialog);
	}
	buf_fini(&local);
	buf_fini(&remote);
	return rc;
}

static void on_fork_ended(void *arg, const struct outcome *o)
{
	(void)arg;
	(void)o; /* another NOTIFY in it is answered the same way */
}

void watch_end_fork(struct watch *w, const struct sipmsg *notify)
{
	const struct dialog *d = &w->dialog;
	char tag[DIALOG_TAG_BYTES] = "";
	struct dialog other;

	memcpy(tag, dialog_get(d, d->local_tag).p, sizeof tag - 1);
	dialog_init(&other);
	int rc = dialog_begin(&other, dialog_get(d, d->local_uri), dialog_get(d, d->remote_uri), dialog_get(d, d->call_id), tag);
	other.local_cseq = d->local_cseq;
	if (!rc)
		rc = dialog_of_first_notify(&other, notify);
	if (!rc)
		(void)send_request(w, make_subscribe(w, &other, 0), on_fork_ended, NULL, NULL); /* it runs out by itself else */
	dialog_fini(&other);
}

static void tell(struct watch *w, enum stanza_type type)
{
	if (w->pair->is_line)
		return; /* nobody has asked for it */
	presence_tell_plain(w->pair->p, type, pair_sip(w->pair), pair_xmpp(w->pair));
}

/* ---- actions ---- */

static int act_ask(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	presence_stats[PSTAT_WATCHES_ASKED]++;
	w->is_held_off = false;
	if (begin_dialog(w))
		w->next_event = V_FAILED;
	else
		subscribe(w, w->prober ? 0 : w->wanted_s ? w->wanted_s : EXPIRES_S);
	pair_save(w->pair);
	return 0;
}

/* She asks (again): what is known of her permission is asked anew, and told once more (SUB-X03). */
static int act_want(void *machine, void *arg)
{
	struct watch *w = machine;

	w->is_wanted = true;
	w->is_authorised = w->is_told = false;
	w->intervals = 0;
	free(w->prober);
	w->prober = NULL;
	return act_ask(w, arg);
}

static int act_rewant(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	w->is_wanted = true;
	w->is_authorised = false;
	subscribe(w, w->wanted_s ? w->wanted_s : EXPIRES_S);
	return 0;
}

/* Under way already. */
static int act_keep_asking(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	w->is_wanted = true;
	return 0;
}

static int act_refresh(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	presence_stats[PSTAT_WATCHES_REFRESHED]++;
	subscribe(w, w->wanted_s ? w->wanted_s : EXPIRES_S);
	return 0;
}

static int act_online_ask(void *machine, void *arg)
{
	struct watch *w = machine;

	w->online_ms = presence_now(w->pair->p);
	return act_ask(w, arg);
}

static int act_online(void *machine, void *arg)
{
	struct watch *w = machine;

	uint64_t now = presence_now(w->pair->p);

	if (w->online_ms && now < w->online_ms + AGAIN_SOON_MS)
		return ERR_AGAIN;
	w->online_ms = now;
	return act_refresh(w, arg);
}

/* While the other side is not well: she who comes online may ask sooner, not whoever was told when. */
static int act_online_waiting(void *machine, void *arg)
{
	struct watch *w = machine;
	bool is_soon = presence_now(w->pair->p) < w->asked_ms + BACK_OFF_S * 1000;

	return is_soon || w->is_held_off ? ERR_AGAIN : act_ask(w, arg);
}

static int act_longer(struct watch *w, const struct watch_news *news)
{
	if (++w->intervals > INTERVALS_MAX) {
		w->next_event = V_FAILED;
		return 1;
	}
	w->wanted_s = news->min_s;
	return 0;
}

static int act_ask_longer(void *machine, void *arg)
{
	struct watch *w = machine;

	return act_longer(w, arg) ? 0 : act_ask(w, arg);
}

static int act_refresh_longer(void *machine, void *arg)
{
	struct watch *w = machine;

	return act_longer(w, arg) ? 0 : act_refresh(w, arg);
}

/* SUB-X13 */
static uint64_t refresh_ms(uint32_t expires_s)
{
	uint64_t ms = (uint64_t)expires_s * 1000, early = ms / 10 > 32000 ? ms / 10 : 32000;

	ms = expires_s < 64 ? ms / 2 : ms - early;
	return ms < REFRESH_MIN_MS ? REFRESH_MIN_MS : ms;
}

void watch_shorten(struct watch *w, uint32_t expires_s)
{
	uint64_t now = presence_now(w->pair->p), at = now + (uint64_t)expires_s * 1000;

	if (at + 1000 >= w->expires_at_ms || (w->state != W_HELD && w->state != W_REFRESHING && w->state != W_CHECKING))
		return;
	w->expires_at_ms = at;
	w->expires_s = expires_s;
	if (w->state == W_HELD)
		set_timer(w, refresh_ms(expires_s));
}

static int act_hold(void *machine, void *arg)
{
	struct watch *w = machine;
	const struct watch_news *news = arg;
	uint32_t asked = w->wanted_s ? w->wanted_s : EXPIRES_S, got = asked;

	/* COMPAT: a 2xx without Contact is against RFC 6665 3.1.1; the target stays. */
	(void)(dialog_is_confirmed(&w->dialog) ? dialog_set_target(&w->dialog, news->m) : dialog_of_response(&w->dialog, news->m));
	(void)sipmsg_number(news->m, SIPH_EXPIRES, &got); /* RFC 6665 demands it; else it is what was asked for */
	w->expires_s = got > EXPIRES_MAX_S ? EXPIRES_MAX_S : got;
	w->expires_at_ms = presence_now(w->pair->p) + (uint64_t)w->expires_s * 1000;
	w->failures = w->intervals = 0;
	set_timer(w, refresh_ms(w->expires_s));
	pair_save(w->pair);
	return 0;
}

/* A look (SUB-P01) has one NOTIFY. */
static int act_looked(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	set_timer(w, LINGER_MS);
	return 0;
}

static int act_leave(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	subscribe(w, 0);
	watch_forget(w); /* who comes back is told all of it */
	w->is_told = false;
	pair_save(w->pair);
	return 0;
}

static int act_unwant(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	w->is_wanted = false;
	pair_save(w->pair);
	return 0;
}

static int act_unwant_leave(void *machine, void *arg)
{
	(void)act_unwant(machine, arg);
	return act_leave(machine, arg);
}

/* The 2xx for Expires: 0 (SUB-X15). */
static int act_left(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	set_timer(w, LINGER_MS);
	if (!w->is_wanted)
		tell(w, TYPE_UNSUBSCRIBED);
	return 0;
}

/* No dialog any more. */
static int act_rest(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	drop_request(w);
	drop_dialog(w);
	stop_timer(w);
	w->is_over = !w->is_wanted || w->prober;
	if (!w->is_over)
		pair_save(w->pair);
	return 0;
}

/* Its answer is not worth waiting for. */
static int act_end_leaving(void *machine, void *arg)
{
	struct watch *w = machine;

	if (!w->is_wanted)
		tell(w, TYPE_UNSUBSCRIBED);
	return act_rest(w, arg);
}

/* SUB-X16 and whatever ends her wish where nothing has to be said in SIP. */
static int act_forget(void *machine, void *arg)
{
	struct watch *w = machine;

	w->is_wanted = false;
	tell(w, TYPE_UNSUBSCRIBED);
	return act_rest(w, arg);
}

/* While a look's answer stays away she is told that he is not there. */
static void end_look(struct watch *w)
{
	if (w->prober && !w->is_told)
		presence_tell_plain(w->pair->p, TYPE_UNAVAILABLE, pair_sip(w->pair), bytes_of(w->prober));
}

/* SUB-X07, SUB-X17: permission is gone. */
static int act_refused(void *machine, void *arg)
{
	struct watch *w = machine;

	presence_stats[PSTAT_WATCHES_ENDED]++;
	end_look(w);
	watch_tell_gone(w);
	if (!w->prober)
		tell(w, TYPE_UNSUBSCRIBED);
	w->is_wanted = false;
	return act_rest(w, arg);
}

/* SUB-X10, first half. */
static void tell_absent(struct watch *w, unsigned status)
{
	struct presence *p = w->pair->p;
	struct stanza_fault f = { .error = status == 410 ? STANZA_GONE : STANZA_ITEM_NOT_FOUND };
	struct buf b;

	buf_init(&b, 8192);
	if (error_write(&b, STANZA_PRESENCE, TYPE_SUBSCRIBE, bytes_of(w->sid), pair_sip(w->pair), pair_xmpp(w->pair), &f))
		stanza_out_post(p->x, &(struct stanza_to){ .kind = STANZA_PRESENCE, .type = TYPE_ERROR, .trace = xlate_next_id(p->x),
			.from = pair_sip(w->pair), .to = pair_xmpp(w->pair), .sid = bytes_of(w->sid), .stanza = buf_bytes(&b) });
	buf_fini(&b);
}

static int act_absent(void *machine, void *arg)
{
	struct watch *w = machine;
	const struct watch_news *news = arg;

	if (w->prober || w->is_authorised || !news || w->pair->is_line)
		return act_refused(w, arg);
	presence_stats[PSTAT_WATCHES_ENDED]++;
	tell_absent(w, news->status);
	w->is_wanted = false;
	return act_rest(w, arg);
}

/* SUB-X11, SUB-X19: 30 s doubling to an hour, with a fifth of jitter, or when the other side says. */
static uint64_t back_off_ms(struct watch *w, const struct watch_news *news)
{
	uint64_t s = BACK_OFF_S;

	w->is_held_off = news && news->is_retry_said;
	if (w->is_held_off)
		return (uint64_t)(news->retry_s < 1 ? 1 : news->retry_s > 86400 ? 86400 : news->retry_s) * 1000;
	for (unsigned i = 0; i < w->failures && s < BACK_OFF_MAX_S; i++)
		s *= 2;
	if (s > BACK_OFF_MAX_S)
		s = BACK_OFF_MAX_S;
	w->failures += w->failures < 250;
	return s * 800 + random_below((uint32_t)s * 400);
}

static int act_wait(void *machine, void *arg)
{
	struct watch *w = machine;

	presence_stats[PSTAT_WATCHES_FAILED]++;
	end_look(w);
	watch_tell_gone(w);
	(void)act_rest(w, arg);
	if (!w->is_over)
		set_timer(w, back_off_ms(w, arg));
	return 0;
}

static int act_check(void *machine, void *arg)
{
	struct watch *w = machine;
	struct presence *p = w->pair->p;
	struct holder *h = w->pair->xmpp_holder;
	uint64_t now = presence_now(p);

	(void)arg;
	if (w->pair->is_line || (h->heard_ms && now < h->heard_ms + HEARD_MS)) {
		w->next_event = V_HEARD;
		return 0;
	}
	if (!h->asked_ms || now >= h->asked_ms + CHECK_MS / 2) { /* one probe for all that she watches */
		h->asked_ms = now;
		presence_tell_plain(p, TYPE_PROBE, jid_domain_of(pair_sip(w->pair)), pair_xmpp(w->pair));
	}
	set_timer(w, CHECK_MS);
	return 0;
}

/* No answer: no refresh (SUB-P04), but asked again as long as there is time. */
static int act_check_again(void *machine, void *arg)
{
	struct watch *w = machine;

	if (presence_now(w->pair->p) + CHECK_MS / 2 < w->expires_at_ms)
		return act_check(w, arg);
	w->next_event = V_OFFLINE;
	return 0;
}

static int act_freeze(void *machine, void *arg)
{
	struct watch *w = machine;

	(void)arg;
	drop_request(w);
	drop_dialog(w);
	stop_timer(w);
	pair_save(w->pair);
	return 0;
}

/* ---- the table ---- */

static const struct fsm_row rows[] = {
	/* state         event           action              next */
	{ W_IDLE,        V_SUBSCRIBE,    act_want,           W_ASKING },     /* SUB-X01 */
	{ W_IDLE,        V_ONLINE,       act_online_ask,     W_ASKING },     /* SUB-X12; SUB-P01 */
	{ W_IDLE,        V_UNSUBSCRIBE,  act_forget,         W_IDLE },       /* SUB-X16 */

	{ W_ASKING,      V_SUBSCRIBE,    act_want,           W_ASKING },
	{ W_ASKING,      V_UNSUBSCRIBE,  act_unwant,         W_UNASKING },
	{ W_ASKING,      V_OK,           act_hold,           W_HELD },
	{ W_ASKING,      V_LOOKED,       act_looked,         W_LINGERING },  /* SUB-P01 */
	{ W_ASKING,      V_BRIEF,        act_ask_longer,     W_ASKING },     /* SUB-X08 */
	{ W_ASKING,      V_LOST,         act_wait,           W_WAITING },
	{ W_ASKING,      V_REFUSED,      act_refused,        W_IDLE },       /* SUB-X07 */
	{ W_ASKING,      V_ABSENT,       act_absent,         W_IDLE },       /* SUB-X10 */
	{ W_ASKING,      V_FAILED,       act_wait,           W_WAITING },    /* SUB-X11 */
	{ W_ASKING,      V_END_REFUSED,  act_refused,        W_IDLE },       /* SUB-X17 */
	{ W_ASKING,      V_END_ABSENT,   act_absent,         W_IDLE },
	{ W_ASKING,      V_END_AGAIN,    act_wait,           W_WAITING },    /* before its 2xx: not at once, for ever */
	{ W_ASKING,      V_END_LATER,    act_wait,           W_WAITING },
	{ W_ASKING,      V_END_FROZEN,   act_freeze,         W_FROZEN },

	{ W_UNASKING,    V_SUBSCRIBE,    act_keep_asking,    W_ASKING },
	{ W_UNASKING,    V_OK,           act_leave,          W_LEAVING },
	{ W_UNASKING,    V_BRIEF,        act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_LOST,         act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_REFUSED,      act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_ABSENT,       act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_FAILED,       act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_END_REFUSED,  act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_END_ABSENT,   act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_END_AGAIN,    act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_END_LATER,    act_end_leaving,    W_IDLE },
	{ W_UNASKING,    V_END_FROZEN,   act_end_leaving,    W_IDLE },

	{ W_HELD,        V_SUBSCRIBE,    act_rewant,         W_REFRESHING },
	{ W_HELD,        V_ONLINE,       act_online,         W_REFRESHING }, /* SUB-X12 */
	{ W_HELD,        V_OFFLINE,      act_leave,          W_LEAVING },    /* SUB-X14 */
	{ W_HELD,        V_UNSUBSCRIBE,  act_unwant_leave,   W_LEAVING },    /* SUB-X15 */
	{ W_HELD,        V_TIMER,        act_check,          W_CHECKING },   /* SUB-X13, SUB-P04 */
	{ W_HELD,        V_END_REFUSED,  act_refused,        W_IDLE },       /* SUB-X17 */
	{ W_HELD,        V_END_ABSENT,   act_refused,        W_IDLE },       /* SUB-X20 */
	{ W_HELD,        V_END_AGAIN,    act_ask,            W_ASKING },     /* SUB-X18 */
	{ W_HELD,        V_END_LATER,    act_wait,           W_WAITING },    /* SUB-X19 */
	{ W_HELD,        V_END_FROZEN,   act_freeze,         W_FROZEN },     /* SUB-X21 */

	{ W_CHECKING,    V_HEARD,        act_refresh,        W_REFRESHING },
	{ W_CHECKING,    V_TIMER,        act_check_again,    W_CHECKING },
	{ W_CHECKING,    V_OFFLINE,      act_rest,           W_IDLE },
	{ W_CHECKING,    V_SUBSCRIBE,    act_rewant,         W_REFRESHING },
	{ W_CHECKING,    V_ONLINE,       act_refresh,        W_REFRESHING },
	{ W_CHECKING,    V_UNSUBSCRIBE,  act_unwant_leave,   W_LEAVING },
	{ W_CHECKING,    V_END_REFUSED,  act_refused,        W_IDLE },
	{ W_CHECKING,    V_END_ABSENT,   act_refused,        W_IDLE },
	{ W_CHECKING,    V_END_AGAIN,    act_ask,            W_ASKING },
	{ W_CHECKING,    V_END_LATER,    act_wait,           W_WAITING },
	{ W_CHECKING,    V_END_FROZEN,   act_freeze,         W_FROZEN },

	{ W_REFRESHING,  V_SUBSCRIBE,    act_rewant,         W_REFRESHING },
	{ W_REFRESHING,  V_OFFLINE,      act_leave,          W_LEAVING },
	{ W_REFRESHING,  V_UNSUBSCRIBE,  act_unwant_leave,   W_LEAVING },
	{ W_REFRESHING,  V_OK,           act_hold,           W_HELD },
	{ W_REFRESHING,  V_BRIEF,        act_refresh_longer, W_REFRESHING }, /* SUB-X08 */
	{ W_REFRESHING,  V_LOST,         act_ask,            W_ASKING },     /* SUB-X09 */
	{ W_REFRESHING,  V_REFUSED,      act_refused,        W_IDLE },       /* SUB-X07 */
	{ W_REFRESHING,  V_ABSENT,       act_refused,        W_IDLE },       /* SUB-X10 */
	{ W_REFRESHING,  V_FAILED,       act_wait,           W_WAITING },    /* SUB-X11 */
	{ W_REFRESHING,  V_END_REFUSED,  act_refused,        W_IDLE },
	{ W_REFRESHING,  V_END_ABSENT,   act_refused,        W_IDLE },
	{ W_REFRESHING,  V_END_AGAIN,    act_ask,            W_ASKING },
	{ W_REFRESHING,  V_END_LATER,    act_wait,           W_WAITING },
	{ W_REFRESHING,  V_END_FROZEN,   act_freeze,         W_FROZEN },

	{ W_WAITING,     V_TIMER,        act_ask,            W_ASKING },     /* SUB-X11, X19 */
	{ W_WAITING,     V_ONLINE,       act_online_waiting, W_ASKING },
	{ W_WAITING,     V_OFFLINE,      act_rest,           W_IDLE },
	{ W_WAITING,     V_SUBSCRIBE,    act_want,           W_ASKING },
	{ W_WAITING,     V_UNSUBSCRIBE,  act_forget,         W_IDLE },       /* SUB-X16 */

	{ W_LEAVING,     V_OK,           act_left,           W_LINGERING },
	{ W_LEAVING,     V_BRIEF,        act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_LOST,         act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_REFUSED,      act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_ABSENT,       act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_FAILED,       act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_END_REFUSED,  act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_END_ABSENT,   act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_END_AGAIN,    act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_END_LATER,    act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_END_FROZEN,   act_end_leaving,    W_IDLE },
	{ W_LEAVING,     V_SUBSCRIBE,    act_want,           W_ASKING },
	{ W_LEAVING,     V_ONLINE,       act_ask,            W_ASKING },
	{ W_LEAVING,     V_UNSUBSCRIBE,  act_unwant,         W_LEAVING },

	{ W_LINGERING,   V_TIMER,        act_rest,           W_IDLE },       /* BUG-03 */
	{ W_LINGERING,   V_END_REFUSED,  act_rest,           W_IDLE },
	{ W_LINGERING,   V_END_ABSENT,   act_rest,           W_IDLE },
	{ W_LINGERING,   V_END_AGAIN,    act_rest,           W_IDLE },
	{ W_LINGERING,   V_END_LATER,    act_rest,           W_IDLE },
	{ W_LINGERING,   V_END_FROZEN,   act_rest,           W_IDLE },
	{ W_LINGERING,   V_SUBSCRIBE,    act_want,           W_ASKING },
	{ W_LINGERING,   V_ONLINE,       act_ask,            W_ASKING },
	{ W_LINGERING,   V_UNSUBSCRIBE,  act_forget,         W_IDLE },

	{ W_FROZEN,      V_SUBSCRIBE,    act_want,           W_ASKING },
	{ W_FROZEN,      V_UNSUBSCRIBE,  act_forget,         W_IDLE },
};

#define NAME(id, name) name,
static const char *const state_names[] = { WATCH_STATES(NAME) };
static const char *const event_names[] = { WATCH_EVENTS(NAME) };
#undef NAME
const struct fsm watch_fsm = { "watch", rows, sizeof rows / sizeof rows[0], state_names, event_names };

const char *watch_state_name(uint8_t state)
{
	return state_names[state];
}

void watch_step(struct watch *w, enum watch_event e, const struct watch_news *news)
{
	struct watch_news none = { 0 };

	while (e != WATCH_EVENT_COUNT) {
		/* What is in no row changes nothing: an answer that comes too late, a NOTIFY that says nothing new. */
		(void)fsm_step(&watch_fsm, &w->state, (uint8_t)e, w, (void *)(uintptr_t)(news ? news : &none));
		e = w->next_event;
		w->next_event = WATCH_EVENT_COUNT;
		if (w->is_over) {
			watch_free(w);
			return;
		}
	}
}

void watch_restore(struct watch *w, uint8_t state)
{
	struct presence *p = w->pair->p;
	uint64_t now = presence_now(p), due = random_below(PRESENCE_SPREAD_MS);

	if (dialog_is_begun(&w->dialog) && map_add_u64(&p->watches, tag_number(dialog_get(&w->dialog, w->dialog.local_tag)), w))
		drop_dialog(w);
	bool has_dialog = dialog_is_confirmed(&w->dialog) && w->expires_at_ms > now;
	w->is_told = w->is_authorised && state != W_IDLE;
	if (state == W_FROZEN || state == W_IDLE) {
		w->state = state;
		return;
	}
	w->state = has_dialog ? W_HELD : W_WAITING;
	if (!has_dialog) {
		drop_dialog(w);
		set_timer(w, due);
		return;
	}
	uint64_t early = refresh_ms(w->expires_s), start = w->expires_at_ms - (uint64_t)w->expires_s * 1000;
	set_timer(w, start + early > now + due ? start + early - now : due);
}
