#include "worker.h"

#include "base/err.h"
#include "door_dtls.h"
#include "door_stream.h"
#include "tcp_relay.h"

enum { RECORDS_MAX = 1000 };

const char *const turn_transport_names[TURN_TRANSPORT_COUNT] = { "udp", "tcp", "tls", "dtls" };

/* show turn: one record a worker. The ports' two counts must agree (turn.md 5: ports lost over time). */
static void show_turn(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct worker *w = program;
	const uint64_t *stats = turn_server_stats(w->server);
	static const char *const drains[] = { [TURN_DRAIN_OFF] = "no", [TURN_DRAIN_ON] = "draining", [TURN_DRAIN_DONE] = "drained" };
	unsigned doors = 0;

	(void)args, (void)n_args;
	turn_server_read_kernel(w->server);
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		doors += w->doors[i].fd >= 0;
	proc_record_begin(ask);
	proc_record_int(ask, "worker", w->number);
	proc_record_int(ask, "doors", doors);
	proc_record_int(ask, "connections", streams_count(w->streams));
	proc_record_int(ask, "associations", associations_count(w->associations));
	proc_record_int(ask, "peer-connections", tcp_relay_count(w->tcp));
	proc_record_int(ask, "allocations", (int64_t)turn_server_count(w->server));
	proc_record_int(ask, "ports-used", relays_used(w->relays));
	proc_record_int(ask, "ports-held", relays_held(w->relays));
	proc_record_int(ask, "to-peer", (int64_t)stats[TURN_STAT_TO_PEER]);
	proc_record_int(ask, "to-client", (int64_t)stats[TURN_STAT_TO_CLIENT]);
	proc_record_int(ask, "kernel-drops", (int64_t)batch_stats(w->batch)[BATCH_KERNEL_DROPS]);
	proc_record_str(ask, "fast-path", w->fast ? "on" : w->fast_why[0] ? w->fast_why : "gh-xdp is not there");
	proc_record_int(ask, "kernel-flows", (int64_t)stats[TURN_STAT_KERNEL_FLOWS]);
	proc_record_int(ask, "kernel-packets", (int64_t)stats[TURN_STAT_KERNEL]);
	proc_record_str(ask, "drains", drains[turn_server_drain(w->server)]);
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

static void record(struct proc_ask *ask, const struct turn_seen *a)
{
	char client[STUNADDR_TEXT_BYTES], relayed[STUNADDR_TEXT_BYTES];

	stunaddr_text(&a->client.from, client);
	stunaddr_text(&a->relayed, relayed);
	proc_record_begin(ask);
	proc_record_int(ask, "number", (int64_t)a->number);
	proc_record_text(ask, "user", a->user);
	proc_record_str(ask, "client", client);
	proc_record_str(ask, "transport", turn_transport_names[a->client.transport]);
	proc_record_str(ask, "relayed", relayed);
	proc_record_int(ask, "age-s", a->age_s);
	proc_record_int(ask, "left-s", a->left_s);
	proc_record_int(ask, "permissions", a->permissions);
	proc_record_int(ask, "channels", a->channels);
	proc_record_int(ask, "connections", a->connections);
	proc_record_int(ask, "to-peer-bytes", (int64_t)a->to_peer_bytes);
	proc_record_int(ask, "to-client-bytes", (int64_t)a->to_client_bytes);
	proc_record_int(ask, "dropped", (int64_t)a->dropped);
	proc_record_end(ask);
}

static void show_allocations(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct worker *w = program;
	struct turn_seen seen;
	size_t at = 0;
	unsigned n = 0;

	(void)args, (void)n_args;
	for (; n < RECORDS_MAX && turn_server_next(w->server, &at, &seen); n++)
		record(ask, &seen);
	proc_done(ask, 0, n == RECORDS_MAX ? "there may be more" : "");
}

/* Each worker is asked; the number begins with the one that has it (server.h). */
static void end_allocation(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct worker *w = program;
	uint64_t number;
	int rc = n_args == 1 && bytes_to_u64(args[0], UINT64_MAX, &number) == 0 ? 0 : ERR_SYNTAX;

	if (rc == 0 && number >> 48 == w->number)
		rc = turn_server_end(w->server, number);
	proc_done(ask, rc, rc == ERR_NOT_FOUND ? "no such allocation" : "");
}

const struct proc_command turn_commands[] = {
	{ "show turn", show_turn },
	{ "show turn allocations", show_allocations },
	{ "turn end", end_allocation },
};
const size_t n_turn_commands = sizeof turn_commands / sizeof turn_commands[0];
