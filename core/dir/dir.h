/* dir.h - gh-dir as one struct: what its files share. */
#ifndef DIR_DIR_H
#define DIR_DIR_H

#include "base/arena.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/dns.h"
#include "net/tls.h"
#include "net/tls_news.h"
#include "run/bus.h"
#include "run/proc.h"
#include "run/directory.h"
#include "run/settings.h"
#include "ldap.h"
#include "person.h"

enum {
	SERVERS_MAX = 3,      /* a primary and two backups (B-LDX-06) */
	CHECKS_MAX = 1024,    /* people whose passwords are being checked */
	LOOKS_MAX = 256,      /* people and searches that are being looked up */
	BINDERS_MAX = 8,      /* connections for that */
	RETRY_MS = 30000,     /* a server that failed is passed over so long, unless all did */
	IDLE_MS = 60000,      /* then a connection is closed */
};

/* Counters: enum, name. */
#define DIR_STATS(X)                                                                               \
	X(STAT_CHECKS, "dir.checks")                                                               \
	X(STAT_CHECKS_OK, "dir.checks.ok")                                                         \
	X(STAT_CHECKS_REFUSED, "dir.checks.refused")                                               \
	X(STAT_CHECKS_FAILED, "dir.checks.failed") /* no server could say */                       \
	X(STAT_SEARCHES, "dir.searches")                                                           \
	X(STAT_ENTRIES, "dir.entries")                                                             \
	X(STAT_CONNECTED, "dir.connections")                                                       \
	X(STAT_FAILOVERS, "dir.failovers")                                                         \
	X(STAT_LOOKS, "dir.looks") /* people and searches */                                        \
	X(STAT_LOOKS_FAILED, "dir.looks.failed")                                                   \
	X(STAT_SYNCS, "dir.syncs")                                                                 \
	X(STAT_MALFORMED, "dir.malformed")
#define STAT_MEMBER(id, name) id,
enum dir_stat { DIR_STATS(STAT_MEMBER) DIR_STAT_COUNT };
#undef STAT_MEMBER

struct dir;
struct validate;
struct sync;

struct server {
	char host[256]; /* A-labels or an address */
	uint16_t port;
	bool is_ldaps;  /* TLS from the first byte; else StartTLS */
	bool is_up, is_known;
	uint64_t down_until_ms; /* passed over until then */
	uint64_t down_since_ms;
	uint64_t requests, failures;
	char why[160];  /* of the last failure; "" none */
};

/* What `apply` took from the settings. */
struct dir_config {
	bool is_clear;     /* ldap:// without TLS */
	bool authenticates;
	char authority[64];
	char bind_dn[1024];
	char base[1024];
	char filter[1024];
	struct secret password;
	struct person_rules people;
	char fields[DIRECTORY_FIELD_COUNT][PERSON_TYPE_MAX + 1]; /* attributes; "" none */
	char photo[PERSON_TYPE_MAX + 1];
	uint32_t photo_max; /* bytes */
	char search_base[1024], object_class[PERSON_TYPE_MAX + 1]; /* of searches; "" those of all */
	bool is_search_flat;
	bool has_groups;
	char group_base[1024], group_filter[1024];
	char group_name[PERSON_TYPE_MAX + 1], member[PERSON_TYPE_MAX + 1], member_of[PERSON_TYPE_MAX + 1]; /* attributes */
	uint32_t group_size, groups_max, group_contacts;
	uint32_t timeout_ms, page_size;
	bool syncs;
	uint64_t sync_ms, grace_ms; /* between synchronisations; until who is gone is deleted */
};

/* What the last synchronisation came to. */
struct sync_figures {
	uint64_t began_ms, took_ms; /* began: since 1970; 0: there was none */
	uint32_t people;            /* in the directory, with an address of their own */
	uint32_t added, changed, gone, removed;
	uint32_t duplicates, bad;   /* that share an address; without a good one */
	uint32_t local, foreign;    /* whose account is this box's own; whose domain does not live here */
	uint32_t failed;
	uint32_t groups, groups_out, rosters; /* groups, those that are too large, contact lists changed */
	char text[160];             /* why it failed; "" it did not */
};

struct dir {
	struct loop *loop;
	struct bus *bus;
	struct proc *proc;
	struct dns *dns;
	struct tls_store *store; /* NULL: it could not be made */
	struct tls_news news;
	struct arena arena; /* of the answer being dealt with */
	struct dir_config config;
	bool is_usable;  /* the settings can be used */
	bool is_refused; /* a server refused the service's password: it is not tried again (B-LDX-14) */
	struct server servers[SERVERS_MAX];
	size_t n_servers;
	struct list conns, gone; /* gone: until the sweep */
	struct list waiting;     /* binds that wait for a connection */
	struct loop_defer sweep;
	struct list checks, looks;
	unsigned n_checks, n_looks;
	struct validate *validating; /* NULL: none; one of the two at a time, for the memory that it may take */
	struct sync *syncing;
	struct sync_figures last_sync;
	struct loop_timer sync_timer; /* of the next one */
	struct log_limit log;
	uint64_t stats[DIR_STAT_COUNT];
};

/* ---- config.c ---- */
void dir_apply(struct dir *d, const struct settings *s);
/* Would dir_apply find all it needs? Else *path and *why name the setting. */
int dir_check(void *dir, const struct settings *s, const char **path, const char **why);
void dir_config_fini(struct dir *d);
/* ---- check.c: passwords of people ---- */
int check_on_ask(void *dir, struct chan *from, const struct frame *f);
/* Those under way are answered: no server can say. */
void checks_end_all(struct dir *d);
/* The same, and nobody waits for an answer any more. */
void checks_drop_all(struct dir *d);
/* ---- commands.c ---- */
extern const struct proc_command dir_commands[];
extern const size_t dir_n_commands;

#endif
