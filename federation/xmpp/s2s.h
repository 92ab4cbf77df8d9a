/* s2s.h - the program gh-s2s: XMPP federation in and out (RFC 6120, 7590).
 *
 * One struct holds everything; it is made in main and handed down. The folder's README says what is
 * in which file. */
#ifndef S2S_S2S_H
#define S2S_S2S_H

#include "base/arena.h"
#include "base/secret.h"
#include "flight.h"
#include "net/address.h"
#include "net/dns.h"
#include "net/keyproxy.h"
#include "net/tls_news.h"
#include "net/tls.h"
#include "peer.h"
#include "run/acceptor.h"
#include "run/proc.h"
#include "run/stats.h"
#include "run/tap.h"
#include "stream.h"

/* counter, printed name */
#define S2S_STAT_TABLE(X)                                                                          \
	X(STAT_IN_ACCEPTED, "s2s.in.accepted")                                                     \
	X(STAT_IN_LIMITED, "s2s.in.limited")                                                       \
	X(STAT_IN_ADDRESS_LIMITED, "s2s.in.address-limited")                                       \
	X(STAT_IN_PROVEN, "s2s.in.proven")                                                         \
	X(STAT_OUT_ATTEMPTS, "s2s.out.attempts")                                                   \
	X(STAT_OUT_USER_LIMITED, "s2s.out.user-limited")                                           \
	X(STAT_OUT_FAILED, "s2s.out.failed")                                                       \
	X(STAT_OUT_READY, "s2s.out.ready")                                                         \
	X(STAT_REFUSED_POLICY, "s2s.refused.policy")                                               \
	X(STAT_REFUSED_DNS, "s2s.refused.dns")                                                     \
	X(STAT_REFUSED_TCP, "s2s.refused.tcp")                                                     \
	X(STAT_REFUSED_TLS, "s2s.refused.tls")                                                     \
	X(STAT_REFUSED_STREAM, "s2s.refused.stream")                                               \
	X(STAT_REFUSED_CERTIFICATE, "s2s.refused.certificate")                                     \
	X(STAT_REFUSED_AUTH, "s2s.refused.authentication")                                         \
	X(STAT_REFUSED_DIALBACK, "s2s.refused.dialback")                                           \
	X(STAT_REFUSED_QUEUE, "s2s.refused.queue")                                                 \
	X(STAT_STANZAS_IN, "s2s.stanzas.in")                                                       \
	X(STAT_STANZAS_OUT, "s2s.stanzas.out")                                                     \
	X(STAT_STANZAS_BAD, "s2s.stanzas.bad")                                                     \
	X(STAT_STANZAS_RETRIED, "s2s.stanzas.retried")                                             \
	X(STAT_BOUNCED, "s2s.bounced")                                                             \
	X(STAT_QUEUE_FULL, "s2s.queue.full")                                                       \
	X(STAT_QUEUE_OLD, "s2s.queue.old")                                                         \
	X(STAT_FLIGHT_AGAIN, "s2s.flight.again")                                                   \
	X(STAT_FLIGHT_BOUNCED, "s2s.flight.bounced")                                               \
	X(STAT_VERIFY_ASKED, "s2s.verify.asked")                                                   \
	X(STAT_POSH_ASKED, "s2s.posh.asked")                                                       \
	X(STAT_IN_FRONT, "s2s.in.front")
#define S2S_STAT_MEMBER(id, name) id,
enum s2s_stat { S2S_STAT_TABLE(S2S_STAT_MEMBER) STAT_COUNT };
#undef S2S_STAT_MEMBER

enum { S2S_RECENT_MAX = 8192, S2S_ARENA_BYTES = 32 << 20 };

struct s2s {
	struct proc *proc;
	struct loop *loop;
	struct s2s_conf conf;
	const struct settings *settings; /* that conf was made from; NULL: none came yet */
	struct stream_env env;
	struct xml_pool *xml;
	struct arena arena; /* one step of an engine */
	unsigned arena_users;
	uint8_t dialback_secret[32];
	struct keyproxy *keys;
	struct tls_store *certificates;
	struct tls_news news; /* of gh-pki */
	struct dns *dns;
	struct map peers;     /* struct peer by domain; owned */
	struct map conns;     /* struct conn by id; owned */
	size_t n_unproven;    /* incoming ones without a proof */
	struct address_table strangers; /* incoming connections that have proved nothing */
	struct map senders;   /* of sender.h: users of ours by bare JID; owned */
	struct flights flights;
	struct map outgoing;  /* struct queue_item by envelope id: ours to answer (ROUTE_DONE) */
	struct buf dones;     /* ROUTE_DONE bodies that wait for gh-switch to come back */
	uint64_t recent[S2S_RECENT_MAX]; /* envelope ids done last, each at its place: it may come again when the answer was lost */
	struct taps taps;     /* of operators (tap.h) */
	struct loop_timer tick; /* ages, retries, sweeping; runs only while there is something */
	struct acceptor acceptor;
	size_t n_freed; /* peers and streams, since memory was given back */
	struct log_limit limit_log, stranger_log;
	struct stats stats;
	uint64_t counts[STAT_COUNT];
	bool is_at_limit; /* an alarm stands: federation streams-max */
	bool is_stopping;
	struct loop_timer stop;
};

/* The peer of a remote domain, made when missing: for domains that we want something of, never only
 * because a stranger says the name. NULL: no memory. */
struct peer *s2s_peer(struct s2s *s, struct bytes domain);
/* NULL: we know nothing of it. */
struct peer *s2s_find_peer(struct s2s *s, struct bytes domain);
/* Makes sure that the tick runs. */
void s2s_want_tick(struct s2s *s);
/* One log line why a peer was refused and what to do; rate-limited by domain, and for domains that we
 * do not know, all together. */
void s2s_log_refused(struct s2s *s, struct bytes domain, const struct reason *why);
/* Engines share one arena; nested use must not reset it. */
void s2s_arena_enter(struct s2s *s);
void s2s_arena_leave(struct s2s *s);

#endif
