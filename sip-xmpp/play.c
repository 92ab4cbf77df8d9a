#include "play.h"

#include "base/err.h"
#include "run/store_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "play: %s\n", what);
	abort();
}

static void copy(char *out, size_t room, struct bytes v)
{
	must(v.n < room, "a text longer than the play's");
	if (v.n)
		memcpy(out, v.p, v.n);
	out[v.n] = 0;
}
#define COPY(out, v) copy(out, sizeof(out), v)

/* ---- gh-sip ---- */

/* The door's Via goes behind the request line. */
static void put_via(struct buf *b, struct bytes message)
{
	size_t n = bytes_find(message, '\n') + 1;

	buf_put(b, message.p, n);
	buf_put_str(b, "Via: SIP/2.0/TLS gate.example.com;branch=z9hG4bKplay\r\n");
	buf_put_bytes(b, bytes_skip(message, n));
}

static void put_lines(struct buf *b, const char *lines)
{
	for (; *lines; lines++) {
		if (*lines == '\n')
			buf_put_str(b, "\r");
		buf_put_u8(b, (uint8_t)*lines);
	}
}

static void send_answer(struct play *p, const struct sip_answer *a)
{
	struct chan *x = bus_chan(p->door, PROG_XLATE, 0);

	sip_answer_encode(chan_begin(x, MSG_SIP_RESPONSE, 0), a);
	must(chan_end(x) == 0, "an answer that does not leave");
}

/* A whole response to a request's text, with a tag in To. */
static void respond_to(struct play *p, uint64_t id, const char *text, unsigned status, const char *headers)
{
	struct sipmsg *request, *response;
	struct buf b, all;

	must(sipmsg_parse(bytes_of(text), &request) == 0, "gh-xlate's request does not parse");
	response = sipmsg_response_new(request, status, NULL, "remote");
	buf_init(&b, PLAY_TEXT_MAX);
	buf_init(&all, PLAY_TEXT_MAX);
	must(response && sipmsg_print(response, &b) == 0, "no response");
	struct bytes printed = buf_bytes(&b);
	size_t n = bytes_find(printed, '\n') + 1;
	buf_put(&all, printed.p, n);
	put_lines(&all, headers);
	buf_put_bytes(&all, bytes_skip(printed, n));
	send_answer(p, &(struct sip_answer){ .id = id, .flags = UNIT_RAW, .status = (uint16_t)status, .body = buf_bytes(&all) });
	sipmsg_free(request);
	sipmsg_free(response);
	buf_fini(&b);
	buf_fini(&all);
}

static int on_request(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct sip_unit u;
	struct buf b;

	(void)from;
	must(sip_unit_decode(f->body, &u) == 0, "a unit that does not decode");
	p->n_sent++;
	buf_init(&b, PLAY_TEXT_MAX);
	put_via(&b, u.message);
	if (p->is_quiet) {
		respond_to(p, u.id, buf_cstr(&b), 200, "Contact: <sip:romeo@192.0.2.1>\nExpires: 3600\n");
	} else {
		must(p->n_requests < PLAY_REQUESTS_MAX, "too many open requests");
		struct play_request *r = &p->requests[p->n_requests++];
		r->id = u.id;
		r->flags = u.flags;
		COPY(r->peer, u.peer);
		COPY(r->text, buf_bytes(&b));
	}
	buf_fini(&b);
	return 0;
}

static int on_response(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct sip_answer a;

	(void)from;
	must(sip_answer_decode(f->body, &a) == 0, "an answer that does not decode");
	must(a.id == p->unit_id, "an answer to another request");
	must(!p->answer.is_there, "a second answer");
	p->answer.is_there = true;
	p->answer.status = a.status;
	COPY(p->answer.reason, a.reason);
	COPY(p->answer.to_tag, a.to_tag);
	COPY(p->answer.headers, a.headers);
	COPY(p->answer.body, a.body);
	return 0;
}

