/* chat.h - a person's client, as small as it can be: STARTTLS with the certificate checked, SCRAM,
 * bind, send a message, wait for one. It blocks; every wait ends. */
#ifndef DEMO_CHAT_H
#define DEMO_CHAT_H

#include "proto/xml.h"

#include <openssl/ssl.h>

struct chat {
	int fd;
	SSL_CTX *ctx;
	SSL *tls;
	struct xml_pool *pool;
	struct xml_stream xml;
	struct arena arena;      /* of the event that was read last */
	char jid[128], full[512];
	char why[160];           /* what went wrong, in words */
	char mechanism[32];
};

struct chat_login {
	const char *user, *domain, *password;
	const char *addr;
	uint16_t port;
	const char *ca_path; /* file with the authority that must have issued the server's certificate */
};

/* Logs in and says that it is there. On failure c->why says where it went wrong. */
int chat_open(struct chat *c, const struct chat_login *login);
void chat_close(struct chat *c);
int chat_send(struct chat *c, const char *to, const char *id, const char *body);
/* Waits for the message with this id. ERR_TIMEOUT; ERR_DENIED: an error came back (c->why). */
int chat_wait(struct chat *c, const char *id, unsigned limit_ms);

#endif
