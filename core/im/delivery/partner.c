#include "delivery/partner.h"

#include "base/log.h"
#include "proto/xmpp.h"
#include "domain.h"
#include "presence/presence.h"
#include "delivery/remote.h"
#include "session.h"
#include "user.h"

#include <stdlib.h>

enum { PARTNERS_MAX = 20000, SWEEP_MS = 1000, ANSWER_MS = 60000, FORGET_MS = 24 * 3600 * 1000 };

struct partner {
	struct list node;
	uint64_t heard_ms, lost_ms;
	uint64_t asked_ms; /* 0: not since it was heard */
	bool is_lost;
	uint16_t n, ours_n;
	char name[]; /* its own, then the domain of ours that asks it */
};

static struct bytes name_of(const struct partner *p)
{
	return bytes_make(p->name, p->n);
}

static struct bytes ours_of(const struct partner *p)
{
	return bytes_make(p->name + p->n, p->ours_n);
}

static struct bytes domain_in(struct bytes full)
{
	struct jid j = jid_of_normal(full);

	return jid_domain(&j);
}

/* ---- the people of a partner ---- */

/* For each person here who is signed in, and each of their contacts at the partner. */
static void each_contact(struct im *im, const struct partner *p,
                         bool (*fn)(struct im *im, struct user *u, struct contact *c, void *arg), void *arg)
{
	size_t at = 0;

	for (struct user *u; (u = map_next(&im->users, &at));) {
		for (uint32_t i = 0; u->n_sessions && i < u->n_contacts; i++) {
			struct contact *c = u->contacts[i];
			if (c->bits & CONTACT_TO && bytes_eq(domain_in(contact_jid(c)), name_of(p)) && !fn(im, u, c, arg))
				return;
		}
	}
}

static bool withdraw(struct im *im, struct user *u, struct contact *c, void *n)
{
	if (!c->is_seen)
		return true;
	c->is_seen = false;
	++*(unsigned *)n;
	presence_post(im, TYPE_UNAVAILABLE, contact_jid(c), user_jid(u));
	return true;
}

static bool ask_again(struct im *im, struct user *u, struct contact *c, void *arg)
{
	(void)arg;
	presence_post(im, TYPE_PROBE, user_jid(u), contact_jid(c));
	return true;
}

static bool note_seen(struct im *im, struct user *u, struct contact *c, void *any)
{
	(void)im;
	(void)u;
	*(bool *)any |= c->is_seen;
	return !c->is_seen;
}

/* Are its people seen here; or was it lost lately, so that they may come back? */
static bool is_wanted(struct im *im, const struct partner *p)
{
	bool any = p->is_lost && p->lost_ms + FORGET_MS > loop_now(im->loop);

	if (!p->is_lost)
		each_contact(im, p, note_seen, &any);
	return any;
}

/* ---- lost and found ---- */

static void lose(struct im *im, struct partner *p, const char *why)
{
	unsigned n = 0;

	if (p->is_lost)
		return;
	p->is_lost = true;
	p->lost_ms = p->asked_ms = loop_now(im->loop);
	each_contact(im, p, withdraw, &n);
	im_stats[STAT_GHOSTS] += n;
	log_info("im.partner.lost", LOG_BYTES("domain", name_of(p)), LOG_STR("reason", why), LOG_INT("withdrawn", n));
}

static void find_again(struct im *im, struct partner *p)
{
	p->is_lost = false;
	log_info("im.partner.back", LOG_BYTES("domain", name_of(p)));
	each_contact(im, p, ask_again, NULL);
}

/* Any server answers this, if only with an error (XEP-0199 4.5). */
static void ask(struct im *im, struct partner *p)
{
	struct envelope e = { .door = DOOR_CORE, .kind = STANZA_IQ, .type = TYPE_GET, .from = ours_of(p), .to = name_of(p),
			      .sid = BYTES("alive") };

	p->asked_ms = loop_now(im->loop);
	buf_clear(&im->out);
	buf_put_str(&im->out, "<iq type='get' id='alive'");
	xml_write_attr(&im->out, "from", e.from);
	xml_write_attr(&im->out, "to", e.to);
	buf_put_str(&im->out, "><ping xmlns='" NS_PING "'/></iq>");
	e.stanza = buf_bytes(&im->out);
	remote_post(im, &e);
}

