/* turn/worker.h - gh-turn: one of N equal relay processes. Owns the sockets, carries out what the engine
 * (server.h) asks through io.h, and speaks with the other workers. */
#ifndef TURN_WORKER_H
#define TURN_WORKER_H

#include "base/log.h"
#include "batch.h"
#include "conf.h"
#include "relay_socket.h"
#include "run/proc.h"
#include "run/stats.h"
#include "server.h"

struct worker;

struct door {
	struct worker *worker;
	struct turn_door facts;
	char name[16], addr[64];
	struct loop_watch watch;
	int fd; /* -1: free place */
	uint8_t number;
	uint32_t drops;
};

struct worker {
	struct proc *proc;
	struct loop *loop;
	unsigned number;
	struct batch *batch;
	struct relays *relays;
	struct turn_server *server;
	struct door doors[TURN_DOORS_MAX];
	const struct settings *settings; /* NULL before the first */
	struct turn_settings *conf;
	struct nonce_key key;
	uint64_t key_born_ms; /* of the box's clock: the oldest that lives is everybody's */
	struct buf claim_room;
	uint64_t pair_number; /* a grant's second descriptor waits for it */
	int pair_fd;          /* -1: none */
	struct log_limit refusals, failures;
	struct stats engine_stats, batch_stats;
};

extern const struct turn_io worker_io;
extern const struct relays_hooks worker_relay_hooks;

/* Settings or listeners have changed. */
void worker_apply(struct worker *w, const struct settings *s);
void worker_refresh(struct worker *w);

/* ---- door_udp.c ---- */
void doors_init(struct worker *w);
void door_listener(struct worker *w, const char *name, const char *addr, uint16_t port, int fd);
void doors_fini(struct worker *w);

/* ---- claims.c: the other workers ---- */
int claims_ask(struct worker *w, unsigned other, const struct turn_claim *c);
void claims_tell_usage(struct worker *w, struct bytes user, uint32_t allocations);
void claims_up(struct worker *w, struct chan *c);
void claims_down(struct worker *w, struct chan *c);
void claims_fini(struct worker *w);
extern const struct bus_handler claims_handlers[];
extern const size_t n_claims_handlers;

/* ---- show.c ---- */
extern const struct proc_command turn_commands[];
extern const size_t n_turn_commands;

#endif
