/* PIDF and RPID against the rows of RFC 8048 section 6 (sip-xmpp-mapping 4); each body that is written is
 * held against the schemas of RFC 3863, 4479 and 4480. */
#include "pidf.h"

#include "base/err.h"
#include "base/stamp.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct arena arena;
static struct pidf doc;

static struct pidf *read_how(const char *text, struct bytes lang, bool guesses)
{
	struct pidf_how how = { lang, guesses };

	arena_reset(&arena);
	assert_int_equal(pidf_read(bytes_of(text), &how, &arena, &doc), 0);
	return &doc;
}

static struct pidf *read_doc(const char *text)
{
	return read_how(text, BYTES_NONE, true);
}

#define DOC(inside) "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model'" \
	" xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='pres:romeo@example.net'>" inside "</presence>"
#define TUPLE(inside) DOC("<tuple id='ID-dr4'>" inside "</tuple>")
#define OPEN "<status><basic>open</basic></status>"

static struct pres *one(const char *text)
{
	struct pidf *d = read_doc(text);

	assert_int_equal(d->n, 1);
	assert_true(d->tuples[0].is_known);
	return &d->tuples[0].pres;
}

#define assert_bytes(v, s) assert_true(bytes_eq_str((v), (s)))

static void test_tuples(void **state)
{
	(void)state;
	struct pres *p = one(TUPLE(OPEN)); /* PRE-S01, PRE-S03 */
	assert_true(p->is_open);
	assert_bytes(p->resource, "dr4");
	assert_int_equal(p->priority, PRES_NO_PRIORITY);
	assert_false(one(TUPLE("<status><basic>closed</basic></status>"))->is_open); /* PRE-S02 */
	struct pidf *d = read_doc(DOC("<tuple id='ID-a'>" OPEN "</tuple><tuple id='b1'>" OPEN "</tuple>"));
	assert_int_equal(d->n, 2);
	assert_bytes(d->tuples[1].pres.resource, "b1"); /* PRE-S03: any other id is the resource */
	assert_bytes(d->entity, "pres:romeo@example.net");
	assert_bytes(read_how(TUPLE(OPEN), BYTES("cs"), false)->tuples[0].pres.lang, "cs"); /* PRE-S04 */
	assert_int_equal(one(TUPLE(OPEN "<contact priority='0.5'>sip:x@y</contact>"))->priority, 64); /* PRE-S05 */
	assert_true(one(TUPLE(OPEN "<timestamp>2026-01-02T03:04:05+01:00</timestamp>"))->at_ms == 1767319445000); /* PRE-S20 */
}

static void test_notes(void **state)
{
	(void)state;
	/* PRE-S06: tuple, then person, then document */
	struct pres *p = one(DOC("<tuple id='x'>" OPEN "<note xml:lang='en'>t</note><note xml:lang='cs'>u</note></tuple>"
		"<note>d</note><dm:person id='p'><dm:note>q</dm:note></dm:person>"));
	assert_int_equal(p->n_notes, 2);
	assert_bytes(p->notes[0].text, "t");
	assert_bytes(p->notes[1].lang, "cs");
	p = one(DOC("<tuple id='x'>" OPEN "</tuple><note>d</note><dm:person id='p'><dm:note>q</dm:note></dm:person>"));
	assert_bytes(p->notes[0].text, "q");
	p = one(DOC("<tuple id='x'>" OPEN "</tuple><note>d</note>"));
	assert_bytes(p->notes[0].text, "d");
}

static enum pres_show show_of(const char *inside)
{
	char text[1024];

	snprintf(text, sizeof text, DOC("<tuple id='x'>" OPEN "%s</tuple>"), inside);
	return one(text)->show;
}

