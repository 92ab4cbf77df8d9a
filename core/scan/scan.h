/* scan.h - gh-scan as one struct: what its files share. */
#ifndef SCAN_SCAN_H
#define SCAN_SCAN_H

#include "speech.h"

#include "base/list.h"
#include "base/log.h"
#include "net/dns.h"
#include "net/link.h"
#include "run/bus.h"
#include "run/proc.h"
#include "run/settings.h"

enum {
	SERVERS_MAX = 4,
	SCANS_MAX = SCAN_FILES_MAX, /* waiting and under way: beyond that the answer is that nobody scans */
	MEDIA_MAX = 127,
	CONNECT_MS = 3000,
	PROBE_MS = 10000,           /* a server that is down is asked so often, and may take so long */
	PROBE_UP_MS = 30000,        /* one that has said nothing for so long */
	RETRY_MS = 2000,            /* all have failed: they are tried again after it */
};

/* Counters: enum, name. */
#define SCAN_STATS(X)                                                                              \
	X(STAT_SCANS, "scan.files")                                                                \
	X(STAT_BYTES, "scan.bytes")                                                                \
	X(STAT_CLEAN, "scan.clean")                                                                \
	X(STAT_INFECTED, "scan.infected")                                                          \
	X(STAT_TOO_LARGE, "scan.too-large")                                                        \
	X(STAT_NONE, "scan.unanswered")                                                            \
	X(STAT_STOPPED, "scan.stopped")                                                            \
	X(STAT_FULL, "scan.refused.full")                                                          \
	X(STAT_FAILOVERS, "scan.failovers")                                                        \
	X(STAT_MALFORMED, "scan.malformed")
#define STAT_MEMBER(id, name) id,
enum scan_stat { SCAN_STATS(STAT_MEMBER) SCAN_STAT_COUNT };
#undef STAT_MEMBER

struct scan;
struct job;

struct server {
	struct scan *scan;
	char host[256]; /* a name or an address */
	char name[280]; /* of alarms and lines: host:port */
	uint16_t port;
	bool is_up, is_known;
	uint64_t good_ms;         /* when it last answered */
	uint64_t options_until_ms; /* ICAP: how long `options` hold */
	struct icap_options options;
	uint64_t files, infected, failures;
	char why[192];            /* of the last failure; "" none */
	struct loop_timer probe;
	struct conn *prober;      /* NULL: none is under way */
};

/* One connection to a server: a file, or a look how it is. */
struct conn {
	struct list node;
	struct server *server;
	struct job *job; /* NULL: a look */
	struct speech speech;
	struct link link;
	struct dns_query *query;
	struct dns_addr_answer addrs;
	size_t addr_at;
	struct loop_timer timer;
	struct loop_timer pump; /* the next piece, a turn later: answers and other files come in between */
	bool is_connected, is_gone;
};

/* One file of gh-files. */
struct job {
	struct list node; /* scan.waiting or scan.running */
	struct scan *scan;
	uint32_t id;      /* of the SCAN */
	int fd;
	uint64_t size, deadline_ms;
	char type[MEDIA_MAX + 1];
	unsigned tried; /* servers that failed with it, as bits: since the last RETRY_MS */
	struct conn *conn; /* NULL: it waits */
	bool was_tried;
	struct loop_timer timer; /* its deadline */
};

struct scan_config {
	enum scan_protocol protocol;
	unsigned jobs; /* at a time */
	char service[ICAP_SERVICE_MAX + 1];
};

struct scan {
	struct loop *loop;
	struct bus *bus;
	struct proc *proc;
	struct dns *dns;
	struct scan_config config;
	struct server servers[SERVERS_MAX];
	size_t n_servers;
	struct list waiting, running, conns, gone; /* waiting: the oldest is first */
	unsigned n_waiting, n_running;
	struct loop_timer retry;
	struct loop_defer next, sweep;
	struct log_limit log;
	uint64_t stats[SCAN_STAT_COUNT];
};

/* ---- config.c ---- */
int scan_check(void *scan, const struct settings *s, const char **path, const char **why);
void scan_apply(struct scan *g, const struct settings *s);

/* ---- server.c: how scanners are ---- */
void server_is_there(struct server *s);
void server_is_away(struct server *s, const char *step, int rc, const char *words);
/* It answers, as far as is known. */
bool server_may(const struct server *s);
void server_start(struct server *s);
void server_stop(struct server *s);
/* What its look has come to. rc 0: options of ICAP are in *a. */
void server_probed(struct server *s, int rc, const struct speech_answer *a);

/* ---- conn.c: connections to them ---- */
/* Looks how it is (job NULL), or has it scan. Ends by server_probed or job_answered, never from inside this. within_ms: for all of it.
 * NULL: no memory. */
struct conn *conn_new(struct server *s, struct job *j, uint64_t within_ms);
void conn_close(struct conn *c);
void conns_sweep(struct scan *g);

/* ---- job.c: files of gh-files ---- */
void jobs_init(struct scan *g);
int job_on_scan(void *scan, struct chan *from, const struct frame *f);
int job_on_stop(void *scan, struct chan *from, const struct frame *f);
/* Its connection has come to an end. rc 0: *a is the answer; else step and words say what failed. */
void job_answered(struct job *j, int rc, const struct speech_answer *a);
/* gh-files has gone, or this program ends. */
void jobs_drop_all(struct scan *g);
/* All that are under way begin again: servers are others now. */
void jobs_renew(struct scan *g);
/* Starts those that may begin: a deferred call. */
void jobs_next(struct scan *g);

extern const struct proc_command scan_commands[];
extern const size_t scan_n_commands;

#endif
