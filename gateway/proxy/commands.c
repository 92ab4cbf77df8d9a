#include "commands.h"

#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "net/bans_command.h"
#include "net/handed.h"
#include "net/who.h"
#include "run/drain_command.h"

enum { RECORDS_MAX = 1000 };

/* Whom gh-access of this box has, it shows. */
static bool is_ours(const struct exchange *x)
{
	bool is_request = x != &x->conn->x && !x->websocket; /* of HTTP/2: its connection is shown */

	return !is_request && (!x->is_joined || x->proxy->config.is_edge);
}

static const char *transport_of(const struct exchange *x)
{
	const struct conn *c = x->conn;
	bool is_sip = c->kind == CONN_HELLO || c->kind == CONN_SIP;

	return c->is_starttls ? "starttls" : x->websocket ? (x->websocket->use == WS_FOR_SIP ? HANDED_SIP_WEBSOCKET : "websocket") : c->kind == CONN_HTTP || c->kind == CONN_HTTP2 ? "https" : is_sip ? "sip" : "tls";
}

static const char *state_of(const struct exchange *x)
{
	static const char *const names[] = { [CONN_NEW] = "tls", [CONN_GREETING] = "header", [CONN_HTTP] = "http", [CONN_HTTP2] = "http", [CONN_STREAM] = "stream",
		                             [CONN_WEBSOCKET] = "stream", [CONN_HELLO] = "header", [CONN_SIP] = "stream", [CONN_PEEK] = "tls" };

	return x->websocket ? "stream" : names[x->conn->kind];
}

/* The fields that gh-access has, too. */
static void record(struct proc_ask *ask, const struct exchange *x)
{
	const struct conn *c = x->conn;
	uint64_t now = loop_now(x->proxy->loop);
	char id[WHO_ID_BYTES], peer[PEER_TEXT_BYTES];
	bool is_secure = c->client.tls && c->client.state == LINK_SECURE;

	who_id_text(x->id, id);
	peer_address_text(&c->peer, peer);
	proc_record_begin(ask);
	proc_record_str(ask, "client", id);
	proc_record_str(ask, "user", "-");
	proc_record_str(ask, "address", peer);
	proc_record_str(ask, "transport", transport_of(x));
	proc_record_str(ask, "edge", "");
	proc_record_str(ask, "tls", is_secure ? tls_version_name(c->client.tls) : "none");
	proc_record_str(ask, "state", state_of(x));
	proc_record_int(ask, "since-s", (int64_t)((now - x->opened_ms) / 1000));
	proc_record_int(ask, "silent-s", (int64_t)((now - x->last_in_ms) / 1000));
	proc_record_int(ask, "bytes-in", (int64_t)c->client.bytes_in);
	proc_record_int(ask, "bytes-out", (int64_t)c->client.bytes_out);
	proc_record_int(ask, "queued-bytes", (int64_t)link_queued(&c->client));
	proc_record_end(ask);
}

/* A session of BOSH; its requests come by connections that have lines of their own. */
static void record_bosh(struct proc_ask *ask, const struct bosh_session *s)
{
	uint64_t now = loop_now(s->proxy->loop);
	char id[WHO_ID_BYTES], peer[PEER_TEXT_BYTES];

	who_id_text(s->id, id);
	peer_address_text(&s->peer, peer);
	proc_record_begin(ask);
	proc_record_str(ask, "client", id);
	proc_record_str(ask, "user", "-");
	proc_record_str(ask, "address", peer);
	proc_record_str(ask, "transport", "bosh");
	proc_record_str(ask, "edge", "");
	proc_record_str(ask, "tls", s->tls);
	proc_record_str(ask, "state", s->bosh.is_ended ? "ended" : "stream");
	proc_record_int(ask, "since-s", (int64_t)((now - s->opened_ms) / 1000));
	proc_record_int(ask, "silent-s", (int64_t)((now - s->last_in_ms) / 1000));
	proc_record_int(ask, "bytes-in", (int64_t)s->access.bytes_out);
	proc_record_int(ask, "bytes-out", (int64_t)s->access.bytes_in);
	proc_record_int(ask, "queued-bytes", (int64_t)buf_len(&s->bosh.pending));
	proc_record_end(ask);
}

