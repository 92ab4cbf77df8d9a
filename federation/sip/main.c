#include <stdlib.h>

#include "apply.h"
#include "base/err.h"
#include "errand.h"
#include "gsip.h"
#include "hand.h"
#include "listener.h"
#include "net/dns_command.h"
#include "prove.h"
#include "run/proc.h"
#include "show.h"
#include "tap.h"
#include "walk.h"

enum { STOP_MS = 500 };

static int prepare(struct proc *p, void **program)
{
	struct gsip *g = calloc(1, sizeof *g);

	if (!g)
		return ERR_NOMEM;
	if (tls_prepare() < 0)
		log_warn("sip.trust", LOG_STR("anchor", "system"), LOG_STR("reason", "not-found"));
	g->proc = p;
	g->keys = keyproxy_new(proc_loop(p), proc_bus(p));
	if (!g->keys)
		return ERR_NOMEM;
	*program = g;
	return 0;
}

static void on_stop_over(void *arg)
{
	struct gsip *g = arg;

	proc_exit(g->proc, 0);
}

static int init(void *program)
{
	struct gsip *g = program;

	loop_timer_init(&g->stop, on_stop_over, g);
	int rc = gsip_init(g, proc_loop(g->proc), proc_bus(g->proc), proc_instance(g->proc));
	struct taps *taps = rc ? NULL : malloc(sizeof *taps);
	if (rc || !taps)
		return rc ? rc : ERR_NOMEM;
	gsip_tap_init(g, taps);
	return 0;
}

static void down(void *program, struct chan *c)
{
	struct gsip *g = program;

	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(g->keys);
	if (chan_prog(c) != PROG_XLATE)
		return;
	siptransports_pause(sipendpoint_transports(g->endpoint), false);
	msrp_door_pause(g->msrp, false);
	msrp_door_down(g->msrp);
	hand_gateway_down(g);
	errand_gateway_down(g);
}

static void up(void *program, struct chan *c)
{
	if (chan_prog(c) != PROG_KEYS)
		return;
	keyproxy_up(((struct gsip *)program)->keys);
	wire_put_str(chan_begin(c, MSG_KEY_DERIVE, bus_next_id(((struct gsip *)program)->bus)), BYTES("marks"));
	(void)chan_end(c); /* it has gone again: next time */
}

static int on_key_derived(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct bytes key = wire_bytes(&w);

	(void)from;
	if (wire_end(&w) < 0 || key.n != LOOPMARK_KEY_BYTES)
		return ERR_PROTOCOL;
	loopmark_key_set(&((struct gsip *)program)->marks, key);
	return 0;
}

/* gh-xlate does not keep up: what partners send waits with them. */
static void pressure(void *program, struct chan *c, bool is_full)
{
	struct gsip *g = program;

	if (chan_prog(c) != PROG_XLATE)
		return;
	siptransports_pause(sipendpoint_transports(g->endpoint), is_full);
	msrp_door_pause(g->msrp, is_full);
}

static int on_key_signed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct gsip *)program)->keys, f);
}

static int on_key_failed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct gsip *)program)->keys, f);
}

static int on_msrp_open(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return msrp_door_on_open(((struct gsip *)program)->msrp, f);
}

static int on_msrp_frame(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return msrp_door_on_frame(((struct gsip *)program)->msrp, f);
}

static int on_msrp_close(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return msrp_door_on_close(((struct gsip *)program)->msrp, f);
}

/* New requests are refused with a time to come again; those that are held have a moment to be answered. */
static void stop(void *program, uint32_t grace_ms)
{
	struct gsip *g = program;

	g->is_stopping = true;
	listener_close_all(g);
	bool is_idle = !g->handed.count && list_is_empty(&g->trips);
	if (is_idle || loop_timer_set(g->loop, &g->stop, grace_ms < 2 * STOP_MS ? grace_ms / 2 : STOP_MS) < 0)
		proc_exit(g->proc, 0);
}

static int on_staple(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return tls_news_on_staple(&((struct gsip *)program)->news, f);
}

static int on_revoked(void *program, struct chan *from, const struct frame *f)
{
	struct gsip *g = program;
	bool is_new;
	int rc = tls_news_on_revoked(&g->news, f, &is_new);

	(void)from;
	if (!rc && is_new) {
		prove_again(g);
		msrp_door_prove_again(g->msrp);
	}
	return rc;
}

static const struct bus_handler handlers[] = {
	{ MSG_SIP_REQUEST, errand_on_request },
	{ MSG_SIP_RESPONSE, hand_on_response },
	{ MSG_SIP_CANCEL, errand_on_cancel },
	{ MSG_MSRP_OPEN, on_msrp_open },
	{ MSG_MSRP_FRAME, on_msrp_frame },
	{ MSG_MSRP_CLOSE, on_msrp_close },
	{ MSG_KEY_SIGNED, on_key_signed },
	{ MSG_KEY_FAILED, on_key_failed },
	{ MSG_STAPLE, on_staple },
	{ MSG_REVOKED, on_revoked },
	{ MSG_KEY_DERIVED, on_key_derived },
};

static void on_capture(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	gsip_tap_command(program, ask, args, n_args);
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct gsip *)program)->dns, ask, args, n);
}

static const struct proc_command commands[] = {
	{ "capture federation", on_capture },
	{ "show sip", show_sip },
	{ "show sip routes", show_sip_routes },
	{ "sip check", walk_command },
	{ "sip retry", show_sip_retry },
	{ "dns flush", flush_dns },
};

static const struct proc_def gsip_program = {
	.prog = PROG_SIP,
	.backend = LOOP_LIBEVENT,
	.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
	.commands = commands, .n_commands = sizeof commands / sizeof commands[0],
	.prepare = prepare, .init = init, .check = apply_check, .apply = apply_settings, .listener = listener_change,
	.up = up, .down = down, .pressure = pressure, .stop = stop,
};

int main(int argc, char **argv)
{
	return proc_main(argc, argv, &gsip_program);
}
