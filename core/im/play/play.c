#include "play/play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/record.h"
#include "proto/xmpp.h"
#include "run/session.h"
#include "sip/digest.h"

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "play: %s\n", what);
	abort();
}

static struct client *client_of(struct play *p, uint64_t conn)
{
	for (unsigned i = 0; i < p->n_clients; i++)
		if (p->clients[i].conn == conn)
			return &p->clients[i];
	return NULL;
}

/* What is longer than we expect is cut. */
static void copy(char *out, size_t room, struct bytes v)
{
	(void)snprintf(out, room, "%.*s", BYTES_FMT(v));
}
#define COPY(out, v) copy(out, sizeof(out), v)

/* ---- the client door ---- */

static struct chan *chan_of(const struct client *c)
{
	return bus_chan(c->is_sip ? c->play->sip : c->play->door, PROG_IM, 0);
}

static void written(struct client *c)
{
	struct chan *im = chan_of(c);
	struct buf *b = chan_begin(im, MSG_WRITTEN, 0);

	wire_put_u16(b, 1);
	wire_put_u64(b, c->conn);
	wire_put_u32(b, c->taken);
	(void)chan_end(im); /* a gh-im that has gone needs no news */
}

static int on_deliver(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct client *c = client_of(program, wire_u64(&w));
	uint8_t flags = wire_u8(&w);
	struct bytes stanza = wire_bytes(&w);

	(void)from;
	if (!c)
		return wire_end(&w);
	c->taken++;
	buf_put_bytes(&c->got, stanza);
	if (flags & DELIVER_TELL && !c->is_stuck)
		written(c);
	return wire_end(&w);
}

/* All other answers; each reads what its message has. */
static int on_answer(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct client *c = client_of(program, wire_u64(&w));

	(void)from;
	must(c, "an answer to no client");
	switch (f->type) {
	case MSG_AUTH_CHALLENGE:
		COPY(c->challenge, wire_bytes(&w));
		break;
	case MSG_AUTH_OK:
		COPY(c->bare, wire_str(&w));
		COPY(c->challenge, wire_bytes(&w));
		COPY(c->token, wire_str(&w));
		c->expires_ms = wire_u64(&w);
		break;
	case MSG_AUTH_FAILED:
	case MSG_SESSION_REFUSED:
		COPY(c->condition, wire_str(&w));
		COPY(c->text, wire_str(&w));
		break;
	case MSG_SESSION_CLOSE:
		COPY(c->condition, wire_str(&w));
		COPY(c->text, wire_str(&w));
		(void)wire_bytes(&w);
		c->is_closed = true;
		break;
	case MSG_SESSION_OPENED:
		COPY(c->full, wire_str(&w));
		COPY(c->sm_id, wire_str(&w));
		c->sm_max_s = wire_u32(&w);
		break;
	case MSG_SESSION_RESUMED:
		COPY(c->full, wire_str(&w));
		c->h = wire_u32(&w);
		break;
	case MSG_SESSION_RESUME_FAILED:
		c->has_h = wire_u8(&w);
		c->h = wire_u32(&w);
		COPY(c->condition, wire_str(&w));
		break;
	case MSG_SM_ENABLED:
		COPY(c->sm_id, wire_str(&w));
		c->sm_max_s = wire_u32(&w);
		break;
	default:
		c->h = wire_u32(&w);
		c->n_answers++;
	}
	c->answer = f->type;
	return wire_end(&w);
}

static const struct bus_handler door_handlers[] = {
	{ MSG_DELIVER, on_deliver },         { MSG_AUTH_CHALLENGE, on_answer },
	{ MSG_AUTH_OK, on_answer },          { MSG_AUTH_FAILED, on_answer },
	{ MSG_SESSION_OPENED, on_answer },   { MSG_SESSION_REFUSED, on_answer },
	{ MSG_SESSION_RESUMED, on_answer },  { MSG_SESSION_RESUME_FAILED, on_answer },
	{ MSG_SESSION_CLOSE, on_answer },    { MSG_SM_ENABLED, on_answer },
	{ MSG_SM_ANSWER, on_answer },
};

static struct buf *to_im(struct client *c, enum msg type)
{
	struct buf *b = chan_begin(chan_of(c), type, 0);

	wire_put_u64(b, c->conn);
	return b;
}

static void send_off(struct client *c)
{
	must(chan_end(chan_of(c)) == 0, "gh-im does not take it");
	play_run(c->play);
}

