#include "page_play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/text.h"
#include "date.h"
#include "proto/xmpp.h"

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "play: %s\n", what);
	abort();
}

/* What is longer than we expect is cut. */
static void copy(char *out, size_t room, struct bytes v)
{
	(void)snprintf(out, room, "%.*s", BYTES_FMT(v));
}
#define COPY(out, v) copy(out, sizeof(out), v)

/* A text that stays for a few calls. */
static const char *keep(const char *text)
{
	static char *last[8];
	static unsigned at;

	at = (at + 1) % 8;
	free(last[at]);
	last[at] = strdup(text);
	must(last[at], "no memory");
	return last[at];
}

static const char *take(struct buf *b)
{
	const char *text = keep(buf_cstr(b));

	buf_clear(b);
	return text;
}

/* ---- the SIP doors ---- */

static struct chan *to_xlate(struct play *p, enum prog door)
{
	struct bus *b = door == PROG_LINE ? p->line : p->sip;

	return b ? bus_chan(b, PROG_XLATE, 0) : NULL;
}

static struct play_unit *unit_of(struct play *p, uint64_t id)
{
	for (unsigned i = 0; i < PLAY_UNITS_MAX; i++)
		if (p->units[i].m && p->units[i].id == id)
			return &p->units[i];
	return NULL;
}

static void put_answer(struct play *p, struct play_unit *u, const struct sip_answer *a)
{
	struct chan *c = to_xlate(p, u->door);

	u->is_answered = true;
	u->status = a->status;
	sip_answer_encode(chan_begin(c, MSG_SIP_RESPONSE, 0), a);
	(void)chan_end(c); /* a gh-xlate that has gone has given up */
}

/* The far side's response, as it comes back through the door. */
static void answer_unit(struct play *p, struct play_unit *u, unsigned status, const char *headers, const char *body)
{
	struct sipmsg *r = sipmsg_response_new(u->m, status, NULL, "far");
	struct buf b;

	must(r != NULL, "no response");
	for (const char *line = headers; line && *line;) {
		const char *colon = strchr(line, ':'), *end = strchr(line, '\n');
		char name[64];
		must(colon && end && colon < end, headers);
		copy(name, sizeof name, bytes_make(line, (size_t)(colon - line)));
		sipmsg_append_named(r, name, bytes_make(colon + 1, (size_t)(end - colon - 1)));
		line = end + 1;
	}
	buf_init(&b, SIPMSG_MAX_BYTES);
	if (body)
		sipmsg_set_body(r, "application/octet-stream", bytes_of(body));
	must(sipmsg_print(r, &b) == 0, "a response does not print");
	put_answer(p, u, &(struct sip_answer){ .id = u->id, .flags = UNIT_RAW, .status = (uint16_t)status, .body = buf_bytes(&b) });
	buf_fini(&b);
	sipmsg_free(r);
}

/* As a door reads it, and with its Via. */
static struct sipmsg *with_via(struct bytes message)
{
	struct sipmsg *m = NULL;

	if (sipmsg_parse_inside(message, &m) || sipmsg_fault(m).status) {
		fprintf(stderr, "%.*s\n%s\n", BYTES_FMT(message), m ? sipmsg_fault(m).reason : "");
		must(false, "gh-xlate sent what is not SIP");
	}
	sipmsg_prepend(m, SIPH_VIA, BYTES("SIP/2.0/TLS gw.example.com;branch=z9hG4bKplay"));
	return m;
}

static void keep_unit(struct play *p, const struct sip_unit *unit, enum prog door)
{
	struct play_unit *u = &p->units[p->n_units++ % PLAY_UNITS_MAX];

	sipmsg_free(u->m);
	*u = (struct play_unit){ .id = unit->id, .flow = unit->flow, .flags = unit->flags, .door = door, .at_ms = loop_now(p->loop) };
	COPY(u->peer, unit->peer);
	u->m = with_via(unit->message);
	if (!u->id || p->is_sip_silent)
		return;
	answer_unit(p, u, p->sip_status ? p->sip_status : 200, p->sip_headers, NULL);
}

static int on_request(struct play *p, enum prog door, const struct frame *f)
{
	struct sip_unit u;

	must(sip_unit_decode(f->body, &u) == 0, "a bad unit");
	buf_put_bytes(&p->sip_sent, u.message);
	keep_unit(p, &u, door);
	return 0;
}

static int on_sip_request(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return on_request(program, PROG_SIP, f);
}

static int on_line_request(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return on_request(program, PROG_LINE, f);
}

