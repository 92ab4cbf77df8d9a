/* Who is online, as gh-xlate hears it (run/msg.def, USER_ONLINE). */
#include "play/play.h"
#include "presence/online.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ON "sip presence-gateway = cucm.example.com\n"

static struct play p;

static void said(const char *expected)
{
	play_run(&p);
	assert_string_equal(p.online, expected);
	p.online[0] = 0;
}

static void first_and_last(void **state)
{
	(void)state;
	play_open(&p, ON);
	struct client *a = client_login(&p, "alice", "one");
	said(""); /* she has not said that she is available */
	client_send(a, "<presence/>");
	said("alice@a.example 1\n");
	struct client *b = client_online(&p, "alice", "two", -1);
	client_send(a, "<presence><show>away</show></presence>");
	client_leave(a);
	said("");
	client_send(b, "<presence type='unavailable'/>");
	said("alice@a.example 0\n");
	client_send(b, "<presence/>");
	client_lose(b);
	said("alice@a.example 1\nalice@a.example 0\n");
	play_close(&p);
}

/* Else a phone would keep itself there. */
static void a_phone_is_nobody(void **state)
{
	(void)state;
	play_open(&p, ON);
	struct client *phone = client_phone(&p, "bob@a.example");
	client_send(phone, "<presence><priority>-1</priority></presence>");
	said("");
	struct client *b = client_online(&p, "bob", "desk", 0);
	said("bob@a.example 1\n");
	client_leave(b);
	said("bob@a.example 0\n");
	client_send(client_enter(&p, "bob@a.example", "urn:uuid:1"), "<presence/>"); /* a SIP client is somebody */
	said("bob@a.example 1\n");
	play_close(&p);
}

static void all_again(void **state)
{
	(void)state;
	play_open(&p, ON);
	(void)client_online(&p, "alice", "one", 0);
	(void)client_login(&p, "bob", "one");
	said("alice@a.example 1\n");
	sip_leave(&p);
	sip_join(&p);
	said("alice@a.example 3\n");
	play_close(&p);
}

static void only_while_it_is_set(void **state)
{
	(void)state;
	play_open(&p, "");
	(void)client_online(&p, "alice", "one", 0);
	said("");
	p.im.config.tells_online = true;
	online_apply(&p.im);
	said("alice@a.example 3\n");
	p.im.config.tells_online = false;
	online_apply(&p.im);
	said("alice@a.example 2\n");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_and_last), cmocka_unit_test(a_phone_is_nobody), cmocka_unit_test(all_again),
		cmocka_unit_test(only_while_it_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