struct client *client_new(struct play *p)
{
	must(p->n_clients < PLAY_CLIENTS_MAX, "too many clients");
	struct client *c = &p->clients[p->n_clients++];
	*c = (struct client){ .play = p, .conn = 1000 + p->n_clients };
	buf_init(&c->got, 16 << 20);
	return c;
}

void client_auth_start(struct client *c, const struct auth_try *t)
{
	struct buf *b = to_im(c, MSG_AUTH_START);

	wire_put_str(b, bytes_of(t->mechanism));
	wire_put_u8(b, t->flags);
	wire_put_bytes(b, t->initial);
	wire_put_u8(b, t->cb_type ? 1 : 0);
	if (t->cb_type) {
		wire_put_str(b, bytes_of(t->cb_type));
		wire_put_bytes(b, t->cb_data);
	}
	wire_put_str(b, bytes_of(t->domain ? t->domain : "a.example"));
	wire_put_str(b, BYTES("192.0.2.1"));
	wire_put_str(b, bytes_of(t->client ? t->client : ""));
	wire_put_str(b, bytes_of(t->device ? t->device : ""));
	wire_put_str(b, bytes_of(t->wanted ? t->wanted : ""));
	wire_put_u64(b, t->count);
	send_off(c);
}

void client_auth_response(struct client *c, struct bytes data)
{
	wire_put_bytes(to_im(c, MSG_AUTH_RESPONSE), data);
	send_off(c);
}

struct client *client_auth(struct play *p, const char *name)
{
	struct client *c = client_new(p);
	char plain[160];
	int n = snprintf(plain, sizeof plain, "%c%s%c%s", 0, name, 0, PLAY_PASSWORD);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS,
						 .initial = bytes_make(plain, (size_t)n) });
	return c;
}

void client_open(struct client *c, const char *resource, uint32_t flags, const char *tag, uint32_t sm_max_s)
{
	struct buf *b = to_im(c, MSG_SESSION_OPEN);

	wire_put_str(b, bytes_of(resource));
	wire_put_u32(b, flags);
	wire_put_str(b, bytes_of(tag));
	wire_put_u32(b, sm_max_s);
	send_off(c);
}

struct client *client_login(struct play *p, const char *name, const char *resource)
{
	struct client *c = client_auth(p, name);

	must(c->answer == MSG_AUTH_OK, "login failed");
	client_open(c, resource, 0, "", 0);
	must(c->answer == MSG_SESSION_OPENED, "no session");
	return c;
}

static struct client *enter(struct play *p, const char *jid, const char *resource, uint32_t flags)
{
	struct client *c = client_new(p);

	c->is_sip = true;
	c->conn |= SESSION_CONN_SIP;
	struct buf *b = to_im(c, MSG_SESSION_ENTER);
	wire_put_str(b, bytes_of(jid));
	wire_put_str(b, bytes_of(resource));
	wire_put_u32(b, flags);
	send_off(c);
	return c;
}

struct client *client_enter(struct play *p, const char *jid, const char *resource)
{
	return enter(p, jid, resource, 0);
}

struct client *client_phone(struct play *p, const char *jid)
{
	return enter(p, jid, "phone", SESSION_PHONE);
}

struct client *client_online(struct play *p, const char *name, const char *resource, int priority)
{
	struct client *c = client_login(p, name, resource);

	client_send(c, "<presence><priority>%d</priority></presence>", priority);
	return c;
}

void client_enable_sm(struct client *c, bool wants_resume, uint32_t max_s)
{
	struct buf *b = to_im(c, MSG_SM_ENABLE);

	wire_put_u8(b, wants_resume);
	wire_put_u32(b, max_s);
	send_off(c);
}

void client_resume(struct client *c, const char *sm_id, uint32_t h)
{
	struct buf *b = to_im(c, MSG_SESSION_RESUME);

	wire_put_str(b, bytes_of(sm_id));
	wire_put_u32(b, h);
	send_off(c);
}

void client_request(struct client *c)
{
	(void)to_im(c, MSG_SM_REQUEST);
	send_off(c);
}

void client_ack(struct client *c, uint32_t h)
{
	wire_put_u32(to_im(c, MSG_SM_ACK), h);
	send_off(c);
}

static void close_how(struct client *c, uint8_t how)
{
	wire_put_u8(to_im(c, MSG_SESSION_CLOSED), how);
	c->is_closed = true;
	send_off(c);
}

