#include "push/push.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "session.h"

#define ID "push-"
#define NS_SUMMARY "urn:xmpp:push:summary"

enum { ID_BYTES = 32 };

/* ---- whether ---- */

/* Words, and what wants to be kept besides: encrypted ones, calls (XEP-0353). Not copies, nor receipts, nor a room's history. */
static bool is_worth_it(const struct envelope *e)
{
	if (e->kind != STANZA_MESSAGE || e->type > TYPE_GROUPCHAT || e->facts & (FACT_CARBON | FACT_NO_STORE))
		return false;
	if (e->type == TYPE_GROUPCHAT && e->facts & FACT_DELAYED)
		return false;
	if (e->facts & FACT_BODY)
		return true;
	return e->type != TYPE_GROUPCHAT && e->facts & FACT_STORE && e->facts & FACT_PAYLOAD && !(e->facts & (FACT_RECEIPT | FACT_MARKER));
}
_Static_assert(TYPE_NORMAL == 0 && TYPE_CHAT == 1 && TYPE_GROUPCHAT == 2, "types that are told");

static bool shows(const struct session *s, const char *show)
{
	return s->presence && memmem(s->presence, s->presence_n, show, strlen(show));
}

/* Somebody looks at it, as far as one can know. */
static bool is_watched(const struct session *s)
{
	return s->conn && session_is_available(s) && !(s->bits & (SESSION_IS_INACTIVE | SESSION_IS_PHONE | SESSION_IS_ENDING)) &&
	       !shows(s, "<show>away</show>") && !shows(s, "<show>xa</show>");
}

static bool is_user_watched(const struct user *u, const struct session *but)
{
	LIST_EACH (it, &u->sessions) {
		const struct session *s = LIST_OWNER(it, struct session, node);
		if (s != but && is_watched(s))
			return true;
	}
	return false;
}

/* ---- what ---- */

static void put_field(struct buf *b, const char *name, struct bytes value)
{
	buf_putf(b, "<field var='%s'><value>", name);
	text_xml_escape(value, b);
	buf_put_str(b, "</value></field>");
}

static void put_summary(struct buf *b, const struct push *p, enum push_content content)
{
	char count[16];

	(void)snprintf(count, sizeof count, "%u", p->waiting);
	buf_put_str(b, "<x xmlns='" NS_DATA "' type='form'><field var='FORM_TYPE' type='hidden'><value>" NS_SUMMARY "</value></field>");
	put_field(b, "message-count", bytes_of(count));
	if (content >= PUSH_SENDER)
		put_field(b, "last-message-sender", buf_bytes(&p->sender));
	if (content >= PUSH_BODY && buf_len(&p->body))
		put_field(b, "last-message-body", buf_bytes(&p->body));
	buf_put_str(b, "</x>");
}

/* XEP-0357 7 */
static void put_request(struct buf *b, const struct push *p, const struct push_app *a, const char *id, enum push_content content)
{
	buf_put_str(b, "<iq type='set'");
	xml_write_attr(b, "id", bytes_of(id));
	xml_write_attr(b, "from", user_jid(p->user));
	xml_write_attr(b, "to", a->jid);
	buf_put_str(b, "><pubsub xmlns='" NS_PUBSUB "'><publish");
	if (a->node.n)
		xml_write_attr(b, "node", a->node);
	buf_put_str(b, "><item><notification xmlns='" NS_PUSH "'>");
	put_summary(b, p, content);
	buf_put_str(b, "</notification></item></publish>");
	if (a->options.n) {
		buf_put_str(b, "<publish-options>");
		buf_put_bytes(b, a->options);
		buf_put_str(b, "</publish-options>");
	}
	buf_put_str(b, "</pubsub></iq>");
}

static void id_of(const struct push_app *a, char out[static ID_BYTES])
{
	(void)snprintf(out, ID_BYTES, ID "%llx", (unsigned long long)a->asked);
}

static void notify_one(struct im *im, struct push *p, struct push_app *a)
{
	enum push_content content;
	struct item it = { .e = { .door = DOOR_CORE, .kind = STANZA_IQ, .type = TYPE_SET, .from = user_jid(p->user), .to = a->jid } };
	char id[ID_BYTES];

	if (!push_allows(im, a->jid, &content))
		return; /* not now; the row may come back */
	a->asked = im_next_id(im);
	id_of(a, id);
	buf_clear(&im->out);
	put_request(&im->out, p, a, id, content);
	it.e.sid = bytes_of(id);
	it.e.trace = im_next_id(im);
	it.e.stanza = buf_bytes(&im->out);
	buf_clear(&im->out2);
	envelope_encode(&im->out2, &it.e);
	it.body = buf_failed(&im->out) || buf_failed(&im->out2) ? BYTES_NONE : arena_dup(&im->arena, buf_bytes(&im->out2));
	if (!it.body.n || envelope_decode(it.body, &it.e)) {
		im_stats[STAT_NO_MEMORY]++;
		return;
	}
	im_stats[STAT_PUSH_SENT]++;
	item_route(im, &it);
}