static void test_show(void **state)
{
	static const struct {
		const char *activity;
		enum pres_show show;
	} rows[] = {
		{ "busy", PRES_DND }, { "on-the-phone", PRES_DND }, { "meeting", PRES_DND }, { "appointment", PRES_DND },
		{ "presentation", PRES_DND }, { "performance", PRES_DND }, /* PRE-S08 */
		{ "away", PRES_AWAY }, { "breakfast", PRES_AWAY }, { "lunch", PRES_AWAY }, { "dinner", PRES_AWAY },
		{ "meal", PRES_AWAY }, { "in-transit", PRES_AWAY }, { "steering", PRES_AWAY }, { "shopping", PRES_AWAY },
		{ "spectator", PRES_AWAY }, { "tv", PRES_AWAY }, { "playing", PRES_AWAY }, { "sleeping", PRES_AWAY },
		{ "worship", PRES_AWAY }, /* PRE-S09 */
		{ "vacation", PRES_XA }, { "permanent-absence", PRES_XA }, { "travel", PRES_XA }, { "holiday", PRES_XA }, /* PRE-S10 */
		{ "unknown", PRES_NO_SHOW }, { "other", PRES_NO_SHOW }, { "working", PRES_NO_SHOW },
		{ "looking-for-work", PRES_NO_SHOW }, { "none", PRES_NO_SHOW }, /* PRE-S11 */
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, DOC("<tuple id='x'>" OPEN "</tuple><tuple id='y'>" OPEN "</tuple>"
			"<dm:person id='p'><rpid:activities><rpid:%s/></rpid:activities></dm:person>"), rows[i].activity);
		struct pidf *d = read_doc(text);
		for (size_t t = 0; t < 2; t++) /* PRE-S12 */
			assert_int_equal(d->tuples[t].pres.show, rows[i].show);
		assert_int_equal(d->tuples[0].pres.n_notes, rows[i].show == PRES_NO_SHOW);
		if (rows[i].show == PRES_NO_SHOW)
			assert_bytes(d->tuples[0].pres.notes[0].text, rows[i].activity);
	}
	/* PRE-S07, also where BUG-07 loses it */
	assert_int_equal(one(TUPLE("<status><basic>open</basic><show xmlns='jabber:client'>away</show></status>"))->show, PRES_AWAY);
	assert_int_equal(one(TUPLE("<status><basic>open</basic><show xmlns='jabber:client'>gone</show></status>"))->show, PRES_NO_SHOW);
	assert_int_equal(show_of("<rpid:activities><rpid:away/></rpid:activities><note>n</note>"), PRES_AWAY);
	/* PRE-S18, with the note kept */
	assert_int_equal(show_of("<note>In a Call</note>"), PRES_DND);
	assert_int_equal(show_of("<note>Be right back</note>"), PRES_AWAY);
	assert_int_equal(show_of("<note>Away from it all</note>"), PRES_NO_SHOW);
	assert_bytes(one(TUPLE(OPEN "<note>Busy</note>"))->notes[0].text, "Busy");
	assert_int_equal(read_how(TUPLE(OPEN "<note>Busy</note>"), BYTES_NONE, false)->tuples[0].pres.show, PRES_NO_SHOW);
}

