#include "commands.h"

#include "conn.h"

enum { RECORDS_MAX = 1000 };

static void record(struct proc_ask *ask, const struct conn *c, uint64_t now)
{
	char peer[PEER_TEXT_BYTES];

	peer_address_text(&c->peer, peer);
	proc_record_begin(ask);
	proc_record_text(ask, "user", c->stream.jid ? bytes_make(c->stream.jid, c->stream.jid_n) : BYTES("-"));
	proc_record_str(ask, "address", peer);
	proc_record_str(ask, "state", stream_fsm.state_names[c->stream.state]);
	proc_record_str(ask, "tls", conn_tls_version(c));
	proc_record_str(ask, "acknowledges", c->stream.is_sm ? "yes" : "no");
	proc_record_str(ask, "active", c->stream.is_inactive ? "no" : "yes");
	proc_record_int(ask, "stanzas-in", c->stream.stanzas_in);
	proc_record_int(ask, "stanzas-out", c->delivered);
	proc_record_int(ask, "queued-bytes", (int64_t)link_queued(&c->link));
	proc_record_int(ask, "silent-s", (int64_t)((now - c->last_in_ms) / 1000));
	proc_record_end(ask);
}

/* Only of this user, when one is named. */
static bool fits(const struct conn *c, struct bytes user)
{
	return user.n == 0 || (c->stream.jid && (bytes_eq(user, bytes_make(c->stream.jid, c->stream.jid_n)) ||
						 bytes_eq(user, bytes_make(c->stream.jid, c->stream.jid_bare_n))));
}

/* show connections [user] */
static void show_connections(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct door *d = program;
	uint32_t at = 0, n = 0;
	struct conn *c;

	while (n < RECORDS_MAX && (c = conn_next(d, &at))) {
		if (!fits(c, n_args ? args[0] : BYTES_NONE))
			continue;
		record(ask, c, loop_now(d->loop));
		n++;
	}
	proc_done(ask, 0, n == RECORDS_MAX ? "there are more: name a user" : "");
}

const struct proc_command access_commands[] = {
	{ "show connections", show_connections },
};
const size_t n_access_commands = sizeof access_commands / sizeof access_commands[0];
