#include "room/room_service.h"

#include "base/err.h"
#include "proto/jid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define ROOM "coven@conf.example"
enum { SENT_MAX = 4096 };

/* What the machine said, and what it asked to be kept. */
struct world {
	struct room_service s;
	struct arena arena;
	char *sent[SENT_MAX];
	unsigned n_sent;
	unsigned kept, asked; /* of the archive */
	char last_kept[1024], last_id[64];
	unsigned saved_rooms, saved_affiliates, saved_past, dropped;
	uint64_t now_ms;
};

static void on_send(void *arg, const struct envelope *e)
{
	struct world *w = arg;
	struct xml_node *n;
	struct arena a;

	arena_init(&a, 1 << 20);
	assert_int_equal(xml_parse(e->stanza, NS_CLIENT, &xml_limits_default, &a, &n), 0);
	arena_fini(&a);

	assert_true(w->n_sent < SENT_MAX);
	w->sent[w->n_sent++] = strndup((const char *)e->stanza.p, e->stanza.n);
}

static bool is_admin(void *arg, struct bytes bare)
{
	(void)arg;
	return bytes_eq_str(bare, "chief@our.example");
}

static void save_room(void *arg, const struct room *r)
{
	(void)r;
	((struct world *)arg)->saved_rooms++;
}

static void save_affiliate(void *arg, const struct room *r, struct bytes jid, uint8_t affiliation, struct bytes nick, struct bytes reason)
{
	(void)r;
	(void)jid;
	(void)affiliation;
	(void)nick;
	(void)reason;
	((struct world *)arg)->saved_affiliates++;
}

static void save_past(void *arg, const struct room *r, const struct room_past *p)
{
	(void)r;
	(void)p;
	((struct world *)arg)->saved_past++;
}

static void drop_room(void *arg, struct bytes jid)
{
	(void)jid;
	((struct world *)arg)->dropped++;
}

static void name(void *arg, char out[static ROOM_ID_MAX + 1])
{
	snprintf(out, ROOM_ID_MAX + 1, "id%u", ((struct world *)arg)->kept + 1);
}

static void keep(void *arg, const struct room *r, const struct envelope *e, struct bytes id)
{
	struct world *w = arg;

	(void)r;
	w->kept++;
	snprintf(w->last_kept, sizeof w->last_kept, "%.*s", BYTES_FMT(e->stanza));
	snprintf(w->last_id, sizeof w->last_id, "%.*s", BYTES_FMT(id));
}

static bool unsay(void *arg, const struct room *r, struct bytes id, struct bytes rest)
{
	struct world *w = arg;

	(void)r;
	snprintf(w->last_kept, sizeof w->last_kept, "%.*s", BYTES_FMT(rest));
	return bytes_starts(id, BYTES("id"));
}

static void query(void *arg, const struct room_in *in)
{
	(void)in;
	((struct world *)arg)->asked++;
}

static const struct room_ops ops = { on_send, is_admin, save_room, save_affiliate, save_past, drop_room, name, keep, unsay, query };

static void forget(struct world *w)
{
	while (w->n_sent)
		free(w->sent[--w->n_sent]);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	room_service_init(&w->s, &ops, w, BYTES("conf.example"));
	arena_init(&w->arena, 16 << 20);
	w->now_ms = 1000000;
	w->s.is_ready = true;
	w->s.secret = BYTES("secret of the box");
	w->s.rules = (struct room_rules){ .rooms_max = 10, .persistent_max = 2, .rooms_user = 3, .rooms_client = 5, .occupants_max = 20, .affiliates_max = 5,
		.nick_max = 32, .subject_max = 64, .message_max = 1000, .rate = 1000, .history_max = 100, .silence_s = 300, .invite_role = 2, .has_persistent = true };
	for (unsigned i = 0; i < ROOM_FIELD_COUNT; i++)
		w->s.rules.owner_may[i] = true;
	w->s.rules.v[ROOM_WHOIS] = w->s.rules.v[ROOM_PUBLIC] = w->s.rules.v[ROOM_SUBJECT] = w->s.rules.v[ROOM_INVITES] = 1;
	w->s.rules.v[ROOM_MAX_USERS] = 10;
	w->s.rules.v[ROOM_HISTORY] = 15;
	w->s.rules.v[ROOM_BROADCAST] = 7;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	room_service_fini(&w->s);
	forget(w);
	arena_fini(&w->arena);
	free(w);
	return 0;
}

/* A stanza comes in; what was said before is forgotten. */
static void say(struct world *w, const char *from, const char *xml)
{
	struct stanza st;
	struct room_in in = { .from = bytes_of(from), .arena = &w->arena, .now_ms = w->now_ms, .wall_ms = 1700000000000 + w->now_ms, .may_create = true };

	forget(w);
	arena_reset(&w->arena);
	assert_int_equal(xml_parse(bytes_of(xml), NS_CLIENT, &xml_limits_default, &w->arena, &in.node), 0);
	assert_int_equal(stanza_of_node(in.node, NS_CLIENT, &st), 0);
	struct jid from_jid = jid_of_normal(in.from);
	in.kind = (uint8_t)st.kind;
	in.type = (uint8_t)st.type;
	in.facts = st.facts;
	in.sid = st.id;
	in.to = st.to;
	in.is_local = bytes_eq_str(jid_domain(&from_jid), "our.example");
	room_service_input(&w->s, &in);
}

