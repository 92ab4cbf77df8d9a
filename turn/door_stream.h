/* turn/door_stream.h - clients over TCP and TLS (RFC 8656 2.1, RFC 7443), as far as others in this program
 * need to know them. A client is named by its path (path.conn). RFC 6062 takes a client's connection
 * away from the engine: from then on its bytes belong to a tap. */
#ifndef TURN_DOOR_STREAM_H
#define TURN_DOOR_STREAM_H

#include "worker.h"

struct stream_tap {
	void (*data)(void *arg, struct bytes in); /* valid during the call */
	void (*drained)(void *arg);               /* what was put is with the kernel */
	void (*closed)(void *arg);                /* the client's connection is gone; last call */
};

/* Bytes of this client go to the tap from the next turn on, first those that came behind the request that
 * is being answered; the engine hears no more of it. ERR_NOT_FOUND. */
int stream_tap(struct worker *w, const struct turn_path *client, const struct stream_tap *t, void *arg);
/* Raw bytes for a tapped client, after what the engine has sent. ERR_FULL, ERR_NOT_FOUND. */
int stream_put(struct worker *w, const struct turn_path *client, struct bytes b);
size_t stream_queued(struct worker *w, const struct turn_path *client);
/* Stops and resumes reading of it. */
void stream_pause(struct worker *w, const struct turn_path *client, bool is_paused);
/* Sends what is queued and closes; no closed() follows. */
void stream_end(struct worker *w, const struct turn_path *client);

#endif
