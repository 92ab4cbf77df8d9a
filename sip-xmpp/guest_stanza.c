#include "guest_impl.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

enum { POST_BYTES_MAX = 65536 + STANZA_IN_BYTES_MAX, FULL_BYTES_MAX = JID_MAX_BYTES + 1 };

/* ---- to the room ---- */

static const char *type_text(enum stanza_kind kind, enum stanza_type type)
{
	if (kind == STANZA_PRESENCE)
		return type == TYPE_UNAVAILABLE ? " type='unavailable'" : "";
	return type == TYPE_GROUPCHAT ? " type='groupchat'" : type == TYPE_CHAT ? " type='chat'" : "";
}

void guest_post(struct guest *g, enum stanza_kind kind, enum stanza_type type, struct bytes nick, const char *sid,
		struct bytes inner, uint32_t facts)
{
	const char *name = kind == STANZA_PRESENCE ? "presence" : "message";
	struct buf b, to;

	buf_init(&b, POST_BYTES_MAX);
	buf_init(&to, FULL_BYTES_MAX);
	buf_put_str(&to, g->room);
	if (nick.n) {
		buf_put_u8(&to, '/');
		buf_put_bytes(&to, nick);
	}
	buf_putf(&b, "<%s%s", name, type_text(kind, type));
	xml_write_attr(&b, "from", bytes_of(g->member));
	xml_write_attr(&b, "to", buf_bytes(&to));
	if (sid)
		xml_write_attr(&b, "id", bytes_of(sid));
	buf_put_u8(&b, '>');
	buf_put_bytes(&b, inner);
	buf_putf(&b, "</%s>", name);
	const struct stanza_to st = { .kind = kind, .type = type, .facts = facts, .trace = g->session ? g->session->key : 0,
				      .from = bytes_of(g->member), .to = buf_bytes(&to), .sid = bytes_of(sid), .stanza = buf_bytes(&b) };
	if (!buf_failed(&b) && !buf_failed(&to))
		stanza_out_post(g->x, &st);
	buf_fini(&b);
	buf_fini(&to);
}

/* ---- who is there ---- */

static void person_del(struct guest *g, struct guest_person *p)
{
	list_del(&p->node);
	g->n_people--;
	free(p);
}

void guest_people_clear(struct guest *g)
{
	while (!list_is_empty(&g->people))
		person_del(g, LIST_OWNER(g->people.next, struct guest_person, node));
}

static struct guest_person *person_of(struct guest *g, struct bytes nick)
{
	LIST_EACH (it, &g->people) {
		struct guest_person *p = LIST_OWNER(it, struct guest_person, node);
		if (bytes_eq_str(nick, p->nick))
			return p;
	}
	return NULL;
}

static void person_put(struct guest *g, struct bytes nick, bool is_moderator)
{
	struct guest_person *p = person_of(g, nick);

	if (!p) {
		p = g->n_people < GUEST_PEOPLE_MAX ? calloc(1, sizeof *p + nick.n + 1) : NULL;
		if (!p)
			return; /* not shown */
		memcpy(p->nick, nick.p, nick.n);
		list_add_tail(&g->people, &p->node);
		g->n_people++;
	}
	p->is_moderator = is_moderator;
}

/* ---- presence of the room ---- */

static bool has_status(const struct xml_node *x, const char *code)
{
	for (const struct xml_node *n = xml_first(x); n; n = xml_next(n))
		if (xml_is(n, "status", NS_MUC_USER) && bytes_eq_str(xml_attr(n, "code"), code))
			return true;
	return false;
}

/* MUC-S03: nick and a digit, three times. */
static bool try_other_name(struct guest *g)
{
	struct buf b;

	if (g->n_names > GUEST_NAMES_MAX)
		return false;
	buf_init(&b, JID_PART_MAX_BYTES);
	buf_put_str(&b, g->name);
	buf_putf(&b, "%u", g->n_names + 1);
	bool is_set = !buf_failed(&b) && session_set(&g->nick, buf_bytes(&b));
	buf_fini(&b);
	if (is_set)
		guest_enter(g);
	return is_set;
}

static void on_refusal(struct guest *g, struct stanza_in *st)
{
	const struct xml_node *error = xml_child(st->node, "error", NULL);
	bool is_conflict = xml_child(error, "conflict", NULL) != NULL;
	struct status_fault f;

	if (g->state == GUEST_INSIDE) { /* a name that he cannot have (RFC 7701 7.2) */
		(void)guest_answer_nick(g, jid_resource(&st->from), is_conflict ? 425 : 403);
		return;
	}
	if (is_conflict && try_other_name(g))
		return;
	error_of_stanza(error, true, &g->x->arena, &f);
	guest_dismiss(g, f.status, bytes_of(*f.reason ? f.reason : "the room did not let you in"));
}