/* How many of what was said have all these in them (NULL: not asked). */
static unsigned said(const struct world *w, const char *to, const char *a, const char *b)
{
	char attr[256];
	unsigned n = 0;

	snprintf(attr, sizeof attr, " to='%s'", to);
	for (unsigned i = 0; i < w->n_sent; i++)
		n += strstr(w->sent[i], attr) && (!a || strstr(w->sent[i], a)) && (!b || strstr(w->sent[i], b));
	return n;
}

static void enter(struct world *w, const char *from, const char *nick)
{
	char xml[512];

	snprintf(xml, sizeof xml, "<presence to='" ROOM "/%s'><x xmlns='" NS_MUC "'/></presence>", nick);
	say(w, from, xml);
}

#define OWNER "crone1@our.example/pc"
#define WITCH "wiccarocks@far.example/lap"
#define HAG "hag66@our.example/pda"

static void configure(struct world *w, const char *fields)
{
	char xml[2048];

	snprintf(xml, sizeof xml, "<iq type='set' id='c' to='" ROOM "'><query xmlns='" NS_MUC "#owner'><x xmlns='" NS_DATA "' type='submit'>%s</x></query></iq>", fields);
	say(w, OWNER, xml);
}

#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"

static void open_room(struct world *w, const char *fields)
{
	enter(w, OWNER, "first");
	configure(w, fields);
	assert_int_equal(said(w, OWNER, "type='result'", NULL), 1);
}

static void admin(struct world *w, const char *from, const char *item)
{
	char xml[1024];

	snprintf(xml, sizeof xml, "<iq type='set' id='a' to='" ROOM "'><query xmlns='" NS_MUC "#admin'>%s</query></iq>", item);
	say(w, from, xml);
}

/* 10.1: made, locked, configured; 7.2: codes, order, subject last. */
static void test_create_and_enter(void **state)
{
	struct world *w = *state;

	enter(w, OWNER, "first");
	assert_int_equal(said(w, OWNER, "code='201'", "code='110'"), 1);
	assert_int_equal(said(w, OWNER, "affiliation='owner'", "role='moderator'"), 1);
	assert_int_equal(said(w, OWNER, "code='100'", NULL), 1);
	enter(w, HAG, "second");
	assert_int_equal(said(w, HAG, "item-not-found", NULL), 1); /* locked */
	configure(w, "");
	enter(w, HAG, "second");
	assert_int_equal(said(w, OWNER, "from='" ROOM "/second'", HAG), 1); /* the real address (7.2.3) */
	assert_int_equal(said(w, OWNER, "code='110'", NULL), 0);
	assert_int_equal(said(w, HAG, "from='" ROOM "/first'", NULL), 1);
	assert_int_equal(said(w, HAG, "code='110'", "from='" ROOM "/second'"), 1);
	assert_non_null(strstr(w->sent[w->n_sent - 1], "<subject></subject>"));
	assert_non_null(strstr(w->sent[0], "from='" ROOM "/first'")); /* others before oneself */
}

/* 10.1.3: a new room whose form is cancelled is none. */
static void test_cancel(void **state)
{
	struct world *w = *state;

	enter(w, OWNER, "first");
	say(w, OWNER, "<iq type='set' id='c' to='" ROOM "'><query xmlns='" NS_MUC "#owner'><x xmlns='" NS_DATA "' type='cancel'/></query></iq>");
	assert_int_equal(w->s.rooms.count, 0);
}

static void test_refused_entry(void **state)
{
	struct world *w = *state;

	open_room(w, FIELD("muc#roomconfig_passwordprotectedroom", "1") FIELD("muc#roomconfig_roomsecret", "cauldron"));
	enter(w, HAG, "second");
	assert_int_equal(said(w, HAG, "not-authorized", NULL), 1);
	say(w, HAG, "<presence to='" ROOM "/second'><x xmlns='" NS_MUC "'><password>cauldron</password></x></presence>");
	assert_int_equal(said(w, HAG, "code='110'", NULL), 1);
	say(w, WITCH, "<presence to='" ROOM "/second'><x xmlns='" NS_MUC "'><password>cauldron</password></x></presence>");
	assert_int_equal(said(w, WITCH, "conflict", NULL), 1);
	say(w, WITCH, "<presence to='" ROOM "'><x xmlns='" NS_MUC "'/></presence>");
	assert_int_equal(said(w, WITCH, "jid-malformed", NULL), 1);
	say(w, WITCH, "<presence to='" ROOM "/third'/>"); /* Group Chat 1.0 */
	assert_int_equal(said(w, WITCH, "not-acceptable", NULL), 1);
	configure(w, FIELD("muc#roomconfig_membersonly", "1") FIELD("muc#roomconfig_passwordprotectedroom", "0"));
	assert_int_equal(said(w, HAG, "code='322'", NULL), 1); /* no member: put out */
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "registration-required", NULL), 1);
}

static void test_members_only_and_full(void **state)
{
	struct world *w = *state;

	open_room(w, FIELD("muc#roomconfig_maxusers", "2"));
	enter(w, HAG, "second");
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "service-unavailable", NULL), 1);
	say(w, HAG, "<presence to='" ROOM "/second' type='unavailable'><status>bye</status></presence>");
	assert_int_equal(said(w, OWNER, "type='unavailable'", "bye"), 1);
	assert_int_equal(said(w, HAG, "type='unavailable'", "code='110'"), 1);
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "code='110'", NULL), 1);
}

