/* msrp_door.h - the connections of chat sessions (RFC 4975) between SIP users and gh-xlate, which is one end of
 * each. Only a session that gh-xlate has announced (MSRP_OPEN) may use a connection, in or out, and whoever is at
 * the other end must name it; so this is no relay (RFC 4976), and strangers get no further than a 481.
 *
 * Frames are read here so far as to know whose they are; what they say is gh-xlate's. */
#ifndef GSIP_MSRP_DOOR_H
#define GSIP_MSRP_DOOR_H

#include "net/dns.h"
#include "net/tls.h"
#include "run/bus.h"
#include "run/loop.h"

struct msrp_door;

/* bus and dns must outlive it. NULL without memory. */
struct msrp_door *msrp_door_new(struct loop *l, struct bus *bus, struct dns *dns);
void msrp_door_free(struct msrp_door *d); /* NULL is fine */
/* Certificates and trust for connections from now on (not taken over), and the domain of ours that is shown
 * when the other side names none (NULL: none). */
void msrp_door_set_tls(struct msrp_door *d, struct tls_store *store, const char *domain);
/* News of revocation: ends the connections that stand on a certificate that is revoked now. */
void msrp_door_prove_again(struct msrp_door *d);
/* A listener row "msrp" or "msrp-tls" comes (fd is taken over), or goes (fd -1). False: another row. */
bool msrp_door_listener(struct msrp_door *d, const char *name, const char *addr, uint16_t port, int fd);
/* No new ones any more. */
void msrp_door_unlisten(struct msrp_door *d);
/* Stops and resumes reading of all connections. */
void msrp_door_pause(struct msrp_door *d, bool is_paused);

/* gh-xlate says (run/msg.def); 0, or ERR_PROTOCOL. */
int msrp_door_on_open(struct msrp_door *d, const struct frame *f);
int msrp_door_on_frame(struct msrp_door *d, const struct frame *f);
int msrp_door_on_close(struct msrp_door *d, const struct frame *f);
/* gh-xlate is gone with all its sessions. */
void msrp_door_down(struct msrp_door *d);

struct msrp_door_counts {
	uint64_t sessions, connections; /* now */
	uint64_t accepted, refused, unknown_session, frames_in, frames_out;
};
void msrp_door_counts(const struct msrp_door *d, struct msrp_door_counts *out);

#endif
