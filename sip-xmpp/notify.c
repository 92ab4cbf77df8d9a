/* What a SIP watcher is told of an XMPP user (RFC 8048 6.1): NOTIFY with the whole state each time. */
#include "presence.h"

#include "base/err.h"

#include <stdlib.h>

enum { RATE_MS = 5000 /* PRE-X13 */, AGAIN_MS = 10000, TRIES_MAX = 3 };

/* ---- what is known of the XMPP user ---- */

static bool resource_at(const struct pair *c, unsigned i, struct pres *out)
{
	return pres_decode(text_bytes(c->resources[i]), out) == 0;
}

bool pair_is_online(const struct pair *c)
{
	struct pres p;

	for (unsigned i = 0; i < c->n_resources; i++)
		if (resource_at(c, i, &p) && p.is_open)
			return true;
	return false;
}

static void forget_one(struct pair *c, unsigned i)
{
	text_drop(&c->p->texts, c->resources[i]);
	memmove(&c->resources[i], &c->resources[i + 1], (--c->n_resources - i) * sizeof c->resources[0]);
}

void pair_clear_resources(struct pair *c)
{
	while (c->n_resources)
		forget_one(c, 0);
}

static bool is_all_told(const struct pair *c)
{
	LIST_EACH (it, &c->notifiers) {
		const struct notifier *n = LIST_OWNER(it, struct notifier, node);
		if (n->is_due || loop_timer_is_set(&n->rate))
			return false;
	}
	return true;
}

/* Who has gone is told as closed once (PRE-X02); then only who is there is told. */
static void forget_gone(struct pair *c, struct bytes but)
{
	struct pres p;

	for (unsigned i = 0; i < c->n_resources;) {
		if (resource_at(c, i, &p) && (p.is_open || bytes_eq(p.resource, but)))
			i++;
		else
			forget_one(c, i);
	}
}

static void add(struct pair *c, const struct pres *now)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	pres_encode(&b, now);
	struct text *t = buf_failed(&b) || c->n_resources == PRESENCE_RESOURCES_MAX ? NULL : text_hold(&c->p->texts, buf_bytes(&b));
	buf_fini(&b);
	if (t)
		c->resources[c->n_resources++] = t;
}

/* The server says that nobody is there at all (RFC 6121 4.3.2): all are closed now. */
static bool close_all(struct pair *c)
{
	struct pres p;
	bool any = false;

	for (unsigned i = c->n_resources; i--;) {
		if (!resource_at(c, i, &p) || !p.is_open)
			continue;
		struct pres gone = { .resource = p.resource, .priority = PRES_NO_PRIORITY };
		add(c, &gone);
		forget_one(c, i);
		any = true;
	}
	return any;
}

bool pair_set_resource(struct pair *c, const struct pres *now)
{
	struct pres was;
	bool is_there = false;

	if (is_all_told(c))
		forget_gone(c, now->resource);
	if (!now->resource.n && !now->is_open)
		return close_all(c);
	for (unsigned i = 0; i < c->n_resources && !is_there; i++) {
		if (!resource_at(c, i, &was) || !bytes_eq(was.resource, now->resource))
			continue;
		if (pres_equal(&was, now))
			return false;
		forget_one(c, i);
		is_there = true;
	}
	if (!is_there && !now->is_open)
		return false;
	add(c, now);
	return true;
}

/* ---- the document ---- */

enum body { BODY_NONE, BODY_STATE, BODY_CLOSED };

/* PRE-X11, PRE-X12; a document in which nobody is there has one tuple. */
static size_t gather(const struct pair *c, enum body what, struct pres *out)
{
	static const struct pres nobody = { .priority = PRES_NO_PRIORITY };
	bool any_open = what == BODY_STATE && pair_is_online(c);
	size_t n = 0;

	for (unsigned i = 0; i < c->n_resources && any_open; i++)
		n += resource_at(c, i, &out[n]);
	if (n)
		return n;
	if (!c->n_resources || !resource_at(c, c->n_resources - 1u, &out[0])) {
		out[0] = nobody;
		return 1;
	}
	if (what == BODY_CLOSED) /* SUB-S04, S06: no more than that */
		out[0] = (struct pres){ .resource = out[0].resource, .priority = PRES_NO_PRIORITY };
	return 1;
}

static void put_body(const struct notifier *n, struct sipmsg *m, enum body what)
{
	const struct pair *c = n->pair;
	struct pres list[PRESENCE_RESOURCES_MAX + 1];
	struct buf b, uri, entity;

	buf_init(&b, 1 << 18);
	buf_init(&uri, 2048);
	buf_init(&entity, 2048);
	size_t count = gather(c, what, list);
	buf_put_str(&entity, "pres");
	if (presence_put_uri(&uri, pair_xmpp(c))) {
		buf_put_bytes(&entity, bytes_skip(buf_bytes(&uri), 3)); /* "sip" */
		pidf_write(&b, &(struct pidf_of){ buf_bytes(&entity), buf_bytes(&uri), list, count });
		sipmsg_set_body(m, PIDF_CONTENT_TYPE, buf_bytes(&b));
		if (list[count - 1].lang.n) /* PRE-X05 */
			sipmsg_append(m, SIPH_CONTENT_LANGUAGE, list[count - 1].lang);
	}
	buf_fini(&b);
	buf_fini(&uri);
	buf_fini(&entity);
}