/* ---- time ---- */

static void drop(struct im *im, struct partner *p)
{
	map_del(&im->partners, name_of(p));
	list_del(&p->node);
	free(p);
}

static void check(struct im *im, struct partner *p, uint64_t now, uint64_t silence)
{
	uint64_t answer = silence < ANSWER_MS ? silence : ANSWER_MS;
	uint64_t since = p->asked_ms ? p->asked_ms : p->heard_ms;

	if (p->asked_ms && !p->is_lost && since + answer <= now)
		lose(im, p, "no-answer");
	else if (since + silence > now)
		return;
	else if (is_wanted(im, p))
		ask(im, p);
	else
		drop(im, p);
}

static void arm(struct im *im)
{
	if (!list_is_empty(&im->partner_order) && !loop_timer_is_set(&im->partner_timer))
		(void)loop_timer_set(im->loop, &im->partner_timer, SWEEP_MS); /* the next one seen sets it */
}

static void on_sweep(void *arg)
{
	struct im *im = arg;
	uint64_t now = loop_now(im->loop), silence = im->config.partner_silence_s * 1000ull;

	LIST_EACH (it, &im->partner_order)
		if (silence)
			check(im, LIST_OWNER(it, struct partner, node), now, silence);
	arm(im);
}

/* ---- from outside ---- */

static bool says(const struct envelope *e, const char *condition)
{
	return memmem(e->stanza.p, e->stanza.n, condition, strlen(condition)) != NULL;
}

bool partner_is_bounce(const struct envelope *e)
{
	if (e->type != TYPE_ERROR)
		return false;
	/* gh-s2s could not reach it; or gh-switch may no longer let us. */
	return says(e, "<remote-server-") || (e->door == DOOR_CORE && says(e, "<not-allowed"));
}

void partner_heard(struct im *im, const struct envelope *e)
{
	struct partner *p = im->partners.count ? map_get(&im->partners, domain_in(e->from)) : NULL;

	if (!p)
		return;
	if (partner_is_bounce(e)) {
		lose(im, p, "unreachable");
		return;
	}
	if (e->door != DOOR_S2S)
		return; /* gh-switch has something else to say, about us */
	p->heard_ms = loop_now(im->loop);
	p->asked_ms = 0;
	if (p->is_lost)
		find_again(im, p);
}

static void add(struct im *im, struct bytes name, struct bytes ours)
{
	struct partner *p = im->partners.count < PARTNERS_MAX ? calloc(1, sizeof *p + name.n + ours.n) : NULL;

	if (!p)
		return; /* its ghosts stay */
	p->n = (uint16_t)name.n;
	p->ours_n = (uint16_t)ours.n;
	memcpy(p->name, name.p, name.n);
	memcpy(p->name + name.n, ours.p, ours.n);
	p->heard_ms = loop_now(im->loop);
	if (map_add(&im->partners, name_of(p), p)) {
		free(p);
		return;
	}
	list_add_tail(&im->partner_order, &p->node);
	arm(im);
}

void partner_seen(struct im *im, struct user *u, const struct envelope *presence)
{
	struct jid from = jid_of_normal(presence->from);
	struct contact *c = user_contact(u, jid_bare(&from));

	if (!c || !(c->bits & CONTACT_TO) || domain_of(im, jid_domain(&from)))
		return;
	if (presence->type == TYPE_AVAILABLE)
		c->is_seen = true;
	else if (presence->type == TYPE_UNAVAILABLE && !from.resource_n)
		c->is_seen = false;
	if (c->is_seen && !map_get(&im->partners, jid_domain(&from)))
		add(im, jid_domain(&from), domain_in(user_jid(u)));
}

void partners_init(struct im *im)
{
	list_init(&im->partner_order);
	loop_timer_init(&im->partner_timer, on_sweep, im);
}

void partners_fini(struct im *im)
{
	loop_timer_del(im->loop, &im->partner_timer);
	LIST_EACH (it, &im->partner_order)
		drop(im, LIST_OWNER(it, struct partner, node));
	map_fini(&im->partners);
}