static void on_there(struct guest *g, struct stanza_in *st, const struct xml_node *x)
{
	struct bytes nick = jid_resource(&st->from);
	bool is_us = has_status(x, "110") || bytes_eq_str(nick, g->nick);

	if (!nick.n)
		return; /* of the room itself */
	person_put(g, nick, bytes_eq_str(xml_attr(xml_child(x, "item", NS_MUC_USER), "role"), "moderator"));
	if (is_us) {
		if (!session_set(&g->nick, nick))
			return;
		g->state = GUEST_INSIDE;
		g->join_ms = 0;
		(void)guest_answer_nick(g, nick, 200);
	}
	if (g->state == GUEST_INSIDE)
		guest_watch_changed(g); /* MUC-S02: before, it is gathered */
	guest_arm(g);
}

/* MUC-S09 */
static void on_our_end(struct guest *g, const struct xml_node *x)
{
	const struct xml_node *destroy = xml_child(x, "destroy", NS_MUC_USER);
	struct bytes said = xml_text(xml_child(destroy ? destroy : xml_child(x, "item", NS_MUC_USER), "reason", NS_MUC_USER));
	const char *why = destroy ? "the room is closed" : has_status(x, "301") ? "banned from the room"
	                  : has_status(x, "307") ? "removed from the room" : "the room has ended the visit";

	g->state = GUEST_CALLED; /* the room knows already */
	guest_dismiss(g, 0, said.n ? said : bytes_of(why));
}

static void on_gone(struct guest *g, struct stanza_in *st, const struct xml_node *x)
{
	struct bytes nick = jid_resource(&st->from), new_nick = xml_attr(xml_child(x, "item", NS_MUC_USER), "nick");
	struct guest_person *p = person_of(g, nick);
	bool is_us = has_status(x, "110") || bytes_eq_str(nick, g->nick), is_renamed = has_status(x, "303");

	if (p)
		person_del(g, p);
	if (is_us && is_renamed) {
		if (new_nick.n)
			(void)session_set(&g->nick, new_nick); /* without memory the presence of the new name sets it */
	} else if (is_us) {
		on_our_end(g, x);
		return;
	}
	if (g->state == GUEST_INSIDE)
		guest_watch_changed(g);
	guest_arm(g);
}

bool guest_on_presence(struct xlate *x, struct stanza_in *st)
{
	struct guest *g = guest_of_member(x, st->to.full, &st->from);
	const struct xml_node *user = xml_child(st->node, "x", NS_MUC_USER);
	enum stanza_type type = (enum stanza_type)st->e.type;

	if (!g)
		return false;
	if (type == TYPE_ERROR)
		on_refusal(g, st);
	else if (type == TYPE_AVAILABLE)
		on_there(g, st, user);
	else if (type == TYPE_UNAVAILABLE)
		on_gone(g, st, user);
	stanza_in_done(st);
	return true;
}

/* ---- messages of the room ---- */

/* MUC-S10 */
static void on_subject(struct guest *g, struct bytes subject)
{
	if (!session_set(&g->subject, subject))
		return;
	guest_watch_changed(g);
	guest_arm(g);
}

static void on_error(struct guest *g, struct stanza_in *st)
{
	const struct xml_node *error = xml_child(st->node, "error", NULL);
	unsigned status = xml_child(error, "item-not-found", NULL) ? 404 : xml_child(error, "policy-violation", NULL) ? 413 : 403;

	(void)guest_answer(g, st->e.sid, status);
}

static void on_words(struct guest *g, struct stanza_in *st, struct bytes text)
{
	bool is_group = st->e.type == TYPE_GROUPCHAT;
	struct bytes nick = jid_resource(&st->from), stamp = xml_attr(xml_child(st->node, "delay", NS_DELAY), "stamp");

	/* His own words are back: that is their answer, not another message. */
	if (is_group && bytes_eq_str(nick, g->nick) && (guest_answer(g, st->e.sid, 200) || !stamp.n))
		return;
	guest_say(g, nick, text, stamp, !is_group);
}

bool guest_on_message(struct xlate *x, struct stanza_in *st)
{
	struct guest *g = guest_of_member(x, st->to.full, &st->from);
	const struct xml_node *subject = xml_child(st->node, "subject", NS_CLIENT);

	if (!g)
		return false;
	struct bytes text = session_body_of(st->node);
	if (st->e.type == TYPE_ERROR)
		on_error(g, st);
	else if (subject && !text.n && st->e.type == TYPE_GROUPCHAT)
		on_subject(g, xml_text(subject));
	else if (text.n)
		on_words(g, st, text);
	stanza_in_done(st);
	return true;
}
