/* push.h - push notifications (XEP-0357): a client that sleeps leaves the address of its app server, and hears from it that there is
 * something to fetch. App servers live at other domains, each allowed by a row of `im push * content`, which also says what a
 * notification tells; federation's own rules hold besides.
 *
 * A notification goes out when nobody is there to look: no client of the person is connected, active (XEP-0352) and neither away nor
 * xa. It goes to all app servers that are registered, once a second at most, with the number of messages since the last one. */
#ifndef IM_PUSH_H
#define IM_PUSH_H

#include "delivery/item.h"
#include "user.h"

struct iq;
struct session;

/* PAUSE: what comes so soon after a notification is told in one with it. FAILURES: an app server that is away so often in a row is
 * given up. */
enum {
	PUSH_PAUSE_MS = 1000,
	PUSH_FAILURES_MAX = 10,
	PUSH_NODE_MAX = 1024,
	PUSH_OPTIONS_MAX = 4096,
	PUSH_BODY_MAX = 1024,
	PUSH_REGISTERED_MAX = 100, /* the end of the range of `im push-per-user` */
};
/* What a notification says, in the order of the setting's range. */
enum push_content { PUSH_COUNT, PUSH_SENDER, PUSH_BODY };

/* Where one client of a person is pushed to. */
struct push_app {
	struct bytes jid, node, options; /* behind it; options: the form for publish-options, or empty */
	uint64_t asked;                  /* in the id of the last notification; 0: it is answered, or none was sent */
	unsigned failures;               /* in a row */
};

/* All of one person; the last enabled is the last. */
struct push {
	struct im *im;
	struct user *user;
	struct push_app *apps[PUSH_REGISTERED_MAX];
	uint32_t n;
	struct loop_timer timer; /* the pause after a notification; holds a pin of the user */
	uint32_t waiting;        /* messages that came in it */
	struct buf sender, body; /* of the last of them */
};

/* ---- push_server.c: which app servers there may be ---- */

void push_apply(struct im *im, const struct settings *s);
void push_fini(struct im *im);
/* Is there any? Then the feature is announced. */
bool push_is_on(const struct im *im);
/* May this address (normalised) be pushed to, and what is it told? */
bool push_allows(const struct im *im, struct bytes jid, enum push_content *content);

/* ---- push.c: what a person has registered ---- */

/* Rows of iq.c. */
void push_enable(struct im *im, struct iq *q);
void push_disable(struct im *im, struct iq *q);
/* Takes over what gh-store has. ERR_SYNTAX, ERR_NOMEM. */
int push_load(struct im *im, struct user *u, struct bytes kept);
void push_free(struct user *u);
/* Takes one away, in memory and on disk. */
void push_drop(struct im *im, struct user *u, uint32_t i, const char *reason);

/* ---- push_send.c ---- */

/* A message has come for a person, and was delivered or kept. May write im->out and im->out2. */
void push_message(struct im *im, struct user *u, const struct envelope *e);
/* The stream of a session is lost: what it did not confirm was not seen. Before the session is detached or ended. */
void push_lost(struct im *im, struct session *s);
/* A result or an error came for a person: is it an app server's answer? */
void push_answer(struct im *im, struct user *u, struct item *it);
/* struct push's timer. */
void push_on_pause_end(void *push);

#endif