/* 7.4, XEP-0359, XEP-0421; what only a room may say is taken out. */
static void test_message(void **state)
{
	struct world *w = *state;

	open_room(w, "");
	enter(w, WITCH, "third");
	say(w, WITCH, "<message to='" ROOM "' type='groupchat' id='m1'><body>Harpier cries</body><stanza-id xmlns='" NS_STANZA_ID "' id='forged' by='" ROOM
	              "'/><x xmlns='" NS_MUC_USER "'><status code='301'/></x></message>");
	assert_int_equal(said(w, OWNER, "from='" ROOM "/third'", "id='m1'"), 1);
	assert_int_equal(said(w, WITCH, "Harpier cries", "id='m1'"), 1);
	assert_int_equal(said(w, OWNER, "<stanza-id", "<occupant-id"), 1);
	assert_int_equal(said(w, OWNER, "forged", NULL), 0);
	assert_int_equal(said(w, OWNER, "301", NULL), 0);
	say(w, HAG, "<message to='" ROOM "' type='groupchat'><body>out</body></message>");
	assert_int_equal(said(w, HAG, "not-acceptable", NULL), 1);
	assert_int_equal(w->n_sent, 1);
	say(w, WITCH, "<message to='" ROOM "/first' type='chat' id='p'><body>psst</body></message>");
	assert_int_equal(said(w, OWNER, "psst", "<x xmlns='" NS_MUC_USER "'/>"), 1);
	assert_int_equal(w->n_sent, 1);
	say(w, WITCH, "<message to='" ROOM "/nobody' type='chat' id='p'><body>psst</body></message>");
	assert_int_equal(said(w, WITCH, "item-not-found", NULL), 1);
}