static int on_response(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct sip_answer a;
	struct play_answer *out;

	(void)from;
	must(sip_answer_decode(f->body, &a) == 0, "a bad answer");
	must(sip_answered(p, a.id)->status == 0, "a request is answered twice");
	must(a.status >= 200 && a.status < 700, "an answer that is none");
	out = &p->answers[p->n_answers++ % PLAY_ANSWERS_MAX];
	*out = (struct play_answer){ .id = a.id, .status = a.status };
	COPY(out->reason, a.reason);
	COPY(out->to_tag, a.to_tag);
	COPY(out->headers, a.headers);
	COPY(out->body, a.body);
	return 0;
}

static int on_cancel(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);

	(void)from;
	p->cancelled = wire_u64(&w);
	return wire_end(&w);
}

static const struct bus_handler sip_handlers[] = {
	{ MSG_SIP_REQUEST, on_sip_request },
	{ MSG_SIP_RESPONSE, on_response },
	{ MSG_SIP_CANCEL, on_cancel },
};
static const struct bus_handler line_handlers[] = {
	{ MSG_SIP_REQUEST, on_line_request },
	{ MSG_SIP_RESPONSE, on_response },
	{ MSG_SIP_CANCEL, on_cancel },
};

static bool has_header(struct bytes head, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + n < head.n; i++)
		if (head.p[i] == '\n' && memcmp(head.p + i + 1, name, n) == 0)
			return true;
	return false;
}

/* Lines with CR LF, and what a request has at the least. */
static void put_wire(struct buf *b, const char *text)
{
	const char *blank = strstr(text, "\n\n");

	must(blank != NULL, text);
	struct bytes head = bytes_make(text, (size_t)(blank - text) + 1), body = bytes_of(blank + 2);
	for (size_t i = 0; i < head.n; i++) {
		if (head.p[i] == '\n')
			buf_put_u8(b, '\r');
		buf_put_u8(b, head.p[i]);
	}
	if (!has_header(head, "Via:"))
		buf_put_str(b, "Via: SIP/2.0/TLS far.example.net;branch=z9hG4bKfar\r\n");
	if (!has_header(head, "Max-Forwards:"))
		buf_put_str(b, "Max-Forwards: 70\r\n");
	buf_putf(b, "Content-Length: %zu\r\n\r\n", body.n);
	buf_put_bytes(b, body);
}

uint64_t sip_send(struct play *p, const char *fmt, ...)
{
	static char text[1 << 17];
	struct chan *c = to_xlate(p, p->from_door);
	struct buf b;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	must(n > 0 && (size_t)n < sizeof text, "request is too long");
	buf_init(&b, 1 << 18);
	put_wire(&b, text);
	uint64_t id = strncmp(text, "ACK ", 4) == 0 ? 0 : (uint64_t)p->from_door << 56 | ++p->next_unit;
	const struct sip_unit u = { .id = id, .trace = 0xabc, .flags = (uint8_t)(UNIT_TLS | p->from_flags), .flow = p->from_flow,
				    .peer = BYTES("example.net"), .message = buf_bytes(&b) };
	sip_unit_encode(chan_begin(c, MSG_SIP_REQUEST, 0), &u);
	must(chan_end(c) == 0, "gh-xlate does not take it");
	buf_fini(&b);
	play_run(p);
	return id;
}

uint64_t sip_message(struct play *p, const char *headers, const char *type, const char *body)
{
	return sip_send(p,
			"MESSAGE sip:juliet@example.com SIP/2.0\n"
			"From: <sip:romeo@example.net;gr=dr4>;tag=x1\nTo: <sip:juliet@example.com>\nCall-ID: call%u\nCSeq: 1 MESSAGE\n"
			"%s%s%s%s\n%s",
			++p->n_made, headers, type ? "Content-Type: " : "", type ? type : "", type ? "\n" : "", body);
}

const struct play_answer *sip_answered(struct play *p, uint64_t id)
{
	static const struct play_answer none;

	for (unsigned i = 0; i < PLAY_ANSWERS_MAX; i++)
		if (p->answers[i].id == id && p->answers[i].status)
			return &p->answers[i];
	return &none;
}

const char *sip_got(struct play *p)
{
	play_run(p);
	return take(&p->sip_sent);
}

const struct play_unit *sip_last(struct play *p, unsigned i)
{
	must(p->n_units > i, "no such request");
	return &p->units[(p->n_units - 1 - i) % PLAY_UNITS_MAX];
}

void sip_answer(struct play *p, uint64_t id, unsigned status, const char *headers, const char *body)
{
	struct play_unit *u = unit_of(p, id);

	must(u != NULL, "no such request");
	answer_unit(p, u, status, headers, body);
	play_run(p);
}

