/* A SIP message from a stranger: parsed, read all over, answered, changed, printed; what was right is the same
 * after another parse. */
#include <stdlib.h>

#include "base/err.h"
#include "sip/message.h"
#include "sip/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static uint64_t sum;

/* Reads each byte, so that a sanitizer sees what the view covers. */
static void touch(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		sum += v.p[i];
}

static void touch_address(const struct sip_address *a)
{
	struct sipuri u;
	struct bytes v;

	touch(a->display);
	touch(a->params);
	touch(a->uri);
	if (sip_param(a->params, "tag", &v))
		touch(v);
	if (sipuri_parse(a->uri, &u) == 0) {
		touch(u.user);
		touch(u.host);
		touch(u.path);
		touch(u.params);
		touch(u.headers);
		must(u.scheme == SIPURI_OTHER || sipuri_equal(&u, &u));
	}
}

static void read_all(const struct sipmsg *m)
{
	struct sip_address a;
	struct sip_via via;
	struct bytes method;
	uint32_t n;

	for (int h = 0; h < SIPH_COUNT; h++)
		for (size_t i = 0, most = sipmsg_count(m, (enum siphdr)h); i < most; i++) {
			touch(sipmsg_value(m, (enum siphdr)h, i));
			if (sipmsg_address(m, (enum siphdr)h, i, &a))
				touch_address(&a);
			sum += sipmsg_number(m, (enum siphdr)h, &n) ? n : 0;
		}
	for (size_t i = 0; sipmsg_via(m, i, &via); i++) {
		touch(via.transport);
		touch(via.host);
		touch(via.branch);
		touch(via.received);
		touch(via.maddr);
	}
	touch(sipmsg_named(m, "X-Unknown", 0));
	touch(sipmsg_body(m));
	touch(sipmsg_uri(m));
	touch(sipmsg_reason(m));
	sum += sipmsg_cseq(m, &n, &method);
}

static void check_equal(const struct sipmsg *a, const struct sipmsg *b)
{
	must(sipmsg_is_request(a) == sipmsg_is_request(b) && sipmsg_status(a) == sipmsg_status(b));
	must(bytes_eq(sipmsg_method_text(a), sipmsg_method_text(b)) && bytes_eq(sipmsg_uri(a), sipmsg_uri(b)));
	must(bytes_eq(sipmsg_body(a), sipmsg_body(b)));
	for (int h = 0; h < SIPH_COUNT; h++) {
		size_t n = sipmsg_count(a, (enum siphdr)h);
		if (h == SIPH_CONTENT_LENGTH)
			continue;
		must(n == sipmsg_count(b, (enum siphdr)h));
		for (size_t i = 0; i < n; i++)
			must(bytes_eq(sipmsg_value(a, (enum siphdr)h, i), sipmsg_value(b, (enum siphdr)h, i)));
	}
}

static void check_round_trip(const struct sipmsg *m, struct buf *text)
{
	struct sipmsg *again = NULL;

	must(sipmsg_print(m, text) == 0);
	if (sipmsg_fault(m).status || buf_len(text) > SIPMSG_MAX_BYTES)
		return;
	must(sipmsg_parse(buf_bytes(text), &again) == 0);
	must(!sipmsg_fault(again).status);
	check_equal(m, again);
	sipmsg_free(again);
}

static void answer(const struct sipmsg *m, struct buf *text)
{
	struct sipmsg *r = sipmsg_response_new(m, 400, NULL, "t"), *again = NULL;

	must(r && sipmsg_print(r, text) == 0);
	if (!sipmsg_fault(m).status && buf_len(text) <= SIPMSG_MAX_BYTES) {
		must(sipmsg_parse(buf_bytes(text), &again) == 0);
		must(!sipmsg_fault(again).status);
	}
	sipmsg_free(again);
	sipmsg_free(r);
}

/* Our own texts fit into whatever came. */
static void change(struct sipmsg *m, struct buf *text)
{
	sipmsg_set_received(m, "192.0.2.1", 5060);
	sipmsg_prepend(m, SIPH_VIA, BYTES("SIP/2.0/UDP h;branch=z9hG4bK1"));
	sipmsg_remove(m, SIPH_VIA, 1);
	sipmsg_replace(m, SIPH_MAX_FORWARDS, BYTES("69"));
	sipmsg_prepend(m, SIPH_RECORD_ROUTE, BYTES("<sip:h;lr>"));
	sipmsg_remove(m, SIPH_ROUTE, 0);
	sipmsg_remove(m, SIPH_CONTACT, 1);
	sipmsg_remove_all(m, SIPH_REQUIRE);
	sipmsg_append_named(m, "X-Ours", BYTES("1"));
	sipmsg_set_body(m, "text/plain", BYTES("x"));
	must(sipmsg_print(m, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sipmsg *m = NULL;
	struct buf text;

	if (sipmsg_parse(bytes_make(data, size), &m) < 0)
		return 0;
	buf_init(&text, 8 * SIPMSG_MAX_BYTES);
	read_all(m);
	check_round_trip(m, &text);
	buf_clear(&text);
	if (sipmsg_is_request(m))
		answer(m, &text);
	buf_clear(&text);
	change(m, &text);
	read_all(m);
	sipmsg_free(m);
	buf_fini(&text);
	return 0;
}
