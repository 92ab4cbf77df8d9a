#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "door_dtls.h"
#include "door_stream.h"
#include "tcp_relay.h"

/* gh-turn: the relay. */

enum { CLAIM_ROOM_MAX = 64 << 10 };

static int on_key_signed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct worker *)program)->keys, f);
}

static int on_key_failed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct worker *)program)->keys, f);
}

static int on_staple(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return tls_news_on_staple(&((struct worker *)program)->news, f);
}

static int prepare(struct proc *p, void **program)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return ERR_NOMEM;
	*w = (struct worker){ .proc = p, .loop = proc_loop(p), .number = proc_instance(p), .pair_fd = -1 };
	buf_init(&w->claim_room, CLAIM_ROOM_MAX);
	random_bytes(w->key.key, sizeof w->key.key);
	w->key_born_ms = loop_now(w->loop);
	serve_init(w);
	w->keys = keyproxy_new(w->loop, proc_bus(p));
	w->batch = w->keys ? batch_new(w->loop) : NULL;
	w->streams = w->batch ? streams_new(w) : NULL;
	w->associations = w->streams ? associations_new(w) : NULL;
	w->tcp = w->associations ? tcp_relay_new(w) : NULL;
	w->relays = w->tcp ? relays_new(w->loop, w->batch, &worker_relay_hooks, w) : NULL;
	w->server = w->relays ? turn_server_new(w->loop, w->number, &w->key, &worker_io, w) : NULL;
	if (!w->server)
		return ERR_NOMEM;
	doors_init(w);
	stats_register(&w->engine_stats, turn_stat_names, turn_server_stats(w->server), TURN_STAT_COUNT);
	stats_register(&w->batch_stats, batch_stat_names, batch_stats(w->batch), BATCH_STAT_COUNT);
	stats_register(&w->stream_stats, stream_stat_names, streams_stats(w->streams), STREAM_STAT_COUNT);
	stats_register(&w->association_stats, association_stat_names, associations_stats(w->associations), ASSOCIATION_STAT_COUNT);
	stats_register(&w->tcp_stats, tcp_stat_names, tcp_relay_stats(w->tcp), TCP_STAT_COUNT);
	stats_register(&w->relay_stats, relay_stat_names, relays_stats(w->relays), RELAY_STAT_COUNT);
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
	struct worker *w = program;

	if (chan_prog(c) == PROG_KEYS)
		keyproxy_up(w->keys);
	else
		claims_up(w, c);
}

static void down(void *program, struct chan *c)
{
	struct worker *w = program;

	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(w->keys);
	else
		claims_down(w, c);
	fast_down(w, c);
}

/* Clients on streams and DTLS see theirs end; one of datagrams finds out by its next Refresh, and comes again (RFC 8656 7.4). */
static void stop(void *program, uint32_t grace_ms)
{
	struct worker *w = program;

	(void)grace_ms;
	serve_fini(w);
	batch_flush(w->batch);
	fast_end(w, "this worker ends");
	doors_fini(w);
	associations_free(w->associations);
	turn_server_free(w->server);
	tcp_relay_free(w->tcp);
	relays_free(w->relays);
	streams_free(w->streams);
	turn_settings_free(w->conf);
	batch_free(w->batch);
	claims_fini(w);
	certificates_fini(w);
	proc_exit(w->proc, 0);
}

int main(int argc, char **argv)
{
	/* The workers' handlers, those of the kernel's path, of the keys, of answers to staple and of gh-proxy. */
	static struct bus_handler handlers[CLAIMS_HANDLERS + FAST_HANDLERS + 4];
	size_t n = 0;

	for (; n < n_claims_handlers; n++)
		handlers[n] = claims_handlers[n];
	for (size_t i = 0; i < n_fast_handlers; i++)
		handlers[n++] = fast_handlers[i];
	handlers[n++] = (struct bus_handler){ MSG_KEY_SIGNED, on_key_signed };
	handlers[n++] = (struct bus_handler){ MSG_KEY_FAILED, on_key_failed };
	handlers[n++] = (struct bus_handler){ MSG_STAPLE, on_staple };
	handlers[n++] = (struct bus_handler){ MSG_RELAY_CONNECTION, stream_on_front };
	const struct proc_def def = {
		.prog = PROG_TURN, .backend = LOOP_LIBEVENT,
		.handlers = handlers, .n_handlers = n,
		.commands = turn_commands, .n_commands = n_turn_commands,
		.prepare = prepare, .check = check, .apply = apply, .listener = listener,
		.up = up, .down = down, .stop = stop,
	};
	return proc_main(argc, argv, &def);
}
