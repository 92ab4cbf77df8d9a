/* Plays: commands with forms (XEP-0050), and administration by them (XEP-0133). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "adhoc/adhoc.h"
#include "base/err.h"
#include "run/session.h"

#define ON "im administrators = alice@a.example\nim scram-iterations = 4096\n"
#define NS "http://jabber.org/protocol/commands"
#define ADMIN "http://jabber.org/protocol/admin#"
#define OWN "urn:gatehouse:own#"

static struct play p;
static struct client *alice, *bob;

static void begin(const char *rows)
{
	play_open(&p, rows);
	conf_join(&p);
	alice = client_login(&p, "alice", "desk");
	bob = client_login(&p, "bob", "desk");
}

/* node: whole, or of XEP-0133 */
static const char *execute(struct client *c, const char *node, const char *attributes, const char *inside)
{
	client_send(c, "<iq type='set' id='1' to='a.example'><command xmlns='" NS "' node='%s%s'%s>%s</command></iq>", strchr(node, '#') ? "" : ADMIN, node,
		    attributes, inside);
	return client_got(c);
}

/* The session's attribute out of an answer. */
static const char *session_in(const char *got)
{
	static char attribute[64];
	const char *at = strstr(got, " sessionid='");

	assert_non_null(at);
	assert_has(got, "status='executing'");
	(void)snprintf(attribute, sizeof attribute, "%.*s", (int)(sizeof " sessionid='" - 1 + 24 + 1), at);
	return attribute;
}

static const char *submit(struct client *c, const char *node, const char *fields)
{
	char form[4096];

	const char *session = session_in(execute(c, node, " action='execute'", ""));
	(void)snprintf(form, sizeof form, "<x xmlns='jabber:x:data' type='submit'>%s</x>", fields);
	return execute(c, node, session, form);
}

static const char *field(const char *var, const char *value)
{
	static char text[4][512];
	static unsigned at;

	at = (at + 1) % 4;
	(void)snprintf(text[at], sizeof text[at], "<field var='%s'><value>%s</value></field>", var, value);
	return text[at];
}

static const char *two(const char *a, const char *b)
{
	static char text[1024];

	(void)snprintf(text, sizeof text, "%s%s", a, b);
	return text;
}

static enum msg try_login(const char *name, const char *password, const char **condition)
{
	struct client *c = client_new(&p);
	char plain[160];
	int n = snprintf(plain, sizeof plain, "%c%s%c%s", 0, name, 0, password);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS,
						 .initial = bytes_make(plain, (size_t)n) });
	*condition = c->condition;
	return c->answer;
}

/* ---- who ---- */

#define ITEMS "<iq type='get' id='i' to='a.example'><query xmlns='http://jabber.org/protocol/disco#items' node='" NS "'/></iq>"