void client_csi(struct client *c, bool is_active)
{
	struct chan *im = bus_chan(c->play->door, PROG_IM, 0);
	struct buf *b = chan_begin(im, MSG_SESSION_CSI, 0);

	wire_put_u64(b, c->conn);
	wire_put_u8(b, is_active);
	(void)chan_end(im); /* as any message of the door's */
	play_run(c->play);
}

void client_lose(struct client *c)
{
	close_how(c, SESSION_LOST);
}

void client_leave(struct client *c)
{
	close_how(c, SESSION_OVER);
}

/* Text to an envelope, as the doors do it (neutral form, normalised addresses). from: NULL for the
 * stanza's own. */
static void put_envelope(struct play *p, struct buf *b, const char *text, const char *from, uint64_t id)
{
	struct xml_node *n;
	struct stanza s;
	struct jid to = { .full = BYTES_NONE };
	struct buf out;

	must(xml_pool_parse(p->parsers, bytes_of(text), NS_CLIENT, &xml_limits_default, &p->arena, &n) == 0, text);
	must(stanza_of_node(n, NS_CLIENT, &s) == 0, text);
	must(!s.to.n || jid_parse(s.to, &p->arena, &to) == 0, text);
	struct bytes sender = from ? bytes_of(from) : s.from;
	buf_init(&out, 1 << 20);
	stanza_write(&out, &s, sender, to.full);
	const struct envelope e = { .id = id, .trace = 7, .door = from ? DOOR_ACCESS : DOOR_S2S,
				    .kind = (uint8_t)s.kind, .type = (uint8_t)s.type, .facts = s.facts,
				    .from = sender, .to = to.full, .sid = s.id, .stanza = buf_bytes(&out) };
	envelope_encode(b, &e);
	buf_fini(&out);
	arena_reset(&p->arena);
}

void client_send(struct client *c, const char *fmt, ...)
{
	static char text[1 << 16];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	must(n > 0 && (size_t)n < sizeof text, "stanza is too long");
	put_envelope(c->play, to_im(c, MSG_STANZA), text, c->full, 0);
	send_off(c);
}

/* The text of a buffer, which is empty then. */
static const char *take(struct buf *b)
{
	static char *last[4];
	static unsigned at;

	at = (at + 1) % 4;
	free(last[at]);
	last[at] = strdup(buf_cstr(b));
	must(last[at], "no memory");
	buf_clear(b);
	return last[at];
}

const char *client_got(struct client *c)
{
	play_run(c->play);
	return take(&c->got);
}

void client_unstick(struct client *c)
{
	c->is_stuck = false;
	written(c);
	play_run(c->play);
}

/* ---- gh-line ---- */

static int on_verdict(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);

	(void)from;
	p->verdict = (int32_t)wire_u32(&w);
	COPY(p->verdict_jid, wire_str(&w));
	COPY(p->verdict_label, wire_str(&w));
	p->n_verdicts++;
	return wire_end(&w);
}

static int on_revoked(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);

	(void)from;
	(void)wire_str(&w);
	COPY(p->revoked_label, wire_str(&w));
	return wire_end(&w);
}

static const struct bus_handler line_handlers[] = { { MSG_DIGEST_VERDICT, on_verdict }, { MSG_DIGEST_REVOKED, on_revoked } };

void line_check(struct play *p, const struct digest_try *t)
{
	struct chan *im = bus_chan(p->line, PROG_IM, 0);
	struct bytes realm = bytes_of(t->realm ? t->realm : "a.example");
	const struct digest_proof proof = { .algorithm = (enum digest_algorithm)t->algorithm, .has_qop = true, .nonce = BYTES("n"),
					    .nc = BYTES("00000001"), .cnonce = BYTES("c"), .method = BYTES("REGISTER"),
					    .uri = BYTES("sip:a.example") };
	char response[DIGEST_HEX_MAX + 1];
	struct digest_ha1 h;

	must(!digest_make_ha1(proof.algorithm, bytes_of(t->user), realm, bytes_of(t->password), &h), "HA1");
	must(!digest_respond(&h, &proof, response), "response");
	struct buf *b = chan_begin(im, MSG_DIGEST_CHECK, bus_next_id(p->line));
	wire_put_str(b, bytes_of(t->user));
	wire_put_str(b, realm);
	wire_put_u8(b, (uint8_t)t->algorithm);
	wire_put_u8(b, 1);
	wire_put_str(b, proof.nonce);
	wire_put_str(b, proof.nc);
	wire_put_str(b, proof.cnonce);
	wire_put_str(b, proof.uri);
	wire_put_str(b, proof.method);
	wire_put_str(b, bytes_of(response));
	wire_put_u8(b, t->is_outside);
	wire_put_str(b, BYTES("192.0.2.7"));
	must(chan_end(im) == 0, "gh-im does not take it");
	play_run(p);
}