static void test_odd(void **state)
{
	(void)state;
	/* PRE-S16 */
	assert_false(read_doc(TUPLE("<status/>"))->tuples[0].is_known);
	assert_true(one(TUPLE("<status><rpid:activities><rpid:busy/></rpid:activities></status>"))->is_open);
	/* a document of others: unknown elements, a declaration, spaces, two tuples of one device */
	struct pres *p = one("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n" DOC(
		"\n <tuple id='a'><status><basic>closed</basic></status></tuple>"
		"<tuple id='a'><status><basic> open </basic><e:x xmlns:e='urn:e'/></status><e:ep xmlns:e='urn:e'/></tuple>"
		"<dm:device id='d'><dm:deviceID>urn:x</dm:deviceID></dm:device>"));
	assert_true(p->is_open);
	/* a document that its maker annotated (XML 1.0 2.5) */
	p = one("<?xml version='1.0'?><!-- by x --> <!-- and y -->" DOC("<!-- of a --><tuple id='a'><status><basic>op<!-- ! -->en</basic>"
		"<!-- <basic>closed</basic> --></status><note>at<!-- -->home</note></tuple>") "\n<!-- end -->\n");
	assert_true(p->is_open);
	assert_bytes(p->notes[0].text, "athome");
	struct pidf_how how = { BYTES_NONE, true };
	static const char *const bad[] = {
		"", "x", "<presence/>", "<presence xmlns='jabber:client'/>", "<presence xmlns='urn:ietf:params:xml:ns:pidf'>",
		/* PRE-S19 */
		"<!DOCTYPE presence [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>" DOC("<note>&b;</note>"),
		"<!DOCTYPE presence SYSTEM 'file:///etc/passwd'>" DOC(""),
		DOC("\xFF"), "<!-- a -- b -->" DOC(""), DOC("") "<!-- ", DOC("<!-- "), "<?style x?>" DOC(""),
		"<!-- c --><!DOCTYPE presence>" DOC(""),
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_not_equal(pidf_read(bytes_of(bad[i]), &how, &arena, &doc), 0);
}

static void test_nesting_is_bounded(void **state)
{
	struct pidf_how how = { BYTES_NONE, true };
	struct arena small;
	struct buf b;

	(void)state;
	buf_init(&b, 2 << 20);
	buf_put_str(&b, "<presence xmlns='urn:ietf:params:xml:ns:pidf'>");
	for (int i = 0; i < 350000; i++)
		buf_put_str(&b, "<a>");
	arena_init(&small, PIDF_ARENA_BYTES);
	assert_int_not_equal(pidf_read(buf_bytes(&b), &how, &small, &doc), 0); /* PRE-S19: 1 MB of nesting */
	assert_int_not_equal(pidf_read(bytes_make(b.p, 60000), &how, &small, &doc), 0);
	assert_true(small.used_bytes <= PIDF_ARENA_BYTES);
	arena_fini(&small);
	buf_fini(&b);
}

/* PRI vectors; PRE-X06, X07, S05 */
static void test_priority(void **state)
{
	static const struct {
		int xmpp;
		const char *pidf;
	} out[] = { { -128, NULL }, { -1, NULL }, { 0, "0" }, { 1, "0.007" }, { 2, "0.015" }, { 5, "0.039" },
		    { 13, "0.102" }, { 126, "0.992" }, { 127, "1" } };
	static const struct {
		const char *pidf;
		int xmpp;
	} in[] = { { "0", 0 }, { "0.007", 1 }, { "0.008", 2 }, { "0.015", 2 }, { "0.5", 64 }, { "0.992", 126 }, { "0.993", 126 },
		   { "1", 127 }, { "1.000", 127 }, { "0.", 0 }, { "2", PRES_NO_PRIORITY }, { "-1", PRES_NO_PRIORITY },
		   { "1.5", PRES_NO_PRIORITY }, { "0.x", PRES_NO_PRIORITY }, { "", PRES_NO_PRIORITY } };
	char text[8], before[8] = "";

	(void)state;
	for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
		assert_int_equal(pres_priority_to_pidf(out[i].xmpp, text), out[i].pidf != NULL);
		if (out[i].pidf)
			assert_string_equal(text, out[i].pidf);
	}
	for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
		assert_int_equal(pres_priority_of_pidf(bytes_of(in[i].pidf)), in[i].xmpp);
	for (int p = 0; p < 128; p++) {
		assert_true(pres_priority_to_pidf(p, text));
		assert_string_not_equal(text, before); /* PRE-X07: all distinct */
		assert_int_equal(pres_priority_of_pidf(bytes_of(text)), p);
		memcpy(before, text, sizeof before);
	}
}

/* TUP vectors; PRE-X03, S03 */
static void test_tuple_id(void **state)
{
	static const struct {
		const char *resource, *id;
	} rows[] = { { "dr4hcr0st3lup4c", "ID-dr4hcr0st3lup4c" }, { "home desk", "ID-home_20desk" }, { "\xC3\xA9", "ID-_c3_a9" },
		     { "1phone", "ID-1phone" }, { "balcony", "ID-balcony" }, { "a_b", "ID-a_5fb" }, { "", "ID-" } };
	struct bytes back;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(&b);
		pres_tuple_id(&b, bytes_of(rows[i].resource));
		assert_string_equal(buf_cstr(&b), rows[i].id);
		assert_int_equal(pres_tuple_resource(buf_bytes(&b), &arena, &back), 0);
		assert_bytes(back, rows[i].resource);
	}
	assert_int_equal(pres_tuple_resource(BYTES("ID-a_zz"), &arena, &back), 0);
	assert_bytes(back, "a_zz");
	assert_int_equal(pres_tuple_resource(BYTES("ID-_ff"), &arena, &back), 0);
	assert_bytes(back, "ID-_ff");
	assert_int_equal(pres_tuple_resource(BYTES(""), &arena, &back), ERR_SYNTAX);
	buf_fini(&b);
}

