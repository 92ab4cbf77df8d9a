/* Packet capture: the role is checked here, gh-super opens the socket, gh-capture does the rest. */
#include "base/err.h"
#include "conf.h"

#include <net/if.h>
#include <stdio.h>

/* The longest capture, and a little: gh-capture ends it by itself, and its death ends the answer. */
enum { FOREGROUND_SILENCE_MS = (86400 + 10) * 1000 };

/* ---- pcap, capture start ---- */

/* The words as one text: spaces, not quotes, are what a filter is made of. ERR_LIMIT. */
static int join(const struct command_args *args, char *out, size_t max)
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 1; i < args->n; i++) {
		if (n + args->v[i].n + 2 > max)
			return ERR_LIMIT;
		n += (size_t)snprintf(out + n, max - n, "%s%.*s", i > 1 ? " " : "", BYTES_FMT(args->v[i]));
	}
	return 0;
}

COMMAND_FN(cmd_capture_start)
{
	struct oper_capture *x = &o->capture;
	struct chan *to = bus_chan(c->bus, PROG_SUPER, 0);

	*x = (struct oper_capture){ .is_foreground = cmd->words[0] == 'p' };
	if (args->v[0].n >= IF_NAMESIZE || join(args, x->words, sizeof x->words) < 0) {
		oper_done(o, ERR_LIMIT, args->v[0].n >= IF_NAMESIZE ? "no interface has so long a name" : "the filter is too long");
		return;
	}
	snprintf(x->interface, sizeof x->interface, "%.*s", BYTES_FMT(args->v[0]));
	x->ticket = bus_next_id(c->bus);
	wire_put_str(chan_begin(to, MSG_CAPTURE_OPEN, x->ticket), bytes_of(x->interface));
	if (chan_end(to) < 0) {
		x->ticket = 0;
		oper_done(o, ERR_CLOSED, "gh-super cannot be reached");
	}
}

/* Ctrl-C at pcap ends the capture, and its file is as good as any: the answer is that of capture stop. */
static void on_pcap_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	char ticket[16];

	(void)name;
	if (rc != ERR_BAD_STATE) {
		oper_done(o, rc, text);
		return;
	}
	int n = snprintf(ticket, sizeof ticket, "%u", o->capture.ticket);
	const struct bytes args[] = { BYTES("ticket"), bytes_make(ticket, (size_t)n) };
	const struct relay_ask ask = { .targets = P(PROG_CAPTURE), .verb = "capture stop", .args = args, .n_args = 2 };

	relay_start(c, o, &ask);
}

static void start(struct conf *c, struct oper *o)
{
	const struct oper_capture *x = &o->capture;
	char ticket[16];
	int n = snprintf(ticket, sizeof ticket, "%u", x->ticket);
	const struct bytes args[] = { bytes_make(ticket, (size_t)n), bytes_of(x->interface), bytes_of(x->words) };
	const struct relay_ask ask = {
		.targets = P(PROG_CAPTURE), .args = args, .n_args = 3,
		.verb = x->is_foreground ? "pcap" : "capture start",
		.silence_ms = x->is_foreground ? FOREGROUND_SILENCE_MS : 0,
		.done = x->is_foreground ? on_pcap_done : NULL,
	};

	relay_start(c, o, &ask);
}

static const char *socket_error(int rc)
{
	switch (rc) {
	case ERR_NOT_FOUND:
		return "this box has no such interface";
	case ERR_DENIED:
		return "gh-super may not open it: run it as root, with CAP_NET_RAW";
	case ERR_CLOSED:
		return "gh-capture is not running";
	default:
		return err_text(rc);
	}
}

int capture_on_opened(void *arg, struct chan *from, const struct frame *f)
{
	struct conf *c = arg;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);

	(void)from;
	if (wire_end(&w) < 0)
		return ERR_PROTOCOL;
	LIST_EACH(it, &c->opers) {
		struct oper *o = LIST_OWNER(it, struct oper, node);
		if (o->is_closing || !o->is_busy || o->capture.ticket != f->id)
			continue;
		if (rc < 0)
			oper_done(o, rc, socket_error(rc));
		else
			start(c, o);
		return 0;
	}
	return 0; /* the operator has gone: gh-capture closes the socket */
}

/* ---- capture get: the next part is asked for when the last one has left ---- */

static void ask_part(struct conf *c, struct oper *o);

static bool on_part(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes key = wire_str(&w), part = wire_bytes(&w);

	(void)c, (void)name;
	if (n != 1 || wire_end(&w) < 0 || !bytes_eq_str(key, "part"))
		return true; /* not what was asked for: the end without a part tells */
	o->capture.part = part.n;
	if (part.n > 0)
		oper_file(o, bytes_of(o->capture.file), part);
	return true;
}

static void on_part_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct oper_capture *x = &o->capture;

	(void)c, (void)name;
	x->offset += x->part;
	if (rc == 0 && x->part > 0)
		oper_when_drained(o, ask_part);
	else if (rc == 0 && x->offset == 0)
		oper_done(o, ERR_TRUNCATED, "the file is empty");
	else
		oper_done(o, rc, text);
}

static void ask_part(struct conf *c, struct oper *o)
{
	struct oper_capture *x = &o->capture;
	char offset[24];
	int n = snprintf(offset, sizeof offset, "%llu", (unsigned long long)x->offset);
	const struct bytes args[] = { bytes_of(x->file), bytes_make(offset, (size_t)n) };
	const struct relay_ask ask = { .targets = P(PROG_CAPTURE), .verb = "capture read", .args = args, .n_args = 2,
				       .record = on_part, .done = on_part_done };

	x->part = 0;
	relay_start(c, o, &ask);
}

COMMAND_FN(cmd_capture_get)
{
	(void)cmd;
	o->capture = (struct oper_capture){ 0 };
	if (args->v[0].n >= sizeof o->capture.file) {
		oper_done(o, ERR_NOT_FOUND, "no such file (capture list)");
		return;
	}
	snprintf(o->capture.file, sizeof o->capture.file, "%.*s", BYTES_FMT(args->v[0]));
	ask_part(c, o);
}

/* ---- capture federation: both doors show what they see of the domain ---- */

COMMAND_FN(cmd_capture_federation)
{
	uint64_t seconds = 60;
	char text[24];
	bool is_hashed = args->n == 3;

	(void)cmd;
	if (args->n > 1 && (bytes_to_u64(args->v[1], 3600, &seconds) < 0 || seconds == 0)) {
		oper_done(o, ERR_RANGE, "1 to 3600 seconds");
		return;
	}
	if (is_hashed && !bytes_eq_str(args->v[2], "hashed")) {
		oper_done(o, ERR_SYNTAX, "only the word hashed can follow");
		return;
	}
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)seconds);
	const struct bytes passed[] = { args->v[0], bytes_make(text, (size_t)n), BYTES("hashed") };
	const struct relay_ask ask = { .targets = P(PROG_S2S) | P(PROG_SIP), .verb = "capture federation", .args = passed,
				       .n_args = is_hashed ? 3 : 2, .silence_ms = (uint32_t)seconds * 1000 + 5000 };

	relay_start(c, o, &ask);
}