static void test_limits(void **state)
{
	struct world *w = *state;
	char xml[4096], text[2000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	open_room(w, "");
	snprintf(xml, sizeof xml, "<message to='" ROOM "' type='groupchat'><body>%s</body></message>", text);
	say(w, OWNER, xml);
	assert_int_equal(said(w, OWNER, "not-acceptable", NULL), 1);
	text[65] = '\0';
	snprintf(xml, sizeof xml, "<message to='" ROOM "' type='groupchat'><subject>%s</subject></message>", text);
	say(w, OWNER, xml);
	assert_int_equal(said(w, OWNER, "not-acceptable", NULL), 1);
	snprintf(xml, sizeof xml, "<presence to='" ROOM "/%s'><x xmlns='" NS_MUC "'/></presence>", text);
	say(w, HAG, xml);
	assert_int_equal(said(w, HAG, "not-acceptable", NULL), 1);
	w->s.rules.rate = 1;
	enter(w, WITCH, "fast");
	for (int i = 0; i < 3; i++)
		say(w, WITCH, "<message to='" ROOM "' type='groupchat'><body>a</body></message>");
	assert_int_equal(said(w, OWNER, "<body>a", NULL), 1);
	say(w, WITCH, "<message to='" ROOM "' type='groupchat'><body>a</body></message>");
	assert_int_equal(said(w, WITCH, "policy-violation", NULL), 1);
	for (int i = 0; i < 3; i++) { /* three rooms of one person */
		snprintf(xml, sizeof xml, "<presence to='r%d@conf.example/a'><x xmlns='" NS_MUC "'/></presence>", i);
		say(w, OWNER, xml);
	}
	assert_int_equal(said(w, OWNER, "resource-constraint", NULL), 1);
	assert_int_equal(w->s.rooms.count, 3);
}

/* 7.2.13 */
static void test_history(void **state)
{
	struct world *w = *state;
	char xml[256];

	open_room(w, "");
	for (int i = 0; i < 20; i++) {
		snprintf(xml, sizeof xml, "<message to='" ROOM "' type='groupchat'><body>n%02d</body></message>", i);
		w->now_ms += 1000;
		say(w, OWNER, xml);
	}
	enter(w, HAG, "second");
	assert_int_equal(said(w, HAG, "<delay", "<body>"), 15);
	assert_int_equal(said(w, HAG, "n05", NULL), 1);
	assert_int_equal(said(w, HAG, "n04", NULL), 0);
	say(w, HAG, "<presence to='" ROOM "/second' type='unavailable'/>");
	say(w, HAG, "<presence to='" ROOM "/second'><x xmlns='" NS_MUC "'><history maxstanzas='3'/></x></presence>");
	assert_int_equal(said(w, HAG, "<body>", NULL), 3);
	say(w, HAG, "<presence to='" ROOM "/second' type='unavailable'/>");
	say(w, HAG, "<presence to='" ROOM "/second'><x xmlns='" NS_MUC "'><history maxchars='0'/></x></presence>");
	assert_int_equal(said(w, HAG, "<body>", NULL), 0);
	say(w, HAG, "<presence to='" ROOM "/second' type='unavailable'/>");
	say(w, HAG, "<presence to='" ROOM "/second'><x xmlns='" NS_MUC "'><history seconds='1'/></x></presence>");
	assert_int_equal(said(w, HAG, "<body>", NULL), 2);
	say(w, HAG, "<presence to='" ROOM "/second' type='unavailable'/>");
	say(w, HAG, "<presence to='" ROOM "/second'><x xmlns='" NS_MUC "'><history since='2100-01-01T00:00:00Z'/></x></presence>");
	assert_int_equal(said(w, HAG, "<body>", NULL), 0);
}

/* 7.6 */
static void test_nick(void **state)
{
	struct world *w = *state;

	open_room(w, "");
	enter(w, WITCH, "third");
	say(w, WITCH, "<presence to='" ROOM "/oldhag'/>");
	assert_int_equal(said(w, OWNER, "code='303'", "nick='oldhag'"), 1);
	assert_int_equal(said(w, OWNER, "from='" ROOM "/oldhag'", "role='participant'"), 1);
	assert_int_equal(said(w, WITCH, "code='303'", "code='110'"), 1);
	say(w, WITCH, "<presence to='" ROOM "/FIRST'/>"); /* the same as "first" (RFC 8266) */
	assert_int_equal(said(w, WITCH, "conflict", NULL), 1);
}

/* Two clients of one person under one nickname. */
static void test_two_seats(void **state)
{
	struct world *w = *state;

	open_room(w, "");
	enter(w, "hag66@our.example/a", "hag");
	enter(w, "hag66@our.example/b", "hag");
	assert_int_equal(said(w, OWNER, NULL, NULL), 0);
	assert_int_equal(said(w, "hag66@our.example/b", "code='110'", NULL), 1);
	say(w, OWNER, "<message to='" ROOM "' type='groupchat'><body>both</body></message>");
	assert_int_equal(said(w, "hag66@our.example/a", "both", NULL) + said(w, "hag66@our.example/b", "both", NULL), 2);
	forget(w);
	room_service_gone(&w->s, BYTES("hag66@our.example/a"));
	assert_int_equal(said(w, OWNER, NULL, NULL), 0);
	forget(w);
	room_service_gone(&w->s, BYTES("hag66@our.example/b"));
	assert_int_equal(said(w, OWNER, "type='unavailable'", "/hag'"), 1);
}

/* C-AVL-04: who is there is seen, how available they are is not; live, and back. */
static void test_hidden_details(void **state)
{
	struct world *w = *state;
	struct room_rules rules = w->s.rules;
	static const char away[] = "<presence to='" ROOM "/hag'><x xmlns='urn:some'/><status>At lunch</status><idle xmlns='urn:xmpp:idle:1' since='2026-01-01T00:00:00Z'/>"
		"<show>away</show></presence>";

	open_room(w, "");
	enter(w, "hag66@our.example/a", "hag");
	say(w, "hag66@our.example/a", away);
	assert_int_equal(said(w, OWNER, "<show>away</show>", "urn:some"), 1);
	rules.hides_details = true;
	forget(w);
	room_service_rule(&w->s, &rules);
	assert_int_equal(said(w, OWNER, "urn:some", NULL), 1); /* once, and without */
	assert_int_equal(said(w, OWNER, "<show>", NULL) + said(w, OWNER, "<status>", NULL) + said(w, OWNER, "idle", NULL), 0);
	assert_int_equal(w->n_sent, 2); /* of the owner, who has given no details, nothing is said again */
	say(w, "hag66@our.example/a", away);
	assert_int_equal(said(w, OWNER, "urn:some", NULL), 1);
	assert_int_equal(said(w, OWNER, "<show>", NULL), 0);
	enter(w, "hag67@our.example/a", "hog"); /* may come in, and sees the same */
	assert_int_equal(said(w, "hag67@our.example/a", "/hag'", "urn:some"), 1);
	assert_int_equal(said(w, "hag67@our.example/a", "<show>", NULL), 0);
	assert_int_equal(said(w, "hag67@our.example/a", "code='110'", NULL), 1);
	rules.hides_details = false;
	forget(w);
	room_service_rule(&w->s, &rules);
	assert_int_equal(said(w, OWNER, "<show>away</show>", "<status>At lunch</status>"), 1);
}

/* 8.2, 8.4, 9.1, 9.6, 10.4; what is not theirs to do is refused. */
static void test_admin(void **state)
{
	struct world *w = *state;

	open_room(w, "");
	enter(w, WITCH, "third");
	enter(w, HAG, "second");
	admin(w, WITCH, "<item nick='second' role='none'/>");
	assert_int_equal(said(w, WITCH, "forbidden", NULL), 1);
	admin(w, OWNER, "<item nick='third' role='none'><reason>Avaunt</reason></item>");
	assert_int_equal(said(w, WITCH, "code='307'", "Avaunt"), 1);
	assert_int_equal(said(w, HAG, "code='307'", "type='unavailable'"), 1);
	assert_int_equal(said(w, OWNER, "type='result'", NULL), 1);
	enter(w, WITCH, "third");
	admin(w, OWNER, "<item nick='second' role='moderator'/>");
	assert_int_equal(said(w, WITCH, "from='" ROOM "/second'", "role='moderator'"), 1);
	admin(w, HAG, "<item nick='first' role='none'/>");
	assert_int_equal(said(w, HAG, "not-allowed", NULL), 1);
	admin(w, OWNER, "<item jid='crone1@our.example' affiliation='none'/>"); /* the last owner */
	assert_int_equal(said(w, OWNER, "conflict", NULL), 1);
	admin(w, OWNER, "<item jid='far.example' affiliation='outcast'/>"); /* a whole domain */
	assert_int_equal(said(w, WITCH, "code='301'", NULL), 1);
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "forbidden", NULL), 1);
	admin(w, OWNER, "<item jid='wiccarocks@far.example' affiliation='member'/>"); /* but not this one */
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "code='110'", "affiliation='member'"), 1);
	say(w, OWNER, "<iq type='get' id='l' to='" ROOM "'><query xmlns='" NS_MUC "#admin'><item affiliation='outcast'/></query></iq>");
	assert_int_equal(said(w, OWNER, "jid='far.example'", NULL), 1);
	say(w, WITCH, "<iq type='get' id='l' to='" ROOM "'><query xmlns='" NS_MUC "#admin'><item affiliation='outcast'/></query></iq>");
	assert_int_equal(said(w, WITCH, "forbidden", NULL), 1);
}

