#include "discovery_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"

#define XRD(links) "<?xml version='1.0' encoding='utf-8'?>\n<!-- ours -->\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>" links "</XRD>\n"
#define REL "urn:xmpp:alt-connections:websocket"
#define REL_BOSH "urn:xmpp:alt-connections:xbosh"

/* XEP-0156 3, and what is none. */
static void reads_documents(void **state)
{
	static const struct {
		const char *body;
		bool is_json;
		int rc;
		const char *href;
		enum discovery_link which;
	} docs[] = {
		{ XRD("<Link rel='urn:xmpp:alt-connections:xbosh' href='https://a/b'/><Link rel='" REL "' href='wss://a.example/ws?x=1&amp;y'/>"), false, 0,
		  "wss://a.example/ws?x=1&y", LINK_WEBSOCKET },
		{ XRD("<Subject>a</Subject><Link rel='" REL "' href='wss://one/'/><Link rel='" REL "' href='wss://two/'/>"), false, 0, "wss://one/", LINK_WEBSOCKET },
		{ XRD("<Link rel='" REL "'/>"), false, ERR_NOT_FOUND, "", LINK_WEBSOCKET },
		{ XRD(""), false, ERR_NOT_FOUND, "", LINK_WEBSOCKET },
		{ "<XRD><Link rel='" REL "' href='wss://a/'/></XRD>", false, ERR_SYNTAX, "", LINK_WEBSOCKET }, /* of no namespace */
		{ "<html><body>404</body></html>", false, ERR_SYNTAX, "", LINK_WEBSOCKET },
		{ "<?xml version='1.0'", false, ERR_SYNTAX, "", LINK_WEBSOCKET },
		{ "<!DOCTYPE x [<!ENTITY y 'z'>]><x/>", false, ERR_SYNTAX, "", LINK_WEBSOCKET },
		{ "", false, ERR_SYNTAX, "", LINK_WEBSOCKET },
		{ "{\"links\":[{\"rel\":\"other\",\"href\":\"x\"},{\"rel\":\"" REL "\",\"href\":\"wss://a.example/ws\"}]}", true, 0, "wss://a.example/ws", LINK_WEBSOCKET },
		{ "{\"links\":[{\"rel\":\"" REL "\"}, 7, null]}", true, ERR_NOT_FOUND, "", LINK_WEBSOCKET },
		{ "{\"links\":{}}", true, ERR_NOT_FOUND, "", LINK_WEBSOCKET },
		{ "[]", true, ERR_NOT_FOUND, "", LINK_WEBSOCKET },
		{ "<html/>", true, ERR_SYNTAX, "", LINK_WEBSOCKET },
		{ "{\"links\":[], \"links\":[]}", true, ERR_SYNTAX, "", LINK_WEBSOCKET },
		{ "", true, ERR_SYNTAX, "", LINK_WEBSOCKET },
		{ XRD("<Link rel='" REL "' href='wss://a/'/><Link rel='" REL_BOSH "' href='https://a/b'/>"), false, 0, "https://a/b", LINK_BOSH },
		{ XRD("<Link rel='" REL "' href='wss://a/'/>"), false, ERR_NOT_FOUND, "", LINK_BOSH },
		{ "{\"links\":[{\"rel\":\"" REL "\",\"href\":\"wss://a/\"},{\"rel\":\"" REL_BOSH "\",\"href\":\"https://a/b\"}]}", true, 0, "https://a/b", LINK_BOSH },
		{ "{\"links\":[]}", true, ERR_NOT_FOUND, "", LINK_BOSH },
	};
	struct buf href;

	(void)state;
	for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++) {
		buf_init(&href, 1024);
		int rc = discovery_read_meta(bytes_of(docs[i].body), docs[i].is_json, docs[i].which, &href);
		if (rc != docs[i].rc || strcmp(buf_cstr(&href), docs[i].href) != 0)
			fail_msg("%s: %s, %s", docs[i].body, err_name(rc), buf_cstr(&href));
		buf_fini(&href);
	}
}

static void each_record_once(void **state)
{
	struct discovery_wants w = { .n = 0 };

	(void)state;
	discovery_add(&w, BYTES("c2s"), 5222);
	discovery_add(&w, BYTES("c2s"), 5222); /* of the other family */
	discovery_add(&w, BYTES("https"), 443);
	discovery_add(&w, BYTES("c2s-tls"), 443);
	discovery_add(&w, BYTES("c2s-tls"), 5223);
	discovery_add(&w, BYTES("web"), 443); /* management is nobody's to find */
	discovery_add(&w, BYTES("turn-udp"), 3478);
	assert_int_equal(w.n, 5);
	assert_true(discovery_is_first(&w, 1));
	assert_false(discovery_is_first(&w, 2)); /* _xmpps-client again, at another port */
	for (unsigned port = 1; port < 1000; port++)
		discovery_add(&w, BYTES("turn-tcp"), (uint16_t)port);
	assert_int_equal(w.n, DISCOVERY_WANTS_MAX);
}

/* SIP clients know 5061: what the front has there is for them (docs/admin/remote.md). */
static void phones_by_the_front(void **state)
{
	struct discovery_wants w = { .n = 0 };

	(void)state;
	discovery_add(&w, BYTES("https"), 5061);
	discovery_add(&w, BYTES("line-tls"), 5061);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.v[0].row->service, "_sips._tcp");
	discovery_add(&w, BYTES("https"), 5062);
	assert_int_equal(w.n, 2);
	assert_string_equal(w.v[1].row->service, "_xmpps-client._tcp");
}

static void lines(void **state)
{
	struct discovery_wants w = { .n = 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	discovery_put_record(&b, "_xmpps-client._tcp", "a.example", 443, "chat.a.example");
	assert_string_equal(buf_cstr(&b), "_xmpps-client._tcp.a.example. 3600 IN SRV 0 0 443 chat.a.example.");
	buf_clear(&b);
	discovery_put_wss(&b, "chat.a.example", 8443);
	assert_string_equal(buf_cstr(&b), "wss://chat.a.example:8443/xmpp-websocket");
	buf_clear(&b);
	discovery_add(&w, BYTES("s2s"), 5269);
	discovery_put_command(&b, w.v[0].row, "a.example", "x.a.example", 5269);
	assert_string_equal(buf_cstr(&b), "openssl s_client -connect x.a.example:5269 -starttls xmpp-server -xmpphost a.example");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reads_documents), cmocka_unit_test(each_record_once),
		cmocka_unit_test(phones_by_the_front), cmocka_unit_test(lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
