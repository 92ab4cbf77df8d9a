#include "compliance/gate.h"

#include "base/err.h"
#include "compliance/compliance.h"
#include "delivery/item.h"
#include "delivery/sm.h"
#include "run/alarm.h"
#include "session.h"

#include <stdlib.h>

enum { HELD_MAX = 50000, HELD_BYTES_MAX = 64 << 20, GATE_HELD_MAX = 1000, KEY_MAX = 1 + JID_MAX_BYTES, CONN_BYTES = 8, LINES = 10 };

/* All that one sender has under way. */
struct gate {
	struct list held; /* oldest first */
	unsigned n;
	struct list ready_node;
	size_t key_n;
	uint8_t key[];
};

struct held {
	struct list node, wait_node;
	struct gate *gate;
	uint64_t at_ms, trace;
	uint32_t id;
	enum msg type;
	enum prog prog; /* who sent it */
	unsigned instance;
	bool is_judged;
	int rc;
	size_t n;
	uint8_t body[];
};

/* ---- what is done with a frame when it is its turn ---- */

static int handle(struct im *im, struct chan *from, const struct frame *f, int rc)
{
	switch (f->type) {
	case MSG_STANZA:
		return item_take_stanza(im, f->body, rc);
	case MSG_ROUTE:
		return item_take_route(im, f->body, rc);
	case MSG_SM_ENABLE:
		return sm_on_enable(im, from, f);
	case MSG_SM_REQUEST:
		return sm_on_request(im, from, f);
	case MSG_SESSION_CLOSED:
		return session_on_closed(im, from, f);
	default:
		return session_on_csi(im, from, f);
	}
}

/* What the frame is about. false: it has no envelope (or one that does not decode: its handler says so). */
static bool envelope_of(const struct frame *f, struct envelope *e)
{
	struct bytes body = f->type == MSG_STANZA ? bytes_skip(f->body, CONN_BYTES) : f->body;

	if (f->type != MSG_STANZA && f->type != MSG_ROUTE)
		return false;
	return envelope_decode(body, e) == 0; /* one that is only counted does not */
}

/* Of one sender: a stream, or an address elsewhere. */
static struct bytes key_of(const struct frame *f, const struct envelope *e, uint8_t out[static KEY_MAX])
{
	struct bytes from = f->type == MSG_ROUTE ? e->from : bytes_make(f->body.p, f->body.n < CONN_BYTES ? f->body.n : CONN_BYTES);
	size_t n = from.n < KEY_MAX - 1 ? from.n : KEY_MAX - 1;

	out[0] = f->type == MSG_ROUTE;
	if (n)
		memcpy(out + 1, from.p, n);
	return bytes_make(out, n + 1);
}

/* ---- gates ---- */

static struct gate *gate_make(struct im *im, struct bytes key)
{
	struct gate *g = calloc(1, sizeof *g + key.n);

	if (!g)
		return NULL;
	list_init(&g->held);
	list_init(&g->ready_node);
	g->key_n = key.n;
	memcpy(g->key, key.p, key.n);
	if (map_add(&im->compliance.gates, bytes_make(g->key, g->key_n), g)) {
		free(g);
		return NULL;
	}
	return g;
}

static void gate_free(struct im *im, struct gate *g)
{
	map_del(&im->compliance.gates, bytes_make(g->key, g->key_n));
	list_del(&g->ready_node);
	free(g);
}

static void let_out(struct im *im, struct held *h)
{
	list_del(&h->node);
	list_del(&h->wait_node);
	h->gate->n--;
	im->compliance.n_held--;
	im->compliance.held_bytes -= h->n;
}

static struct held *first_of(const struct gate *g)
{
	return LIST_OWNER(g->held.next, struct held, node);
}

static void note_ready(struct im *im, struct gate *g)
{
	if (!list_is_empty(&g->held) && first_of(g)->is_judged && !list_is_linked(&g->ready_node))
		list_add_tail(&im->compliance.ready, &g->ready_node);
}

static void tell_refused(struct im *im, const struct held *h)
{
	uint32_t held;

	im_stats[STAT_COMPLY_REFUSED]++;
	if (!log_limit_pass(&im->compliance.log, LINES, loop_now(im->loop), &held))
		return;
	alarm_raise(ALARM_COMPLY_REFUSING, "", ALARM_USUAL, err_text(h->rc));
	log_error("im.compliance.refused", LOG_ID("trace", h->trace), LOG_STR("reason", err_name(h->rc)), LOG_INT("suppressed", held));
}

/* A frame's turn. A door that is gone hears of its sessions' ends otherwise. */
static void go(struct im *im, struct held *h)
{
	struct chan *from = bus_chan(im->bus, h->prog, h->instance);
	const struct frame f = { .type = h->type, .id = h->id, .body = bytes_make(h->body, h->n), .fd = -1 };

	let_out(im, h);
	if (h->rc)
		tell_refused(im, h);
	if (from)
		(void)handle(im, from, &f, h->rc); /* it decoded when it came, or its sender would have ended by now */
	free(h);
}

static void run_gate(struct im *im, struct gate *g)
{
	while (!list_is_empty(&g->held) && first_of(g)->is_judged)
		go(im, first_of(g));
	if (list_is_empty(&g->held))
		gate_free(im, g);
}

void gate_run(struct im *im)
{
	struct compliance *c = &im->compliance;

	if (c->is_running)
		return; /* the outer one goes on until there is none */
	c->is_running = true;
	while (!list_is_empty(&c->ready)) {
		struct gate *g = LIST_OWNER(c->ready.next, struct gate, ready_node);
		list_del(&g->ready_node);
		run_gate(im, g);
	}
	c->is_running = false;
}

