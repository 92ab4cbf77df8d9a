/* What an operator may ask of gh-line. */
#include "line.h"

#include "base/err.h"

static void record(struct line *l, struct proc_ask *ask, const struct binding *b)
{
	char address[SIP_ADDR_TEXT_BYTES];
	uint64_t now = loop_now(l->loop);

	sip_sockaddr_text(&b->from.addr, address);
	proc_record_begin(ask);
	proc_record_text(ask, "user", binding_jid(b));
	proc_record_str(ask, "resource", b->resource);
	proc_record_str(ask, "contact", b->contact);
	proc_record_str(ask, "transport", siptransport_name(b->from.transport));
	proc_record_str(ask, "address", address);
	proc_record_int(ask, "port", sip_sockaddr_port(&b->from.addr));
	proc_record_int(ask, "expires_s", b->expires_at_ms > now ? (int64_t)((b->expires_at_ms - now) / 1000) : 0);
	proc_record_str(ask, "agent", b->agent);
	proc_record_end(ask);
}

static void show_line(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct line *l = program;

	LIST_EACH (it, &l->location.all) {
		const struct binding *b = LIST_OWNER(it, struct binding, all);
		if (!n || bytes_eq(args[0], binding_jid(b)))
			record(l, ask, b);
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

const struct proc_command line_commands[] = {
	{ "show line", show_line },
	{ "show line-state", show_line_state },
};
const size_t line_n_commands = sizeof line_commands / sizeof line_commands[0];
