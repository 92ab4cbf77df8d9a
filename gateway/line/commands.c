/* What an operator may ask of gh-line. */
#include "line.h"

#include "base/err.h"
#include "net/tls.h"
#include "net/bans_command.h"
#include "net/who.h"
#include "run/drain_command.h"
#include "handed.h"
#include "registered.h"

enum { RECORDS_MAX = 1000 };

static void record(struct line *l, struct proc_ask *ask, const struct binding *b, const struct binding_flow *f)
{
	char address[SIP_ADDR_TEXT_BYTES];
	uint64_t now = loop_now(l->loop);

	sip_sockaddr_text(&f->from.addr, address);
	proc_record_begin(ask);
	proc_record_text(ask, "user", binding_jid(b));
	proc_record_str(ask, "resource", b->resource);
	proc_record_str(ask, "contact", f->contact);
	proc_record_str(ask, "transport", siptransport_name(f->from.transport));
	proc_record_str(ask, "address", address);
	proc_record_int(ask, "port", sip_sockaddr_port(&f->from.addr));
	proc_record_int(ask, "expires_s", f->expires_at_ms > now ? (int64_t)((f->expires_at_ms - now) / 1000) : 0);
	proc_record_str(ask, "instance", b->instance);
	proc_record_int(ask, "reg_id", f->reg_id);
	proc_record_int(ask, "flow", (int64_t)f->from.flow);
	proc_record_int(ask, "since_s", (int64_t)((now - f->since_ms) / 1000));
	proc_record_str(ask, "agent", f->agent);
	proc_record_end(ask);
}

static void show_line(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct line *l = program;

	LIST_EACH (it, &l->location.all) {
		const struct binding *b = LIST_OWNER(it, struct binding, all);
		for (size_t i = 0; i < b->n; i++)
			if (!n || bytes_eq(args[0], binding_jid(b)))
				record(l, ask, b, &b->flows[i]);
	}
	proc_done(ask, 0, "");
}

