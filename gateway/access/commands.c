#include "commands.h"

#include "conn.h"

#include "base/err.h"
#include "net/bans_command.h"
#include "net/who.h"
#include "run/drain_command.h"

enum { RECORDS_MAX = 1000 };

static struct bytes jid_of(const struct conn *c)
{
	return c->stream.jid ? bytes_make(c->stream.jid, c->stream.jid_n) : BYTES_NONE;
}

static const char *transport_of(const struct conn *c)
{
	return c->handed ? c->handed->transport : c->is_direct ? "tls" : "starttls";
}

/* The first part is the same at gh-proxy. */
static void record(struct proc_ask *ask, const struct conn *c, uint64_t now)
{
	char id[WHO_ID_BYTES], peer[PEER_TEXT_BYTES];

	who_id_text(c->id, id);
	peer_address_text(&c->peer, peer);
	proc_record_begin(ask);
	proc_record_str(ask, "client", id);
	proc_record_text(ask, "user", c->stream.jid ? jid_of(c) : BYTES("-"));
	proc_record_str(ask, "address", peer);
	proc_record_str(ask, "transport", transport_of(c));
	proc_record_str(ask, "edge", c->handed ? c->handed->edge : "");
	proc_record_str(ask, "tls", conn_tls_version(c));
	proc_record_str(ask, "state", stream_fsm.state_names[c->stream.state]);
	proc_record_int(ask, "since-s", (int64_t)((now - c->opened_ms) / 1000));
	proc_record_int(ask, "silent-s", (int64_t)((now - c->last_in_ms) / 1000));
	proc_record_int(ask, "bytes-in", (int64_t)c->link.bytes_in);
	proc_record_int(ask, "bytes-out", (int64_t)c->link.bytes_out);
	proc_record_int(ask, "queued-bytes", (int64_t)link_queued(&c->link));
	proc_record_int(ask, "stanzas-in", c->stream.stanzas_in);
	proc_record_int(ask, "stanzas-out", c->delivered);
	proc_record_str(ask, "acknowledges", c->stream.is_sm ? "yes" : "no");
	proc_record_str(ask, "active", c->stream.is_inactive ? "no" : "yes");
	proc_record_end(ask);
}

static bool read_who(struct door *d, struct proc_ask *ask, const struct bytes *args, size_t n_args, struct who *out)
{
	arena_reset(&d->arena);
	int rc = who_parse(n_args ? args[0] : BYTES_NONE, &d->arena, out);
	if (rc)
		proc_done(ask, rc, "neither a client's number nor a user's address, nor an IP address or range");
	return rc == 0;
}

static void show_clients(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct door *d = program;
	uint32_t at = 0, n = 0;
	struct conn *c;
	struct who who;

	if (!read_who(d, ask, args, n_args, &who))
		return;
	while (n < RECORDS_MAX && (c = conn_next(d, &at))) {
		if (!who_is(&who, c->id, &c->peer, jid_of(c)))
			continue;
		record(ask, c, loop_now(d->loop));
		n++;
	}
	proc_done(ask, 0, n == RECORDS_MAX ? "there are more: name a user or a range of addresses" : "");
}

static void client_kick(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct door *d = program;
	uint32_t at = 0, n = 0;
	struct conn *c;
	struct who who;

	if (!read_who(d, ask, args, n_args, &who))
		return;
	while (n_args && (c = conn_next(d, &at))) {
		if (!who_is(&who, c->id, &c->peer, jid_of(c)))
			continue;
		record(ask, c, loop_now(d->loop));
		conn_kick(c);
		n++;
	}
	proc_done(ask, n ? 0 : ERR_NOT_FOUND, "");
}

static void client_drain(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct door *d = program;
	uint32_t at = 0, n = 0;

	if (!drain_command(ask, args, n_args, &d->drain, &d->rules.is_draining))
		return;
	for (struct conn *c; (c = conn_next(d, &at));)
		n += stream_has_session(&c->stream);
	drain_command_done(ask, "gh-access", d->instance, d->rules.is_draining, &d->drain, n);
}

static struct bans_door bans_of(struct door *d)
{
	return (struct bans_door){ "gh-access", d->instance, &d->bans, &d->strangers, loop_now(d->loop) };
}

static void client_ban(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct door *d = program;
	const struct bans_door b = bans_of(d);

	if (bans_command_add(ask, args, n_args, &b))
		bans_command_added(ask, args, &b, door_put_out(d));
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

const struct proc_command access_commands[] = {
	{ "show clients", show_clients },
	{ "client kick", client_kick },
	{ "client drain", client_drain },
	{ "client ban", client_ban },
	{ "client unban", client_unban },
	{ "show bans", show_bans },
};
const size_t n_access_commands = sizeof access_commands / sizeof access_commands[0];
