#include "ferry_stanza.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define FROM "romeo@far.example/x"
#define TO "juliet@near.example"
#define ADDRESSES " from='" FROM "' to='" TO "'"

struct row {
	const char *stanza;
	int rc;
	const char *written; /* NULL: as it was */
	enum stanza_kind kind;
	enum stanza_type type;
	uint32_t facts;
};

static const struct row rows[] = {
	{ "<message" ADDRESSES " id='1' type='chat'><body>hi &amp; ho</body></message>", 0, NULL, STANZA_MESSAGE, TYPE_CHAT, FACT_BODY | FACT_PAYLOAD },
	{ "<presence" ADDRESSES " type='subscribe'/>", 0, NULL, STANZA_PRESENCE, TYPE_SUBSCRIBE, 0 },
	{ "<iq" ADDRESSES " id='1' type='get'><query xmlns='jabber:iq:version'/></iq>", 0, NULL, STANZA_IQ, TYPE_GET, 0 },
	{ "<message to='" TO "' from='" FROM "'\n><body\n/></message >", 0, "<message" ADDRESSES "><body/></message>", STANZA_MESSAGE, TYPE_NORMAL,
	  FACT_BODY | FACT_PAYLOAD },
	/* what an edge's gh-s2s says when there is no such domain */
	{ "<message type='error'" ADDRESSES "><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", 0,
	  "<message" ADDRESSES " type='error'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
	  STANZA_MESSAGE, TYPE_ERROR, FACT_PAYLOAD },
	/* another sender than the envelope's */
	{ .stanza = "<message from='boss@near.example' to='" TO "'/>", .rc = ERR_DENIED },
	{ .stanza = "<message from='romeo@far.example/y' to='" TO "'/>", .rc = ERR_DENIED },
	{ .stanza = "<message from='" FROM "' to='nurse@near.example'/>", .rc = ERR_DENIED },
	{ .stanza = "<message to='" TO "'/>", .rc = ERR_DENIED },
	{ .stanza = "<message from='" FROM "'/>", .rc = ERR_DENIED },
	/* not one stanza */
	{ .stanza = "", .rc = ERR_XML_SYNTAX },
	{ .stanza = "<message" ADDRESSES "/><message from='boss@near.example' to='" TO "'/>", .rc = ERR_XML_SYNTAX },
	{ .stanza = "<message" ADDRESSES "></message></stream:stream>", .rc = ERR_XML_SYNTAX },
	{ .stanza = "<message" ADDRESSES "><body></message>", .rc = ERR_XML_SYNTAX },
	{ .stanza = "text", .rc = ERR_XML_TEXT },
	{ .stanza = "<!DOCTYPE a []><message" ADDRESSES "/>", .rc = ERR_XML_SYNTAX },
	{ .stanza = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", .rc = ERR_UNKNOWN },
	{ .stanza = "<message xmlns='jabber:server'" ADDRESSES "/>", .rc = ERR_XML_NAMESPACE }, /* the neutral form has none */
	{ .stanza = "<iq" ADDRESSES " type='get'/>", .rc = ERR_SYNTAX },
	{ .stanza = "<presence" ADDRESSES " type='chat'/>", .rc = ERR_SYNTAX },
};

static void a_stanza_is_what_its_bytes_say(void **state)
{
	struct xml_pool *pool = xml_pool_new(1);
	struct arena a;
	struct buf out;

	(void)state;
	arena_init(&a, 1 << 20);
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		/* what the envelope says of it is of no account */
		struct envelope e = { .id = 7, .door = DOOR_ACCESS, .kind = STANZA_IQ, .type = TYPE_HEADLINE, .facts = FACT_NO_STORE, .from = BYTES(FROM),
		                      .to = BYTES(TO), .sid = BYTES("another"), .stanza = bytes_of(r->stanza) };
		int rc = ferry_stanza_judge(&e, pool, &a, &out);
		if (rc != r->rc)
			fail_msg("row %zu: %s, not %s", i, err_name(rc), err_name(r->rc));
		if (rc)
			continue;
		const char *want = r->written ? r->written : r->stanza;
		if (!bytes_eq_str(e.stanza, want))
			fail_msg("row %zu: %.*s", i, BYTES_FMT(e.stanza));
		assert_int_equal(e.kind, r->kind);
		assert_int_equal(e.type, r->type);
		assert_int_equal(e.facts, r->facts);
		assert_int_equal(e.door, DOOR_S2S);
		assert_false(bytes_eq_str(e.sid, "another"));
		assert_int_equal(e.id, 7);
		arena_reset(&a);
	}
	arena_fini(&a);
	buf_fini(&out);
	xml_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_stanza_is_what_its_bytes_say) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