/* 7.9, 7.13, 8.6 */
static void test_voice(void **state)
{
	struct world *w = *state;

	open_room(w, FIELD("muc#roomconfig_moderatedroom", "1"));
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "role='visitor'", "code='110'"), 1);
	say(w, WITCH, "<message to='" ROOM "' type='groupchat'><body>hm</body></message>");
	assert_int_equal(said(w, WITCH, "forbidden", NULL), 1);
	say(w, WITCH, "<message to='" ROOM "'><x xmlns='" NS_DATA "' type='submit'>" FIELD("FORM_TYPE", NS_MUC "#request") FIELD("muc#role", "participant") "</x></message>");
	assert_int_equal(said(w, OWNER, "muc#request_allow", "third"), 1);
	say(w, OWNER, "<message to='" ROOM "'><x xmlns='" NS_DATA "' type='submit'>" FIELD("FORM_TYPE", NS_MUC "#request") FIELD("muc#roomnick", "third")
	              FIELD("muc#request_allow", "true") "</x></message>");
	assert_int_equal(said(w, WITCH, "role='participant'", "code='110'"), 1);
}

static void test_subject(void **state)
{
	struct world *w = *state;

	open_room(w, FIELD("muc#roomconfig_changesubject", "0"));
	enter(w, WITCH, "third");
	say(w, WITCH, "<message to='" ROOM "' type='groupchat'><subject>Fire</subject></message>");
	assert_int_equal(said(w, WITCH, "forbidden", NULL), 1);
	say(w, OWNER, "<message to='" ROOM "' type='groupchat'><subject>Fire &amp; water</subject></message>");
	assert_int_equal(said(w, WITCH, "Fire &amp; water", NULL), 1);
	enter(w, HAG, "second");
	assert_int_equal(said(w, HAG, "<subject>Fire &amp; water</subject>", "from='" ROOM "/first'"), 1);
}

/* 7.8.2; a members-only room makes who is invited a member. */
static void test_invite(void **state)
{
	struct world *w = *state;

	open_room(w, FIELD("muc#roomconfig_membersonly", "1"));
	say(w, OWNER, "<message to='" ROOM "'><x xmlns='" NS_MUC_USER "'><invite to='hag66@our.example'><reason>come</reason></invite></x></message>");
	assert_int_equal(said(w, "hag66@our.example", "<invite from='crone1@our.example'>", "jabber:x:conference"), 1);
	enter(w, HAG, "second");
	assert_int_equal(said(w, HAG, "affiliation='member'", "code='110'"), 1);
	say(w, WITCH, "<message to='" ROOM "'><x xmlns='" NS_MUC_USER "'><invite to='a@b.example'/></x></message>");
	assert_int_equal(said(w, WITCH, "not-acceptable", NULL), 1);
	say(w, HAG, "<message to='" ROOM "'><x xmlns='" NS_MUC_USER "'><decline to='crone1@our.example'/></x></message>");
	assert_int_equal(said(w, OWNER, "<decline from='hag66@our.example'>", NULL), 1);
	say(w, HAG, "<message to='" ROOM "'><x xmlns='" NS_MUC_USER "'><decline to='stranger@our.example'/></x></message>");
	assert_int_equal(said(w, HAG, "item-not-found", NULL), 1);
}

/* 10.9 */
static void test_destroy(void **state)
{
	struct world *w = *state;

	open_room(w, FIELD("muc#roomconfig_persistentroom", "1"));
	assert_int_equal(w->saved_rooms, 1);
	assert_int_equal(w->saved_affiliates, 1);
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "code='170'", NULL), 1);
	say(w, OWNER, "<message to='" ROOM "' type='groupchat'><body>kept</body></message>");
	assert_int_equal(w->saved_past, 1);
	say(w, OWNER, "<iq type='set' id='d' to='" ROOM "'><query xmlns='" NS_MUC "#owner'><destroy jid='new@conf.example'><reason>done</reason></destroy></query></iq>");
	assert_int_equal(said(w, WITCH, "<destroy jid='new@conf.example'", "type='unavailable'"), 1);
	assert_int_equal(w->dropped, 1);
	assert_int_equal(w->s.rooms.count, 0);
}

