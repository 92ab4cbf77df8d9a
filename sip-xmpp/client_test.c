/* SIP clients of our own people, between gh-line and gh-im that are played here. */
#include "play.h"
#include "client.h"

#include "base/err.h"
#include "run/session.h"
#include "sip/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <sys/socket.h>

static struct play p;

/* ---- gh-im ---- */

static struct {
	struct bus *bus;
	uint64_t conn;       /* of the last SESSION_ENTER */
	char bare[128], resource[128];
	unsigned n_entered, n_closed, n_asked;
	uint8_t how;         /* of the last SESSION_CLOSED */
	uint32_t acked, stanzas;
	char stanza[4096];
} im;

static void copy(char *out, size_t room, struct bytes v)
{
	assert_true(v.n < room);
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
}

static int on_im(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);
	struct envelope e;

	(void)program;
	(void)from;
	switch (f->type) {
	case MSG_SESSION_ENTER:
		im.conn = conn;
		copy(im.bare, sizeof im.bare, wire_str(&w));
		copy(im.resource, sizeof im.resource, wire_str(&w));
		im.n_entered++;
		break;
	case MSG_STANZA:
		assert_int_equal(envelope_decode(bytes_skip(f->body, 8), &e), 0);
		assert_true(e.from.n > 0 && e.door == DOOR_ACCESS);
		copy(im.stanza, sizeof im.stanza, e.stanza);
		im.stanzas++;
		break;
	case MSG_SM_REQUEST:
		im.n_asked++;
		break;
	case MSG_SM_ACK:
		im.acked = wire_u32(&w);
		break;
	default:
		im.n_closed++;
		im.how = wire_u8(&w);
	}
	return 0;
}

static const struct bus_handler im_handlers[] = {
	{ MSG_SESSION_ENTER, on_im }, { MSG_STANZA, on_im }, { MSG_SM_REQUEST, on_im }, { MSG_SM_ACK, on_im }, { MSG_SESSION_CLOSED, on_im },
};

/* ---- gh-line ---- */

static struct {
	struct bus *bus;
	unsigned n_requests, n_drops;
	uint64_t id, flow;
	char text[8192];
	uint16_t status; /* of the last answer */
	char headers[1024];
} line;

static int on_line(void *program, struct chan *from, const struct frame *f)
{
	struct sip_unit u;
	struct sip_answer a;

	(void)program;
	(void)from;
	if (f->type == MSG_LINE_DROP) {
		line.n_drops++;
	} else if (f->type == MSG_SIP_REQUEST) {
		assert_int_equal(sip_unit_decode(f->body, &u), 0);
		line.id = u.id;
		line.flow = u.flow;
		copy(line.text, sizeof line.text, u.message);
		line.n_requests++;
	} else {
		assert_int_equal(sip_answer_decode(f->body, &a), 0);
		line.status = a.status;
		copy(line.headers, sizeof line.headers, a.headers);
	}
	return 0;
}

static const struct bus_handler line_handlers[] = {
	{ MSG_SIP_REQUEST, on_line }, { MSG_SIP_RESPONSE, on_line }, { MSG_LINE_DROP, on_line },
};

/* ---- all together ---- */

static struct bus *join(enum prog who, const struct bus_handler *handlers, size_t n)
{
	struct bus_hooks hooks = { .handlers = handlers, .n_handlers = n };
	struct bus *b = bus_new(p.loop, who, 0, &hooks);
	int fds[2];

	assert_non_null(b);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(b, PROG_XLATE, 0, fds[1]), 0);
	assert_int_equal(bus_attach(p.bus, who, 0, fds[0]), 0);
	play_run(&p);
	return b;
}

static void join_im(void)
{
	im.bus = join(PROG_IM, im_handlers, 5);
}

static int start(void **state)
{
	(void)state;
	play_open(&p, "");
	memset(&im, 0, sizeof im);
	memset(&line, 0, sizeof line);
	join_im();
	line.bus = join(PROG_LINE, line_handlers, 3);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (im.bus)
		bus_free(im.bus);
	if (line.bus)
		bus_free(line.bus);
	play_close(&p);
	return 0;
}

static struct buf *to_xlate(struct bus *b, enum msg type)
{
	return chan_begin(bus_chan(b, PROG_XLATE, 0), type, 0);
}

static void sent(struct bus *b)
{
	assert_int_equal(chan_end(bus_chan(b, PROG_XLATE, 0)), 0);
	play_run(&p);
}

static void registered(uint64_t reg)
{
	struct buf *b = to_xlate(line.bus, MSG_LINE_REGISTERED);

	wire_put_u64(b, reg);
	wire_put_str(b, BYTES("juliet@example.com"));
	wire_put_str(b, BYTES("urn:uuid:1"));
	wire_put_str(b, BYTES("sip:juliet@192.0.2.9"));
	wire_put_u64(b, 77);
	wire_put_u32(b, 600);
	wire_put_str(b, BYTES("a phone"));
	wire_put_u8(b, LINE_IS_TLS);
	sent(line.bus);
}

