#include "presence/watch.h"

#include "domain.h"
#include "iq/iq.h"
#include "presence/authorise.h"
#include "presence/presence.h"

#include <stdlib.h>

struct watch {
	struct list node;         /* in im->watches, the oldest first */
	struct list user_node;    /* in the watchers of whom it watches */
	struct list session_node; /* in those of its session */
	struct user *user;
	struct session *session;
	uint64_t since_ms;
};

/* ---- the table ---- */

static void end(struct im *im, struct watch *w)
{
	struct user *u = w->user;

	list_del(&w->node);
	list_del(&w->user_node);
	list_del(&w->session_node);
	w->session->n_watches--;
	im_stats[STAT_WATCHES] = --im->watches.n;
	free(w);
	if (list_is_empty(&u->watchers))
		user_check_idle(im, u);
}

static struct watch *find(const struct session *s, const struct user *u)
{
	LIST_EACH (it, &s->watches) {
		struct watch *w = LIST_OWNER(it, struct watch, session_node);
		if (w->user == u)
			return w;
	}
	return NULL;
}

static void arm(struct im *im)
{
	if (list_is_empty(&im->watches.all))
		return;
	uint64_t ends = LIST_OWNER(im->watches.all.next, struct watch, node)->since_ms + im->config.watch_life_ms, now = loop_now(im->loop);
	/* Without a timer they go on until the next one begins. */
	(void)loop_timer_set(im->loop, &im->watches.timer, ends > now ? ends - now : 0);
}

static void on_timer(void *arg)
{
	struct im *im = arg;
	uint64_t now = loop_now(im->loop);

	LIST_EACH (it, &im->watches.all) {
		struct watch *w = LIST_OWNER(it, struct watch, node);
		if (w->since_ms + im->config.watch_life_ms > now)
			break;
		im_stats[STAT_WATCHES_EXPIRED]++;
		end(im, w);
	}
	arm(im);
}

static bool is_full(const struct im *im, const struct session *s)
{
	uint32_t max = im->config.watches_max;

	return s->n_watches >= WATCHES_SESSION_MAX || (max && im->watches.n >= max);
}

/* NULL without memory. */
static struct watch *add(struct im *im, struct session *s, struct user *u)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w) {
		im_stats[STAT_NO_MEMORY]++;
		return NULL;
	}
	w->user = u;
	w->session = s;
	list_add_tail(&u->watchers, &w->user_node);
	list_add_tail(&s->watches, &w->session_node);
	list_del(&u->idle_node);
	s->n_watches++;
	im_stats[STAT_WATCHES] = ++im->watches.n;
	im_stats[STAT_WATCHES_BEGUN]++;
	return w;
}

/* ---- who may ---- */

static bool may_watch(const struct im *im, const struct user *u, const struct session *s)
{
	return u->state == USER_READY && !user_blocks(u, session_full(s)) && authorise_of(im, u, session_bare(s)) == AUTHORISE_APPROVES;
}

bool watch_ask(struct im *im, const struct session *s, const struct item *it)
{
	struct jid to = jid_of_normal(it->e.to);

	if (!im->config.has_watches || !to.local_n || bytes_eq(jid_bare(&to), session_bare(s)))
		return false; /* servers probe, clients do not (RFC 6121 4.3) */
	if (domain_of(im, jid_domain(&to)))
		return true;
	item_refuse(im, it, STANZA_NOT_ALLOWED, "Only people here are seen without a subscription");
	return false;
}

/* Nobody learns whether there is such an account. */
static void refuse(struct im *im, const struct item *it, enum stanza_error why, const char *text)
{
	im_stats[STAT_WATCHES_REFUSED]++;
	item_refuse(im, it, why, text);
}

