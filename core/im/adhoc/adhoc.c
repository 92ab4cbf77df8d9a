#include "adhoc/adhoc.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/xmpp.h"
#include "adhoc/adhoc_run.h"
#include "announce/notice.h"

#include <stdlib.h>

/* A form that is with its client. */
struct adhoc_session {
	struct list node; /* oldest first */
	const struct adhoc_command *command;
	uint64_t began_ms;
	char id[ADHOC_ID_BYTES + 1];
	size_t owner_n;
	uint8_t owner[]; /* full JID */
};

static struct bytes owner_of(const struct adhoc_session *s)
{
	return bytes_make(s->owner, s->owner_n);
}

/* ---- refusals (4.2) ---- */

static void refuse(struct im *im, const struct iq *q, enum stanza_error error, struct bytes detail, const char *text)
{
	im_stats[STAT_ADHOC_REFUSED]++;
	iq_refuse(im, q, &(struct stanza_refusal){ .error = error, .text = text, .detail = detail });
}
#define DETAIL(name) BYTES("<" name " xmlns='" NS_COMMANDS "'/>")

/* ---- sessions ---- */

static void drop(struct im *im, struct adhoc_session *s)
{
	list_del(&s->node);
	im->adhoc.n_sessions--;
	free(s);
}

/* One that ran out is remembered as long again, so that its client hears what was wrong. */
static void drop_old(struct im *im)
{
	uint64_t now = loop_now(im->loop);

	LIST_EACH (it, &im->adhoc.sessions) {
		struct adhoc_session *s = LIST_OWNER(it, struct adhoc_session, node);
		if (s->began_ms + 2 * ADHOC_LIFE_MS > now)
			return;
		drop(im, s);
	}
}

static bool is_same_person(struct bytes a, struct bytes b)
{
	struct jid x = jid_of_normal(a), y = jid_of_normal(b);

	return bytes_eq(jid_bare(&x), jid_bare(&y));
}

static bool is_over(struct im *im, const struct adhoc_session *s)
{
	return s->began_ms + ADHOC_LIFE_MS <= loop_now(im->loop);
}

/* NULL: too many, or without memory. */
static struct adhoc_session *open_session(struct im *im, struct bytes owner, const struct adhoc_command *c)
{
	unsigned n = 0;

	drop_old(im);
	LIST_EACH (it, &im->adhoc.sessions) {
		struct adhoc_session *s = LIST_OWNER(it, struct adhoc_session, node);
		n += is_same_person(owner_of(s), owner) && !is_over(im, s);
	}
	if (n >= ADHOC_SESSIONS_USER || im->adhoc.n_sessions >= ADHOC_SESSIONS_MAX)
		return NULL;
	struct adhoc_session *s = calloc(1, sizeof *s + owner.n);
	if (!s)
		return NULL;
	s->command = c;
	s->began_ms = loop_now(im->loop);
	s->owner_n = owner.n;
	memcpy(s->owner, owner.p, owner.n);
	random_hex(s->id, ADHOC_ID_BYTES);
	list_add_tail(&im->adhoc.sessions, &s->node);
	im->adhoc.n_sessions++;
	return s;
}

static struct adhoc_session *session_find(struct im *im, struct bytes id, struct bytes owner, const struct adhoc_command *c)
{
	LIST_EACH (it, &im->adhoc.sessions) {
		struct adhoc_session *s = LIST_OWNER(it, struct adhoc_session, node);
		if (s->command == c && bytes_eq_str(id, s->id) && bytes_eq(owner_of(s), owner))
			return s;
	}
	return NULL;
}

/* ---- what there is ---- */

bool adhoc_is_on(const struct im *im)
{
	return im->adhoc.admins.n || im->adhoc.has_own;
}

bool admin_is(const struct im *im, struct bytes bare)
{
	return names_has(&im->adhoc.admins, bare);
}

static const struct adhoc_command *command_at(size_t i)
{
	return i < own_n_commands ? &own_commands[i] : i - own_n_commands < admin_n_commands ? &admin_commands[i - own_n_commands] : NULL;
}

static const struct adhoc_command *command_of(struct bytes node)
{
	const struct adhoc_command *c;

	for (size_t i = 0; (c = command_at(i)); i++)
		if (bytes_eq_str(node, c->node))
			break;
	return c;
}