void play_sip(struct play *p, const char *head, const char *body)
{
	struct chan *x = bus_chan(p->door, PROG_XLATE, 0);
	struct buf b;

	buf_init(&b, SIPMSG_MAX_BYTES);
	put_lines(&b, head);
	buf_putf(&b, "Content-Length: %zu\r\n\r\n", body ? strlen(body) : 0);
	buf_put_str(&b, body ? body : "");
	memset(&p->answer, 0, sizeof p->answer);
	struct sip_unit u = { .id = ++p->unit_id, .trace = 1, .flags = UNIT_TLS, .peer = BYTES("example.net"), .message = buf_bytes(&b) };
	sip_unit_encode(chan_begin(x, MSG_SIP_REQUEST, 0), &u);
	must(chan_end(x) == 0, "a request that does not leave");
	buf_fini(&b);
	play_run(p);
}

static struct play_request take_request(struct play *p)
{
	must(p->n_requests > 0, "no request to answer");
	struct play_request r = p->requests[0];
	memmove(p->requests, p->requests + 1, --p->n_requests * sizeof r);
	return r;
}

void play_respond(struct play *p, unsigned status, const char *headers)
{
	struct play_request r = take_request(p);

	respond_to(p, r.id, r.text, status, headers);
	play_run(p);
}

void play_fail(struct play *p, unsigned status, int why)
{
	struct play_request r = take_request(p);

	send_answer(p, &(struct sip_answer){ .id = r.id, .status = (uint16_t)status, .why = why });
	play_run(p);
}

const char *play_line(struct play *p)
{
	static char line[1024];

	must(p->n_requests > 0, "no request to look at");
	struct bytes text = bytes_of(p->requests[0].text);
	COPY(line, bytes_make(text.p, bytes_find(text, '\r')));
	return line;
}

const char *play_header(struct play *p, const char *name)
{
	static char value[4096];
	struct bytes text, line;

	must(p->n_requests > 0, "no request to look at");
	value[0] = 0;
	for (text = bytes_of(p->requests[0].text); text.n && text.p[0] != '\r'; text = bytes_skip(text, line.n + 2)) {
		line = bytes_make(text.p, bytes_find(text, '\r'));
		size_t n = bytes_find(line, ':');
		if (!bytes_eq_nocase(bytes_make(line.p, n), bytes_of(name)))
			continue;
		struct bytes v = bytes_skip(line, n + 1);
		while (v.n && v.p[0] == ' ')
			v = bytes_skip(v, 1);
		COPY(value, v);
		break;
	}
	return value;
}

const char *play_body(struct play *p)
{
	must(p->n_requests > 0, "no request to look at");
	const char *end = strstr(p->requests[0].text, "\r\n\r\n");
	return end ? end + 4 : "";
}

/* ---- gh-switch ---- */

static int on_route(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct envelope e;

	must(envelope_decode(f->body, &e) == 0, "an envelope that does not decode");
	buf_put_bytes(&p->stanzas, e.stanza);
	p->n_stanzas++;
	if (e.id) {
		struct buf *b = chan_begin(from, MSG_ROUTE_DONE, 0);
		wire_put_u64(b, e.id);
		wire_put_u32(b, 0);
		must(chan_end(from) == 0, "a done that does not leave");
	}
	return 0;
}

static int on_route_done(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);

	(void)from;
	if (wire_u64(&w) == p->envelope_id) {
		p->is_done = true;
		p->done_rc = (int32_t)wire_u32(&w);
	}
	return 0;
}