static enum body body_of(const struct notifier *n)
{
	if (n->state == N_ACTIVE)
		return n->pair->is_known ? BODY_STATE : BODY_NONE; /* SUB-S02, SUB-S05 */
	if (n->state != N_ENDING)
		return BODY_NONE;
	if (n->is_look)
		return n->pair->is_known ? BODY_STATE : BODY_NONE; /* SUB-P02 */
	return n->was_active ? BODY_CLOSED : BODY_NONE;
}

/* ---- the request ---- */

static void put_state(const struct notifier *n, struct sipmsg *m)
{
	uint64_t now = presence_now(n->pair->p);
	struct buf b;

	buf_init(&b, 256);
	if (n->state == N_ENDING)
		buf_putf(&b, "terminated;reason=%s", n->reason);
	else
		buf_putf(&b, "%s;expires=%llu", n->state == N_ACTIVE ? "active" : "pending",
			 n->expires_at_ms > now ? (unsigned long long)(n->expires_at_ms - now) / 1000 : 0);
	sipmsg_append(m, SIPH_SUBSCRIPTION_STATE, buf_bytes(&b));
	buf_fini(&b);
}

/* A client of ours comes back through its own door, by the domain. */
bool notify_put_contact(const struct notifier *n, struct buf *b)
{
	if (n->flags & UNIT_CLIENT)
		return presence_put_uri(b, pair_xmpp(n->pair));
	return presence_put_contact(n->pair->p, b, pair_xmpp(n->pair), n->flags & UNIT_TLS);
}

static struct sipmsg *make_notify(struct notifier *n, enum body what)
{
	struct sipmsg *m = NULL;
	struct buf contact;

	buf_init(&contact, 2048);
	if (notify_put_contact(n, &contact))
		m = dialog_request(&n->dialog, "NOTIFY", buf_bytes(&contact));
	buf_fini(&contact);
	if (!m)
		return NULL;
	sipmsg_append(m, SIPH_EVENT, bytes_of(n->event ? n->event : "presence"));
	put_state(n, m);
	if (what != BODY_NONE)
		put_body(n, m, what);
	return m;
}

/* RFC 6665 4.2.2: these mean that nobody is subscribed any more (SUB-S14). */
static bool is_gone(const struct outcome *o)
{
	switch (o->status) {
	case 404: case 405: case 410: case 416: case 480: case 481: case 482: case 483: case 484: case 485: case 489:
	case 501: case 604:
		return !o->why;
	case 408:
		return true;
	default:
		return false;
	}
}

static void on_rate(void *arg)
{
	struct notifier *n = arg;

	xlate_begin(n->pair->p->x);
	if (n->tries >= TRIES_MAX)
		notifier_step(n, E_GONE);
	else
		notify_send(n);
}

/* It did not leave, or the other side is not well: tried again. */
static void again(struct notifier *n)
{
	n->is_due = true;
	(void)loop_timer_set(n->pair->p->x->loop, &n->rate, AGAIN_MS); /* no memory: the next change sends it */
}

static void failed(struct notifier *n)
{
	if (++n->tries >= TRIES_MAX || n->state == N_ENDING)
		notifier_step(n, E_GONE);
	else
		again(n);
}

static void on_outcome(void *arg, const struct outcome *o)
{
	struct notifier *n = arg;

	n->out = NULL;
	if (n->is_last_sent || is_gone(o)) {
		notifier_step(n, E_GONE);
	} else if (o->status >= 300 || o->why) {
		failed(n);
	} else {
		n->tries = 0;
		if (n->is_due && !loop_timer_is_set(&n->rate))
			notify_send(n);
	}
}

void notify_send(struct notifier *n)
{
	struct presence *p = n->pair->p;

	if (n->out) {
		n->is_due = true;
		return;
	}
	enum body what = body_of(n);
	struct sipmsg *m = make_notify(n, what);
	struct request_to to = { .m = m, .trace = xlate_next_id(p->x), .peer = jid_domain_of(pair_sip(n->pair)),
				 .flow = n->flow, .flags = n->flags };
	int rc = m ? request_out_send(p->x, &to, on_outcome, n, &n->out) : ERR_NOMEM;

	sipmsg_free(m);
	loop_timer_del(p->x->loop, &n->rate);
	n->is_due = false;
	if (rc) { /* the door is not there: it comes back */
		n->tries += n->state == N_ENDING;
		again(n);
		return;
	}
	presence_stats[PSTAT_NOTIFIED_OUT]++;
	n->is_last_sent = n->state == N_ENDING;
	if (what == BODY_STATE)
		n->told_ms = presence_now(p);
	if (n->dialog.local_cseq % 512 == 0)
		pair_save(n->pair); /* so that a restart can go on above it */
}

void notify_change(struct notifier *n)
{
	struct presence *p = n->pair->p;
	uint64_t now = presence_now(p);

	if (n->told_ms && now < n->told_ms + RATE_MS) {
		presence_stats[PSTAT_NOTIFIED_HELD]++;
		n->is_due = true;
		if (!loop_timer_is_set(&n->rate))
			(void)loop_timer_set(p->x->loop, &n->rate, n->told_ms + RATE_MS - now); /* the next change sets it */
		return;
	}
	notify_send(n);
}

void notify_init(struct notifier *n)
{
	loop_timer_init(&n->rate, on_rate, n);
}