void sip_fail(struct play *p, uint64_t id, unsigned status, int why)
{
	struct play_unit *u = unit_of(p, id);

	must(u != NULL, "no such request");
	put_answer(p, u, &(struct sip_answer){ .id = id, .status = (uint16_t)status, .why = why });
	play_run(p);
}

void sip_cancel(struct play *p, uint64_t id)
{
	struct chan *c = to_xlate(p, p->from_door);

	wire_put_u64(chan_begin(c, MSG_SIP_CANCEL, 0), id);
	must(chan_end(c) == 0, "gh-xlate does not take it");
	play_run(p);
}

/* ---- gh-switch ---- */

static int on_route(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct envelope e;
	struct xml_node *n;
	struct stanza s;

	(void)from;
	must(envelope_decode(f->body, &e) == 0, "a bad envelope");
	buf_put_bytes(&p->sent, e.stanza);
	p->sent_id = e.id;
	p->n_sent++;
	/* What the envelope says of the stanza is so. */
	must(xml_pool_parse(p->parsers, e.stanza, NS_CLIENT, &xml_limits_default, &p->arena, &n) == 0, "gh-xlate sent what is not XML");
	must(stanza_of_node(n, NS_CLIENT, &s) == 0, "gh-xlate sent what is no stanza");
	if (s.kind != e.kind || s.type != e.type || (s.facts != e.facts && s.type != TYPE_ERROR)) {
		fprintf(stderr, "%.*s: facts %x, said %x\n", BYTES_FMT(e.stanza), s.facts, e.facts);
		must(false, "an envelope is labelled wrong");
	}
	must(bytes_eq(s.from, e.from) && bytes_eq(s.to, e.to) && bytes_eq(s.id, e.sid), "an envelope is addressed wrong");
	arena_reset(&p->arena);
	if (e.id && !p->is_hub_silent)
		hub_done(p, e.id, 0);
	return 0;
}

static int on_route_done(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);
	struct play_done *d = &p->dones[p->n_dones++ % PLAY_DONES_MAX];

	(void)from;
	d->id = wire_u64(&w);
	d->rc = (int32_t)wire_u32(&w);
	return wire_end(&w);
}

static const struct bus_handler hub_handlers[] = {
	{ MSG_ROUTE, on_route },
	{ MSG_ROUTE_DONE, on_route_done },
};

static void put_envelope(struct play *p, struct buf *b, const char *text, uint64_t id)
{
	struct xml_node *n;
	struct stanza s;
	struct jid from, to;
	struct buf out;

	must(xml_pool_parse(p->parsers, bytes_of(text), NS_CLIENT, &xml_limits_default, &p->arena, &n) == 0, text);
	must(stanza_of_node(n, NS_CLIENT, &s) == 0, text);
	must(jid_parse(s.from, &p->arena, &from) == 0 && jid_parse(s.to, &p->arena, &to) == 0, text);
	buf_init(&out, 1 << 20);
	stanza_write(&out, &s, from.full, to.full);
	const struct envelope e = { .id = id, .trace = 7, .door = DOOR_ACCESS, .kind = (uint8_t)s.kind, .type = (uint8_t)s.type,
				    .facts = s.facts, .from = from.full, .to = to.full, .sid = s.type == TYPE_ERROR ? BYTES_NONE : s.id, /* as gh-im does */
				    .stanza = buf_bytes(&out) };
	envelope_encode(b, &e);
	buf_fini(&out);
	arena_reset(&p->arena);
}

void hub_send(struct play *p, uint64_t id, const char *fmt, ...)
{
	static char text[1 << 18];
	struct chan *c = p->hub ? bus_chan(p->hub, PROG_XLATE, 0) : NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	must(n > 0 && (size_t)n < sizeof text, "stanza is too long");
	put_envelope(p, chan_begin(c, MSG_ROUTE, 0), text, id);
	must(chan_end(c) == 0, "gh-xlate does not take it");
	play_run(p);
}

const char *hub_got(struct play *p)
{
	play_run(p);
	return take(&p->sent);
}

void hub_done(struct play *p, uint64_t id, int rc)
{
	struct chan *c = bus_chan(p->hub, PROG_XLATE, 0);
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	(void)chan_end(c); /* a gh-xlate that has gone sends it again */
}

int hub_told(struct play *p, uint64_t id)
{
	for (unsigned i = 0; i < PLAY_DONES_MAX && i < p->n_dones; i++)
		if (p->dones[(p->n_dones - 1 - i) % PLAY_DONES_MAX].id == id)
			return p->dones[(p->n_dones - 1 - i) % PLAY_DONES_MAX].rc;
	return 1;
}