/* What is written down comes back. */
static void test_restore(void **state)
{
	struct world *w = *state;
	struct buf b;
	struct room *r;

	open_room(w, FIELD("muc#roomconfig_persistentroom", "1") FIELD("muc#roomconfig_roomname", "Coven") FIELD("muc#roomconfig_whois", "moderators"));
	say(w, OWNER, "<message to='" ROOM "' type='groupchat'><subject>Fire</subject></message>");
	buf_init(&b, 1 << 20);
	room_encode(&b, map_get(&w->s.rooms, BYTES(ROOM)));
	room_forget(&w->s, BYTES(ROOM));
	assert_int_equal(w->s.n_persistent, 0);
	for (size_t n = 0; n < buf_len(&b); n++) /* cut anywhere it is refused */
		assert_int_equal(room_restore(&w->s, BYTES("cut@conf.example"), bytes_make(buf_bytes(&b).p, n), &r), ERR_SYNTAX);
	say(w, HAG, "<iq type='get' id='p' to='conf.example'><ping xmlns='" NS_PING "'/></iq>");
	assert_int_equal(w->s.rooms.count, 0);
	assert_int_equal(room_restore(&w->s, BYTES(ROOM), buf_bytes(&b), &r), 0);
	room_restore_affiliate(r, BYTES("crone1@our.example"), 3, BYTES_NONE, BYTES_NONE);
	room_restore_past(r, 5, BYTES(ROOM "/first"), BYTES("i1"), BYTES("o1"), BYTES(" type='groupchat'><body>old</body></message>"));
	buf_fini(&b);
	enter(w, HAG, "second");
	assert_int_equal(said(w, HAG, "old", "<delay"), 1);
	assert_int_equal(said(w, HAG, "Fire", NULL), 1);
	assert_int_equal(said(w, HAG, "code='100'", NULL), 0);
	say(w, HAG, "<iq type='get' id='d' to='" ROOM "'><query xmlns='" NS_DISCO_INFO "'/></iq>");
	assert_int_equal(said(w, HAG, "name='Coven'", "muc_persistent"), 1);
	assert_int_equal(said(w, HAG, "muc_semianonymous", NULL), 1);
	enter(w, OWNER, "first");
	assert_int_equal(said(w, OWNER, "affiliation='owner'", "code='110'"), 1);
	assert_int_equal(said(w, HAG, "crone1@", NULL), 0); /* only moderators see it */
	assert_int_equal(said(w, OWNER, "hag66@our.example", NULL), 1);
}

/* XEP-0410; 17.4 */
static void test_self_ping(void **state)
{
	struct world *w = *state;

	open_room(w, "");
	enter(w, WITCH, "third");
	say(w, WITCH, "<iq type='get' id='p' to='" ROOM "/third'><ping xmlns='" NS_PING "'/></iq>");
	assert_int_equal(said(w, WITCH, "type='result'", NULL), 1);
	say(w, HAG, "<iq type='get' id='p' to='" ROOM "/third'><ping xmlns='" NS_PING "'/></iq>");
	assert_int_equal(said(w, HAG, "not-acceptable", NULL), 1);
	say(w, OWNER, "<iq type='get' id='v1' to='" ROOM "/third'><query xmlns='" NS_VERSION "'/></iq>");
	assert_int_equal(said(w, WITCH, "from='" ROOM "/first'", NS_VERSION), 1);
	char *id = strdup(strstr(w->sent[0], "id='") + 4), xml[512];
	*strchr(id, '\'') = '\0';
	snprintf(xml, sizeof xml, "<iq type='result' id='%s' to='" ROOM "/first'><query xmlns='" NS_VERSION "'/></iq>", id);
	free(id);
	say(w, WITCH, xml);
	assert_int_equal(said(w, OWNER, "id='v1'", "from='" ROOM "/third'"), 1);
}

/* 18.3: an error says that somebody is gone; a dead domain takes all its people along; silence is asked about. */
static void test_ghosts(void **state)
{
	struct world *w = *state;

	open_room(w, "");
	enter(w, WITCH, "third");
	enter(w, "b@far.example/x", "fourth");
	say(w, WITCH, "<message type='error' to='" ROOM "'><error type='cancel'><feature-not-implemented xmlns='" NS_STANZA_ERRORS "'/></error></message>");
	assert_int_equal(w->n_sent, 0);
	say(w, WITCH, "<message type='error' to='" ROOM "'><error type='cancel'><recipient-unavailable xmlns='" NS_STANZA_ERRORS "'/></error></message>");
	assert_int_equal(said(w, OWNER, "code='333'", "/third'"), 1);
	assert_int_equal(said(w, OWNER, "/fourth'", NULL), 0);
	enter(w, WITCH, "third");
	say(w, "b@far.example/x", "<message type='error' to='" ROOM "'><error type='wait'><remote-server-timeout xmlns='" NS_STANZA_ERRORS "'/></error></message>");
	assert_int_equal(said(w, OWNER, "code='333'", NULL), 2);
	enter(w, WITCH, "third");
	forget(w);
	room_service_tick(&w->s, w->now_ms + 300000, 1);
	assert_int_equal(said(w, WITCH, "<ping", NULL), 1);
	assert_int_equal(w->n_sent, 1); /* whoever is here is known to be */
	forget(w);
	room_service_tick(&w->s, w->now_ms + 300000 + 60000, 1);
	assert_int_equal(said(w, OWNER, "code='333'", "/third'"), 1);
}

/* 9.8: the service ends, and nothing of what is kept with it. */
static void test_close(void **state)
{
	struct world *w = *state;

	open_room(w, FIELD("muc#roomconfig_persistentroom", "1"));
	enter(w, WITCH, "third");
	forget(w);
	room_service_close(&w->s);
	assert_int_equal(w->n_sent, 2);
	assert_int_equal(said(w, WITCH, "code='332'", "type='unavailable'") + said(w, OWNER, "code='332'", "type='unavailable'"), 2);
	assert_int_equal(w->dropped, 0);
}

