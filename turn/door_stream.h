/* turn/door_stream.h - clients over TCP and TLS (RFC 8656 2.1, RFC 7443), as far as others in this program
 * need to know them. A client is named by its path (path.conn). RFC 6062 takes a client's connection
 * away from the engine: from then on its bytes belong to a tap. */
#ifndef TURN_DOOR_STREAM_H
#define TURN_DOOR_STREAM_H

#include "worker.h"

enum stream_stat {
	STREAM_STAT_ACCEPTED, STREAM_STAT_TLS, STREAM_STAT_REFUSED_FULL, STREAM_STAT_REFUSED_ADDRESS, STREAM_STAT_PAUSED,
	STREAM_STAT_MALFORMED, STREAM_STAT_TIMEOUT, STREAM_STAT_TLS_FAILED, STREAM_STAT_DROPPED, STREAM_STAT_CLOSED, STREAM_STAT_FRONT,
	STREAM_STAT_COUNT
};
extern const char *const stream_stat_names[STREAM_STAT_COUNT];

struct streams *streams_new(struct worker *w); /* NULL without memory */
void streams_free(struct streams *s);          /* after its doors have closed */
uint32_t streams_count(const struct streams *s); /* connections there are */
uint64_t *streams_stats(struct streams *s);      /* STREAM_STAT_COUNT of them */

/* gh-proxy hands over a TCP connection that is for this program (RELAY_CONNECTION, RFC 7443), before TLS: its client is one of the first
 * TLS listener, and counts like one that came there. Closed when there is none. ERR_SYNTAX: it is no TCP connection. */
int stream_on_front(void *worker, struct chan *from, const struct frame *f);

/* ---- RFC 6062 ---- */
struct stream_tap {
	void (*data)(void *arg, struct bytes in); /* valid during the call */
	void (*drained)(void *arg);               /* what was put is with the kernel */
	void (*ended)(void *arg);                 /* the client says nothing more, and may hear still */
	void (*closed)(void *arg);                /* the client's connection is gone; last call */
};

/* Bytes of this client go to the tap from the end of this turn on, first those that came behind the request that
 * is being answered; the engine hears no more of it. ERR_NOT_FOUND. */
int stream_tap(struct worker *w, const struct turn_path *client, const struct stream_tap *t, void *arg);
/* Raw bytes for a tapped client, after what the engine has sent; drained() follows when they, and what was put after
 * them, are with the kernel. ERR_FULL, ERR_NOT_FOUND. */
int stream_put(struct worker *w, const struct turn_path *client, struct bytes b);
size_t stream_queued(struct worker *w, const struct turn_path *client);
/* Stops and resumes reading of it. */
void stream_pause(struct worker *w, const struct turn_path *client, bool is_paused);
/* Finds out when the other end of a connection that may be silent is away. */
void stream_keep_alive(int fd);
/* Sends what is queued, then tells it that no more comes; it may say more. */
void stream_end_output(struct worker *w, const struct turn_path *client);
/* Sends what is queued and closes; no closed() follows. */
void stream_end(struct worker *w, const struct turn_path *client);

#endif
