#include "session_play.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

static void keep(char *to, size_t size, struct bytes v)
{
	snprintf(to, size, "%.*s", BYTES_FMT(v));
}

/* ---- the door ---- */

static int door_on_request(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct sip_unit u;

	(void)from;
	assert_int_equal(sip_unit_decode(f->body, &u), 0);
	buf_put_bytes(&p->requests, u.message);
	buf_put_u8(&p->requests, 0);
	keep(p->request, sizeof p->request, u.message);
	if (u.id)
		p->request_id = u.id;
	p->n_requests++;
	return 0;
}

static int door_on_response(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct sip_answer a;

	(void)from;
	assert_int_equal(sip_answer_decode(f->body, &a), 0);
	p->status = a.status;
	p->n_answers++;
	keep(p->to_tag, sizeof p->to_tag, a.to_tag);
	keep(p->headers, sizeof p->headers, a.headers);
	keep(p->body, sizeof p->body, a.body);
	return 0;
}

static int door_on_cancel(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	p->cancelled_id = wire_u64(&w);
	assert_int_equal(wire_end(&w), 0);
	p->n_cancels++;
	return 0;
}

static int door_on_msrp_open(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	p->media = wire_u64(&w);
	p->media_flags = wire_u8(&w);
	keep(p->media_ours, sizeof p->media_ours, wire_str(&w));
	keep(p->media_theirs, sizeof p->media_theirs, wire_str(&w));
	assert_int_equal(wire_end(&w), 0);
	p->n_media_opens++;
	return 0;
}

static int door_on_msrp_frame(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	assert_true(wire_u64(&w) == p->media);
	memcpy(p->frame_before, p->frame, sizeof p->frame);
	keep(p->frame, sizeof p->frame, wire_bytes(&w));
	p->n_frames++;
	return 0;
}

static int door_on_msrp_close(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;

	(void)from, (void)f;
	p->n_media_closes++;
	return 0;
}

/* ---- gh-switch ---- */

static int hub_on_route(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct envelope e;

	assert_int_equal(envelope_decode(f->body, &e), 0);
	buf_put_bytes(&p->stanzas, e.stanza);
	keep(p->sid, sizeof p->sid, e.sid);
	p->n_stanzas++;
	if (e.id && !p->is_hub_silent) {
		struct buf *b = chan_begin(from, MSG_ROUTE_DONE, 0);
		wire_put_u64(b, e.id);
		wire_put_u32(b, 0);
		assert_int_equal(chan_end(from), 0);
	}
	return 0;
}

static int hub_on_done(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	(void)wire_u64(&w);
	p->done_rc = (int32_t)wire_u32(&w);
	p->n_done++;
	return 0;
}

static const struct bus_handler door_handlers[] = {
	{ MSG_SIP_REQUEST, door_on_request },
	{ MSG_SIP_RESPONSE, door_on_response },
	{ MSG_SIP_CANCEL, door_on_cancel },
	{ MSG_MSRP_OPEN, door_on_msrp_open },
	{ MSG_MSRP_FRAME, door_on_msrp_frame },
	{ MSG_MSRP_CLOSE, door_on_msrp_close },
};
static const struct bus_handler hub_handlers[] = { { MSG_ROUTE, hub_on_route }, { MSG_ROUTE_DONE, hub_on_done } };

static struct bus *attach(struct play *p, enum prog prog, const struct bus_handler *handlers, size_t n)
{
	struct bus_hooks hooks = { .program = p, .handlers = handlers, .n_handlers = n };
	struct bus *b = bus_new(p->loop, prog, 0, &hooks);
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(b, PROG_XLATE, 0, fds[0]), 0);
	assert_int_equal(bus_attach(p->bus, prog, 0, fds[1]), 0);
	return b;
}

