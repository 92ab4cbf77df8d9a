/* gateway/link/trunk.h - one connection between an edge and a core: TLS 1.3 with certificates of both, HTTP/2 inside, and the
 * client streams (lanes) on it. A lane joins an HTTP/2 stream with one end of a pair of sockets, whose other end is gh-proxy's
 * on the edge and gh-access's on the core: they do not know that there is anything between. */
#ifndef LINK_TRUNK_H
#define LINK_TRUNK_H

#include "joint.h"
#include "meta_h2.h"

#include "net/link.h"

enum {
	TRUNK_HIGH = 256 << 10, /* bytes that wait in one connection; the rest waits in its streams */
	TRUNK_BULK_TURN = 64 << 10, /* bytes of files that go out in one turn of the loop: then chats have theirs */
	LANE_HIGH = 64 << 10,   /* bytes for a session beyond which its stream's window is not given back */
};

struct trunk {
	struct list node;
	struct joint *joint;
	struct edge *edge; /* core: the edge that was dialled; NULL: a core has come */
	uint64_t id;
	struct link link;
	struct h2 h2;
	struct meta_reader reader; /* of the request whose fields come */
	struct loop_timer tick;
	struct loop_defer pump;
	struct loop_timer more; /* bulk: pump goes on in the next turn */
	struct list lanes;
	uint32_t n_lanes;
	struct address_count *address; /* edge: until it has proved who it is */
	struct peer_address peer;
	char name[LINK_NAME_BYTES]; /* of the other side, by its certificate (edge) or the setting (core) */
	uint64_t avoid_ms; /* edge: until then nobody is put on it while there is another: its core has refused a session, or is silent elsewhere */
	uint64_t up_ms, ferry_at_ms; /* edge: not before then a ferry is opened on it (again) */
	int64_t clock_off_ms; /* their time of day less ours (link_clock.h) */
	enum trunk_kind kind;
	bool is_up, is_gone, is_clock_far;
	bool is_core_drained; /* edge: its core takes no new clients */
	bool is_enrol; /* enrol.h: no HTTP/2 on it */
};

/* Edge: takes over an accepted descriptor, closes it on failure. ERR_LIMIT, ERR_NOMEM. */
int trunk_accept(struct joint *j, int fd, const struct sockaddr *from);
/* Core: connects. */
int trunk_dial(struct joint *j, struct edge *e, enum trunk_kind kind, const struct sockaddr *to, socklen_t to_n, struct trunk **out);
/* Ends it at once. reason: for the log. */
void trunk_drop(struct trunk *t, const char *reason);
/* No new sessions; it ends with its last one. */
void trunk_drain(struct trunk *t);
/* Says anew what this box is (link_stamp.h): it is another than before. */
void trunk_say_stamp(struct trunk *t);
/* There is something to send. */
void trunk_kick(struct trunk *t);
/* Edge: its core has said nothing for some seconds, or has just refused a session. */
bool trunk_is_doubtful(const struct trunk *t);
/* Edge: the one of this kind with the fewest sessions, of those that take more; a doubtful one only where there is no other; NULL. Clients
 * go to no core that says it is drained; files and web services do. */
struct trunk *trunk_pick(struct joint *j, enum trunk_kind kind);
void trunk_sweep(struct joint *j);

/* ---- lane.c ---- */
struct lane {
	struct list node;
	struct joint *joint;
	struct trunk *trunk; /* NULL: it never had one, or that is gone */
	struct h2_stream stream;
	struct link pair;
	struct loop_timer linger;
	size_t owed; /* bytes that the pair has not taken and the window was not given back for */
	char from[254]; /* edge: the domain that the client asked for, for an apology */
	uint8_t kind; /* enum trunk_kind */
	bool has_pair, is_gone;
	bool is_session; /* of service.h */
	bool is_client; /* edge: a client's XMPP stream is at the other end of the pair: it can be told why it ends */
	bool has_heard; /* something has come from the other side */
};
/* Edge: takes over one end of a pair, whose stream goes to a core; it is told when there is none. */
void lane_open(struct joint *j, int fd, const struct meta *m);
/* The same over this connection, for a stream of our own: not 0: it takes none. */
int lane_open_at(struct trunk *t, int fd, const struct meta *m);
/* Hooks of h2. */
void lane_begin(void *trunk);
void lane_field(void *trunk, struct bytes name, struct bytes value);
void lane_request(void *trunk, int32_t id, bool is_whole);
void lane_data(void *trunk, struct h2_stream *s, struct bytes in);
void lane_drained(void *trunk, struct h2_stream *s);
void lane_closed(void *trunk, struct h2_stream *s, int why);
/* Edge: the core is silent: newcomers that have heard nothing from it are told now, so that they can come again, to another. */
void lane_forsake(struct trunk *t);
/* The trunk is gone. */
void lane_orphan(struct lane *l);
void lane_sweep(struct joint *j);

#endif
