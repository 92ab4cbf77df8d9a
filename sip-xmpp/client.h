/* client.h - SIP clients of our own people, as gh-line has registered them, and phones of the call manager:
 * each is a session of its user in gh-im, which is opened here (run/msg.def, SESSION_ENTER). What the client
 * asks goes out as stanzas of that session; what comes to the session is offered to the features, which know no
 * difference between a client and a partner's user. */
#ifndef XLATE_CLIENT_H
#define XLATE_CLIENT_H

#include "service_features.h"
#include "pres.h"
#include "stanza_out.h"

enum {
	CLIENTS_MAX = 100000, CLIENT_SENT_MAX = 1000, CLIENT_AGAIN_MS = 5000, CLIENT_REFUSED_MS = 30000,
	CLIENT_PUBLICATIONS_MAX = 8,
};
#define PHONE_RESOURCE "phone"
enum { PHONE_PRIORITY = -1 };

enum client_state {
	CLIENT_WAITING,  /* gh-im is away or has refused; tried again */
	CLIENT_ENTERING,
	CLIENT_OPEN,
};

struct person; /* the clients of one user */

/* What was published (RFC 3903), by its entity-tag. */
struct publication {
	struct list node; /* newest first */
	struct client *client;
	struct loop_timer expiry;
	uint32_t pres_n;
	char etag[17];           /* "": what the call manager notifies (manager.h) */
	uint8_t pres[]; /* packed (pres.h) */
};

struct client {
	struct xlate *x;
	struct list node;        /* of its person, newest first */
	struct person *person;
	uint64_t reg;            /* gh-line's number; 0: a phone */
	uint64_t conn;           /* gh-im's, while not waiting; new each time */
	uint8_t state;           /* enum client_state */
	bool is_tls, is_request_due;
	char *resource, *full;   /* full: once it is open */
	struct loop_timer again; /* CLIENT_WAITING */
	/* to gh-im (XEP-0198's count) */
	uint32_t sent;
	struct list pending;     /* struct sent_stanza: gh-im has not answered for them */
	unsigned n_pending;
	struct loop_defer request;
	/* from gh-im */
	uint32_t delivered, acked;
	struct list deliveries;  /* struct delivery, oldest first */
	struct list publications;
	unsigned n_publications;
};
static inline bool client_is_phone(const struct client *c)
{
	return c->reg == 0;
}
struct bytes client_bare(const struct client *c);

struct clients {
	struct map regs;    /* reg -> struct client */
	struct map conns;   /* conn -> struct client */
	struct map persons; /* bare JID -> struct person */
	uint64_t n_opened, n_lost;
};

/* ---- client.c ---- */
extern const struct feature client_feature;
/* NULL: gone. */
struct client *client_of_reg(const struct xlate *x, uint64_t reg);
struct client *client_of_conn(const struct xlate *x, uint64_t conn);
struct client *client_of_jid(const struct xlate *x, const struct jid *j); /* bare: one that is open, or any */
struct client *phone_of(const struct xlate *x, struct bytes bare);
/* A phone's session of this user begins. NULL: too many, or no memory. */
struct client *phone_new(struct xlate *x, struct bytes bare);
/* Its session ends; lost: what it has not acknowledged goes another way. c is gone. */
void client_end(struct client *c, bool is_lost);
/* The session is lost and opened again after a while: what it had not taken comes again. */
void client_break(struct client *c);
/* MSG-S03: who sends from this registration: its full JID once it is open. ERR_NOT_FOUND. */
int client_sender(const struct xlate *x, uint64_t reg, struct jid *out);

int client_on_registered(void *x, struct chan *from, const struct frame *f);
int client_on_gone(void *x, struct chan *from, const struct frame *f);
int client_on_opened(void *x, struct chan *from, const struct frame *f);
int client_on_refused(void *x, struct chan *from, const struct frame *f);
int client_on_close(void *x, struct chan *from, const struct frame *f);

/* ---- client_stanza.c ---- */
void client_stanza_init(struct client *c);
/* Nobody waits any more; gh-xlate itself ends: nothing is told. */
void client_stanza_fini(struct client *c, bool is_end);
/* A stanza of the session's own, nobody waits for it. */
void client_say(struct client *c, enum stanza_kind kind, enum stanza_type type, struct bytes to, struct bytes stanza);
int client_send(struct xlate *x, const struct envelope *e); /* see xlate.h */
int client_on_deliver(void *x, struct chan *from, const struct frame *f);
int client_on_answer(void *x, struct chan *from, const struct frame *f); /* SM_ANSWER */

/* ---- client_publish.c ---- */
/* Shows the session as its publications say, or as registered. */
void client_show(struct client *c);
void client_publish_fini(struct client *c);
/* What is known of the user's phone by subscription; NULL: nothing. */
void phone_watched(struct xlate *x, struct bytes bare, const struct pres *now);
bool client_on_publish(struct xlate *x, struct request_in *r);

#endif
