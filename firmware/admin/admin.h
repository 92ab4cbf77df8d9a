/* admin.h - gh-admin as one struct: what its files share. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "base/log.h"
#include "net/address.h"
#include "net/keyproxy.h"
#include "net/prefix.h"
#include "net/tls_news.h"
#include "net/tls.h"
#include "run/acceptor.h"
#include "run/loop.h"
#include "run/settings.h"
#include "run/stats.h"

enum {
	ADMIN_SESSIONS_MAX = 12,  /* gh-conf has places for 16 operators */
	ADMIN_STREAMS_MAX = 3,    /* live views beside them; one more is of all collectors without an account */
	ADMIN_METRICS_SOURCES_MAX = 64,
};

enum admin_stat {
	STAT_ACCEPTED, STAT_CLOSED, STAT_REFUSED_FULL, STAT_REFUSED_ADDRESS, STAT_ACCEPT_PAUSED, STAT_TLS_FAILED, STAT_REQUESTS,
	STAT_MALFORMED, STAT_TIMEOUT, STAT_UNAUTHORIZED, STAT_FORGED, STAT_LOGIN, STAT_LOGIN_FAILED, STAT_SESSION_ADDRESS,
	STAT_SESSION_EXPIRED, STAT_DROPPED, STAT_METRICS_REFUSED, ADMIN_STAT_COUNT
};
extern const char *const admin_stat_names[ADMIN_STAT_COUNT];

struct admin_config {
	uint32_t conns_max, conns_per_address, sessions_max;
	uint64_t idle_ms, session_ms;
	bool is_bound; /* sessions to their address */
	bool has_metrics; /* /metrics is served to accounts */
	struct prefix metrics_sources[ADMIN_METRICS_SOURCES_MAX]; /* to collectors from there without one */
	size_t n_metrics_sources;
	char banner[4001]; /* shown before a log-in (B-BAN-02); a bar begins a new line */
};

struct admin {
	struct loop *loop;
	struct bus *bus;
	struct keyproxy *keys;
	struct tls_news news;
	struct tls_store *tls; /* NULL: no certificate, nobody is served */
	struct admin_config config;
	struct acceptor acceptor;
	bool is_ready, is_stopping;

	struct list conns, gone; /* connections; those to be freed at the end of the turn */
	uint32_t n_conns;
	struct address_table addresses;
	struct loop_defer sweep;

	struct list sessions, operators, operators_gone;
	uint32_t n_sessions, n_streams;
	uint64_t next_operator;
	struct operator *collector; /* asks for collectors without an account; NULL: none has come */
	struct log_limit metrics_refused;
	struct loop_timer session_timer;
	uint64_t stats[ADMIN_STAT_COUNT];
	/* what the authority of certificates looks for at web listen-redirect (MSG_ACME_TOKEN); "" nothing */
	char acme_token[129], acme_answer[193];
};

/* listen.c */
void admin_listener(struct admin *a, const char *name, const char *addr, uint16_t port, int fd);
/* Accepts or not, by what there is room for. */
void admin_accept_update(struct admin *a);
extern const struct acceptor_hooks admin_acceptor_hooks;
/* Port of the first HTTPS listener; 0: none. */
uint16_t admin_https_port(const struct admin *a);

/* metrics.c: nobody may come without an account any more. */
void collector_close(struct admin *a);

/* config.c */
void admin_apply(struct admin *a, const struct settings *s);

#endif