/* ---- gh-switch ---- */

static int on_route(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct envelope e;

	(void)from;
	must(envelope_decode(f->body, &e) == 0, "a bad envelope goes out");
	buf_put_bytes(&p->sent, e.stanza);
	p->sent_id = e.id;
	if (e.id && !p->is_hub_silent)
		hub_done(p, e.id, 0);
	return 0;
}

static int on_route_done(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);

	(void)from;
	p->done_id = wire_u64(&w);
	must(wire_u32(&w) == 0, "gh-im refuses an envelope");
	p->n_done++;
	return wire_end(&w);
}

static const struct bus_handler hub_handlers[] = {
	{ MSG_ROUTE, on_route },
	{ MSG_ROUTE_DONE, on_route_done },
};

void hub_send(struct play *p, uint64_t id, const char *stanza)
{
	struct chan *im = bus_chan(p->hub, PROG_IM, 0);

	put_envelope(p, chan_begin(im, MSG_ROUTE, 0), stanza, NULL, id);
	must(chan_end(im) == 0, "gh-im does not take it");
	play_run(p);
}

const char *hub_got(struct play *p)
{
	play_run(p);
	return take(&p->sent);
}

void hub_done(struct play *p, uint64_t id, int rc)
{
	struct chan *im = bus_chan(p->hub, PROG_IM, 0);
	struct buf *b = chan_begin(im, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	(void)chan_end(im); /* a gh-im that has gone sends it again */
}

/* ---- processes come and go ---- */

static void hook_up(void *program, struct chan *c)
{
	im_up(program, c);
}

static void hook_down(void *program, struct chan *c)
{
	im_down(program, c);
}

static void join(struct play *p, struct bus *peer, enum prog prog)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	must(bus_attach(peer, PROG_IM, 0, fds[0]) == 0, "attach");
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

void store_join(struct play *p)
{
	const struct bus_hooks hooks = { .program = &p->store, .handlers = play_store_handlers,
					 .n_handlers = play_store_n_handlers };

	p->store.bus = bus_new(p->loop, PROG_STORE, 0, &hooks);
	join(p, p->store.bus, PROG_STORE);
}

void door_join(struct play *p)
{
	const struct bus_hooks hooks = { .program = p, .handlers = door_handlers, .n_handlers = N(door_handlers) };

	p->door = bus_new(p->loop, PROG_ACCESS, 0, &hooks);
	join(p, p->door, PROG_ACCESS);
}

static int on_online(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);
	struct bytes jid = wire_str(&w);
	uint8_t flags = wire_u8(&w);
	size_t n = strlen(p->online);

	(void)from;
	must(wire_end(&w) == 0, "a USER_ONLINE that does not decode");
	must((size_t)snprintf(p->online + n, sizeof p->online - n, "%.*s %u\n", BYTES_FMT(jid), flags) < sizeof p->online - n, "many");
	return 0;
}

void sip_join(struct play *p)
{
	static struct bus_handler sip_handlers[N(door_handlers) + 1];

	const struct bus_hooks hooks = { .program = p, .handlers = sip_handlers, .n_handlers = N(sip_handlers) };

	memcpy(sip_handlers, door_handlers, sizeof door_handlers);
	sip_handlers[N(door_handlers)] = (struct bus_handler){ MSG_USER_ONLINE, on_online };
	p->sip = bus_new(p->loop, PROG_XLATE, 0, &hooks);
	join(p, p->sip, PROG_XLATE);
}

static void line_join(struct play *p)
{
	const struct bus_hooks hooks = { .program = p, .handlers = line_handlers, .n_handlers = N(line_handlers) };

	p->line = bus_new(p->loop, PROG_LINE, 0, &hooks);
	join(p, p->line, PROG_LINE);
}

static int on_dir_check(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);

	(void)from;
	COPY(p->dir_jid, wire_str(&w));
	COPY(p->dir_password, wire_bytes(&w));
	p->dir_id = f->id;
	p->n_dir_asks++;
	return wire_end(&w);
}

static int on_dir_changed(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);

	(void)from;
	p->dir_changed = (int)(int32_t)wire_u32(&w);
	return wire_end(&w);
}

