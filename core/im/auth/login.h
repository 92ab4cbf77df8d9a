/* login.h - a stream from its AUTH_START until it has a session, and what the mechanisms share. Only
 * auth*.c and login.c include it. */
#ifndef IM_LOGIN_H
#define IM_LOGIN_H

#include "im.h"
#include "proto/hashed_token.h"
#include "proto/scram.h"
#include "run/store_op.h"
#include "auth/policy.h"

struct login;

enum login_state {
	LOGIN_FIRST,   /* waits for the client's first message */
	LOGIN_LOOKUP,  /* gh-store was asked for the verifier */
	LOGIN_FINAL,   /* waits for the client's proof */
	LOGIN_DIRECTORY, /* gh-dir was asked whether the password is its person's (directory.c) */
	LOGIN_TOKEN,   /* logged in; gh-store was asked to keep its new token */
	LOGIN_OK,
	LOGIN_OPENING, /* a session was asked for, and the user is being loaded */
};

/* One row a mechanism. The steps end in an answer to the client or in login_look_up. */
struct mechanism {
	const char *name;
	enum scram_hash hash;
	bool is_plus, is_plain; /* is_plain: gives the secret away, so only inside TLS */
	bool (*is_on)(const struct im *im, const struct login *l); /* NULL: always */
	void (*first)(struct im *im, struct login *l, struct bytes in);
	void (*known)(struct im *im, struct login *l); /* l->verifiers are there, real ones or not */
	void (*final)(struct im *im, struct login *l, struct bytes in);
};

enum { LOGIN_BINDINGS_MAX = 3, LOGIN_BINDING_BYTES = 64, LOGIN_BINDING_NAME = 32 };
struct binding {
	char type[LOGIN_BINDING_NAME];
	uint8_t data[LOGIN_BINDING_BYTES];
	uint8_t n;
};

struct login {
	struct list node; /* in its user's openers while LOGIN_OPENING */
	uint64_t conn;
	const struct mechanism *mechanism;
	enum scram_hash hash;  /* of the verifiers: the mechanism's, or of PLAIN what the account has */
	uint8_t door_prog, door; /* who carries the stream */
	uint8_t flags, state; /* enum login_state */
	uint8_t n_bindings;
	uint8_t n_verifiers;
	bool is_unknown;      /* there is no such account; the client must not see that */
	bool is_proved;       /* the directory has said yes */
	bool is_disabled;     /* the account is: told only to who proves to be its person */
	bool is_revoked;      /* what it logged in with was revoked meanwhile */
	char *domain, *jid;   /* jid: normalised, once the name is known */
	char *address;        /* of the client */
	char *app;            /* label of the application password that it logged in with; NULL: none */
	struct secret password; /* PLAIN, until looked up */
	struct scram_server scram;
	/* The account's, then those of its application passwords, all with one salt: whose proof it is shows
	 * only when it fits. */
	struct scram_verifier *verifiers;
	char (*labels)[STORE_APP_LABEL_MAX + 1]; /* of each; "" of the account's */
	/* FAST (fast.c) */
	enum hashed_token_kind kind, wanted; /* of its mechanism; of the token that it asks for */
	bool wants_token;
	uint64_t count;       /* of the proof; 0: none */
	char *client, *device; /* id and name of the program; client NULL: it has none that will do */
	struct fast *fast;    /* the token's proof and rows; NULL when it logs in otherwise */
	struct fast_fresh *fresh; /* while LOGIN_TOKEN */
	char cb_type[LOGIN_BINDING_NAME];
	struct binding bindings[LOGIN_BINDINGS_MAX];
	/* SESSION_OPEN */
	char *resource, *tag;
	uint32_t session_flags, sm_max_s;
};

/* ---- login.c ---- */
struct login *login_of(const struct im *im, uint64_t conn);
/* NULL: too many, or without memory. */
struct login *login_new(struct im *im, uint64_t conn, const struct chan *door);
void login_free(struct im *im, struct login *l);
/* Those of one door, or (NULL) all. */
void login_free_all(struct im *im, const struct chan *door);
/* NULL: its door has gone, and so has the stream; what is sent then goes nowhere. */
struct chan *login_chan(const struct im *im, const struct login *l);
/* Ends it with a SASL condition (RFC 6120 6.5). */
void login_fail(struct im *im, struct login *l, const char *condition);
/* The same; `reason` says more to the log. */
void login_refuse(struct im *im, struct login *l, const char *condition, const char *reason);
/* The same by an ERR_*: whatever is not the client's fault is temporary-auth-failure. */
void login_fail_by(struct im *im, struct login *l, int rc);
void login_challenge(struct im *im, struct login *l, struct bytes data);
/* Does this count where it comes from, as far as the settings go (policy.h)? */
bool login_counts(const struct im *im, const struct login *l, enum credential by);
/* The same; refuses it otherwise. */
bool login_may(struct im *im, struct login *l, enum credential by);
/* label: of what the client has proved to know. A token for the next time may go with the answer (fast.c). */
void login_succeed(struct im *im, struct login *l, const char *label, struct bytes additional);
/* The same for one whose identity provider vouches for it. */
void login_succeed_oauth(struct im *im, struct login *l);
/* Tells the door. token: "" none. */
void login_tell_ok(struct im *im, struct login *l, struct bytes additional, const char *token, uint64_t expires_ms);
/* Data of the channel binding of this type; empty when there is none. */
struct bytes login_binding(const struct login *l, const char *type);
/* The account's address from a SASL user name. ERR_SYNTAX, ERR_NOMEM. */
int login_name(struct im *im, struct login *l, struct bytes name);
/* Nobody acts for somebody else. */
bool login_is_self(struct im *im, const struct login *l, struct bytes authzid);
char *login_dup(struct bytes v);
void login_copy(char *out, size_t room, struct bytes v);

/* ---- auth_verifier.c ---- */
/* Asks for the verifiers of l->jid; l->mechanism->known goes on. */
void login_look_up(struct im *im, struct login *l);
void login_forget_verifiers(struct login *l);
/* The account's own password was given in full and is right: what it was imported without is made from it (SHA-256 beside SHA-1). */
void login_upgrade(struct im *im, const struct login *l, struct bytes password);

/* ---- auth_scram.c, auth_plain.c: the steps ---- */
void auth_scram_first(struct im *im, struct login *l, struct bytes in);
void auth_scram_known(struct im *im, struct login *l);
void auth_scram_final(struct im *im, struct login *l, struct bytes in);
void auth_plain_first(struct im *im, struct login *l, struct bytes in);
void auth_plain_known(struct im *im, struct login *l);
void auth_oauth_first(struct im *im, struct login *l, struct bytes in);
void auth_oauth_final(struct im *im, struct login *l, struct bytes in);
void auth_fast_first(struct im *im, struct login *l, struct bytes in);

/* ---- fast.c ---- */
/* What AUTH_START says of FAST. */
void fast_read_wishes(struct login *l, struct wire *w);
/* Are there tokens, and may this stream have one? */
bool fast_is_possible(const struct im *im, const struct login *l);
/* Makes a token for the next time where one is due; login_tell_ok then comes later. False: none is. */
bool fast_renew(struct im *im, struct login *l, struct bytes additional);
void fast_free(struct login *l);

#endif