static void only_administrators_may(void **state)
{
	(void)state;
	begin(ON);
	client_send(alice, ITEMS);
	const char *got = client_got(alice);
	assert_has(got, "<item jid='a.example' node='" ADMIN "add-user' name='Add a user'/>");
	assert_has(got, ADMIN "delete-motd");
	client_send(bob, ITEMS);
	got = client_got(bob);
	assert_has(got, "<item jid='a.example' node='" OWN "change-password' name='Change my password'/>");
	assert_lacks(got, ADMIN);
	assert_has(execute(bob, "add-user", "", ""), "<forbidden");
	assert_has(execute(bob, "shutdown", "", ""), "<item-not-found");
	assert_has(execute(alice, "shutdown", "", ""), "<item-not-found");
	client_send(bob, "<iq type='get' id='i' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info' node='" ADMIN "add-user'/></iq>");
	assert_has(client_got(bob), "<forbidden");
	client_send(alice, "<iq type='get' id='i' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info' node='" ADMIN "add-user'/></iq>");
	assert_has(client_got(alice), "<identity category='automation' type='command-node' name='Add a user'/>");
	client_send(bob, "<iq type='get' id='i' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_got(bob), "<feature var='" NS "'/>");
	hub_send(&p, 0, "<iq type='set' id='1' from='alice@b.example/x' to='a.example'><command xmlns='" NS "' node='" ADMIN "announce'/></iq>");
	assert_has(hub_got(&p), "<forbidden");
	assert_string_equal(p.audited, "");
	play_close(&p);
}

static void nobody_is_one_unless_it_is_set(void **state)
{
	(void)state;
	begin("");
	assert_has(execute(alice, "add-user", "", ""), "<forbidden");
	play_close(&p);
	begin("im self-service = off\n");
	assert_has(execute(alice, "add-user", "", ""), "<service-unavailable");
	assert_has(execute(alice, OWN "devices", "", ""), "<service-unavailable");
	client_send(alice, ITEMS);
	assert_has(client_got(alice), "<item-not-found");
	client_send(alice, "<iq type='get' id='i' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_lacks(client_got(alice), NS);
	play_close(&p);
}

/* ---- XEP-0050 ---- */

static void actions_and_sessions(void **state)
{
	char session[64];

	(void)state;
	begin(ON);
	assert_has(execute(alice, "add-user", " action='dance'", ""), "<malformed-action xmlns='" NS "'/>");
	assert_has(execute(alice, "add-user", " action='next'", ""), "<bad-action xmlns='" NS "'/>");
	assert_has(execute(alice, "add-user", " xml:lang='a_b'", ""), "<bad-locale xmlns='" NS "'/>");
	assert_has(execute(alice, "add-user", " sessionid='none'", ""), "<bad-sessionid xmlns='" NS "'/>");
	const char *got = execute(alice, "add-user", " xml:lang='de-AT'", "");
	assert_has(got, "<actions execute='complete'><complete/></actions>");
	assert_has(got, "<field var='password' type='text-private' label='Password'><required/></field>");
	(void)snprintf(session, sizeof session, "%s", session_in(got));
	assert_has(execute(alice, "delete-user", session, ""), "<bad-sessionid");  /* another command's */
	struct client *other = client_login(&p, "alice", "phone");
	assert_has(execute(other, "add-user", session, ""), "<bad-sessionid"); /* another client's */
	char prev[96];
	(void)snprintf(prev, sizeof prev, "%s action='prev'", session);
	assert_has(execute(alice, "add-user", prev, ""), "<bad-action");
	assert_has(execute(alice, "add-user", session, ""), "<bad-payload");
	assert_has(execute(alice, "add-user", session, "<x xmlns='jabber:x:data' type='submit'/>"), "A field is missing");
	(void)snprintf(prev, sizeof prev, "%s action='cancel'", session);
	assert_has(execute(alice, "add-user", prev, ""), "status='canceled'");
	assert_has(execute(alice, "add-user", session, ""), "<bad-sessionid");
	/* one that was left lying */
	(void)snprintf(session, sizeof session, "%s", session_in(execute(alice, "add-user", "", "")));
	play_wait(&p, ADHOC_LIFE_MS);
	got = execute(alice, "add-user", session, "");
	assert_has(got, "<not-allowed");
	assert_has(got, "<session-expired xmlns='" NS "'/>");
	for (unsigned i = 0; i < ADHOC_SESSIONS_USER; i++)
		(void)session_in(execute(alice, "add-user", "", ""));
	assert_has(execute(alice, "add-user", "", ""), "<resource-constraint");
	play_wait(&p, ADHOC_LIFE_MS);
	(void)session_in(execute(alice, "add-user", "", ""));
	assert_string_equal(p.audited, "");
	play_close(&p);
}

static void nothing_without_the_audit_trail(void **state)
{
	const char *why;

	(void)state;
	begin(ON);
	conf_leave(&p);
	assert_has(submit(alice, "disable-user", field("accountjids", "bob@a.example")), "audit trail");
	assert_false(bob->is_closed);
	assert_int_equal(try_login("bob", PLAY_PASSWORD, &why), MSG_AUTH_OK);
	conf_join(&p);
	assert_has(submit(alice, "disable-user", field("accountjids", "bob@a.example")), "status='completed'");
	assert_string_equal(p.audited, "alice@a.example user disable bob@a.example\n");
	play_close(&p);
}

/* ---- XEP-0133 ---- */

static void accounts(void **state)
{
	const char *why, *got;

	(void)state;
	begin(ON);
	char fields[512];
	(void)snprintf(fields, sizeof fields, "%s%s%s", field("accountjid", "Dave@a.example"), field("password", "first"), field("password-verify", "other"));
	assert_has(submit(alice, "add-user", fields), "the two passwords differ");
	(void)snprintf(fields, sizeof fields, "%s%s%s", field("accountjid", "Dave@a.example"), field("password", "first"), field("password-verify", "first"));
	assert_has(submit(alice, "add-user", fields), "status='completed'");
	assert_int_equal(try_login("dave", "first", &why), MSG_AUTH_OK);
	assert_has(submit(alice, "add-user", fields), "<conflict");
	assert_has(submit(alice, "change-user-password", two(field("accountjid", "dave@a.example"), field("password", "second"))), "completed");
	assert_int_equal(try_login("dave", "first", &why), MSG_AUTH_FAILED);
	assert_int_equal(try_login("dave", "second", &why), MSG_AUTH_OK);
	/* somebody who is not there, beside one who is */
	got = submit(alice, "delete-user", "<field var='accountjids'><value>dave@a.example</value><value>nobody@a.example</value></field>");
	assert_has(got, "status='completed'");
	assert_has(got, "<note type='error'>nobody@a.example: there is no such account</note>");
	assert_has(submit(alice, "delete-user", field("accountjids", "dave@a.example")), "<item-not-found");
	assert_int_equal(try_login("dave", "second", &why), MSG_AUTH_FAILED);
	assert_string_equal(why, "not-authorized");
	assert_has(submit(alice, "add-user", fields), "completed");
	assert_has(p.audited, "alice@a.example user add dave@a.example\n");
	assert_has(p.audited, "alice@a.example user delete dave@a.example nobody@a.example\n");
	assert_lacks(p.audited, "first");
	assert_lacks(p.audited, "second");
	play_close(&p);
}

static void disabled_and_enabled(void **state)
{
	const char *why;

	(void)state;
	begin(ON);
	struct client *waits = client_auth(&p, "bob"); /* logged in, without a session yet */
	assert_has(submit(alice, "disable-user", field("accountjids", "bob@a.example")), "completed");
	assert_true(bob->is_closed);
	client_open(waits, "late", SESSION_TLS, "", 0);
	assert_int_equal(waits->answer, MSG_SESSION_REFUSED);
	assert_int_equal(try_login("bob", PLAY_PASSWORD, &why), MSG_AUTH_FAILED);
	assert_string_equal(why, "account-disabled");
	assert_int_equal(try_login("bob", "wrong", &why), MSG_AUTH_FAILED);
	assert_string_equal(why, "not-authorized"); /* only its person hears of it */
	assert_has(execute(alice, "get-disabled-users-num", "", ""), "<field var='disabledusersnum' type='text-single'><value>1</value></field>");
	assert_has(submit(alice, "get-disabled-users-list", field("max_items", "25")), "<value>bob@a.example</value></field></x>");
	client_send(alice, "<message type='chat' to='bob@a.example'><body>later</body></message>");
	assert_has(submit(alice, "reenable-user", field("accountjids", "bob@a.example")), "completed");
	struct client *again = client_online(&p, "bob", "desk", 0);
	assert_has(client_got(again), "<body>later</body>");
	assert_has(submit(alice, "disable-user", field("accountjids", "nobody@a.example")), "<item-not-found");
	play_close(&p);
}

static void what_is_known_of_people(void **state)
{
	const char *got;

	(void)state;
	begin(ON);
	client_send(bob, "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='carol@a.example' name='C'><group>Ours</group></item></query></iq>");
	client_send(bob, "<presence><show>away</show></presence>");
	client_send(alice, "<presence/>");
	(void)client_got(alice);
	assert_has(execute(alice, "get-registered-users-num", "", ""), "<value>3</value>");
	assert_has(execute(alice, "get-online-users-num", "", ""), "<field var='onlineusersnum' type='text-single'><value>2</value>");
	assert_has(execute(alice, "get-active-users-num", "", ""), "<field var='activeusersnum' type='text-single'><value>1</value>");
	assert_has(execute(alice, "get-idle-users-num", "", ""), "<field var='idleusersnum' type='text-single'><value>1</value>");
	got = submit(alice, "get-active-users", "");
	assert_has(got, "<value>alice@a.example</value>");
	assert_lacks(got, "bob");
	got = submit(alice, "get-idle-users", "");
	assert_has(got, "<value>bob@a.example</value>");
	assert_lacks(got, "<value>alice");
	got = submit(alice, "get-registered-users-list", field("max_items", "2"));
	assert_has(got, "<value>alice@a.example</value><value>bob@a.example</value></field>");
	assert_has(submit(alice, "get-online-users-list", ""), "onlineuserjids");
	got = submit(alice, "get-user-roster", field("accountjids", "bob@a.example"));
	assert_has(got, "<query xmlns='jabber:iq:roster'><item jid='carol@a.example' name='C' subscription='none'><group>Ours</group></item></query>");
	got = submit(alice, "user-stats", field("accountjids", "bob@a.example"));
	assert_has(got, "<field var='rostersize' type='text-single'><value>1</value>");
	assert_has(got, "<field var='onlineresources' type='text-single'><value>1</value>");
	assert_has(submit(alice, "get-user-lastlogin", field("accountjids", "carol@a.example")), "<value>never</value>");
	assert_has(submit(alice, "get-user-lastlogin", field("accountjids", "bob@a.example")), "<field var='lastlogin' type='text-single'><value>2023-11-14T22:13:2");
	play_close(&p);
}

/* What does not fit into one answer is left out, and that is said. */
static void a_list_has_an_end(void **state)
{
	char jid[1100];
	const char *got;

	(void)state;
	begin(ON);
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(jid, sizeof jid, "u%03u%0900u@a.example", i, 0u);
		play_account(&p, jid);
	}
	got = submit(alice, "get-registered-users-list", field("max_items", "none"));
	assert_has(got, "status='completed'><note type='info'>Not all fit into one answer</note>");
	assert_has(got, "<value>alice@a.example</value>");
	assert_has(execute(alice, "get-registered-users-num", "", ""), "<value>303</value>");
	play_close(&p);
}

static void sessions_end(void **state)
{
	(void)state;
	begin(ON);
	struct client *phone = client_login(&p, "bob", "phone");
	assert_has(submit(alice, "end-user-session", field("accountjids", "bob@a.example/phone")), "completed");
	assert_true(phone->is_closed);
	assert_false(bob->is_closed);
	assert_has(submit(alice, "end-user-session", field("accountjids", "bob@a.example")), "completed");
	assert_true(bob->is_closed);
	assert_has(submit(alice, "end-user-session", field("accountjids", "bob@a.example")), "<item-not-found");
	play_close(&p);
}

/* What the directory has is changed there. */
static void people_of_the_directory(void **state)
{
	const char *why;

	(void)state;
	begin(ON "directory enabled = on\n");
	dir_join(&p);
	dir_change(&p, 0, "erin@a.example");
	assert_int_equal(p.dir_changed, 0);
	assert_has(submit(alice, "user-stats", field("accountjids", "erin@a.example")), "<field var='directory' type='text-single'><value>yes</value>");
	const char *got = submit(alice, "change-user-password", two(field("accountjid", "erin@a.example"), field("password", "x")));
	assert_has(got, "<not-allowed");
	assert_has(got, "directory");
	assert_has(submit(alice, "delete-user", field("accountjids", "erin@a.example")), "<not-allowed");
	assert_has(submit(alice, "delete-user", field("accountjids", "bob@a.example")), "completed");
	assert_int_equal(try_login("bob", PLAY_PASSWORD, &why), MSG_AUTH_FAILED);
	play_close(&p);
}

static void announcements(void **state)
{
	const char *got;

	(void)state;
	begin(ON);
	client_send(bob, "<presence/>");
	(void)client_got(bob);
	assert_has(submit(alice, "announce", "<field var='announcement'><value>one &lt;</value><value>two</value></field>"), "completed");
	play_wait(&p, 1000);
	got = client_got(bob);
	assert_has(got, "<message type='headline' from='a.example' to='bob@a.example/desk'><body>one &lt;\ntwo</body></message>");
	play_close(&p);
}

static void messages_of_the_day(void **state)
{
	(void)state;
	begin(ON);
	assert_has(execute(alice, "delete-motd", "", ""), "<item-not-found");
	assert_has(submit(alice, "edit-motd", field("motd", "x")), "<item-not-found");
	assert_has(submit(alice, "set-motd", field("motd", "hello")), "completed");
	assert_has(execute(alice, "edit-motd", "", ""), "<field var='motd' type='text-multi' label='Message of the day'><required/><value>hello</value></field>");
	assert_has(execute(alice, "delete-motd", "", ""), "status='completed'");
	assert_has(execute(alice, "edit-motd", "", ""), "<required/></field>");
	play_close(&p);
}

/* An edge that was taken over could speak for a client that came through it: no administration from there, also not when a session of
 * inside is resumed there. */
static void not_from_outside(void **state)
{
	(void)state;
	begin(ON);
	struct client *c = client_new(&p);
	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS | AUTH_OUTSIDE,
						 .initial = BYTES("\0alice\0" PLAY_PASSWORD) });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	client_open(c, "away", 0, "", 0);
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
	assert_has(execute(c, "get-registered-users-num", " action='execute'", ""), "<forbidden");
	assert_lacks(execute(alice, "get-registered-users-num", " action='execute'", ""), "<forbidden");
	client_enable_sm(alice, true, 300);
	client_lose(alice);
	client_auth_start(c = client_new(&p), &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS | AUTH_OUTSIDE,
								  .initial = BYTES("\0alice\0" PLAY_PASSWORD) });
	client_resume(c, alice->sm_id, 0);
	assert_int_equal(c->answer, MSG_SESSION_RESUMED);
	assert_has(execute(c, "get-registered-users-num", " action='execute'", ""), "<forbidden");
	play_close(&p);
}