/* XEP-0425 */
static void test_moderate(void **state)
{
	struct world *w = *state;
	char xml[1024], id[64] = "";

	open_room(w, "");
	enter(w, WITCH, "third");
	say(w, WITCH, "<message to='" ROOM "' type='groupchat'><body>spam</body></message>");
	const char *at = strstr(w->sent[0], "<stanza-id xmlns='" NS_STANZA_ID "' id='");
	assert_non_null(at);
	snprintf(id, 33, "%s", at + sizeof "<stanza-id xmlns='" NS_STANZA_ID "' id='" - 1);
	snprintf(xml, sizeof xml, "<iq type='set' id='x' to='" ROOM "'><moderate xmlns='urn:xmpp:message-moderate:1' id='%s'>"
	         "<retract xmlns='urn:xmpp:message-retract:1'/><reason>ads</reason></moderate></iq>", id);
	say(w, WITCH, xml);
	assert_int_equal(said(w, WITCH, "forbidden", NULL), 1);
	say(w, OWNER, xml);
	assert_int_equal(said(w, WITCH, "<retract xmlns='urn:xmpp:message-retract:1'", id), 1);
	assert_int_equal(said(w, OWNER, "type='result'", NULL), 1);
	enter(w, HAG, "second");
	assert_int_equal(said(w, HAG, "spam", NULL), 0);
	assert_int_equal(said(w, HAG, "<retracted", "ads"), 1);
}