void play_open(struct play *p, const char *more_settings)
{
	char text[2048];
	unsigned line = 0;

	memset(p, 0, sizeof *p);
	p->loop = loop_new(LOOP_FAKE);
	struct bus_hooks hooks = { .program = &p->x, .handlers = xlate_handlers, .n_handlers = xlate_n_handlers };
	p->bus = bus_new(p->loop, PROG_XLATE, 0, &hooks);
	p->door = attach(p, PROG_SIP, door_handlers, sizeof door_handlers / sizeof door_handlers[0]);
	p->hub = attach(p, PROG_SWITCH, hub_handlers, 2);
	buf_init(&p->requests, 1 << 20);
	buf_init(&p->stanzas, 1 << 20);
	snprintf(text, sizeof text,
		 "domain example.com certificate = c\nsip peer example.net action = allow\nsip peer lync.example action = allow\n"
		 "sip peer lync.example type = lync\n%s", more_settings);
	assert_int_equal(settings_parse(bytes_of(text), &p->settings, &line), 0);
	assert_int_equal(xlate_init(&p->x, p->loop, p->bus, 0), 0);
	xlate_apply(&p->x, p->settings);
}

void play_close(struct play *p)
{
	xlate_fini(&p->x);
	bus_free(p->bus);
	bus_free(p->door);
	bus_free(p->hub);
	settings_free(p->settings);
	loop_free(p->loop);
	buf_fini(&p->requests);
	buf_fini(&p->stanzas);
}

void play_run(struct play *p)
{
	for (int i = 0; i < 8; i++)
		loop_turn(p->loop, 0);
}

void play_wait(struct play *p, uint64_t ms)
{
	loop_fake_advance(p->loop, ms);
	play_run(p);
}

/* ---- SIP ---- */

static void put_message(struct buf *out, const char *text)
{
	const char *body = strstr(text, "\n\n");
	size_t head_n = body ? (size_t)(body - text) + 1 : strlen(text);

	for (size_t i = 0; i < head_n; i++)
		if (text[i] == '\n')
			buf_put_str(out, "\r\n");
		else
			buf_put_u8(out, (uint8_t)text[i]);
	buf_putf(out, "Content-Length: %zu\r\n\r\n", body ? strlen(body + 2) : 0);
	buf_put_str(out, body ? body + 2 : "");
}

void play_request(struct play *p, const char *text)
{
	struct chan *c = bus_chan(p->door, PROG_XLATE, 0);
	struct buf message;

	buf_init(&message, 65536);
	put_message(&message, text);
	p->status = 0;
	const struct sip_unit u = { .id = strncmp(text, "ACK", 3) ? (uint64_t)PROG_SIP << 56 | ++p->next_id : 0, .trace = 9,
				    .flags = UNIT_TLS, .peer = BYTES("example.net"), .message = buf_bytes(&message) };
	sip_unit_encode(chan_begin(c, MSG_SIP_REQUEST, 0), &u);
	assert_int_equal(chan_end(c), 0);
	buf_fini(&message);
	play_run(p);
}