/* ---- people for themselves ---- */

static void own_password(void **state)
{
	const char *why;

	(void)state;
	begin("im scram-iterations = 4096\n");
	assert_has(submit(bob, OWN "change-password", two(field("password", "newer"), field("password-verify", "other"))), "the two passwords differ");
	assert_int_equal(try_login("bob", PLAY_PASSWORD, &why), MSG_AUTH_OK);
	assert_has(submit(bob, OWN "change-password", two(field("password", "newer"), field("password-verify", "newer"))), "status='completed'");
	assert_int_equal(try_login("bob", "newer", &why), MSG_AUTH_OK);
	assert_int_equal(try_login("bob", PLAY_PASSWORD, &why), MSG_AUTH_FAILED);
	assert_int_equal(try_login("alice", PLAY_PASSWORD, &why), MSG_AUTH_OK);
	assert_string_equal(p.audited, "bob@a.example user passwd bob@a.example\nbob@a.example user passwd bob@a.example\n");
	play_close(&p);
}

/* The password of an answer. */
static const char *made_password(const char *got)
{
	static char text[64];
	const char *at = strstr(got, "<field var='password' type='text-single'><value>");

	assert_non_null(at);
	at += strlen("<field var='password' type='text-single'><value>");
	(void)snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "<"), at);
	return text;
}