static void test_stamps(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = { { "2026-01-02T03:04:05Z", 1767323045000 }, { "2026-01-02T03:04:05.25Z", 1767323045250 },
		     { "2026-01-02T03:04:05-01:30", 1767328445000 }, { "2026-01-02T03:04:05", 1767323045000 },
		     { "2026-13-02T03:04:05Z", 0 }, { "2026-01-02", 0 }, { "", 0 }, { "2026-01-02T03:04:05Zx", 0 },
		     { "0001-01-01T00:00:00Z", 0 }, { "2026-01-02T03:04:05.Z", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t ms = 0;
		assert_int_equal(stamp_parse(bytes_of(rows[i].text), &ms), rows[i].ms ? 0 : ERR_SYNTAX);
		assert_true(ms == rows[i].ms);
	}
}

/* ---- writing ---- */

/* PRE-X16: the schemas, held against it by xmllint. */
static void validate(struct bytes text)
{
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(fds[0], 0);
		close(fds[1]);
		execlp("xmllint", "xmllint", "--nonet", "--noout", "--schema", "sip-xmpp/schema/all.xsd", "-", (char *)NULL);
		_exit(127);
	}
	close(fds[0]);
	assert_int_equal(write(fds[1], text.p, text.n), (ssize_t)text.n);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static struct buf written;

static const char *write_doc(const struct pres *r, size_t n)
{
	buf_clear(&written);
	pidf_write(&written, &(struct pidf_of){ BYTES("pres:juliet@example.com"), BYTES("sip:juliet@example.com"), r, n });
	assert_false(buf_failed(&written));
	validate(buf_bytes(&written));
	return buf_cstr(&written);
}

static const char *write_stanza(const char *stanza, const char *resource)
{
	static struct pres p;
	struct xml_node *n;

	arena_reset(&arena);
	assert_int_equal(xml_parse(bytes_of(stanza), "", &xml_limits_default, &arena, &n), 0);
	pres_of_stanza(n, bytes_of(resource), !xml_attr(n, "type").n, &p);
	return write_doc(&p, 1);
}

#define assert_has(text, part) assert_non_null(strstr((text), (part)))
#define assert_lacks(text, part) assert_null(strstr((text), (part)))

static void test_written(void **state)
{
	(void)state;
	const char *t = write_stanza("<presence/>", "balcony"); /* PRE-X01, X03, X04 */
	assert_has(t, "entity='pres:juliet@example.com'");
	assert_has(t, "<tuple id='ID-balcony'><status><basic>open</basic></status>");
	assert_has(t, "<contact priority='0'>sip:juliet@example.com;gr=balcony</contact>");
	assert_has(t, "<rpid:activities/>"); /* PRE-X09 */
	t = write_stanza("<presence type='unavailable'><show>away</show><priority>5</priority></presence>", "1phone"); /* PRE-X02, X12 */
	assert_has(t, "<tuple id='ID-1phone'><status><basic>closed</basic></status></tuple>");
	assert_lacks(t, "person");
	t = write_stanza("<presence xml:lang='cs'><status>V hovoru</status></presence>", "x"); /* PRE-X05, X10 */
	assert_has(t, "<note xml:lang='cs'>V hovoru</note>");
	t = write_stanza("<presence><status>a &lt; b</status><status xml:lang='cs'>b</status><status xml:lang='cs'>c</status></presence>", "x");
	assert_has(t, "<note>a &lt; b</note><note xml:lang='cs'>b</note>");
	assert_lacks(t, ">c<");
	assert_has(write_stanza("<presence><priority>-5</priority></presence>", "x"), "<contact>"); /* PRE-X06 */
	assert_has(write_stanza("<presence><priority>13</priority></presence>", "caf\xC3\xA9 x"), "<contact priority='0.102'>sip:juliet@example.com;gr=caf%C3%A9%20x</contact>");
	/* PRE-X14, X15 */
	t = write_stanza("<presence id='i1'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"
		"<x xmlns='vcard-temp:x:update'><photo>p0</photo></x><x xmlns='http://jabber.org/protocol/muc#user'><item/></x>"
		"<delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/></presence>", "x");
	assert_has(t, "<timestamp>2026-01-02T03:04:05Z</timestamp>");
	assert_lacks(t, "i1");
	assert_lacks(t, "p0");
	assert_lacks(t, "muc");
	assert_lacks(t, "caps");
}

static void test_written_show(void **state)
{
	static const struct {
		const char *show, *activity;
	} rows[] = { { "away", "<rpid:activities><rpid:away/></rpid:activities>" }, { "xa", "<rpid:activities><rpid:away/></rpid:activities>" },
		     { "dnd", "<rpid:activities><rpid:busy/></rpid:activities>" }, { "chat", "<rpid:activities/>" } };
	char stanza[100], show[100];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) { /* PRE-X08, X09 */
		snprintf(stanza, sizeof stanza, "<presence><show>%s</show></presence>", rows[i].show);
		snprintf(show, sizeof show, "<show xmlns='jabber:client'>%s</show></status>", rows[i].show);
		const char *t = write_stanza(stanza, "x");
		assert_has(t, show);
		assert_has(t, rows[i].activity);
	}
}

