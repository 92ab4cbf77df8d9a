#include "push/push.h"

#include "base/err.h"
#include "base/log.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "iq/iq.h"

#include <stdlib.h>

/* ---- in memory ---- */

static void put_part(uint8_t **at, struct bytes v, struct bytes *out)
{
	if (v.n)
		memcpy(*at, v.p, v.n);
	*out = bytes_make(*at, v.n);
	*at += v.n;
}

static struct push_app *make_app(struct bytes jid, struct bytes node, struct bytes options)
{
	struct push_app *a = calloc(1, sizeof *a + jid.n + node.n + options.n);
	uint8_t *at = (uint8_t *)(a + 1);

	if (!a)
		return NULL;
	put_part(&at, jid, &a->jid);
	put_part(&at, node, &a->node);
	put_part(&at, options, &a->options);
	return a;
}

static void take_out(struct push *p, uint32_t i)
{
	free(p->apps[i]);
	p->n--;
	memmove(&p->apps[i], &p->apps[i + 1], (p->n - i) * sizeof p->apps[0]);
}

static struct push *push_of(struct im *im, struct user *u)
{
	struct push *p = u->push ? u->push : calloc(1, sizeof *p);

	if (!p || u->push)
		return p;
	p->im = im;
	p->user = u;
	loop_timer_init(&p->timer, push_on_pause_end, p);
	buf_init(&p->sender, JID_MAX_BYTES + 1);
	buf_init(&p->body, PUSH_BODY_MAX + 1);
	u->push = p;
	return p;
}

/* Behind all others, in place of the same one; the oldest make room. ERR_NOMEM. */
static int put(struct im *im, struct user *u, const struct bytes parts[static 3])
{
	struct push *p = push_of(im, u);
	struct push_app *a = p ? make_app(parts[0], parts[1], parts[2]) : NULL;

	if (!a)
		return ERR_NOMEM;
	for (uint32_t i = p->n; i-- > 0;)
		if (bytes_eq(p->apps[i]->jid, a->jid) && bytes_eq(p->apps[i]->node, a->node))
			take_out(p, i);
	while (p->n && p->n >= im->config.push_user)
		take_out(p, 0);
	p->apps[p->n++] = a;
	return 0;
}

void push_free(struct user *u)
{
	struct push *p = u->push;

	if (!p)
		return;
	u->push = NULL;
	loop_timer_del(p->im->loop, &p->timer);
	while (p->n)
		take_out(p, p->n - 1);
	buf_fini(&p->sender);
	buf_fini(&p->body);
	free(p);
}

/* ---- on disk: n u8, n of {jid str, node str, options bytes}; nothing: none ---- */

int push_load(struct im *im, struct user *u, struct bytes kept)
{
	struct wire w = wire_of(kept);
	int rc = 0;

	if (u->push) /* an ask that is sent again */
		while (u->push->n)
			take_out(u->push, 0);
	for (uint8_t n = wire_u8(&w); n && !rc && !wire_failed(&w); n--) {
		struct bytes jid = wire_str(&w), node = wire_str(&w), options = wire_bytes(&w);
		if (!wire_failed(&w))
			rc = put(im, u, (const struct bytes[]){ jid, node, options });
	}
	return rc ? rc : wire_end(&w) ? ERR_SYNTAX : 0;
}

static void write_body(struct im *im, const struct user *u)
{
	const struct push *p = u->push;
	struct buf *b = ask_begin(im, STORE_BLOB_PUT), *v = &im->out2;

	buf_clear(v);
	if (p && p->n)
		wire_put_u8(v, (uint8_t)p->n);
	for (uint32_t i = 0; p && i < p->n; i++) {
		wire_put_str(v, p->apps[i]->jid);
		wire_put_str(v, p->apps[i]->node);
		wire_put_bytes(v, p->apps[i]->options);
	}
	wire_put_str(b, user_jid(u));
	wire_put_str(b, BYTES(STORE_PUSH_KEY));
	wire_put_bytes(b, buf_bytes(v));
}