static struct client *log_in_with(const char *password, unsigned flags)
{
	char plain[160];
	int n = snprintf(plain, sizeof plain, "%cbob%c%s", 0, 0, password);
	struct client *c = client_new(&p);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS | flags, .initial = bytes_make(plain, (size_t)n) });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	client_open(c, "other", 0, "", 0);
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
	return c;
}

static void own_app_passwords(void **state)
{
	const char *why;

	(void)state;
	begin("im scram-iterations = 4096\n");
	assert_has(execute(bob, OWN "app-passwords", "", ""), "<note type='info'>There is none</note>");
	const char *password = made_password(submit(bob, OWN "add-app-password", field("label", "phone &lt;")));
	assert_has(submit(bob, OWN "add-app-password", field("label", "phone &lt;")), "there is one of this name already");
	assert_has(submit(bob, OWN "add-app-password", field("label", "")), "A field is empty");
	const char *got = execute(bob, OWN "app-passwords", "", "");
	assert_has(got, "<field var='FORM_TYPE' type='hidden'><value>urn:gatehouse:own</value>");
	assert_has(got, "<reported><field var='label' type='text-single' label='Application password'/>");
	assert_has(got, "<item><field var='label'><value>phone &lt;</value></field>");
	/* who logs in with it may take it back, and make none */
	struct client *phone = log_in_with(password, 0);
	assert_has(execute(phone, OWN "change-password", "", ""), "<forbidden");
	assert_has(execute(phone, OWN "add-app-password", "", ""), "<forbidden");
	client_send(phone, ITEMS);
	got = client_got(phone);
	assert_has(got, OWN "delete-app-password");
	assert_lacks(got, OWN "add-app-password");
	assert_has(submit(bob, OWN "delete-app-password", field("label", "phone &lt;")), "status='completed'");
	assert_true(phone->is_closed);
	assert_int_equal(try_login("bob", password, &why), MSG_AUTH_FAILED);
	assert_has(submit(bob, OWN "delete-app-password", field("label", "phone &lt;")), "there is none of this name");
	assert_has(p.audited, "bob@a.example user app-password add bob@a.example phone <\n");
	assert_has(p.audited, "bob@a.example user app-password delete bob@a.example phone <\n");
	assert_lacks(p.audited, "list");
	assert_lacks(p.audited, password);
	play_close(&p);
}

