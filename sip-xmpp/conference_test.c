/* conference-info (RFC 4575) as RFC 7702 uses it: rows MUC-X03, MUC-X04, MUC-S02, MUC-S10, MUC-S11. */
#include "conference.h"

#include "base/err.h"
#include "proto/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;
static struct conference doc;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, CONFERENCE_ARENA_BYTES);
	memset(&doc, 0, sizeof doc);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

#define ROOT(attrs, inside) "<conference-info xmlns='" NS_CONFERENCE_INFO "' entity='sip:rooms@example.net' " attrs ">" inside "</conference-info>"

static struct conference *take(const char *text)
{
	assert_int_equal(conference_read(bytes_of(text), &arena, &doc), 0);
	return &doc;
}

#define assert_text(got, want) assert_true(bytes_eq_str(got, want))

static void muc_x03_full_list_is_read(void **state)
{
	(void)state;
	struct conference *c = take("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
		ROOT("state='full' version='7'",
		     "<conference-description><display-text>Capulets</display-text><subject> Today in Verona </subject></conference-description>"
		     "<conference-state><user-count>2</user-count></conference-state>"
		     "<users><user entity='sip:romeo@example.net;gr=a' state='full'><display-text>Romeo</display-text>"
		     "<roles><entry>participant</entry><entry>chair</entry></roles>"
		     "<endpoint entity='sip:x'><status>connected</status><joining-method>dialed-in</joining-method></endpoint></user>"
		     "<user entity='sip:ben@example.net'><display-text>Ben &amp; Co</display-text></user></users>"));
	assert_text(c->entity, "sip:rooms@example.net");
	assert_int_equal(c->state, CONFERENCE_FULL);
	assert_true(c->has_version && c->version == 7);
	assert_text(c->title, "Capulets");
	assert_true(c->has_subject);
	assert_text(c->subject, "Today in Verona");
	assert_true(c->has_users && !c->is_users_partial);
	assert_int_equal(c->n, 2);
	assert_text(c->users[0].entity, "sip:romeo@example.net;gr=a");
	assert_text(c->users[0].display_text, "Romeo");
	assert_text(c->users[0].role, "participant");
	assert_text(c->users[1].display_text, "Ben & Co");
	assert_text(c->users[1].role, "");
	assert_false(c->users[0].is_gone || c->users[1].is_gone);
}

static void muc_x04_partial_names_who_has_left(void **state)
{
	(void)state;
	struct conference *c = take(ROOT("state='partial' version='8'",
		"<users state='partial'><user entity='sip:a@example.net' state='deleted'/>"
		"<user entity='sip:b@example.net' state='full'><endpoint entity='1' state='deleted'/>"
		"<endpoint entity='2'><status>disconnected</status></endpoint></user>"
		"<user entity='sip:c@example.net' state='partial'><endpoint entity='1' state='deleted'/></user>"
		"<user entity='sip:d@example.net'><endpoint entity='1' state='deleted'/><endpoint entity='2'/></user></users>"));
	assert_int_equal(c->state, CONFERENCE_PARTIAL);
	assert_true(c->is_users_partial);
	assert_int_equal(c->n, 4);
	assert_true(c->users[0].is_gone);
	assert_true(c->users[1].is_gone);
	assert_false(c->users[2].is_gone); /* others of its endpoints may still be there */
	assert_false(c->users[3].is_gone);
}

static void defaults_are_those_of_the_schema(void **state)
{
	(void)state;
	struct conference *c = take(ROOT("", "<conference-description><subject/></conference-description>"));
	assert_int_equal(c->state, CONFERENCE_FULL);
	assert_false(c->has_version);
	assert_false(c->has_users);
	assert_true(c->has_subject && !c->subject.n);
	c = take(ROOT("state='deleted'", ""));
	assert_int_equal(c->state, CONFERENCE_DELETED);
	assert_false(c->has_subject);
	c = take(ROOT("state='partial'", "<users/>"));
	assert_true(c->has_users && !c->is_users_partial && !c->n); /* nobody is there */
	c = take(ROOT("", "<users xmlns='urn:other'><user entity='sip:a@b'/></users><users><x xmlns='urn:other' entity='y'/></users>"));
	assert_int_equal(c->n, 0);
}