static void show(struct im *im, struct user *u, const struct session *s)
{
	bool is_there = false;

	LIST_EACH (it, &u->sessions)
		is_there |= session_is_available(LIST_OWNER(it, struct session, node));
	if (is_there && !user_blocks(u, session_full(s)))
		presence_show(im, u, session_full(s));
	else
		presence_post(im, TYPE_UNAVAILABLE, user_jid(u), session_full(s));
}

void watch_begin(struct im *im, struct user *u, struct item *it)
{
	struct session *s = it->session;
	struct watch *w = find(s, u);

	if (u->state == USER_READY && (user_blocks(u, session_full(s)) || iq_may_see(u, session_bare(s)))) {
		if (w)
			end(im, w);
		show(im, u, s); /* unavailable, or as a subscriber sees it anyway */
		return;
	}
	if (!may_watch(im, u, s)) {
		refuse(im, it, STANZA_FORBIDDEN, "You may not see the presence of this address");
		return;
	}
	if (!w && is_full(im, s)) {
		refuse(im, it, STANZA_RESOURCE_CONSTRAINT, "Too many temporary subscriptions");
		return;
	}
	if (!w && !(w = add(im, s, u))) {
		refuse(im, it, STANZA_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	list_del(&w->node);
	w->since_ms = loop_now(im->loop);
	list_add_tail(&im->watches.all, &w->node);
	if (!loop_timer_is_set(&im->watches.timer))
		arm(im);
	show(im, u, s);
}

bool watch_stop(struct im *im, struct session *s, struct bytes to)
{
	struct jid j = jid_of_normal(to);

	LIST_EACH (it, &s->watches) {
		struct watch *w = LIST_OWNER(it, struct watch, session_node);
		if (!bytes_eq(user_jid(w->user), jid_bare(&j)))
			continue;
		end(im, w);
		return true;
	}
	return false;
}

/* ---- as long as it goes ---- */

/* Who sees them by subscription now wants no second copy. */
static bool goes_on(struct im *im, struct watch *w)
{
	struct user *u = w->user;

	if (iq_may_see(u, session_bare(w->session)) && !user_blocks(u, session_full(w->session))) {
		end(im, w);
		return false;
	}
	if (may_watch(im, u, w->session))
		return true;
	presence_hide(im, u, session_full(w->session));
	end(im, w);
	return false;
}

struct session *watch_next(struct im *im, struct user *u, struct list **at)
{
	struct list *it = *at ? *at : u->watchers.next;

	while (it != &u->watchers) {
		struct watch *w = LIST_OWNER(it, struct watch, user_node);
		it = *at = it->next;
		struct session *s = w->session;
		if (goes_on(im, w))
			return s;
	}
	return NULL;
}

void watch_check(struct im *im, struct user *u)
{
	LIST_EACH (it, &u->watchers)
		(void)goes_on(im, LIST_OWNER(it, struct watch, user_node));
}

void watch_user_over(struct im *im, struct user *u)
{
	LIST_EACH (it, &u->watchers)
		end(im, LIST_OWNER(it, struct watch, user_node));
}

void watch_session_over(struct im *im, struct session *s)
{
	LIST_EACH (it, &s->watches)
		end(im, LIST_OWNER(it, struct watch, session_node));
}

/* ---- all ---- */

static void end_all(struct im *im, bool hides)
{
	LIST_EACH (it, &im->watches.all) {
		struct watch *w = LIST_OWNER(it, struct watch, node);
		if (hides)
			presence_hide(im, w->user, session_full(w->session));
		end(im, w);
	}
}

void watches_init(struct im *im)
{
	list_init(&im->watches.all);
	loop_timer_init(&im->watches.timer, on_timer, im);
}

void watches_apply(struct im *im)
{
	if (!im->config.has_watches)
		end_all(im, false);
	loop_timer_del(im->loop, &im->watches.timer);
	arm(im);
}

void watches_withdraw(struct im *im)
{
	end_all(im, true);
}

void watches_fini(struct im *im)
{
	end_all(im, false);
	loop_timer_del(im->loop, &im->watches.timer);
}
