#include "base/err.h"
#include "base/secret.h"
#include "conf.h"

#include <stdio.h>
#include <stdlib.h>

struct relay_wait {
	enum prog prog;
	unsigned instance;
};

struct relay {
	struct conf *conf;
	uint32_t id;
	uint64_t oper_id;
	struct relay_wait waits[RELAY_WAITS_MAX];
	size_t n_waits;
	uint32_t silence_ms;
	struct loop_timer silence;
	struct relay_ask ask; /* hooks only: args are gone after the start */
	char name[64];
	bool is_found; /* ask.none: somebody has it */
	int rc;
	char text[256];
};

static void fail(struct relay *r, int rc, const char *who, const char *text)
{
	if (r->rc == 0)
		r->rc = rc;
	if (!r->text[0])
		snprintf(r->text, sizeof r->text, "%s%s", who, text);
}

static void end(struct relay *r)
{
	struct conf *c = r->conf;
	struct oper *o = oper_of(c, r->oper_id);

	if (r->ask.none && !r->is_found)
		fail(r, ERR_NOT_FOUND, "", r->ask.none);
	map_del_u64(&c->relays.by_id, r->id);
	loop_timer_del(c->loop, &r->silence);
	if ((o || r->ask.is_own) && r->ask.done)
		r->ask.done(c, o, r->name, r->rc, r->text);
	else if (o)
		oper_done(o, r->rc, r->text);
	free(r);
}

static void on_silence(void *arg)
{
	struct relay *r = arg;

	fail(r, ERR_TIMEOUT, prog_name(r->waits[0].prog), " does not answer");
	end(r);
}

static void send_to(struct relay *r, struct chan *to, const struct relay_ask *ask)
{
	struct buf *b = chan_begin(to, MSG_COMMAND, r->id);

	wire_put_str(b, bytes_of(ask->verb));
	wire_put_u16(b, (uint16_t)ask->n_args);
	for (size_t i = 0; i < ask->n_args; i++)
		wire_put_bytes(b, ask->args[i]);
	if (chan_end(to) < 0) {
		fail(r, ERR_FULL, prog_name(chan_prog(to)), " is overloaded");
		return;
	}
	if (r->n_waits < RELAY_WAITS_MAX)
		r->waits[r->n_waits++] = (struct relay_wait){ chan_prog(to), chan_instance(to) };
}

static void send_all(struct relay *r, const struct relay_ask *ask)
{
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		struct chan *to = NULL;
		if (!(ask->targets & P(p)))
			continue;
		if (!bus_next(r->conf->bus, (enum prog)p, NULL) && ask->targets == P(p))
			fail(r, ERR_CLOSED, prog_name((enum prog)p), conf_runs(r->conf, (enum prog)p) ? " is not running" : " is not for a box of this role (system role)");
		while ((to = bus_next(r->conf->bus, (enum prog)p, to)))
			send_to(r, to, ask);
	}
}

void relay_start(struct conf *c, struct oper *o, const struct relay_ask *ask)
{
	struct relay *r = calloc(1, sizeof *r);

	if (!r) {
		if (o)
			oper_done(o, ERR_NOMEM, err_text(ERR_NOMEM));
		else
			ask->done(c, NULL, "", ERR_NOMEM, err_text(ERR_NOMEM));
		return;
	}
	r->conf = c;
	r->id = bus_next_id(c->bus);
	r->oper_id = o ? o->id : 0;
	r->silence_ms = ask->silence_ms ? ask->silence_ms : RELAY_SILENCE_MS;
	r->ask = *ask;
	r->ask.args = NULL;
	snprintf(r->name, sizeof r->name, "%s", ask->name ? ask->name : "");
	loop_timer_init(&r->silence, on_silence, r);
	if (map_add_u64(&c->relays.by_id, r->id, r) < 0 || loop_timer_set(c->loop, &r->silence, r->silence_ms) < 0)
		fail(r, ERR_NOMEM, "", err_text(ERR_NOMEM));
	else
		send_all(r, ask);
	if (r->n_waits == 0)
		end(r);
}

static bool is_waited_for(const struct relay *r, enum prog p, unsigned instance, size_t *at)
{
	for (*at = 0; *at < r->n_waits; ++*at) {
		if (r->waits[*at].prog == p && r->waits[*at].instance == instance)
			return true;
	}
	return false;
}

static struct relay *relay_of(struct conf *c, struct chan *from, uint32_t id, size_t *at)
{
	struct relay *r = map_get_u64(&c->relays.by_id, id);

	/* No relay: the operator went, or a silence ended it. That is nobody's fault. */
	return r && is_waited_for(r, chan_prog(from), chan_instance(from), at) ? r : NULL;
}

static int pass_record(struct oper *o, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);

	oper_record_begin(o);
	for (unsigned i = 0; i < n; i++) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		char name[64];
		snprintf(name, sizeof name, "%.*s", BYTES_FMT(key));
		if (!wire_failed(&w))
			oper_record_bytes(o, name, value);
	}
	oper_record_end(o);
	return wire_end(&w);
}

int relay_record(struct conf *c, struct chan *from, const struct frame *f)
{
	size_t at;
	struct relay *r = relay_of(c, from, f->id, &at);
	struct oper *o = r ? oper_of(c, r->oper_id) : NULL;

	if (!r || (!o && !r->ask.is_own))
		return 0;
	(void)loop_timer_set(c->loop, &r->silence, r->silence_ms); /* it was set before, so it has room */
	if (r->ask.record && r->ask.record(c, o, r->name, f))
		return 0;
	return o ? pass_record(o, f) : 0;
}

static void end_wait(struct relay *r, size_t at)
{
	r->waits[at] = r->waits[--r->n_waits];
	if (r->n_waits == 0)
		end(r);
}

int relay_command_done(struct conf *c, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes text = wire_str(&w);
	size_t at;
	char words[256];

	if (wire_end(&w) < 0)
		return ERR_PROTOCOL;
	struct relay *r = relay_of(c, from, f->id, &at);
	if (!r)
		return 0;
	snprintf(words, sizeof words, "%.*s", BYTES_FMT(text));
	r->is_found |= rc == 0;
	if (rc == ERR_NOT_FOUND && r->ask.none)
		;
	else if (rc < 0)
		fail(r, rc, "", words[0] ? words : err_text(rc));
	else if (!r->text[0])
		snprintf(r->text, sizeof r->text, "%s", words);
	end_wait(r, at);
	return 0;
}

/* Collects first: ending a relay changes the map. */
static size_t collect(struct conf *c, struct relay **out, size_t max)
{
	struct relay *r;
	size_t at = 0, n = 0;

	while (n < max && (r = map_next(&c->relays.by_id, &at)))
		out[n++] = r;
	return n;
}

void relay_down(struct conf *c, enum prog p, unsigned instance)
{
	struct relay *all[OPERS_MAX + 1];
	size_t n = collect(c, all, OPERS_MAX + 1), at; /* one command an operator, and one of our own: never more */

	for (size_t i = 0; i < n; i++) {
		if (!is_waited_for(all[i], p, instance, &at))
			continue;
		fail(all[i], ERR_CLOSED, prog_name(p), " ended before it had answered");
		end_wait(all[i], at);
	}
}

void relay_abort(struct conf *c, uint64_t oper_id)
{
	struct relay *all[OPERS_MAX + 1];
	size_t n = collect(c, all, OPERS_MAX + 1);

	for (size_t i = 0; i < n; i++) {
		if (all[i]->oper_id != oper_id)
			continue;
		fail(all[i], all[i]->ask.done ? ERR_BAD_STATE : 0, "", "stopped");
		end(all[i]);
	}
}