static void notify(struct im *im, struct push *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		notify_one(im, p, p->apps[i]);
	p->waiting = 0;
	if (!loop_timer_set(im->loop, &p->timer, PUSH_PAUSE_MS)) /* without memory: no pause */
		user_pin(p->user);
}

void push_on_pause_end(void *arg)
{
	struct push *p = arg;
	struct im *im = p->im;
	struct user *u = p->user;

	if (p->waiting && p->n && !is_user_watched(u, NULL))
		notify(im, p);
	p->waiting = 0;
	if (!im->item)
		arena_reset(&im->arena);
	user_unpin(im, u);
}

/* ---- when ---- */

/* Only where it is told. */
static void keep_words(struct im *im, struct push *p, const struct envelope *e)
{
	struct xml_node *n;
	bool is_wanted = false;
	enum push_content content;

	for (uint32_t i = 0; i < p->n; i++)
		is_wanted |= push_allows(im, p->apps[i]->jid, &content) && content == PUSH_BODY;
	buf_clear(&p->body);
	if (!is_wanted || !(e->facts & FACT_BODY) || xml_pool_parse(im->parsers, e->stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return;
	const struct xml_node *body = xml_child(n, "body", NS_CLIENT);
	buf_put_bytes(&p->body, text_cut(xml_text(body ? body : xml_child(n, "body", NS_SERVER)), PUSH_BODY_MAX));
}

static void count(struct im *im, struct push *p, const struct envelope *e)
{
	p->waiting++;
	buf_clear(&p->sender);
	buf_put_bytes(&p->sender, e->from);
	keep_words(im, p, e);
}

static void notify_soon(struct im *im, struct push *p)
{
	if (!loop_timer_is_set(&p->timer))
		notify(im, p);
}

static bool is_own(const struct user *u, const struct envelope *e)
{
	struct jid from = jid_of_normal(e->from);

	return bytes_eq(jid_bare(&from), user_jid(u));
}

void push_message(struct im *im, struct user *u, const struct envelope *e)
{
	if (!u->push || !u->push->n || !is_worth_it(e) || is_own(u, e) || is_user_watched(u, NULL))
		return;
	count(im, u->push, e);
	notify_soon(im, u->push);
}

void push_lost(struct im *im, struct session *s)
{
	struct push *p = s->user->push;

	/* What came to a sleeping client was told when it came. */
	if (!p || !p->n || !is_watched(s) || is_user_watched(s->user, s))
		return;
	for (uint32_t i = 0; i < s->queue_n; i++) {
		const struct envelope *e = &s->queue[(s->queue_at + i) & (s->queue_cap - 1)].parcel->e;
		if (is_worth_it(e) && !is_own(s->user, e))
			count(im, p, e);
	}
	if (p->waiting)
		notify_soon(im, p);
}

/* ---- what app servers say ---- */

/* Is it the way to the app server that failed, or the app server that has to wait? */
static bool is_passing(struct im *im, const struct envelope *e)
{
	struct xml_node *n;

	if (xml_pool_parse(im->parsers, e->stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return true;
	const struct xml_node *error = xml_child(n, "error", NS_CLIENT);
	if (!error)
		error = xml_child(n, "error", NS_SERVER);
	return !error || bytes_eq_str(xml_attr(error, "type"), "wait") || xml_child(error, "remote-server-not-found", NS_STANZA_ERRORS) ||
	       xml_child(error, "remote-server-timeout", NS_STANZA_ERRORS);
}

static void take_error(struct im *im, struct user *u, uint32_t i, const struct envelope *e)
{
	struct push_app *a = u->push->apps[i];

	if (!is_passing(im, e))
		push_drop(im, u, i, "the app server refuses it"); /* XEP-0357 7 */
	else if (++a->failures >= PUSH_FAILURES_MAX)
		push_drop(im, u, i, "the app server is away");
}

void push_answer(struct im *im, struct user *u, struct item *it)
{
	struct push *p = u ? u->push : NULL;
	char id[ID_BYTES];

	for (uint32_t i = 0; p && i < p->n; i++) {
		struct push_app *a = p->apps[i];
		id_of(a, id);
		if (!a->asked || !bytes_eq_str(it->e.sid, id) || !bytes_eq(it->e.from, a->jid))
			continue;
		a->asked = 0;
		if (it->e.type == TYPE_ERROR)
			take_error(im, u, i, &it->e);
		else
			a->failures = 0;
		return;
	}
}