static void show_line_state(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct line *l = program;
	struct sipendpoint_counts c;

	(void)args;
	(void)n;
	sipendpoint_counts(l->sip, &c);
	proc_record_begin(ask);
	proc_record_int(ask, "registrations", (int64_t)l->location.regs.count);
	proc_record_int(ask, "calls", (int64_t)l->calls.count);
	proc_record_int(ask, "at_gateway", (int64_t)l->units_in.count);
	proc_record_int(ask, "to_clients", (int64_t)l->units_out.count);
	proc_record_int(ask, "proved_flows", (int64_t)l->proved.count);
	proc_record_int(ask, "checks", (int64_t)l->checks.count);
	proc_record_int(ask, "server_transactions", (int64_t)c.servers);
	proc_record_int(ask, "client_transactions", (int64_t)c.clients);
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

/* ---- show clients: the first part is the same at gh-access and gh-proxy ---- */

static const char *edge_of(const struct line *l, const struct binding_flow *f)
{
	const struct handed *h = handed_of(l, f->from.flow);

	return h ? h->edge : "";
}

static const char *tls_of(const struct line *l, const struct binding_flow *f)
{
	const struct handed *h = handed_of(l, f->from.flow);
	struct tls *t = h ? NULL : siptransports_tls(sipendpoint_transports(l->sip), f->from.flow);

	return h ? h->tls : t ? tls_version_name(t) : "none";
}

static const char *transport_of(const struct binding_flow *f)
{
	static const char *const names[SIPT_COUNT] = { [SIPT_UDP] = "sip-udp", [SIPT_TCP] = "sip-tcp", [SIPT_TLS] = "sip", [SIPT_WSS] = HANDED_SIP_WEBSOCKET };

	return names[f->from.transport];
}

static void client_record(struct line *l, struct proc_ask *ask, const struct binding *b, const struct binding_flow *f)
{
	char id[WHO_ID_BYTES], address[SIP_ADDR_TEXT_BYTES];
	uint64_t now = loop_now(l->loop);

	who_id_text(f->id, id);
	sip_sockaddr_text(&f->from.addr, address);
	proc_record_begin(ask);
	proc_record_str(ask, "client", id);
	proc_record_text(ask, "user", binding_jid(b));
	proc_record_str(ask, "address", address);
	proc_record_str(ask, "transport", transport_of(f));
	proc_record_str(ask, "edge", edge_of(l, f));
	proc_record_str(ask, "tls", tls_of(l, f));
	proc_record_str(ask, "state", "registered");
	proc_record_int(ask, "since-s", (int64_t)((now - f->since_ms) / 1000));
	proc_record_int(ask, "flow", (int64_t)f->from.flow);
	proc_record_int(ask, "reg-id", f->reg_id);
	proc_record_str(ask, "instance", b->instance);
	proc_record_str(ask, "agent", f->agent);
	proc_record_end(ask);
}

static bool read_who(struct line *l, struct proc_ask *ask, const struct bytes *args, size_t n, struct who *out)
{
	arena_reset(&l->arena);
	int rc = who_parse(n ? args[0] : BYTES_NONE, &l->arena, out);
	if (rc)
		proc_done(ask, rc, "neither a client's number nor a user's address, nor an IP address or range");
	return rc == 0;
}

static bool is_meant(const struct who *who, const struct binding *b, const struct binding_flow *f)
{
	struct peer_address from;

	peer_address_of(&f->from.addr.any, &from);
	return who_is(who, f->id, &from, binding_jid(b));
}

static void show_clients(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct line *l = program;
	struct who who;
	uint32_t n = 0;

	if (!read_who(l, ask, args, n_args, &who))
		return;
	LIST_EACH (it, &l->location.all) {
		const struct binding *b = LIST_OWNER(it, struct binding, all);
		for (size_t i = 0; i < b->n && n < RECORDS_MAX; i++)
			if (is_meant(&who, b, &b->flows[i])) {
				client_record(l, ask, b, &b->flows[i]);
				n++;
			}
	}
	proc_done(ask, 0, n == RECORDS_MAX ? "there are more: name a user or a range of addresses" : "");
}

static void client_kick(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct line *l = program;
	char id[WHO_ID_BYTES];
	struct who who;
	uint32_t n = 0;

	if (!read_who(l, ask, args, n_args, &who))
		return;
	LIST_EACH (it, &l->location.all) {
		struct binding *b = LIST_OWNER(it, struct binding, all);
		for (size_t i = b->n; n_args && b && i-- > 0;) {
			if (i >= b->n || !is_meant(&who, b, &b->flows[i]))
				continue;
			client_record(l, ask, b, &b->flows[i]);
			who_id_text(b->flows[i].id, id);
			log_info("line.kicked", LOG_STR("id", id), LOG_BYTES("user", binding_jid(b)));
			b = registered_end_flow(l, b, i);
			n++;
		}
	}
	proc_done(ask, n ? 0 : ERR_NOT_FOUND, "");
}

static void client_drain(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct line *l = program;

	if (drain_command(ask, args, n_args, &l->drain, &l->is_draining))
		drain_command_done(ask, "gh-line", l->instance, l->is_draining, &l->drain, l->location.regs.count);
}

static struct bans_door bans_of(struct line *l)
{
	return (struct bans_door){ "gh-line", l->instance, &l->bans, &l->strangers, loop_now(l->loop) };
}

static void client_ban(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct line *l = program;
	const struct bans_door b = bans_of(l);

	if (bans_command_add(ask, args, n_args, &b))
		bans_command_added(ask, args, &b, line_put_out(l));
}

static void client_unban(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	const struct bans_door b = bans_of(program);

	bans_command_remove(ask, args, n_args, &b);
}

static void show_bans(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	const struct bans_door b = bans_of(program);

	(void)args;
	(void)n_args;
	bans_command_show(ask, &b);
}

const struct proc_command line_commands[] = {
	{ "show line", show_line },
	{ "show line-state", show_line_state },
	{ "show clients", show_clients },
	{ "client kick", client_kick },
	{ "client drain", client_drain },
	{ "client ban", client_ban },
	{ "client unban", client_unban },
	{ "show bans", show_bans },
};
const size_t line_n_commands = sizeof line_commands / sizeof line_commands[0];