/* Those of an edge, of which a gh-access elsewhere knows; a combined box shows them itself. Returns how many of `most`. */
static uint32_t each_bosh(struct proxy *p, struct proc_ask *ask, const struct who *who, uint32_t most, bool is_kick)
{
	uint32_t n = 0;

	if (!p->config.is_edge)
		return 0;
	LIST_EACH (it, &p->bosh_sessions) {
		struct bosh_session *s = LIST_OWNER(it, struct bosh_session, node);
		if (n == most || !who_is(who, s->id, &s->peer, BYTES_NONE))
			continue;
		record_bosh(ask, s);
		n++;
		if (!is_kick)
			continue;
		log_info("proxy.kicked", LOG_ID("id", s->id));
		bosh_session_end(s, BOSH_SYSTEM_SHUTDOWN);
	}
	return n;
}

static bool read_who(struct proxy *p, struct proc_ask *ask, const struct bytes *args, size_t n_args, struct who *out)
{
	arena_reset(&p->arena);
	int rc = who_parse(n_args ? args[0] : BYTES_NONE, &p->arena, out);
	if (rc)
		proc_done(ask, rc, "neither a client's number nor a user's address, nor an IP address or range");
	return rc == 0;
}

static void show_clients(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct proxy *p = program;
	struct who who;
	uint32_t n = 0;

	if (!read_who(p, ask, args, n_args, &who))
		return;
	LIST_EACH (it, &p->exchanges) {
		const struct exchange *x = LIST_OWNER(it, struct exchange, node);
		if (n == RECORDS_MAX || !is_ours(x) || !who_is(&who, x->id, &x->conn->peer, BYTES_NONE))
			continue;
		record(ask, x);
		n++;
	}
	n += each_bosh(p, ask, &who, RECORDS_MAX - n, false);
	proc_done(ask, 0, n == RECORDS_MAX ? "there are more: name a range of addresses" : "");
}

static void client_kick(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct proxy *p = program;
	struct who who;
	uint32_t n = 0;

	if (!read_who(p, ask, args, n_args, &who))
		return;
	LIST_EACH (it, &p->exchanges) {
		struct exchange *x = LIST_OWNER(it, struct exchange, node);
		if (!n_args || !is_ours(x) || !who_is(&who, x->id, &x->conn->peer, BYTES_NONE))
			continue;
		record(ask, x);
		log_info("proxy.kicked", LOG_ID("id", x->id));
		conn_end_exchange(x, "closed by the administrator");
		n++;
	}
	n += n_args ? each_bosh(p, ask, &who, UINT32_MAX, true) : 0;
	proc_done(ask, n ? 0 : ERR_NOT_FOUND, "");
}

static void client_drain(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct proxy *p = program;
	uint32_t n = 0;

	if (!drain_command(ask, args, n_args, &p->drain, &p->is_draining))
		return;
	if (p->is_draining)
		conn_drain_all(p);
	LIST_EACH (it, &p->exchanges)
		n += LIST_OWNER(it, struct exchange, node)->is_joined;
	drain_command_done(ask, "gh-proxy", 0, p->is_draining, &p->drain, n + p->n_bosh);
}

static struct bans_door bans_of(struct proxy *p)
{
	return (struct bans_door){ "gh-proxy", 0, &p->bans, NULL, loop_now(p->loop) };
}

static void client_ban(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct proxy *p = program;
	const struct bans_door b = bans_of(p);

	if (bans_command_add(ask, args, n_args, &b))
		bans_command_added(ask, args, &b, proxy_put_out(p));
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

const struct proc_command proxy_commands[] = {
	{ "show clients", show_clients },
	{ "client kick", client_kick },
	{ "client drain", client_drain },
	{ "client ban", client_ban },
	{ "client unban", client_unban },
	{ "show bans", show_bans },
};
const size_t n_proxy_commands = sizeof proxy_commands / sizeof proxy_commands[0];
