#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "worker.h"

/* gh-turn: the relay. */

enum { CLAIM_ROOM_MAX = 64 << 10 };

static int prepare(struct proc *p, void **program)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return ERR_NOMEM;
	*w = (struct worker){ .proc = p, .loop = proc_loop(p), .number = proc_instance(p), .pair_fd = -1 };
	buf_init(&w->claim_room, CLAIM_ROOM_MAX);
	random_bytes(w->key.key, sizeof w->key.key);
	w->key_born_ms = loop_now(w->loop);
	w->batch = batch_new(w->loop);
	w->relays = w->batch ? relays_new(w->loop, w->batch, &worker_relay_hooks, w) : NULL;
	w->server = w->relays ? turn_server_new(w->loop, w->number, &w->key, &worker_io, w) : NULL;
	if (!w->server)
		return ERR_NOMEM;
	doors_init(w);
	stats_register(&w->engine_stats, turn_stat_names, turn_server_stats(w->server), TURN_STAT_COUNT);
	stats_register(&w->batch_stats, batch_stat_names, batch_stats(w->batch), BATCH_STAT_COUNT);
	*program = w;
	return 0;
}

static char refused_path[CONF_PATH_BYTES];

static int check(void *program, const struct settings *s, const char **path, const char **why)
{
	(void)program;
	*path = refused_path;
	return turn_settings_check(s, refused_path, why);
}

static void apply(void *program, const struct settings *s)
{
	worker_apply(program, s);
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	door_listener(program, name, addr, port, fd);
}

static void up(void *program, struct chan *c)
{
	claims_up(program, c);
}

static void down(void *program, struct chan *c)
{
	claims_down(program, c);
	fast_down(program, c);
}

/* Nobody is told: a client of datagrams finds out by its next Refresh, and comes again (RFC 8656 7.4). */
static void stop(void *program, uint32_t grace_ms)
{
	struct worker *w = program;

	(void)grace_ms;
	batch_flush(w->batch);
	fast_end(w, "this worker ends");
	doors_fini(w);
	turn_server_free(w->server);
	relays_free(w->relays);
	turn_settings_free(w->conf);
	batch_free(w->batch);
	claims_fini(w);
	proc_exit(w->proc, 0);
}

int main(int argc, char **argv)
{
	struct bus_handler handlers[CLAIMS_HANDLERS + FAST_HANDLERS];

	memcpy(handlers, claims_handlers, n_claims_handlers * sizeof handlers[0]);
	memcpy(handlers + n_claims_handlers, fast_handlers, n_fast_handlers * sizeof handlers[0]);
	const struct proc_def def = {
		.prog = PROG_TURN, .backend = LOOP_LIBEVENT,
		.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = turn_commands, .n_commands = n_turn_commands,
		.prepare = prepare, .check = check, .apply = apply, .listener = listener,
		.up = up, .down = down, .stop = stop,
	};
	return proc_main(argc, argv, &def);
}