void play_stanza(struct play *p, const char *stanza)
{
	struct chan *x = bus_chan(p->hub, PROG_XLATE, 0);
	struct arena a;
	struct xml_node *n;
	struct stanza s;

	arena_init(&a, 1 << 20);
	must(xml_parse(bytes_of(stanza), NS_CLIENT, &xml_limits_default, &a, &n) == 0, "a stanza that does not parse");
	must(stanza_of_node(n, NS_CLIENT, &s) == 0, "no stanza");
	p->is_done = false;
	struct envelope e = { .id = ++p->envelope_id, .trace = 2, .door = DOOR_CORE, .kind = (uint8_t)s.kind, .type = (uint8_t)s.type,
		              .facts = s.facts, .from = s.from, .to = s.to, .sid = s.id, .stanza = bytes_of(stanza) };
	envelope_encode(chan_begin(x, MSG_ROUTE, 0), &e);
	must(chan_end(x) == 0, "an envelope that does not leave");
	arena_fini(&a);
	play_run(p);
}

const char *play_got(struct play *p)
{
	static char text[1 << 18];

	must(!buf_failed(&p->stanzas), "more stanzas than the play can hold");
	COPY(text, buf_bytes(&p->stanzas));
	buf_clear(&p->stanzas);
	return text;
}

/* ---- gh-store ---- */

static struct play_row *row_of(struct play *p, struct bytes key)
{
	for (size_t i = 0; i < p->n_rows; i++)
		if (bytes_eq_str(key, p->rows[i].key))
			return &p->rows[i];
	return NULL;
}

static void put_row(struct play *p, struct bytes key, struct bytes value)
{
	struct play_row *r = row_of(p, key);

	if (!r) {
		if (p->n_rows == p->cap_rows) {
			p->cap_rows = p->cap_rows * 2 + 16;
			p->rows = realloc(p->rows, p->cap_rows * sizeof *p->rows);
		}
		r = &p->rows[p->n_rows++];
		*r = (struct play_row){ .key = strndup((const char *)key.p, key.n) };
	}
	free(r->value);
	r->value = malloc(value.n + 1);
	must(r->value && r->key, "memory");
	memcpy(r->value, value.p, value.n);
	r->n = value.n;
}

static void del_row(struct play *p, struct bytes key)
{
	struct play_row *r = row_of(p, key);

	if (!r)
		return;
	free(r->key);
	free(r->value);
	*r = p->rows[--p->n_rows];
}

static void list_rows(struct play *p, struct chan *to, uint32_t id, struct bytes after, uint32_t limit)
{
	for (uint32_t sent = 0; sent < limit; sent++) {
		struct play_row *next = NULL;
		for (size_t i = 0; i < p->n_rows; i++)
			if (bytes_cmp(bytes_of(p->rows[i].key), after) > 0 && (!next || strcmp(p->rows[i].key, next->key) < 0))
				next = &p->rows[i];
		if (!next)
			return;
		struct buf *b = chan_begin(to, MSG_STORE_ITEM, id);
		wire_put_str(b, bytes_of(next->key));
		wire_put_bytes(b, bytes_make(next->value, next->n));
		must(chan_end(to) == 0, "an item that does not leave");
		after = bytes_of(next->key);
	}
}

static int on_ask(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);
	uint8_t op = wire_u8(&w);

	p->n_asks++;
	if (p->is_store_silent)
		return 0;
	if (op == STORE_WATCH_LIST) {
		struct bytes after = wire_str(&w);
		list_rows(p, from, f->id, after, wire_u32(&w));
	} else {
		for (uint32_t n = wire_u32(&w); n && !wire_failed(&w); n--) {
			struct bytes key = wire_str(&w);
			if (op == STORE_WATCH_PUT)
				put_row(p, key, wire_bytes(&w));
			else
				del_row(p, key);
		}
	}
	must(wire_end(&w) == 0, "an ask that does not decode");
	wire_put_u32(chan_begin(from, MSG_STORE_DONE, f->id), 0);
	must(chan_end(from) == 0, "an answer that does not leave");
	return 0;
}

/* ---- all together ---- */

static const struct bus_handler door_handlers[] = { { MSG_SIP_REQUEST, on_request }, { MSG_SIP_RESPONSE, on_response } };
static const struct bus_handler hub_handlers[] = { { MSG_ROUTE, on_route }, { MSG_ROUTE_DONE, on_route_done } };
static const struct bus_handler store_handlers[] = { { MSG_STORE_ASK, on_ask } };