/* XEP-0313 in rooms: what is kept, who may read it, and that moderation reaches what newcomers are not shown any more. */
static void test_archive(void **state)
{
	static const struct {
		const char *inner;
		unsigned kept;
	} rows[] = {
		{ "<body>words</body>", 1 },
		{ "<composing xmlns='http://jabber.org/protocol/chatstates'/>", 0 },
		{ "<body>x</body><no-store xmlns='urn:xmpp:hints'/>", 0 },
		{ "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>", 1 },
		{ "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>", 1 },
		{ "<subject>s</subject>", 1 },
	};
	static const char ask[] = "<iq type='set' id='m' to='" ROOM "'><query xmlns='urn:xmpp:mam:2'/></iq>";
	struct world *w = *state;
	char xml[1024];

	w->s.rules.has_archive = true;
	open_room(w, "");
	say(w, OWNER, ask);
	assert_int_equal(said(w, OWNER, "service-unavailable", NULL), 1); /* not persistent */
	say(w, OWNER, "<message to='" ROOM "' type='groupchat'><body>x</body></message>");
	assert_int_equal(w->kept, 0);
	configure(w, FIELD("muc#roomconfig_persistentroom", "1") FIELD("muc#roomconfig_membersonly", "0"));
	say(w, OWNER, "<iq type='get' id='d' to='" ROOM "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_int_equal(said(w, OWNER, "<feature var='urn:xmpp:mam:2'/>", NULL), 1);
	assert_int_equal(said(w, OWNER, "fulltext", NULL), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned before = w->kept;
		snprintf(xml, sizeof xml, "<message to='" ROOM "' type='groupchat'>%s</message>", rows[i].inner);
		say(w, OWNER, xml);
		if (w->kept - before != rows[i].kept)
			fail_msg("row %zu", i);
		if (!rows[i].kept)
			continue;
		/* the id that all see is the one it is kept under */
		snprintf(xml, sizeof xml, "<stanza-id xmlns='urn:xmpp:sid:0' id='%s' by='" ROOM "'/></message>", w->last_id);
		assert_non_null(strstr(w->last_kept, xml));
		assert_int_equal(said(w, OWNER, xml, NULL), 1);
		assert_non_null(strstr(w->last_kept, "<message from='" ROOM "/"));
		assert_null(strstr(w->last_kept, " to='"));
	}
	/* outside, in it, on its lists, banned */
	say(w, WITCH, ask);
	assert_int_equal(said(w, WITCH, "forbidden", NULL), 1);
	enter(w, WITCH, "third");
	say(w, WITCH, ask);
	assert_int_equal(w->asked, 1);
	say(w, WITCH, "<presence type='unavailable' to='" ROOM "/third'/>");
	say(w, WITCH, ask);
	assert_int_equal(w->asked, 1);
	admin(w, OWNER, "<item jid='wiccarocks@far.example' affiliation='member'/><item jid='hag66@our.example' affiliation='outcast'/>");
	say(w, WITCH, ask);
	assert_int_equal(w->asked, 2);
	say(w, HAG, ask);
	assert_int_equal(w->asked, 2);
	assert_int_equal(said(w, HAG, "forbidden", NULL), 1);
	/* a moderator takes back what is in the archive alone */
	w->s.rules.history_max = 1;
	say(w, OWNER, "<message to='" ROOM "' type='groupchat'><body>y</body></message>");
	unsigned before = w->kept;
	say(w, OWNER, "<iq type='set' id='x' to='" ROOM "'><moderate xmlns='urn:xmpp:message-moderate:1' id='id1'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>");
	assert_int_equal(said(w, OWNER, "type='result'", NULL), 1);
	assert_int_equal(said(w, OWNER, "<retract xmlns='urn:xmpp:message-retract:1' id='id1'>", "<stanza-id"), 1);
	assert_int_equal(w->kept - before, 1); /* that it was taken back */
	say(w, OWNER, "<iq type='set' id='x' to='" ROOM "'><moderate xmlns='urn:xmpp:message-moderate:1' id='none'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>");
	assert_int_equal(said(w, OWNER, "item-not-found", NULL), 1);
}

/* 7.10 */
static void test_register(void **state)
{
	struct world *w = *state;
	static const char ask[] = "<iq type='set' id='r' to='" ROOM "'><query xmlns='jabber:iq:register'><x xmlns='" NS_DATA "' type='submit'>"
				  FIELD("muc#register_roomnick", "Hecate") "</x></query></iq>";

	open_room(w, "");
	say(w, HAG, ask);
	assert_int_equal(said(w, HAG, "not-allowed", NULL), 1);
	configure(w, FIELD("muc#roomconfig_selfregister", "1"));
	say(w, HAG, ask);
	assert_int_equal(said(w, HAG, "type='result'", NULL), 1);
	enter(w, WITCH, "Hecate");
	assert_int_equal(said(w, WITCH, "conflict", NULL), 1);
	enter(w, HAG, "other");
	assert_int_equal(said(w, HAG, "code='210'", "from='" ROOM "/Hecate'"), 1);
}

/* 6.3, XEP-0059; hidden rooms are hidden. */
static void test_disco(void **state)
{
	struct world *w = *state;

	open_room(w, "");
	say(w, HAG, "<presence to='b@conf.example/h'/>");
	assert_int_equal(said(w, HAG, "not-acceptable", NULL), 1);
	say(w, HAG, "<presence to='b@conf.example/h'><x xmlns='" NS_MUC "'/></presence>");
	say(w, WITCH, "<iq type='get' id='i' to='conf.example'><query xmlns='" NS_DISCO_ITEMS "'/></iq>");
	assert_int_equal(said(w, WITCH, "jid='" ROOM "'", NULL), 1);
	assert_int_equal(said(w, WITCH, "b@conf.example", NULL), 0); /* locked */
	say(w, HAG, "<iq type='set' id='c' to='b@conf.example'><query xmlns='" NS_MUC "#owner'><x xmlns='" NS_DATA "' type='submit'/></query></iq>");
	say(w, WITCH, "<iq type='get' id='i' to='conf.example'><query xmlns='" NS_DISCO_ITEMS "'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query></iq>");
	assert_int_equal(said(w, WITCH, "<count>2</count>", "<last>b@conf.example</last>"), 1);
	say(w, WITCH, "<iq type='get' id='i' to='conf.example'><query xmlns='" NS_DISCO_ITEMS
	              "'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max><after>b@conf.example</after></set></query></iq>");
	assert_int_equal(said(w, WITCH, "<first index='1'>" ROOM "<", NULL), 1);
	configure(w, FIELD("muc#roomconfig_publicroom", "0"));
	say(w, WITCH, "<iq type='get' id='i' to='conf.example'><query xmlns='" NS_DISCO_ITEMS "'/></iq>");
	assert_int_equal(said(w, WITCH, "jid='" ROOM "'", NULL), 0);
}

/* D-GCA-02, D-GCA-04 */
static void test_administrator_and_locks(void **state)
{
	struct world *w = *state;

	w->s.rules.owner_may[ROOM_MEMBERS_ONLY] = false;
	open_room(w, FIELD("muc#roomconfig_membersonly", "1"));
	enter(w, WITCH, "third");
	assert_int_equal(said(w, WITCH, "code='110'", NULL), 1); /* the owner's wish had no effect */
	enter(w, "chief@our.example/x", "chief");
	assert_int_equal(said(w, "chief@our.example/x", "affiliation='owner' role='moderator'", "code='110'"), 1);
	say(w, OWNER, "<iq type='get' id='f' to='" ROOM "'><query xmlns='" NS_MUC "#owner'/></iq>");
	assert_int_equal(said(w, OWNER, "muc#roomconfig_whois", NULL), 1);
	assert_int_equal(said(w, OWNER, "muc#roomconfig_membersonly", NULL), 0);
	configure(w, FIELD("muc#roomconfig_whois", "everybody"));
	assert_int_equal(said(w, OWNER, "not-acceptable", NULL), 1);
	for (int i = 0; i < 3; i++) {
		char xml[400];
		snprintf(xml, sizeof xml, "<presence to='p%d@conf.example/a'><x xmlns='" NS_MUC "'/></presence>", i);
		say(w, HAG, xml);
		snprintf(xml, sizeof xml, "<iq type='set' id='c' to='p%d@conf.example'><query xmlns='" NS_MUC "#owner'><x xmlns='" NS_DATA "' type='submit'>%s</x></query></iq>", i,
		         FIELD("muc#roomconfig_persistentroom", "1"));
		say(w, HAG, xml);
	}
	assert_int_equal(said(w, HAG, "not-acceptable", NULL), 1); /* two persistent ones are the most */
	assert_int_equal(w->s.n_persistent, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_create_and_enter), T(test_cancel), T(test_refused_entry), T(test_members_only_and_full), T(test_message), T(test_limits),
		T(test_history), T(test_nick), T(test_two_seats), T(test_hidden_details), T(test_admin), T(test_voice), T(test_subject), T(test_invite), T(test_destroy),
		T(test_restore), T(test_self_ping), T(test_ghosts), T(test_close), T(test_moderate), T(test_archive), T(test_register), T(test_disco), T(test_administrator_and_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