/* D-AUT, C-AVL-02: from the client. */
static void own_policy(void **state)
{
	(void)state;
	begin("im scram-iterations = 4096\n");
	client_send(bob, "<presence/>");
	(void)client_got(bob);
	const char *got = execute(bob, OWN "set-policy", "", "");
	assert_has(got, "<field var='default' type='list-single' label='Others'><required/><option label='ask'><value>ask</value></option>");
	assert_has(got, "<field var='allowed' type='jid-multi' label='People and domains that may'></field>");
	assert_has(execute(bob, OWN "policy", "", ""), "<item><field var='default'><value>unset</value></field><field var='allowed'><value></value></field></item>");
	assert_has(submit(bob, OWN "set-policy", two(field("default", "perhaps"), "")), "Not one of the options");
	assert_has(submit(bob, OWN "set-policy", two(field("default", "block"), field("allowed", "@"))), "Not an address");
	assert_has(submit(bob, OWN "set-policy", two(field("default", "block"),
						     "<field var='allowed'><value>Carol@a.example</value><value>b.example</value></field>")), "status='completed'");
	assert_has(execute(bob, OWN "policy", "", ""), "<value>block</value></field><field var='allowed'><value>carol@a.example b.example</value></field>");
	assert_has(p.audited, "bob@a.example user policy set bob@a.example block carol@a.example b.example\n");
	client_send(alice, "<message type='chat' to='bob@a.example'><body>hey</body></message>");
	assert_lacks(client_got(bob), "hey");
	assert_has(submit(bob, OWN "set-policy", field("default", "unset")), "status='completed'");
	assert_has(execute(bob, OWN "policy", "", ""), "<value>unset</value></field><field var='allowed'><value></value></field>");
	client_send(alice, "<message type='chat' to='bob@a.example'><body>hey</body></message>");
	assert_has(client_got(bob), "hey");
	play_close(&p);
}

