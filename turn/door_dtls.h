/* turn/door_dtls.h - clients over DTLS (RFC 7350, RFC 8656 2.1), on listeners of their own and on those of UDP
 * (RFC 7983). The plain text of a record is one STUN message or one ChannelData. Nothing is kept for an address that
 * has not answered a cookie. */
#ifndef TURN_DOOR_DTLS_H
#define TURN_DOOR_DTLS_H

#include "worker.h"

enum association_stat {
	ASSOCIATION_COOKIES,         /* strangers who were asked to prove their address */
	ASSOCIATION_ACCEPTED, ASSOCIATION_SECURED, ASSOCIATION_RESTARTED, ASSOCIATION_CLOSED,
	ASSOCIATION_REFUSED_FULL, ASSOCIATION_REFUSED_ADDRESS, ASSOCIATION_MALFORMED, ASSOCIATION_FAILED, ASSOCIATION_TIMEOUT,
	ASSOCIATION_POSTPONED,       /* too many in one turn: the client asks again */
	ASSOCIATION_DROPPED,         /* datagrams for clients that could not be sent */
	ASSOCIATION_STAT_COUNT
};
extern const char *const association_stat_names[ASSOCIATION_STAT_COUNT];

/* All of a worker's. */
struct associations *associations_new(struct worker *w);
void associations_free(struct associations *s); /* ends them; the engine is told */
uint32_t associations_count(const struct associations *s);
uint64_t *associations_stats(struct associations *s);

/* RFC 7983 7: 20 to 63. */
static inline bool is_dtls(uint8_t first)
{
	return (uint8_t)(first - 20) < 44;
}
/* A datagram came on this listener. */
void associations_take(struct door *d, const struct stunaddr *from, struct bytes datagram);

/* What door kinds that take DTLS hand on. */
void associations_close_door(struct door *d);
void associations_to_client(struct worker *w, const struct turn_path *to, struct bytes data);
void associations_close_client(struct worker *w, const struct turn_path *client);

#endif