/* Only clients of ours have proved who they are; and an edge that was taken over could speak for one that came through it. */
static bool may(const struct im *im, const struct iq *q, const struct adhoc_command *c)
{
	const struct session *s = q->session;

	if (!s)
		return false;
	switch (c->who) {
	case ADHOC_ADMINS: return !(s->bits & SESSION_IS_OUTSIDE) && admin_is(im, session_bare(s));
	case ADHOC_OWN: return im->adhoc.has_own;
	case ADHOC_OWN_INSIDE: return im->adhoc.has_own && !(s->bits & SESSION_IS_OUTSIDE) && !s->app;
	}
	return false;
}

static bool may_any(const struct im *im, const struct iq *q)
{
	const struct adhoc_command *c;
	size_t i = 0;

	while ((c = command_at(i)) && !may(im, q, c))
		i++;
	return c;
}

bool adhoc_info(struct im *im, struct iq *q, struct bytes node)
{
	const struct adhoc_command *c = command_of(node);
	bool is_list = bytes_eq_str(node, NS_COMMANDS);
	struct buf *b = &im->out2;

	if (!adhoc_is_on(im) || (!c && !is_list))
		return false;
	if (c && !may(im, q, c)) {
		iq_error(im, q, STANZA_FORBIDDEN);
		return true;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_INFO "'");
	xml_write_attr(b, "node", node);
	buf_putf(b, "><identity category='automation' type='%s' name='%s'/>", c ? "command-node" : "command-list", c ? c->name : "Commands");
	buf_put_str(b, "<feature var='" NS_COMMANDS "'/>");
	if (c)
		buf_put_str(b, "<feature var='" NS_DATA "'/>");
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
	return true;
}

bool adhoc_items(struct im *im, struct iq *q, struct bytes node)
{
	const struct adhoc_command *c;
	struct buf *b = &im->out2;

	if (!adhoc_is_on(im) || !bytes_eq_str(node, NS_COMMANDS))
		return false;
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_ITEMS "' node='" NS_COMMANDS "'>");
	for (size_t i = 0; (c = command_at(i)); i++) {
		if (!may(im, q, c))
			continue;
		buf_put_str(b, "<item");
		xml_write_attr(b, "jid", q->it->e.to);
		buf_putf(b, " node='%s' name='%s'/>", c->node, c->name);
	}
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
	return true;
}

/* ---- requests ---- */

enum action { EXECUTE, COMPLETE, NEXT, PREV, CANCEL, ACTION_COUNT };

static enum action action_of(struct bytes v)
{
	static const char *const names[ACTION_COUNT] = { "execute", "complete", "next", "prev", "cancel" };
	enum action a = EXECUTE;

	while (v.n && a < ACTION_COUNT && !bytes_eq_str(v, names[a]))
		a++;
	return a;
}

/* Everything is said in English; but a language must be one (RFC 5646 2.1). */
static bool is_language(struct bytes v)
{
	size_t part = 0;

	for (size_t i = 0; i < v.n; i++) {
		bool is_letter = (v.p[i] | 0x20) >= 'a' && (v.p[i] | 0x20) <= 'z', is_digit = v.p[i] >= '0' && v.p[i] <= '9';
		if (v.p[i] == '-' ? !part : (!is_letter && !is_digit) || part == 8)
			return false;
		part = v.p[i] == '-' ? 0 : part + 1;
	}
	return v.n <= 35 && (part || !v.n);
}

static void show_form(struct im *im, struct iq *q, const struct adhoc_session *s)
{
	const struct adhoc_command *c = s->command;
	struct jid to = jid_of_normal(q->it->e.to);
	struct buf *b = &im->out2;

	buf_clear(b);
	adhoc_put_command(b, c, s->id, "executing");
	buf_put_str(b, "<actions execute='complete'><complete/></actions>");
	adhoc_form_write(b, adhoc_form_type(c), c->name, c->fields, c->is_text_known ? notice_text(im, jid_domain(&to)) : BYTES_NONE);
	buf_put_str(b, "</command>");
	iq_result(im, q, buf_bytes(b));
}

