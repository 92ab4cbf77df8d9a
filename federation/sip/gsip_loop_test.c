/* Marks in our Vias and Record-Routes (RFC 3261 16.3, RFC 5393, FED-14). */
#include "loopmark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct loopmark_key key = { .bytes = { 1, 2, 3 } }, other_key = { .bytes = { 3, 2, 1 } };

static struct sipmsg *request(const char *uri, const char *from_tag, const char *call_id, const char *via)
{
	struct sipmsg *m;
	struct buf b;

	buf_init(&b, 4096);
	buf_putf(&b, "MESSAGE %s SIP/2.0\r\n%sVia: SIP/2.0/TCP b.example;branch=z9hG4bKx\r\nFrom: <sip:a@b.example>;tag=%s\r\n"
		 "To: <sip:c@d.example>\r\nCall-ID: %s\r\nCSeq: 7 MESSAGE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		 uri, via, from_tag, call_id);
	assert_int_equal(sipmsg_parse(buf_bytes(&b), &m), 0);
	buf_fini(&b);
	return m;
}

/* The same request after servers behind us: our Via is in it, and theirs above. */
static enum loopmark_found find(const struct loopmark_key *k, bool is_gateway, const char *uri, const char *tag)
{
	struct sipmsg *sent = request("sip:c@d.example", "1", "i@b.example", "");
	char mark[LOOPMARK_CHARS + 1], via[256];

	loopmark_make(&key, is_gateway, sent, mark);
	assert_int_equal(strlen(mark), LOOPMARK_CHARS);
	sipmsg_free(sent);
	(void)snprintf(via, sizeof via, "Via: SIP/2.0/TCP e.example;branch=z9hG4bKy\r\nVia: SIP/2.0/TLS us.example;branch=z9hG4bK0011223344556677-%s\r\n", mark);
	struct sipmsg *back = request(uri, tag, "i@b.example", via);
	enum loopmark_found found = loopmark_find(k, back);
	sipmsg_free(back);
	return found;
}

static void relayed(void **state)
{
	(void)state;
	assert_int_equal(find(&key, false, "sip:c@d.example", "1"), LOOPMARK_LOOP);
	/* changed on the way: a spiral, which is allowed (RFC 3261 16.3) */
	assert_int_equal(find(&key, false, "sip:x@d.example", "1"), LOOPMARK_SPIRAL);
	assert_int_equal(find(&key, false, "sip:c@d.example", "2"), LOOPMARK_SPIRAL);
	/* another box has the same software */
	assert_int_equal(find(&other_key, false, "sip:c@d.example", "1"), LOOPMARK_SPIRAL);
}

/* A prepared key marks as its bytes do, also the second time. */
static void prepared(void **state)
{
	(void)state;
	struct loopmark_key k, bare;
	struct sipmsg *m = request("sip:c@d.example", "1", "i@b.example", "");
	char one[LOOPMARK_CHARS + 1], other[LOOPMARK_CHARS + 1];

	loopmark_key_init(&k);
	assert_non_null(k.mac);
	bare = k;
	bare.mac = NULL;
	loopmark_make(&bare, false, m, other);
	for (int i = 0; i < 2; i++) {
		loopmark_make(&k, false, m, one);
		assert_string_equal(one, other);
	}
	loopmark_key_fini(&k);
	sipmsg_free(m);
}

static void from_gateway(void **state)
{
	(void)state;
	assert_int_equal(find(&key, true, "sip:c@d.example", "1"), LOOPMARK_LOOP);
	/* FED-14: whatever the servers behind have made of the address */
	assert_int_equal(find(&key, true, "sip:x@our.example", "1"), LOOPMARK_LOOP);
	assert_int_equal(find(&other_key, true, "sip:x@our.example", "1"), LOOPMARK_SPIRAL);
}

static void none(void **state)
{
	struct sipmsg *m = request("sip:c@d.example", "1", "i@b.example", "Via: SIP/2.0/TCP gh.example;branch=z9hG4bKghr-\r\n");

	(void)state;
	assert_int_equal(loopmark_find(&key, m), LOOPMARK_NONE);
	sipmsg_free(m);
}

static void dialogs(void **state)
{
	struct sipmsg *m = request("sip:c@d.example", "1", "i@b.example", ""), *n = request("sip:c@d.example", "1", "j@b.example", "");
	char mark[DIALOGMARK_CHARS + 1];

	(void)state;
	dialogmark_make(&key, m, mark);
	assert_true(dialogmark_is_right(&key, m, bytes_of(mark)));
	assert_false(dialogmark_is_right(&key, n, bytes_of(mark)));
	assert_false(dialogmark_is_right(&other_key, m, bytes_of(mark)));
	assert_false(dialogmark_is_right(&key, m, BYTES("")));
	sipmsg_free(m);
	sipmsg_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(relayed), cmocka_unit_test(prepared), cmocka_unit_test(from_gateway), cmocka_unit_test(none),
					    cmocka_unit_test(dialogs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
