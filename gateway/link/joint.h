/* gateway/link/joint.h - gh-link as one struct: what its files share. On an edge it takes connections of cores, on a core it
 * dials edges; one box may do both. */
#ifndef LINK_JOINT_H
#define LINK_JOINT_H

#include "meta.h"
#include "service.h"

#include "base/list.h"
#include "base/log.h"
#include "net/address.h"
#include "net/dns.h"
#include "net/keyproxy.h"
#include "net/tls.h"
#include "run/acceptor.h"
#include "run/bus.h"
#include "run/linkkeys.h"
#include "run/settings.h"

/* Counters: enum, name. */
#define LINK_STATS(X)                                                                              \
	X(STAT_DIALLED, "link.dialled")                                                            \
	X(STAT_DIAL_FAILED, "link.dial.failed")                                                    \
	X(STAT_ACCEPTED, "link.accepted")                                                          \
	X(STAT_REFUSED_ADDRESS, "link.refused.address")                                            \
	X(STAT_REFUSED_FULL, "link.refused.full")                                                  \
	X(STAT_REFUSED_CERT, "link.refused.certificate")                                           \
	X(STAT_UP, "link.up")                                                                      \
	X(STAT_DOWN, "link.down")                                                                  \
	X(STAT_PROTOCOL, "link.protocol.errors")                                                   \
	X(STAT_OPENED, "link.sessions.opened")                                                     \
	X(STAT_ENDED, "link.sessions.ended")                                                       \
	X(STAT_LOST, "link.sessions.lost")                                                         \
	X(STAT_NO_CORE, "link.sessions.refused.no-core")                                           \
	X(STAT_NO_ACCESS, "link.sessions.refused.no-access")                                       \
	X(STAT_NO_SERVICE, "link.sessions.refused.service")                                        \
	X(STAT_OVER_BUDGET, "link.sessions.refused.memory")                                        \
	X(STAT_PARTNERS_IN, "link.partners.in")                                                    \
	X(STAT_PARTNERS_OUT, "link.partners.out")                                                  \
	X(STAT_PARTNERS_BACK, "link.partners.back")                                                \
	X(STAT_PARTNERS_LOST, "link.partners.lost")                                                \
	X(STAT_PARTNERS_REFUSED, "link.partners.refused")

#define STAT_MEMBER(id, name) id,
enum link_stat { LINK_STATS(STAT_MEMBER) LINK_STAT_COUNT };
#undef STAT_MEMBER
extern const char *const link_stat_names[LINK_STAT_COUNT];

enum {
	LINK_EDGES_MAX = 16,
	LINK_TRUNKS_MAX = 256,   /* of an edge: 64 cores */
	LINK_NAME_BYTES = 64,
	LINK_OWED_MAX = 128 << 20, /* bytes for sessions of one kind that do not take them, of all together */
};

struct trunk;
struct edge;
struct enrolment;
struct renewal;
struct ferries;

struct joint {
	struct loop *loop;
	struct bus *bus;
	struct keyproxy *keys;
	struct dns *dns;
	struct tls_store *tls; /* NULL: no certificate, no links */
	const struct settings *settings;
	uint32_t sessions_max; /* of one connection */
	struct enrolment *enrol;
	struct renewal *renewal;
	struct ferries *ferries;
	struct acceptor acceptor;
	struct address_table addresses;
	bool is_ready, is_stopping;
	bool is_edge; /* link listen is set */
	bool is_drained; /* core: new clients go elsewhere (client drain) */
	bool has_certificate; /* one that can be shown at links */

	struct list trunks, gone_trunks, gone_lanes;
	uint32_t n_trunks;
	struct loop_defer sweep;
	struct edge *edges[LINK_EDGES_MAX]; /* core: those that are dialled; NULL: free */
	struct loop_timer lonely;           /* edge: no core has come for so long */
	struct loop_timer refused_timer;    /* edge: the alarm of a refused peer ends */
	struct log_limit refused_log, service_log;
	unsigned next_inside; /* instance whose turn it is */
	size_t owed[TRUNK_KIND_COUNT], owed_max; /* by kind: files that are not fetched take nothing from chats */
	uint64_t next_id;
	uint64_t stats[LINK_STAT_COUNT];
};

/* config.c */
void joint_apply(struct joint *j, const struct settings *s);
void joint_config_fini(struct joint *j);
/* What this box is called at links: the system's name as one label. */
void joint_own_node(const struct joint *j, char out[static LINK_NODE_MAX + 1]);
/* Edge: starts or ends the time until the alarm that no core has a connection to it. */
void joint_look_lonely(struct joint *j);

/* listen.c: edge */
void joint_listener(struct joint *j, const char *name, const char *addr, uint16_t port, int fd);
void joint_accept_update(struct joint *j);
extern const struct acceptor_hooks joint_acceptor_hooks;

/* dial.c: core */
/* Dials those of the settings, and those no more that are not in them. */
void dial_apply(struct joint *j, const struct settings *s);
void dial_fini(struct joint *j);
/* A connection that was dialled has ended or could not be made (why: for show links), or is there. */
void dial_lost(struct edge *e, struct trunk *t, const char *why);
void dial_up(struct edge *e, struct trunk *t);
const char *edge_name(const struct edge *e);
struct bytes edge_pin(const struct edge *e);
/* Walks what is dialled, for show links: start with *at = 0; false at the end. */
struct edge_place {
	const char *edge, *why;
	char address[300];
	enum trunk_kind kind;
	const struct trunk *trunk; /* NULL: none now */
};
bool dial_next(const struct joint *j, size_t *at, struct edge_place *out);

/* lane.c */
/* CLIENT_STREAM, FILE_STREAM or WEB_STREAM of gh-proxy: goes to a core. */
int joint_client_stream(void *joint, struct chan *from, const struct frame *f);

void joint_sweep(void *joint);

#endif
