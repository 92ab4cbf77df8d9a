#include "focus_impl.h"

#include "address.h"
#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { NICK_BYTES_MAX = JID_PART_MAX_BYTES, NICK_TRIES = 9, SUBJECT_BYTES_MAX = 10000 };

/* ---- who they are ---- */

struct occupant *focus_occupant(struct focus *f, struct bytes entity)
{
	LIST_EACH (it, &f->occupants) {
		struct occupant *o = LIST_OWNER(it, struct occupant, node);
		if (bytes_eq_str(entity, o->entity))
			return o;
	}
	return NULL;
}

static void occupant_free(struct focus *f, struct occupant *o)
{
	list_del(&o->node);
	f->n_occupants--;
	free(o->entity);
	free(o->nick);
	free(o->nick_key);
	free(o);
}

void focus_roster_free(struct focus *f)
{
	while (!list_is_empty(&f->occupants))
		occupant_free(f, LIST_OWNER(f->occupants.next, struct occupant, node));
}

static struct occupant *occupant_new(struct focus *f, struct bytes entity)
{
	struct occupant *o = f->n_occupants < FOCUS_OCCUPANTS_MAX ? calloc(1, sizeof *o) : NULL;

	if (!o)
		return NULL;
	if (!session_set(&o->entity, entity)) {
		free(o);
		return NULL;
	}
	list_add_tail(&f->occupants, &o->node);
	f->n_occupants++;
	return o;
}

/* ---- their nicknames ---- */

static struct bytes trim(struct bytes v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t' || v.p[0] == '\r' || v.p[0] == '\n'))
		v = bytes_skip(v, 1);
	while (v.n && strchr(" \t\r\n", v.p[v.n - 1]))
		v.n--;
	return v;
}

/* What a user is shown as: display-text, else the user part (MUC-S11). Empty: in no way. */
static struct bytes wanted_nick(struct focus *f, const struct conference_user *u)
{
	struct arena *a = &f->x->arena;
	struct bytes nick;
	struct jid j;

	if (trim(u->display_text).n && jid_parse_resource(trim(u->display_text), a, &nick) == 0)
		return nick;
	if (address_to_jid(u->entity, true, a, &j) == 0 && j.local_n)
		return jid_local(&j);
	return BYTES_NONE;
}

/* MUC-S11; what is no nickname is compared as it stands. */
static struct bytes key_of(struct focus *f, struct bytes nick)
{
	struct bytes key;

	return jid_nickname_key(nick, &f->x->arena, &key) == 0 ? key : nick;
}

static bool is_nick_free(struct focus *f, const struct occupant *of, struct bytes nick)
{
	struct bytes key = key_of(f, nick);

	if (!of->is_us && bytes_eq(key, key_of(f, bytes_of(f->nick))))
		return false;
	LIST_EACH (it, &f->occupants) {
		const struct occupant *o = LIST_OWNER(it, struct occupant, node);
		if (o != of && o->nick_key && bytes_eq_str(key, o->nick_key))
			return false;
	}
	return true;
}

/* SIP may show two users alike; in a room of XMPP the second has a number. Empty: no memory, or too many. */
static struct bytes free_nick(struct focus *f, const struct occupant *of, struct bytes nick)
{
	char text[NICK_BYTES_MAX + 1];

	if (is_nick_free(f, of, nick))
		return nick;
	for (int i = 2; i < 2 + NICK_TRIES; i++) {
		int n = snprintf(text, sizeof text, "%.*s %d", BYTES_FMT(nick), i);
		if (n < 0 || (size_t)n >= sizeof text)
			break;
		if (is_nick_free(f, of, bytes_make(text, (size_t)n)))
			return arena_dup(&f->x->arena, bytes_make(text, (size_t)n));
	}
	return BYTES_NONE;
}

/* Our own entry: by the address we called from. Another device of the user has the same: then the nickname says. */
static bool is_ours(struct focus *f, const struct conference_user *u, struct bytes nick)
{
	struct jid user = jid_of_normal(bytes_of(f->user)), j;

	if (address_to_jid(u->entity, true, &f->x->arena, &j) != 0 || !jid_bare_eq(&user, &j))
		return false;
	if (j.resource_n && bytes_eq(jid_resource(&j), jid_resource(&user)))
		return true;
	return !j.resource_n || bytes_eq(key_of(f, nick), key_of(f, bytes_of(f->nick)));
}

/* ---- what a document changes ---- */

static void leave(struct focus *f, struct occupant *o)
{
	if (f->state == FOCUS_INSIDE && !o->is_us && o->nick)
		focus_tell_presence(f, &(struct focus_change){ .nick = o->nick, .is_gone = true });
	occupant_free(f, o);
}

static void rename_to(struct focus *f, struct occupant *o, struct bytes nick)
{
	bool is_told = f->state == FOCUS_INSIDE && o->nick;
	char *old = o->nick;

	o->nick = NULL;
	if (!session_set(&o->nick, nick) || !session_set(&o->nick_key, key_of(f, nick))) {
		free(o->nick);
		o->nick = old; /* the old one serves as well */
		return;
	}
	if (is_told)
		focus_tell_presence(f, &(struct focus_change){ .nick = old, .is_gone = true, .status = 303, .new_nick = o->nick });
	free(old);
}

static void take_user(struct focus *f, const struct conference_user *u)
{
	struct occupant *o = focus_occupant(f, u->entity);
	struct bytes nick = wanted_nick(f, u);

	if (u->is_gone) {
		if (o)
			leave(f, o);
		return;
	}
	bool is_new = !o;
	if (!o)
		o = occupant_new(f, u->entity);
	if (!o)
		return; /* more than are shown */
	o->is_named = true;
	if (is_new)
		o->is_us = is_ours(f, u, nick);
	if (o->is_us)
		return; /* what we are called is agreed over MSRP */
	if (u->display_text.n || is_new)
		nick = free_nick(f, o, nick);
	else
		nick = o->nick ? bytes_of(o->nick) : BYTES_NONE;
	if (!nick.n) {
		leave(f, o);
		return;
	}
	bool is_renamed = !o->nick || !bytes_eq_str(nick, o->nick);
	if (is_renamed)
		rename_to(f, o, nick);
	if (is_renamed && f->state == FOCUS_INSIDE && o->nick)
		focus_tell_presence(f, &(struct focus_change){ .nick = o->nick });
}

static void forget_unnamed(struct focus *f)
{
	LIST_EACH (it, &f->occupants) {
		struct occupant *o = LIST_OWNER(it, struct occupant, node);
		if (!o->is_named)
			leave(f, o);
	}
}

static void take_subject(struct focus *f, const struct conference *c)
{
	bool is_known = bytes_eq_str(c->subject, f->subject);

	if (is_known || c->subject.n > SUBJECT_BYTES_MAX || !session_set(&f->subject, c->subject))
		return;
	if (f->state == FOCUS_INSIDE)
		focus_tell_subject(f);
}

void focus_roster_read(struct focus *f, const struct conference *c)
{
	bool is_whole = c->state == CONFERENCE_FULL && c->has_users && !c->is_users_partial;

	LIST_EACH (it, &f->occupants)
		LIST_OWNER(it, struct occupant, node)->is_named = false;
	for (size_t i = 0; i < c->n; i++)
		if (c->users[i].is_gone)
			take_user(f, &c->users[i]); /* their nicknames are free for those who came */
	for (size_t i = 0; i < c->n; i++)
		if (!c->users[i].is_gone)
			take_user(f, &c->users[i]);
	if (is_whole)
		forget_unnamed(f);
	if (c->has_subject)
		take_subject(f, c);
}
