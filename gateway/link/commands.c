#include "commands.h"

#include "enrol.h"
#include "ferry.h"
#include "renew.h"

#include "base/err.h"
#include "net/dns_command.h"
#include "run/drain_command.h"

#include <stdio.h>

/* show links: on a core each connection that there should be, on an edge those that cores have made. */

static const char *state_of(const struct trunk *t)
{
	if (!t)
		return "waiting";
	if (!t->is_up)
		return "connecting";
	return t->h2.is_draining || t->h2.is_peer_draining ? "draining" : "up";
}

static void record(struct proc_ask *ask, const char *side, const char *with, const char *address, enum trunk_kind kind,
                   const struct trunk *t, const char *why)
{
	uint64_t now = t ? loop_now(t->joint->loop) : 0;
	struct ferry_view partners = { .state = "" };

	if (t)
		ferry_view(t->joint, t, &partners);

	proc_record_begin(ask);
	proc_record_str(ask, "side", side);
	proc_record_str(ask, "with", with);
	proc_record_str(ask, "address", address);
	proc_record_str(ask, "kind", kind == TRUNK_BULK ? "bulk" : "signal");
	proc_record_str(ask, "state", state_of(t));
	proc_record_int(ask, "sessions", t ? t->n_lanes : 0);
	proc_record_str(ask, "partners", partners.state);
	proc_record_int(ask, "stanzas-in", (int64_t)partners.in);
	proc_record_int(ask, "stanzas-out", (int64_t)partners.out);
	proc_record_int(ask, "unconfirmed", partners.waiting);
	proc_record_int(ask, "round-trip-ms", t && t->is_up ? t->h2.round_trip_ms : 0);
	proc_record_int(ask, "clock-ahead-s", t && t->is_up ? t->clock_off_ms / 1000 : 0);
	proc_record_int(ask, "bytes-in", t ? (int64_t)t->link.bytes_in : 0);
	proc_record_int(ask, "bytes-out", t ? (int64_t)t->link.bytes_out : 0);
	proc_record_int(ask, "since-s", t && t->is_up ? (int64_t)((now - t->up_ms) / 1000) : 0);
	proc_record_str(ask, "reason", why);
	proc_record_end(ask);
}

static void show_links(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct joint *j = program;
	struct edge_place place;
	char address[PEER_TEXT_BYTES], text[PEER_TEXT_BYTES + 16];

	(void)args, (void)n_args;
	for (size_t at = 0; dial_next(j, &at, &place);)
		record(ask, "core", place.edge, place.address, place.kind, place.trunk, place.why);
	LIST_EACH (it, &j->trunks) {
		const struct trunk *t = LIST_OWNER(it, struct trunk, node);
		if (t->edge)
			continue;
		peer_address_text(&t->peer, address);
		snprintf(text, sizeof text, "%s port %u", address, t->peer.port);
		record(ask, "edge", t->name, text, t->kind, t, t->is_core_drained ? "client drain" : "");
	}
	proc_done(ask, 0, "");
}

/* link drain: no new sessions over the links of this box; those that are there go on. */
static void drain(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct joint *j = program;
	uint32_t n = 0;

	(void)args, (void)n_args;
	LIST_EACH (it, &j->trunks) {
		trunk_drain(LIST_OWNER(it, struct trunk, node));
		n++;
	}
	log_info("link.drain", LOG_INT("connections", n));
	proc_done(ask, n ? 0 : ERR_NOT_FOUND, n ? "" : "there is no link");
}

/* client drain at a core: edges put nobody new on its connections. Who is in leaves by gh-access and gh-line, which count them, too. */
static void drain_clients(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct joint *j = program;
	uint64_t seconds;
	bool is_off;

	int rc = drain_command_read(args, n_args, &is_off, &seconds);
	if (!rc && j->is_drained == is_off) {
		j->is_drained = !is_off;
		LIST_EACH (it, &j->trunks)
			trunk_say_stamp(LIST_OWNER(it, struct trunk, node));
	}
	proc_done(ask, rc, "");
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct joint *)program)->dns, ask, args, n);
}

const struct proc_command link_commands[] = {
	{ "show links", show_links },
	{ "link drain", drain },
	{ "client drain", drain_clients },
	{ "link enrol", enrol_command },
	{ "link join", enrol_join_command },
	{ "link renew", renew_command },
	{ "dns flush", flush_dns },
};
const size_t n_link_commands = sizeof link_commands / sizeof link_commands[0];