static void on_up(void *x, struct chan *c)
{
	if (((struct xlate *)x)->loop)
		xlate_up(x, c);
}

static void on_down(void *x, struct chan *c)
{
	xlate_down(x, c);
}

static void join(struct play *p, struct bus *other, enum prog who)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	must(bus_attach(other, PROG_XLATE, 0, fds[1]) == 0 && bus_attach(p->bus, who, 0, fds[0]) == 0, "attach");
}

void play_run(struct play *p)
{
	for (int i = 0; i < 8; i++)
		loop_fake_advance(p->loop, 0);
}

void play_wait(struct play *p, uint64_t ms)
{
	while (ms) {
		uint64_t step = ms > 100 ? 100 : ms;
		loop_fake_advance(p->loop, step);
		ms -= step;
	}
	play_run(p);
}

static void begin(struct play *p)
{
	struct bus_hooks hooks = { .program = &p->x, .handlers = xlate_handlers, .n_handlers = xlate_n_handlers, .up = on_up, .down = on_down };

	p->bus = bus_new(p->loop, PROG_XLATE, 0, &hooks);
	must(p->bus && xlate_init(&p->x, p->loop, p->bus, 0) == 0, "gh-xlate does not start");
	xlate_apply(&p->x, p->settings);
	join(p, p->door, PROG_SIP);
	join(p, p->hub, PROG_SWITCH);
	join(p, p->store, PROG_STORE);
	play_run(p);
}

static void stop(struct play *p)
{
	xlate_fini(&p->x);
	p->x.loop = NULL;
	bus_free(p->bus);
	play_run(p);
}

void play_open(struct play *p, const char *rows)
{
	static const char base[] = "domain example.com certificate = c\nsip peer example.net action = allow\n";
	struct bus_hooks door = { .program = p, .handlers = door_handlers, .n_handlers = 2 };
	struct bus_hooks hub = { .program = p, .handlers = hub_handlers, .n_handlers = 2 };
	struct bus_hooks store = { .program = p, .handlers = store_handlers, .n_handlers = 1 };
	struct buf b;
	unsigned line;

	memset(p, 0, sizeof *p);
	log_set_level(LOG_LEVEL_ERROR);
	buf_init(&p->stanzas, (1 << 18) - 1);
	buf_init(&b, 65536);
	buf_put_str(&b, base);
	buf_put_str(&b, rows);
	must(settings_parse(buf_bytes(&b), &p->settings, &line) == 0, "settings");
	buf_fini(&b);
	p->requests = calloc(PLAY_REQUESTS_MAX, sizeof *p->requests);
	p->unit_id = (uint64_t)PROG_SIP << 56;
	p->envelope_id = (uint64_t)PROG_SWITCH << 56;
	p->loop = loop_new(LOOP_FAKE);
	p->door = bus_new(p->loop, PROG_SIP, 0, &door);
	p->hub = bus_new(p->loop, PROG_SWITCH, 0, &hub);
	p->store = bus_new(p->loop, PROG_STORE, 0, &store);
	begin(p);
}

void play_restart(struct play *p, uint64_t ms)
{
	stop(p);
	p->n_requests = 0;
	play_wait(p, ms);
	begin(p);
}

void play_switch_up(struct play *p)
{
	join(p, p->hub, PROG_SWITCH);
	play_run(p);
}

void play_store_up(struct play *p)
{
	p->is_store_silent = false;
	join(p, p->store, PROG_STORE);
	play_run(p);
}

void play_close(struct play *p)
{
	stop(p);
	bus_free(p->door);
	bus_free(p->hub);
	bus_free(p->store);
	for (size_t i = 0; i < p->n_rows; i++) {
		free(p->rows[i].key);
		free(p->rows[i].value);
	}
	free(p->rows);
	free(p->requests);
	settings_free(p->settings);
	buf_fini(&p->stanzas);
	loop_free(p->loop);
}