const char *hub_sid(const char *stanzas)
{
	const char *at = stanzas, *last = NULL;
	char sid[128];

	while ((at = strstr(at, " id='")))
		last = at += 5;
	snprintf(sid, sizeof sid, "%.*s", last ? (int)strcspn(last, "'") : 0, last ? last : "");
	return keep(sid);
}

/* ---- processes come and go ---- */

static void hook_up(void *program, struct chan *c)
{
	xlate_up(program, c);
}

static void hook_down(void *program, struct chan *c)
{
	xlate_down(program, c);
}

static void join(struct play *p, struct bus *peer, enum prog prog)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	must(bus_attach(peer, PROG_XLATE, 0, fds[0]) == 0, "attach");
	must(bus_attach(p->bus, prog, 0, fds[1]) == 0, "attach");
	play_run(p);
}

#define N(rows) (sizeof(rows) / sizeof(rows)[0])

void hub_join(struct play *p)
{
	const struct bus_hooks hooks = { .program = p, .handlers = hub_handlers, .n_handlers = N(hub_handlers) };

	p->hub = bus_new(p->loop, PROG_SWITCH, 0, &hooks);
	join(p, p->hub, PROG_SWITCH);
}

void sip_join(struct play *p)
{
	const struct bus_hooks sip = { .program = p, .handlers = sip_handlers, .n_handlers = N(sip_handlers) };
	const struct bus_hooks line = { .program = p, .handlers = line_handlers, .n_handlers = N(line_handlers) };

	p->sip = bus_new(p->loop, PROG_SIP, 0, &sip);
	p->line = bus_new(p->loop, PROG_LINE, 0, &line);
	join(p, p->sip, PROG_SIP);
	join(p, p->line, PROG_LINE);
}

static void leave(struct play *p, struct bus **b)
{
	bus_free(*b);
	*b = NULL;
	play_run(p);
}

void hub_leave(struct play *p)
{
	leave(p, &p->hub);
}

void sip_leave(struct play *p)
{
	leave(p, &p->sip);
	leave(p, &p->line);
}

/* ---- the play ---- */

void play_run(struct play *p)
{
	loop_fake_advance(p->loop, 0);
}

void play_wait(struct play *p, uint64_t ms)
{
	loop_fake_advance(p->loop, ms);
}

const char *play_stamp(struct play *p, int64_t ago_s)
{
	char out[TEXT_TIME_BYTES];

	text_time((uint64_t)((int64_t)loop_wall_ms(p->loop) - ago_s * 1000), false, out);
	return keep(out);
}

const char *play_date(struct play *p, int64_t ago_s)
{
	char out[DATE_BYTES];

	date_write((uint64_t)((int64_t)loop_wall_ms(p->loop) - ago_s * 1000), out);
	return keep(out);
}

void play_set(struct play *p, const char *rows)
{
	struct settings *old = p->settings;
	struct buf text;
	unsigned line = 0;

	buf_init(&text, 65536);
	buf_put_str(&text, "domain example.com certificate = a\nsip peer example.net action = allow\n");
	buf_put_str(&text, rows);
	must(settings_parse(buf_bytes(&text), &p->settings, &line) == 0, rows);
	buf_fini(&text);
	xlate_apply(&p->x, p->settings);
	settings_free(old);
	play_run(p);
}

void play_open(struct play *p, const char *rows)
{
	const struct bus_hooks hooks = { .program = &p->x, .handlers = xlate_handlers, .n_handlers = xlate_n_handlers,
					 .up = hook_up, .down = hook_down };

	*p = (struct play){ .loop = loop_new(LOOP_FAKE), .parsers = xml_pool_new(2), .from_door = PROG_SIP };
	must(p->loop && p->parsers, "no memory");
	log_set_level(LOG_LEVEL_ERROR);
	arena_init(&p->arena, 1 << 20);
	buf_init(&p->sent, 64 << 20);
	buf_init(&p->sip_sent, 64 << 20);
	p->bus = bus_new(p->loop, PROG_XLATE, 0, &hooks);
	must(p->bus && xlate_init(&p->x, p->loop, p->bus, 0) == 0, "gh-xlate does not start");
	play_set(p, rows);
	sip_join(p);
	hub_join(p);
}

void play_close(struct play *p)
{
	xlate_fini(&p->x);
	bus_free(p->bus);
	bus_free(p->sip);
	bus_free(p->line);
	bus_free(p->hub);
	for (unsigned i = 0; i < PLAY_UNITS_MAX; i++)
		sipmsg_free(p->units[i].m);
	settings_free(p->settings);
	xml_pool_free(p->parsers);
	arena_fini(&p->arena);
	buf_fini(&p->sent);
	buf_fini(&p->sip_sent);
	loop_free(p->loop);
}
