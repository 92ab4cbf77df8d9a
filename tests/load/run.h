/* run.h - one run of gh-load: its clients, how they log in and out, and what is counted. The modes are run_*.c. */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "client.h"
#include "meter.h"

enum { LATENCY_BUCKETS = 40000, LATENCY_STEP_US = 50 };

struct run {
	struct client_plan plan, peer_plan; /* peer_plan.domain is NULL: all users live in one domain */
	struct meter meter;
	struct client *clients;
	unsigned users, in_flight_max, pairs, window, rounds, wait_s, leave_wait_s, body_bytes, pause_ms, contacts, first, words;
	unsigned long count;
	double seconds, timeout_s;
	int64_t from_s, to_s; /* seconds since 1970; to_s 0: none */
	const char *room;        /* name@service */
	void (*each_turn)(void); /* what a mode does beside events; or NULL */
	/* counts */
	unsigned started, in_flight, ready;
	unsigned long logins, failures, messages;
	bool is_measuring, is_login_mode;
	unsigned latency[LATENCY_BUCKETS];
	const char *last_failure, *alpn;
};
extern struct run run;

uint64_t run_now_us(void);
/* Events for up to so long; and those of so many seconds. */
void run_turn(int wait_ms);
void run_spin(double seconds);
/* As many at a time as the run says; false: some did not come in. */
bool run_log_all_in(void);
void run_stop_all(void);
/* A message was received: counted with its latency, by the id that run_put_body has given it. */
void run_count_message(struct bytes stanza);
/* The rest of a message behind its addresses: type, an id with the time in it, and its body. */
int run_put_message(char *text, size_t room, const char *to, const char *type);
/* Since the last run_measure_begin: prints one JSON object of messages. */
struct run_measure {
	struct meter_reading before;
	double start;
};
void run_measure_begin(struct run_measure *m);
unsigned long run_measure_print(const struct run_measure *m, bool is_first);
/* The exit code. */
int run_finish(bool is_good);

/* The clients' hooks. */
void run_on_ready(struct client *c);
void run_on_gone(struct client *c, const char *why);

/* ---- modes; each prints one JSON object and gives the exit code ---- */
int run_login(void);
int run_idle(void);
int run_hold(void);
int run_pairs(void);
int run_room(void);
int run_storm(void);
int run_mam(void);
/* A message for a client of run_pairs. */
void run_pairs_message(struct client *c, struct bytes stanza);

#endif