/* PRE-X11; and what is written reads as the same again. */
static void test_round_trip(void **state)
{
	struct pres r[3] = {
		{ .resource = BYTES("a"), .is_open = true, .show = PRES_AWAY, .priority = 5, .n_notes = 1, .notes = { { BYTES("cs"), BYTES("n") } } },
		{ .resource = BYTES("b c"), .is_open = true, .priority = 0, .at_ms = 1767323045000 },
		{ .resource = BYTES("d"), .priority = PRES_NO_PRIORITY, .n_notes = 1, .notes = { { BYTES_NONE, BYTES("bye & thanks") } } },
	};
	struct pidf *d;

	(void)state;
	d = read_doc(write_doc(r, 3));
	assert_int_equal(d->n, 3);
	for (size_t i = 0; i < 3; i++) {
		struct pres back = d->tuples[i].pres;
		assert_true(pres_equal(&back, &r[i]));
		assert_true(back.at_ms == r[i].at_ms);
	}
}

/* The person of several resources (PRE-X09, A-09.05, A-09.07): not simply that of the highest priority. */
static void test_person(void **state)
{
	struct pres r[] = {
		{ .resource = BYTES("desk"), .is_open = true, .show = PRES_AWAY, .priority = 5 },
		{ .resource = BYTES("pocket"), .is_open = true, .priority = PRES_NO_PRIORITY },
		{ .resource = BYTES("phone"), .is_open = true, .priority = -1 },
	};

	(void)state;
	assert_has(write_doc(r, 2), "<rpid:activities/>"); /* the desk is left alone, the pocket is not */
	assert_has(write_doc(r, 1), "<rpid:activities><rpid:away/></rpid:activities>");
	r[2].show = PRES_DND;
	assert_has(write_doc(r, 3), "<rpid:activities><rpid:busy/></rpid:activities>");
	r[1].show = PRES_CHAT;
	assert_has(write_doc(r, 3), "<rpid:activities/>");
	for (size_t i = 0; i < 3; i++)
		r[i].is_open = false;
	assert_lacks(write_doc(r, 3), "person");
}

static void test_packed(void **state)
{
	struct pres p = { .resource = BYTES("a"), .is_open = true, .show = PRES_DND, .priority = -5, .n_notes = 2, .at_ms = 7,
		          .lang = BYTES("en"), .notes = { { BYTES("cs"), BYTES("n") }, { BYTES_NONE, BYTES("m") } } }, back;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	pres_encode(&b, &p);
	assert_int_equal(pres_decode(buf_bytes(&b), &back), 0);
	assert_true(pres_equal(&p, &back));
	assert_true(back.at_ms == 7);
	for (size_t n = 0; n < buf_len(&b); n++)
		assert_int_not_equal(pres_decode(bytes_make(b.p, n), &back), 0);
	buf_clear(&b);
	pres_write_children(&b, &p);
	assert_string_equal(buf_cstr(&b), "<show>dnd</show><status xml:lang='cs'>n</status><status>m</status><priority>-5</priority>");
	buf_fini(&b);
}

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	arena_init(&arena, PIDF_ARENA_BYTES);
	buf_init(&written, PIDF_MAX_BYTES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	buf_fini(&written);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tuples), cmocka_unit_test(test_notes), cmocka_unit_test(test_show),
		cmocka_unit_test(test_odd), cmocka_unit_test(test_nesting_is_bounded), cmocka_unit_test(test_priority),
		cmocka_unit_test(test_tuple_id), cmocka_unit_test(test_stamps), cmocka_unit_test(test_written),
		cmocka_unit_test(test_written_show), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_person), cmocka_unit_test(test_packed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