void gate_judged(struct im *im, struct held *h, int rc)
{
	list_del(&h->wait_node);
	h->is_judged = true;
	h->rc = rc;
	note_ready(im, h->gate);
}

/* ---- time ---- */

static void set_deadline(struct im *im)
{
	struct compliance *c = &im->compliance;
	uint64_t now = loop_now(im->loop);

	if (list_is_empty(&c->waiting) || loop_timer_is_set(&c->deadline))
		return;
	uint64_t at = LIST_OWNER(c->waiting.next, struct held, wait_node)->at_ms + c->wait_ms;
	(void)loop_timer_set(im->loop, &c->deadline, at > now ? at - now : 0); /* without it the next one sets it */
}

static void give_up(struct im *im, struct held *h, int rc)
{
	compliance_give_up(im, h, h->trace);
	gate_judged(im, h, rc);
}

static void on_deadline(void *arg)
{
	struct im *im = arg;
	struct compliance *c = &im->compliance;

	while (!list_is_empty(&c->waiting)) {
		struct held *h = LIST_OWNER(c->waiting.next, struct held, wait_node);
		if (h->at_ms + c->wait_ms > loop_now(im->loop))
			break;
		give_up(im, h, ERR_TIMEOUT);
	}
	gate_run(im);
	set_deadline(im);
}

void gate_refuse_all(struct im *im)
{
	struct compliance *c = &im->compliance;

	while (!list_is_empty(&c->waiting))
		give_up(im, LIST_OWNER(c->waiting.next, struct held, wait_node), ERR_BAD_STATE);
	gate_run(im);
}

/* ---- what comes ---- */

static bool is_full(const struct compliance *c, const struct gate *g, size_t n)
{
	return c->n_held >= HELD_MAX || c->held_bytes + n > HELD_BYTES_MAX || (g && g->n >= GATE_HELD_MAX);
}

static struct held *hold(struct im *im, struct gate *g, struct chan *from, const struct frame *f)
{
	struct compliance *c = &im->compliance;
	struct held *h = malloc(sizeof *h + f->body.n);

	if (!h)
		return NULL;
	*h = (struct held){ .gate = g, .at_ms = loop_now(im->loop), .id = f->id, .type = f->type, .prog = chan_prog(from),
			    .instance = chan_instance(from), .n = f->body.n };
	list_init(&h->wait_node);
	memcpy(h->body, f->body.p, f->body.n);
	list_add_tail(&g->held, &h->node);
	g->n++;
	c->n_held++;
	c->held_bytes += h->n;
	return h;
}

/* No room, or no memory: a stanza of a client is refused, one of a partner stays with its door. */
static int overflow(struct im *im, struct chan *from, const struct frame *f, const struct envelope *e)
{
	if (f->type != MSG_ROUTE || !e->id)
		return handle(im, from, f, f->type == MSG_STANZA || f->type == MSG_ROUTE ? ERR_FULL : 0);
	struct buf *b = chan_begin(from, MSG_ROUTE_DONE, 0);
	wire_put_u64(b, e->id);
	wire_put_u32(b, (uint32_t)ERR_FULL);
	(void)chan_end(from); /* then it comes again when gh-switch is back */
	return 0;
}

int gate_on_frame(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct compliance *c = &im->compliance;
	struct envelope e = { 0 };
	uint8_t room[KEY_MAX];

	if (c->mode == COMPLIANCE_OFF && !c->gates.count)
		return handle(im, from, f, 0);
	bool has_envelope = envelope_of(f, &e), is_wanted = has_envelope && compliance_wants(im, &e);
	bool is_sip = f->type == MSG_STANZA && chan_prog(from) == PROG_XLATE;
	bool waits = is_wanted && c->mode == COMPLIANCE_BLOCKING && e.kind != STANZA_PRESENCE;
	struct bytes key = key_of(f, &e, room);
	struct gate *g = c->gates.count ? map_get(&c->gates, key) : NULL;

	if (is_wanted && !waits)
		(void)compliance_note_stanza(im, &e, is_sip, NULL); /* that it is lost has been told */
	/* A frame that does not decode is its sender's fault at once. */
	if ((!waits && !g) || (f->type == MSG_ROUTE && !has_envelope))
		return handle(im, from, f, 0);
	if (is_full(c, g, f->body.n) || (!g && !(g = gate_make(im, key))))
		return overflow(im, from, f, &e);
	struct held *h = hold(im, g, from, f);
	if (!h) {
		if (!g->n)
			gate_free(im, g);
		return overflow(im, from, f, &e);
	}
	h->trace = e.trace;
	h->is_judged = !waits;
	if (waits && !compliance_note_stanza(im, &e, is_sip, h)) {
		h->is_judged = true;
		h->rc = ERR_FULL;
	}
	if (!h->is_judged)
		list_add_tail(&c->waiting, &h->wait_node);
	set_deadline(im);
	note_ready(im, g);
	gate_run(im);
	return 0;
}

void gate_init(struct im *im)
{
	list_init(&im->compliance.ready);
	list_init(&im->compliance.waiting);
	loop_timer_init(&im->compliance.deadline, on_deadline, im);
}

void gate_fini(struct im *im)
{
	struct compliance *c = &im->compliance;
	size_t at = 0;

	for (struct gate *g; (g = map_next(&c->gates, &at)); at = 0) {
		while (!list_is_empty(&g->held)) {
			struct held *h = first_of(g);
			let_out(im, h);
			free(h); /* nobody was told that it was handled */
		}
		gate_free(im, g);
	}
	map_fini(&c->gates);
	loop_timer_del(im->loop, &c->deadline);
}