static void gone(uint64_t reg, enum line_gone why)
{
	struct buf *b = to_xlate(line.bus, MSG_LINE_GONE);

	wire_put_u64(b, reg);
	wire_put_u8(b, (uint8_t)why);
	sent(line.bus);
}

static void opened(void)
{
	struct buf *b = to_xlate(im.bus, MSG_SESSION_OPENED);

	wire_put_u64(b, im.conn);
	wire_put_str(b, BYTES("juliet@example.com/urn:uuid:1"));
	wire_put_str(b, BYTES_NONE);
	wire_put_u32(b, 0);
	sent(im.bus);
}

static void deliver(const char *stanza)
{
	struct buf *b = to_xlate(im.bus, MSG_DELIVER);

	wire_put_u64(b, im.conn);
	wire_put_u8(b, DELIVER_TELL);
	wire_put_bytes(b, bytes_of(stanza));
	sent(im.bus);
}

static void answer_sm(uint32_t h)
{
	struct buf *b = to_xlate(im.bus, MSG_SM_ANSWER);

	wire_put_u64(b, im.conn);
	wire_put_u32(b, h);
	sent(im.bus);
}

/* The phone's answer to the request that waits, by way of gh-line. */
static void phone_says(unsigned status)
{
	char text[8192];
	const char *rest = strchr(line.text, '\n') + 1;
	const char *end = strstr(rest, "\r\n\r\n");
	int n = snprintf(text, sizeof text, "SIP/2.0 %u Said\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\r\n", status);

	for (const char *at = rest; at < end; at = strchr(at, '\n') + 1) { /* what a response repeats */
		static const char *const kept[] = { "From:", "To:", "Call-ID:", "CSeq:" };
		for (size_t i = 0; i < 4; i++)
			if (!strncmp(at, kept[i], strlen(kept[i])))
				n += snprintf(text + n, sizeof text - (size_t)n, "%.*s", (int)(strchr(at, '\n') + 1 - at), at);
	}
	n += snprintf(text + n, sizeof text - (size_t)n, "Content-Length: 0\r\n\r\n");
	const struct sip_answer a = { .id = line.id, .flags = UNIT_CLIENT | UNIT_RAW, .status = (uint16_t)status,
				      .body = bytes_make(text, (size_t)n) };
	sip_answer_encode(to_xlate(line.bus, MSG_SIP_RESPONSE), &a);
	sent(line.bus);
}

static void phone_asks(const char *method, const char *uri, const char *more, const char *body)
{
	static uint64_t id;
	char text[4096];
	int n = snprintf(text, sizeof text,
			 "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.9;branch=z9hG4bKp\r\nMax-Forwards: 70\r\n"
			 "From: <sip:juliet@example.com>;tag=1\r\nTo: <%s>\r\nCall-ID: c%llu\r\nCSeq: 1 %s\r\n%sContent-Length: %zu\r\n\r\n%s",
			 method, uri, uri, (unsigned long long)id, method, more, strlen(body), body);

	line.status = 0;
	const struct sip_unit u = { .id = (uint64_t)PROG_LINE << 56 | ++id, .trace = 1, .flags = UNIT_CLIENT | UNIT_TLS, .flow = 5,
				    .peer = BYTES("example.com"), .message = bytes_make(text, (size_t)n) };
	sip_unit_encode(to_xlate(line.bus, MSG_SIP_REQUEST), &u);
	sent(line.bus);
}

static void with_session(void)
{
	registered(5);
	opened();
}

#define HELLO "<message from='romeo@example.com/x' to='juliet@example.com' type='chat' id='m1'><body>hello</body></message>"

/* ---- the tests ---- */

static void registration_is_a_session(void **state)
{
	(void)state;
	registered(5);
	assert_int_equal(im.n_entered, 1);
	assert_string_equal(im.bare, "juliet@example.com");
	assert_string_equal(im.resource, "urn:uuid:1");
	assert_true(im.conn & SESSION_CONN_SIP);
	assert_int_equal(im.stanzas, 0);
	opened();
	assert_non_null(strstr(im.stanza, "<presence")); /* available by being registered */
	registered(5);                                    /* a refresh */
	assert_int_equal(im.n_entered, 1);
	gone(5, LINE_UNREGISTERED);
	assert_int_equal(im.n_closed, 1);
	assert_int_equal(im.how, SESSION_OVER);
}

/* Acknowledged when the phone has it, not before. */
static void taken_when_the_phone_has_it(void **state)
{
	(void)state;
	with_session();
	deliver(HELLO);
	assert_int_equal(line.n_requests, 1);
	assert_int_equal(line.flow, 5);
	assert_non_null(strstr(line.text, "hello"));
	assert_int_equal(im.acked, 0);
	phone_says(200);
	assert_int_equal(im.acked, 1);
	deliver("<presence from='juliet@example.com/other' to='juliet@example.com'/>"); /* her own: nothing to be done */
	assert_int_equal(im.acked, 2);
}