/* What is made there could be kept by an edge that was taken over; what is taken back could not. */
static void own_from_outside(void **state)
{
	(void)state;
	begin("im scram-iterations = 4096\n");
	struct client *c = log_in_with(PLAY_PASSWORD, AUTH_OUTSIDE);
	assert_has(execute(c, OWN "add-app-password", "", ""), "<forbidden");
	assert_has(execute(c, OWN "change-password", "", ""), "<forbidden");
	assert_has(execute(c, OWN "devices", "", ""), "<note type='info'>There is none</note>");
	assert_has(submit(c, OWN "forget-device", field("device", "nothing")), "there is none of this name");
	hub_send(&p, 0, "<iq type='set' id='1' from='bob@b.example/x' to='a.example'><command xmlns='" NS "' node='" OWN "devices'/></iq>");
	assert_has(hub_got(&p), "<forbidden");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_administrators_may), cmocka_unit_test(nobody_is_one_unless_it_is_set),
		cmocka_unit_test(actions_and_sessions), cmocka_unit_test(nothing_without_the_audit_trail),
		cmocka_unit_test(accounts), cmocka_unit_test(disabled_and_enabled), cmocka_unit_test(what_is_known_of_people),
		cmocka_unit_test(a_list_has_an_end), cmocka_unit_test(sessions_end), cmocka_unit_test(people_of_the_directory), cmocka_unit_test(announcements),
		cmocka_unit_test(messages_of_the_day), cmocka_unit_test(not_from_outside),
		cmocka_unit_test(own_password), cmocka_unit_test(own_app_passwords), cmocka_unit_test(own_policy), cmocka_unit_test(own_from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
