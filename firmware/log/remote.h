/* remote.h - one syslog server: its spool, its connection, and whether it has what was sent.
 * Syslog has no acknowledgement. Over TCP and TLS a message counts as delivered when the server's kernel has
 * acknowledged it and the connection stood for two more seconds; what is younger is sent again after a loss, so a server may
 * get some lines twice, but none is missing unless the spool overran, which is counted and said. Over UDP a message is
 * delivered when it is sent. */
#ifndef LOGD_REMOTE_H
#define LOGD_REMOTE_H

#include "line.h"
#include "net/dns.h"
#include "net/link.h"
#include "spool.h"

#include <netinet/in.h>

enum remote_transport { REMOTE_TLS, REMOTE_TCP, REMOTE_UDP };
enum remote_state { REMOTE_IDLE, REMOTE_RESOLVING, REMOTE_CONNECTING, REMOTE_READY, REMOTE_STATE_COUNT };
enum { REMOTE_MARKS = 64 };

struct remote_conf {
	char host[256]; /* name (A-labels) or address */
	uint16_t port;
	enum remote_transport transport;
	enum log_level level;
	unsigned facility;
	uint64_t spool_bytes;
	char name[256];      /* of its certificate; "" the host's */
	char authority[64];  /* only this anchor; "" any */
	char certificate[64]; /* ours; "" none */
	uint8_t pin[32];
	bool has_pin;
};

/* What all servers share. */
struct remote_world {
	struct loop *loop;
	struct dns *dns;
	struct tls_store *store; /* of the settings now; with a domain of each certificate's name */
	char host[256];          /* ours, in messages */
	int dir_fd;
};

/* All before place had left us, as that many bytes of the connection. */
struct remote_mark {
	struct spool_place place;
	uint64_t bytes, at_ms;
};

struct remote {
	struct list node;
	char key[SPOOL_NAME_MAX + 1];
	const struct remote_world *world;
	struct remote_conf conf;
	enum remote_state state;
	struct spool spool;
	struct loop_timer timer; /* the next attempt */
	struct loop_defer feed;
	struct dns_query *query;
	struct dns_addr_answer addrs;
	size_t addr_at;
	struct link link;
	int udp; /* -1: none */
	uint32_t backoff_ms;
	uint64_t sent, connected_ms, lost_said;
	struct remote_mark marks[REMOTE_MARKS]; /* ring */
	size_t mark_at, n_marks;
	char why[160]; /* the last trouble; "" none */
	bool is_stopping, is_seen; /* is_seen: the settings have it */
};

/* NULL without memory. Begins at once. */
struct remote *remote_new(const struct remote_world *w, const char *key, const struct remote_conf *c);
/* The spool stays on the disk, or goes when is_gone. */
void remote_free(struct remote *r, bool is_gone);
/* New settings: the connection begins anew when they touch it. */
void remote_set(struct remote *r, const struct remote_conf *c);
/* Certificates or trust are new: a TLS connection begins anew. */
void remote_renew(struct remote *r);
void remote_line(struct remote *r, const struct line *l);
void remote_tick(struct remote *r);
const char *remote_state_name(const struct remote *r);
const char *remote_transport_name(enum remote_transport t);

#endif