static int on_dir_known(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);
	size_t at = 0;

	(void)from;
	if (wire_u32(&w) || wire_u8(&w) != 1)
		return ERR_PROTOCOL;
	p->n_dir_known = wire_u16(&w);
	p->dir_known[0] = '\0';
	for (unsigned i = 0; i < p->n_dir_known; i++) {
		struct bytes jid = wire_str(&w);
		const char *mark = wire_u8(&w) ? "!" : "";
		(void)wire_u64(&w);
		for (int j = 0; j < 4; j++)
			(void)wire_str(&w);
		(void)wire_u64(&w);
		at += (size_t)snprintf(p->dir_known + at, sizeof p->dir_known - at, "%.*s%s ", BYTES_FMT(jid), mark);
	}
	return wire_end(&w);
}

static const struct bus_handler dir_handlers[] = {
	{ MSG_DIR_CHECK, on_dir_check },
	{ MSG_DIR_CHANGED, on_dir_changed },
	{ MSG_DIR_KNOWN_PAGE, on_dir_known },
};

void dir_change(struct play *p, int what, const char *jid)
{
	struct chan *im = bus_chan(p->dir, PROG_IM, 0);
	struct buf *b = chan_begin(im, MSG_DIR_CHANGE, bus_next_id(p->dir));

	wire_put_u8(b, (uint8_t)what);
	wire_put_str(b, bytes_of(jid));
	for (int i = 0; i < 4; i++)
		wire_put_str(b, BYTES("x"));
	p->dir_changed = 1; /* no ERR_* */
	(void)chan_end(im);
	play_run(p);
}

void dir_ask_known(struct play *p, const char *after)
{
	struct chan *im = bus_chan(p->dir, PROG_IM, 0);

	wire_put_str(chan_begin(im, MSG_DIR_KNOWN, bus_next_id(p->dir)), bytes_of(after));
	(void)chan_end(im);
	play_run(p);
}

void dir_join(struct play *p)
{
	const struct bus_hooks hooks = { .program = p, .handlers = dir_handlers, .n_handlers = N(dir_handlers) };

	p->dir = bus_new(p->loop, PROG_DIR, 0, &hooks);
	join(p, p->dir, PROG_DIR);
}

void dir_answer(struct play *p, int rc)
{
	struct chan *im = bus_chan(p->dir, PROG_IM, 0);
	struct buf *b = chan_begin(im, MSG_DIR_VERDICT, p->dir_id);

	wire_put_u32(b, (uint32_t)(int32_t)rc);
	wire_put_str(b, BYTES("user"));
	wire_put_str(b, BYTES("A Name"));
	wire_put_str(b, BYTES("a@mail.example"));
	wire_put_str(b, BYTES("u@a.example"));
	must(chan_end(im) == 0, "a DIR_VERDICT");
	play_run(p);
}

static int on_comply_write(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);
	struct record r = { 0 };

	(void)from;
	p->comply_seq = wire_u64(&w);
	must(record_read_fields(bytes_skip(f->body, 8), &r) == 0, "a COMPLY_WRITE that does not decode");
	p->n_noted++;
	if (r.kind == RECORD_STANZA) {
		must(r.from.n && r.to.n, "a record of nobody");
		buf_put_bytes(&p->noted, r.stanza);
	} else {
		buf_putf(&p->noted, "%.*s %.*s\n", BYTES_FMT(r.name), BYTES_FMT(r.kind == RECORD_FILE ? r.from : r.text));
	}
	return 0;
}

static int on_audit(void *program, struct chan *from, const struct frame *f)
{
	struct play *p = program;
	struct wire w = wire_of(f->body);
	struct bytes by = wire_str(&w), command = wire_str(&w), what = wire_str(&w);
	size_t n = strlen(p->audited);

	(void)from;
	(void)snprintf(p->audited + n, sizeof p->audited - n, "%.*s %.*s %.*s\n", BYTES_FMT(by), BYTES_FMT(command), BYTES_FMT(what));
	return wire_end(&w);
}

static const struct bus_handler conf_handlers[] = { { MSG_AUDIT, on_audit } };

void conf_join(struct play *p)
{
	const struct bus_hooks hooks = { .program = p, .handlers = conf_handlers, .n_handlers = N(conf_handlers) };

	p->conf = bus_new(p->loop, PROG_CONF, 0, &hooks);
	join(p, p->conf, PROG_CONF);
}

static const struct bus_handler comply_handlers[] = { { MSG_COMPLY_WRITE, on_comply_write } };

