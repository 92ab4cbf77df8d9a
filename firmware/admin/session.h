/* session.h - who is logged in at the web: a cookie for a browser; a bearer token, an API token that gh-conf knows, or name and password
 * for an API client.
 * Behind each is one operator's connection to gh-conf with its candidate. Tokens are random and live in this process
 * only: they end with it. */
#ifndef ADMIN_SESSION_H
#define ADMIN_SESSION_H

#include "operator.h"

#include <jansson.h>

struct conn;

enum session_kind { SESSION_COOKIE, SESSION_BEARER, SESSION_BASIC, SESSION_TOKEN };
enum { SESSION_TOKEN_HEX = 64, SESSION_CSRF_HEX = 32 };

struct session {
	struct list node;
	struct admin *admin;
	enum session_kind kind;
	char token[SESSION_TOKEN_HEX + 1], csrf[SESSION_CSRF_HEX + 1];
	uint8_t credential[32]; /* SESSION_BASIC, SESSION_TOKEN: a keyed hash of name and password, or of the token */
	struct peer_address peer;
	uint64_t created_ms, used_ms;
	struct operator *op;
	char user[64], role[16];
	json_t *message;     /* what is to be shown after the log-in; NULL */
	json_t *about;       /* what gh-conf said of the log-in: last one, failures, days of the password */
	bool is_live;        /* logged in */
	/* while it logs in */
	struct ask login;
	struct conn *conn;   /* who waits; NULL: has gone */
	bool must_route;     /* then do what was asked (Basic), instead of telling of the log-in */
};

struct session_login {
	struct bytes user, password, code, new_password; /* code: TOTP; "" */
	enum session_kind kind;
};

void session_init(struct admin *a);
void session_fini(struct admin *a);
/* Logs in and answers the connection's request, now or later. */
void session_login(struct conn *c, const struct session_login *login);
/* Whose request is this? NULL: it has been answered, or it will be routed again when a log-in is done. */
struct session *session_of(struct conn *c);
/* Without answering: may it send a long body? */
bool session_is_known(struct conn *c);
/* Ends it and gh-conf's side of it. */
void session_end(struct session *s, const char *reason);
/* login.c: the frame of a log-in. */
void login_put(struct ask *q, const struct ask_ops *ops, const struct session_login *l);
/* {"user":..., "role":..., "csrf":...} */
void session_describe(const struct session *s, struct buf *out);

#endif