const char *play_header(struct play *p, const char *name)
{
	static char value[2048];
	char start[64];

	snprintf(start, sizeof start, "\r\n%s: ", name);
	const char *at = strcasestr(p->request, start);
	if (!at)
		return "";
	at += strlen(start);
	snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

const char *play_body(struct play *p)
{
	const char *at = strstr(p->request, "\r\n\r\n");

	return at ? at + 4 : "";
}

static void send_answer(struct play *p, const struct sip_answer *a)
{
	struct chan *c = bus_chan(p->door, PROG_XLATE, 0);

	sip_answer_encode(chan_begin(c, MSG_SIP_RESPONSE, 0), a);
	assert_int_equal(chan_end(c), 0);
	play_run(p);
}

void play_answer(struct play *p, unsigned status, const char *more)
{
	struct buf text, message;
	char to[1024];

	buf_init(&text, 65536);
	buf_init(&message, 65536);
	snprintf(to, sizeof to, "%s", play_header(p, "To"));
	buf_putf(&text, "SIP/2.0 %u Reason\nVia: SIP/2.0/TLS gw.example;branch=z9hG4bK1\nFrom: %s\n", status, play_header(p, "From"));
	buf_putf(&text, "To: %s%s\n", to, strstr(to, ";tag=") ? "" : ";tag=theirs");
	buf_putf(&text, "Call-ID: %s\n", play_header(p, "Call-ID"));
	buf_putf(&text, "CSeq: %s\n%s", play_header(p, "CSeq"), more);
	put_message(&message, buf_cstr(&text));
	send_answer(p, &(struct sip_answer){ .id = p->request_id, .flags = UNIT_RAW, .status = (uint16_t)status, .body = buf_bytes(&message) });
	buf_fini(&text);
	buf_fini(&message);
}

void play_fail(struct play *p, unsigned status, int why)
{
	send_answer(p, &(struct sip_answer){ .id = p->request_id, .status = (uint16_t)status, .why = why });
}

void play_media_opened(struct play *p)
{
	struct chan *c = bus_chan(p->door, PROG_XLATE, 0);

	wire_put_u64(chan_begin(c, MSG_MSRP_OPENED, 0), p->media);
	assert_int_equal(chan_end(c), 0);
	play_run(p);
}

void play_media_closed(struct play *p, int why)
{
	struct chan *c = bus_chan(p->door, PROG_XLATE, 0);
	struct buf *b = chan_begin(c, MSG_MSRP_CLOSE, 0);

	wire_put_u64(b, p->media);
	wire_put_u32(b, (uint32_t)why);
	assert_int_equal(chan_end(c), 0);
	play_run(p);
}

void play_frame(struct play *p, const char *text)
{
	struct chan *c = bus_chan(p->door, PROG_XLATE, 0);
	struct buf frame;
	size_t first = strcspn(text, "\n");

	buf_init(&frame, 65536);
	buf_putf(&frame, "%.*s\r\nTo-Path: %s\r\nFrom-Path: %s", (int)first, text, p->media_ours, p->media_theirs);
	for (const char *at = text + first; *at; at++)
		if (*at == '\n')
			buf_put_str(&frame, "\r\n");
		else
			buf_put_u8(&frame, (uint8_t)*at);
	struct buf *b = chan_begin(c, MSG_MSRP_FRAME, 0);
	wire_put_u64(b, p->media);
	wire_put_bytes(b, buf_bytes(&frame));
	assert_int_equal(chan_end(c), 0);
	buf_fini(&frame);
	play_run(p);
}

/* ---- XMPP ---- */

void play_stanza(struct play *p, enum stanza_kind kind, enum stanza_type type, const char *from, const char *to, const char *sid,
                 const char *inner)
{
	static uint64_t id;
	struct chan *c = bus_chan(p->hub, PROG_XLATE, 0);
	struct buf b;

	buf_init(&b, 65536);
	buf_putf(&b, "<%s type='%s' from='%s' to='%s' id='%s'>%s</%s>", stanza_kind_name(kind), stanza_type_name(type), from, to, sid,
		 inner, stanza_kind_name(kind));
	const struct envelope e = { .id = (uint64_t)PROG_IM << 56 | ++id, .trace = 1, .door = DOOR_ACCESS, .kind = (uint8_t)kind,
				    .type = (uint8_t)type, .from = bytes_of(from), .to = bytes_of(to), .sid = bytes_of(sid),
				    .stanza = buf_bytes(&b) };
	envelope_encode(chan_begin(c, MSG_ROUTE, 0), &e);
	assert_int_equal(chan_end(c), 0);
	buf_fini(&b);
	play_run(p);
}

const char *play_stanzas(struct play *p)
{
	static char text[65536];

	keep(text, sizeof text, buf_bytes(&p->stanzas));
	buf_clear(&p->stanzas);
	return text;
}