void comply_join(struct play *p)
{
	const struct bus_hooks hooks = { .program = p, .handlers = comply_handlers, .n_handlers = N(comply_handlers) };

	p->comply = bus_new(p->loop, PROG_COMPLY, 0, &hooks);
	join(p, p->comply, PROG_COMPLY);
}

void comply_answer(struct play *p, int rc)
{
	struct chan *im = bus_chan(p->comply, PROG_IM, 0);
	struct buf *b = chan_begin(im, MSG_COMPLY_WRITTEN, 0);

	wire_put_u64(b, p->comply_seq);
	wire_put_u32(b, (uint32_t)(int32_t)rc);
	must(chan_end(im) == 0, "a COMPLY_WRITTEN");
	buf_clear(&p->noted);
	play_run(p);
}

const char *comply_got(struct play *p)
{
	return buf_cstr(&p->noted);
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

void store_leave(struct play *p)
{
	leave(p, &p->store.bus);
	play_store_forget_held(&p->store);
}

void dir_leave(struct play *p)
{
	leave(p, &p->dir);
}

void conf_leave(struct play *p)
{
	leave(p, &p->conf);
}

void comply_leave(struct play *p)
{
	leave(p, &p->comply);
	buf_clear(&p->noted);
}

void sip_leave(struct play *p)
{
	leave(p, &p->sip);
}

void door_leave(struct play *p)
{
	leave(p, &p->door);
}

static void im_start(struct play *p)
{
	const struct bus_hooks hooks = { .program = &p->im, .handlers = im_handlers, .n_handlers = im_n_handlers,
					 .up = hook_up, .down = hook_down };

	p->bus = bus_new(p->loop, PROG_IM, 0, &hooks);
	must(p->bus && im_init(&p->im, p->loop, p->bus, 0) == 0, "gh-im does not start");
	im_apply(&p->im, p->settings);
	store_join(p);
	hub_join(p);
	door_join(p);
	sip_join(p);
	line_join(p);
}

static void im_stop(struct play *p)
{
	im_fini(&p->im);
	bus_free(p->bus);
	bus_free(p->store.bus);
	bus_free(p->hub);
	bus_free(p->door);
	bus_free(p->sip);
	bus_free(p->line);
	bus_free(p->dir);
	bus_free(p->comply);
	bus_free(p->conf);
}

void im_restart(struct play *p)
{
	/* What its end writes never reaches the others. */
	bus_free(p->store.bus);
	bus_free(p->hub);
	bus_free(p->door);
	bus_free(p->sip);
	bus_free(p->line);
	bus_free(p->dir);
	bus_free(p->comply);
	bus_free(p->conf);
	p->store.bus = p->hub = p->door = p->sip = p->line = p->dir = p->comply = p->conf = NULL;
	im_fini(&p->im);
	bus_free(p->bus);
	play_store_forget_held(&p->store);
	im_start(p);
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

void play_account(struct play *p, const char *jid)
{
	play_store_account(&p->store, jid, PLAY_PASSWORD);
}

static void read_rows(struct play *p, const char *rows)
{
	struct buf text;
	unsigned line = 0;

	buf_init(&text, 8192);
	buf_put_str(&text, "domain a.example certificate = a\n");
	buf_put_str(&text, rows);
	must(settings_parse(buf_bytes(&text), &p->settings, &line) == 0, rows);
	buf_fini(&text);
}

void play_open(struct play *p, const char *rows)
{
	*p = (struct play){ .loop = loop_new(LOOP_FAKE), .parsers = xml_pool_new(2) };
	must(p->loop && p->parsers, "no memory");
	log_set_level(LOG_LEVEL_ERROR);
	arena_init(&p->arena, 1 << 20);
	buf_init(&p->sent, 16 << 20);
	buf_init(&p->noted, 16 << 20);
	read_rows(p, rows);
	play_store_init(&p->store);
	play_account(p, "alice@a.example");
	play_account(p, "bob@a.example");
	play_account(p, "carol@a.example");
	im_start(p);
}

void play_settle(struct play *p, const char *rows)
{
	struct settings *old = p->settings;

	read_rows(p, rows);
	im_apply(&p->im, p->settings);
	settings_free(old);
	play_run(p);
}

void play_close(struct play *p)
{
	im_stop(p);
	for (unsigned i = 0; i < p->n_clients; i++)
		buf_fini(&p->clients[i].got);
	play_store_fini(&p->store);
	settings_free(p->settings);
	buf_fini(&p->sent);
	buf_fini(&p->noted);
	arena_fini(&p->arena);
	xml_pool_free(p->parsers);
	loop_free(p->loop);
}