static void run(struct im *im, struct iq *q, const struct adhoc_command *c, struct adhoc_session *s, const struct xml_node *form)
{
	const char *why = "";
	int rc = adhoc_run_start(im, q, c, s ? s->id : NULL, form, &why);

	if (rc == ERR_SYNTAX)
		refuse(im, q, STANZA_BAD_REQUEST, DETAIL("bad-payload"), why); /* it may be corrected */
	else if (rc)
		refuse(im, q, STANZA_RESOURCE_CONSTRAINT, BYTES_NONE, rc == ERR_FULL ? why : NULL);
	else if (s)
		drop(im, s);
}

static void start(struct im *im, struct iq *q, const struct adhoc_command *c, enum action a)
{
	if (a != EXECUTE) {
		refuse(im, q, STANZA_BAD_REQUEST, DETAIL("bad-action"), NULL);
		return;
	}
	if (!c->fields[0].var) {
		run(im, q, c, NULL, NULL);
		return;
	}
	struct adhoc_session *s = open_session(im, session_full(q->session), c);
	if (s)
		show_form(im, q, s);
	else
		refuse(im, q, STANZA_RESOURCE_CONSTRAINT, BYTES_NONE, "Too many forms are open");
}

static void cancel(struct im *im, struct iq *q, struct adhoc_session *s)
{
	buf_clear(&im->out2);
	adhoc_put_command(&im->out2, s->command, s->id, "canceled");
	buf_put_str(&im->out2, "</command>");
	iq_result(im, q, buf_bytes(&im->out2));
	drop(im, s);
}

static void go_on(struct im *im, struct iq *q, const struct adhoc_command *c, enum action a)
{
	struct adhoc_session *s = session_find(im, xml_attr(q->child, "sessionid"), session_full(q->session), c);
	const struct xml_node *form = xml_child(q->child, "x", NS_DATA);

	if (!s)
		refuse(im, q, STANZA_BAD_REQUEST, DETAIL("bad-sessionid"), NULL);
	else if (is_over(im, s))
		refuse(im, q, STANZA_NOT_ALLOWED, DETAIL("session-expired"), NULL);
	else if (a == CANCEL || (form && bytes_eq_str(xml_attr(form, "type"), "cancel")))
		cancel(im, q, s);
	else if (a == NEXT || a == PREV)
		refuse(im, q, STANZA_BAD_REQUEST, DETAIL("bad-action"), NULL); /* there is one form, and complete is offered */
	else if (!form)
		refuse(im, q, STANZA_BAD_REQUEST, DETAIL("bad-payload"), "The form is missing");
	else
		run(im, q, c, s, form);
}

void adhoc_request(struct im *im, struct iq *q)
{
	const struct adhoc_command *c = command_of(xml_attr(q->child, "node"));
	enum action a = action_of(xml_attr(q->child, "action"));

	if (!adhoc_is_on(im))
		refuse(im, q, STANZA_SERVICE_UNAVAILABLE, BYTES_NONE, NULL);
	else if (c ? !may(im, q, c) : !may_any(im, q))
		refuse(im, q, STANZA_FORBIDDEN, BYTES_NONE, NULL);
	else if (!c)
		refuse(im, q, STANZA_ITEM_NOT_FOUND, BYTES_NONE, NULL);
	else if (a == ACTION_COUNT)
		refuse(im, q, STANZA_BAD_REQUEST, DETAIL("malformed-action"), NULL);
	else if (!is_language(xml_attr_ns(q->child, "lang", XML_NS_XML)))
		refuse(im, q, STANZA_BAD_REQUEST, DETAIL("bad-locale"), NULL);
	else if (xml_attr(q->child, "sessionid").n)
		go_on(im, q, c, a);
	else
		start(im, q, c, a);
}

/* ---- life ---- */

void adhoc_init(struct im *im)
{
	list_init(&im->adhoc.sessions);
	adhoc_runs_init(im);
}

void adhoc_apply(struct im *im, const struct settings *s)
{
	names_read_people(&im->adhoc.admins, settings_text(s, SET_IM_ADMINISTRATORS));
	im->adhoc.has_own = settings_bool(s, SET_IM_SELF_SERVICE);
}

void adhoc_fini(struct im *im)
{
	while (!list_is_empty(&im->adhoc.sessions))
		drop(im, LIST_OWNER(im->adhoc.sessions.next, struct adhoc_session, node));
	adhoc_runs_fini(im);
	names_clear(&im->adhoc.admins);
}