static void a_lost_phone_gives_back(void **state)
{
	(void)state;
	with_session();
	deliver(HELLO);
	gone(5, LINE_FLOW_LOST);
	assert_int_equal(im.n_closed, 1);
	assert_int_equal(im.how, SESSION_LOST);
	assert_int_equal(im.acked, 0);
	phone_says(200); /* too late, and harmless */
	assert_int_equal(im.acked, 0);
}

/* One client that does not answer says nothing of the user's other one. */
static void the_other_client_has_its_own(void **state)
{
	(void)state;
	registered(5);
	opened();
	uint64_t first = im.conn;
	registered(6);
	opened();
	uint64_t second = im.conn;
	im.conn = first;
	deliver(HELLO);
	deliver(HELLO); /* waits behind it, and for the same client */
	im.conn = second;
	deliver(HELLO);
	assert_int_equal(line.n_requests, 1);
	assert_int_equal(line.flow, 5);
	const struct sip_answer a = { .id = line.id, .flags = UNIT_CLIENT, .status = 408, .why = ERR_TIMEOUT };
	sip_answer_encode(to_xlate(line.bus, MSG_SIP_RESPONSE), &a);
	sent(line.bus);
	assert_int_equal(line.n_requests, 2);
	assert_int_equal(line.flow, 6);
	phone_says(200);
	assert_int_equal(line.n_requests, 2);
}

/* 2xx only when gh-im has taken it (RFC 7572 5). */
static void answered_when_taken(void **state)
{
	(void)state;
	with_session();
	unsigned before = im.stanzas;
	phone_asks("MESSAGE", "sip:romeo@example.com", "Content-Type: text/plain\r\n", "hi");
	assert_int_equal(im.stanzas, before + 1);
	assert_non_null(strstr(im.stanza, "juliet@example.com/urn:uuid:1"));
	assert_int_equal(im.n_asked, 1);
	assert_int_equal(line.status, 0);
	answer_sm(im.stanzas - 1); /* that was what came before */
	assert_int_equal(line.status, 0);
	answer_sm(im.stanzas);
	assert_int_equal(line.status, 200);
}

static void unregistered_is_nobody(void **state)
{
	(void)state;
	phone_asks("MESSAGE", "sip:romeo@example.com", "Content-Type: text/plain\r\n", "hi");
	assert_true(line.status >= 400);
	assert_int_equal(im.stanzas, 0);
}

static void core_comes_back(void **state)
{
	(void)state;
	with_session();
	uint64_t old = im.conn;
	bus_free(im.bus);
	im.bus = NULL;
	play_run(&p);
	join_im();
	assert_int_equal(im.n_entered, 2);
	assert_true(im.conn != old); /* a number is used once */
	opened();
	deliver(HELLO);
	assert_int_equal(line.n_requests, 1);
}

static void closed_by_the_core(void **state)
{
	(void)state;
	with_session();
	struct buf *b = to_xlate(im.bus, MSG_SESSION_CLOSE);
	wire_put_u64(b, im.conn);
	wire_put_str(b, BYTES("not-authorized"));
	wire_put_str(b, BYTES_NONE);
	wire_put_bytes(b, BYTES_NONE);
	sent(im.bus);
	assert_int_equal(line.n_drops, 1);
	assert_int_equal(im.n_closed, 0); /* who closes has forgotten it */
}

static void publication_ends_by_itself(void **state)
{
	static const char doc[] = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:juliet@example.com'><tuple id='t'><status>"
				  "<basic>open</basic></status><note>lunch</note></tuple></presence>";

	(void)state;
	with_session();
	phone_asks("PUBLISH", "sip:juliet@example.com", "Event: presence\r\nExpires: 60\r\nContent-Type: application/pidf+xml\r\n", doc);
	assert_int_equal(line.status, 200);
	assert_non_null(strstr(line.headers, "SIP-ETag: "));
	assert_non_null(strstr(im.stanza, "lunch"));
	play_wait(&p, 59000);
	assert_non_null(strstr(im.stanza, "lunch"));
	play_wait(&p, 2000);
	assert_null(strstr(im.stanza, "lunch"));
}

int main(void)
{
#define PLAY(fn) cmocka_unit_test_setup_teardown(fn, start, stop)
	const struct CMUnitTest tests[] = {
		PLAY(registration_is_a_session), PLAY(taken_when_the_phone_has_it), PLAY(a_lost_phone_gives_back), PLAY(the_other_client_has_its_own),
		PLAY(answered_when_taken), PLAY(unregistered_is_nobody), PLAY(core_comes_back), PLAY(closed_by_the_core),
		PLAY(publication_ends_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
