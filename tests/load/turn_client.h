/* turn_client.h - TURN clients (RFC 8656) that allocate and bind one channel or permit one peer each, some
 * dozens of requests outstanding in all. Long-term credentials (RFC 8489 9.2) with SHA-1 and MD5: what all servers have. */
#ifndef LOAD_TURN_CLIENT_H
#define LOAD_TURN_CLIENT_H

#include "turn_wire.h"

enum { TURNCLIENT_CHANNEL = 0x4000, TURNCLIENT_NONCE_MAX = 128 };
enum turnclient_step { /* the last one done */
	TURNCLIENT_NONE, TURNCLIENT_CONNECTED, TURNCLIENT_ALLOCATED, TURNCLIENT_BOUND, TURNCLIENT_FREED,
};

struct turnclient {
	struct turnwire wire;
	enum turnclient_step done;
	struct sockaddr_in relayed;
	bool is_waiting; /* for an answer to the request with this id */
	uint8_t id[16];
	double asked_s;
	uint8_t nonce[TURNCLIENT_NONCE_MAX];
	size_t nonce_n;
};
struct turnclients {
	struct turnclient *all;
	unsigned n, window;
	const char *user, *password;
	enum turnwire_kind kind;
	struct sockaddr_in from, server, peer;
	bool use_send; /* a permission, and no channel */
	char realm[128];
	uint8_t key[32];
	size_t key_n;
	SSL_CTX *context;
	const char *why; /* of a failure */
	unsigned repeats; /* requests sent again */
};

/* Brings all of them to a step, that follows on the one they are at. ERR_TIMEOUT after patience_s, others: *why. */
int turnclients_bring(struct turnclients *c, enum turnclient_step to, double patience_s);
void turnclients_close(struct turnclients *c);

#endif