static void on_saved(struct im *im, struct ask *a, int rc)
{
	if (rc)
		iq_late_error(im, a->arg, STANZA_INTERNAL_SERVER_ERROR);
	else
		iq_late_result(im, a->arg, BYTES_NONE);
}

/* The answer comes when it is on disk. */
static void save(struct im *im, struct iq *q)
{
	struct iq_later *l = iq_keep(q);

	if (!l) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	write_body(im, q->user);
	ask_send(im, NULL, on_saved, l, 0);
}

void push_drop(struct im *im, struct user *u, uint32_t i, const char *reason)
{
	log_info("im.push.dropped", LOG_BYTES("account", user_jid(u)), LOG_BYTES("server", u->push->apps[i]->jid), LOG_STR("reason", reason));
	im_stats[STAT_PUSH_DROPPED]++;
	take_out(u->push, i);
	write_body(im, u);
	ask_send_free(im, NULL, NULL, NULL, 0); /* if it fails, the app server says no once more */
}

/* ---- asked for ---- */

/* The form that goes with each notification (XEP-0357 5). ERR_SYNTAX, ERR_LIMIT. */
static int read_options(struct im *im, const struct xml_node *child, struct bytes *out)
{
	const struct xml_node *form = xml_child(child, "x", NS_DATA);

	*out = BYTES_NONE;
	if (!form)
		return xml_first(child) ? ERR_SYNTAX : 0;
	if (!bytes_eq_str(xml_attr(form, "type"), "submit"))
		return ERR_SYNTAX;
	buf_clear(&im->out2);
	xml_write(&im->out2, form, NS_PUBSUB);
	if (buf_failed(&im->out2) || buf_len(&im->out2) > PUSH_OPTIONS_MAX)
		return ERR_LIMIT;
	*out = arena_dup(&im->arena, buf_bytes(&im->out2));
	return out->n ? 0 : ERR_LIMIT;
}

static void refuse(struct im *im, struct iq *q, enum stanza_error why, const char *text)
{
	im_stats[STAT_PUSH_REFUSED]++;
	iq_refuse(im, q, &(struct stanza_refusal){ .error = why, .text = text });
}

/* The address in a request. false: refused. */
static bool read_jid(struct im *im, struct iq *q, struct bytes *out)
{
	struct bytes v = xml_attr(q->child, "jid");
	struct jid j;

	if (!v.n)
		refuse(im, q, STANZA_BAD_REQUEST, "It needs the address of an app server"); /* 5 */
	else if (jid_parse(v, &im->arena, &j))
		refuse(im, q, STANZA_JID_MALFORMED, NULL);
	else
		*out = j.full;
	return out->n != 0;
}

void push_enable(struct im *im, struct iq *q)
{
	struct bytes parts[3] = { BYTES_NONE, xml_attr(q->child, "node"), BYTES_NONE };
	enum push_content content;

	if (!read_jid(im, q, &parts[0]))
		return;
	int rc = read_options(im, q->child, &parts[2]);
	if (!push_allows(im, parts[0], &content))
		refuse(im, q, STANZA_NOT_ALLOWED, "This app server is not allowed here");
	else if (rc == ERR_SYNTAX)
		refuse(im, q, STANZA_BAD_REQUEST, NULL);
	else if (rc || parts[1].n > PUSH_NODE_MAX)
		refuse(im, q, STANZA_NOT_ACCEPTABLE, "The node or the options are too long");
	else if (put(im, q->user, parts))
		refuse(im, q, STANZA_RESOURCE_CONSTRAINT, NULL);
	else
		save(im, q);
}

void push_disable(struct im *im, struct iq *q)
{
	struct push *p = q->user->push;
	struct bytes jid = BYTES_NONE, node = xml_attr(q->child, "node");

	if (!read_jid(im, q, &jid))
		return;
	for (uint32_t i = p ? p->n : 0; i-- > 0;)
		if (bytes_eq(p->apps[i]->jid, jid) && (!node.n || bytes_eq(p->apps[i]->node, node)))
			take_out(p, i);
	save(im, q); /* also when there was none: it is off (6) */
}
