/* client.h - one client connection of the load generator. Of XMPP: connects, logs in, binds, is present,
 * then sends and receives messages. Of SIP: registers and stays. Reads XML by looking for the few things it waits for, so that
 * the generator costs less than any server under test. */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "auth.h"
#include "register.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

enum client_tls { CLIENT_CLEAR, CLIENT_STARTTLS, CLIENT_DIRECT };

struct client;
struct client_plan { /* shared by all clients of a run */
	const char *domain, *password, *prefix;
	struct sockaddr_in server;
	unsigned sources;  /* spread over 127.0.1.1 .. : one address has only some 28,000 ports */
	enum client_tls tls;
	enum auth_mechanism mechanism;
	struct auth_memory memory;
	unsigned sip_users; /* not 0: clients of SIP, spread over so many users */
	bool wants_roster;  /* each asks for its own before it is present */
	SSL_CTX *ctx;
	int epoll;
	struct client_hooks {
		void (*ready)(struct client *c);
		void (*message)(struct client *c, struct bytes stanza);
		void (*presence)(struct client *c, struct bytes stanza); /* or NULL */
		void (*iq)(struct client *c, struct bytes stanza);       /* or NULL */
		void (*gone)(struct client *c, const char *why);
	} on;
};

enum client_state {
	CLIENT_IDLE,
	CLIENT_CONNECTING,
	CLIENT_TLS_HANDSHAKE,
	CLIENT_REGISTERING,    /* of SIP: waits for a challenge, then for 200 */
	CLIENT_FEATURES_CLEAR, /* waits for STARTTLS to be offered */
	CLIENT_PROCEED,
	CLIENT_FEATURES_AUTH,
	CLIENT_AUTH,
	CLIENT_FEATURES_BIND,
	CLIENT_BIND,
	CLIENT_PRESENT, /* waits for the answer to a first ping */
	CLIENT_READY,
};

struct client {
	struct client_plan *plan;
	unsigned number; /* user PREFIXnumber */
	int fd;
	SSL *ssl;
	uint8_t state;
	bool is_writing;
	struct buf in, out;
	struct auth auth;
	char user[32];
	/* for the run that owns it */
	struct client *partner;
	uint64_t due_us; /* when it says the next message; 0: at once, or nothing to say */
	bool is_in_room;
};

void client_init(struct client *c, struct client_plan *plan, unsigned number);
int client_start(struct client *c);
void client_event(struct client *c, unsigned epoll_events);
void client_send(struct client *c, const char *text, size_t n);
/* Sends what is queued. */
void client_flush(struct client *c);
/* Closes politely if ready, else at once. */
void client_stop(struct client *c);

#endif