static void what_is_none_is_refused(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} rows[] = {
		{ ROOT("version='-1'", ""), ERR_SYNTAX },
		{ ROOT("version='4294967296'", ""), ERR_SYNTAX },
		{ ROOT("state='half'", ""), ERR_SYNTAX },
		{ ROOT("", "<users state='none'/>"), ERR_SYNTAX },
		{ ROOT("", "<users><user/></users>"), ERR_SYNTAX },
		{ ROOT("", "<users><user entity=' '/></users>"), ERR_SYNTAX },
		{ ROOT("", "<users><user entity='a' state='maybe'/></users>"), ERR_SYNTAX },
		{ "<conference-info entity='sip:a@b'/>", ERR_SYNTAX },
		{ "<presence xmlns='urn:ietf:params:xml:ns:pidf'/>", ERR_SYNTAX },
	};
	static const char *const broken[] = { "", "<?xml", "<conference-info", "<!DOCTYPE a><conference-info/>", "\xff\xfe<" };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(conference_read(bytes_of(rows[i].text), &arena, &doc), rows[i].rc);
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		assert_int_not_equal(conference_read(bytes_of(broken[i]), &arena, &doc), 0);
	char *long_one = calloc(1, CONFERENCE_MAX_BYTES + 1);
	assert_non_null(long_one);
	assert_int_equal(conference_read(bytes_make(long_one, CONFERENCE_MAX_BYTES + 1), &arena, &doc), ERR_LIMIT);
	free(long_one);
}

static void muc_s02_what_is_written_is_read_again(void **state)
{
	struct conference_user users[] = {
		{ BYTES("sip:room@conf.example.com;gr=JuliC"), BYTES("Juli <C>"), BYTES("moderator"), false },
		{ BYTES("sip:room@conf.example.com;gr=\"x\""), BYTES_NONE, BYTES_NONE, false },
		{ BYTES("sip:room@conf.example.com;gr=Gone"), BYTES_NONE, BYTES_NONE, true },
	};
	struct conference c = { BYTES("sip:room@conf.example.com"), CONFERENCE_PARTIAL, true, UINT32_MAX, BYTES("Room"), true,
				BYTES("a & b"), true, true, 3, users };
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	for (int i = 0; i < 2; i++) {
		c.is_users_partial = i == 0;
		buf_clear(&b);
		conference_write(&b, &c);
		assert_int_equal(conference_read(buf_bytes(&b), &arena, &doc), 0);
		assert_int_equal(doc.state, CONFERENCE_PARTIAL);
		assert_true(doc.version == UINT32_MAX);
		assert_text(doc.title, "Room");
		assert_text(doc.subject, "a & b");
		assert_true(doc.has_users && doc.is_users_partial == c.is_users_partial);
		assert_int_equal(doc.n, 3);
		for (size_t k = 0; k < 3; k++) {
			assert_true(bytes_eq(doc.users[k].entity, users[k].entity));
			assert_true(bytes_eq(doc.users[k].display_text, users[k].display_text));
			assert_true(bytes_eq(doc.users[k].role, users[k].role));
			assert_true(doc.users[k].is_gone == users[k].is_gone);
		}
	}
	buf_fini(&b);
}

/* The elements stand in the order of RFC 4575's schema (5.2 to 5.8), which is a sequence. */
static void elements_are_in_the_order_of_the_schema(void **state)
{
	static const char want[] = "<?xml version='1.0' encoding='UTF-8'?>\r\n"
		"<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:r@c' state='full' version='1'>"
		"<conference-description><display-text>R</display-text><subject>S</subject></conference-description>"
		"<conference-state><user-count>1</user-count></conference-state>"
		"<users state='full'><user entity='sip:r@c;gr=n' state='full'><display-text>n</display-text>"
		"<roles><entry>participant</entry></roles><endpoint entity='sip:r@c;gr=n'><status>connected</status></endpoint></user>"
		"</users></conference-info>\r\n";
	struct conference_user user = { BYTES("sip:r@c;gr=n"), BYTES("n"), BYTES("participant"), false };
	const struct conference c = { .entity = BYTES("sip:r@c"), .has_version = true, .version = 1, .title = BYTES("R"),
				      .has_subject = true, .subject = BYTES("S"), .has_users = true, .n = 1, .users = &user };
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	conference_write(&b, &c);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(muc_x03_full_list_is_read),
		TEST(muc_x04_partial_names_who_has_left),
		TEST(defaults_are_those_of_the_schema),
		TEST(what_is_none_is_refused),
		TEST(muc_s02_what_is_written_is_read_again),
		TEST(elements_are_in_the_order_of_the_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
