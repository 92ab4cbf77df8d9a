/* play.h - for tests: the real gh-im on a virtual clock, between a client door, gh-switch and gh-store
 * that are played here. People are names at a.example; what is not said in a play is answered as a
 * healthy peer would. */
#ifndef IM_PLAY_H
#define IM_PLAY_H

#include "im.h"
#include "play/play_store.h"

enum { PLAY_CLIENTS_MAX = 64 };
#define PLAY_PASSWORD "open sesame"

/* A client's stream, as its door sees it. */
struct client {
	struct play *play;
	uint64_t conn;
	char full[128];      /* once a session is open */
	struct buf got;      /* stanzas since the last look, one behind the other */
	uint32_t taken;      /* DELIVERs of this stream */
	bool is_stuck;       /* its kernel takes nothing: no WRITTEN */
	bool is_closed;      /* by gh-im */
	bool is_sip;         /* its door is gh-xlate */
	/* the last answer to what it asked for: AUTH_*, SESSION_*, SM_* */
	enum msg answer;
	char condition[64], challenge[512], text[128], bare[128], token[128];
	uint64_t expires_ms; /* of the token */
	char sm_id[64];
	uint32_t sm_max_s, h; /* h: of the last SM_ANSWER, SESSION_RESUMED or SESSION_RESUME_FAILED */
	bool has_h;
	unsigned n_answers;  /* SM_ANSWERs */
};

struct play {
	struct loop *loop;
	struct im im;
	struct bus *bus, *door, *hub, *sip, *line, *dir, *comply, *conf;
	struct settings *settings;
	struct play_store store;
	struct client clients[PLAY_CLIENTS_MAX];
	unsigned n_clients;
	/* gh-switch */
	struct buf sent;      /* stanzas to other domains since the last look */
	uint64_t sent_id;     /* of the last */
	bool is_hub_silent;   /* no ROUTE_DONE */
	/* gh-line: the last DIGEST_VERDICT */
	int verdict;
	unsigned n_verdicts;
	char verdict_jid[128], verdict_label[128], revoked_label[128];
	/* gh-dir, which is there after dir_join: what it was asked last */
	char dir_jid[128], dir_password[128];
	uint32_t dir_id;
	unsigned n_dir_asks;
	/* gh-comply, which is there after comply_join: stanzas that it got and has not answered, one behind the other */
	struct buf noted;
	uint64_t comply_seq; /* of the last */
	unsigned n_noted;    /* in all */
	int dir_changed;      /* rc of the last DIR_CHANGED */
	unsigned n_dir_known; /* people of the last DIR_KNOWN_PAGE; their addresses, "alice@a.example " each, with ! where gone */
	char dir_known[512];
	/* gh-xlate: USER_ONLINEs since the last look, "alice@a.example 1\n" with their flags */
	char online[512];
	/* gh-conf, which is there after conf_join: lines of the audit trail, "by command what\n" */
	char audited[4096];
	uint64_t done_id;     /* the last ROUTE_DONE it got */
	unsigned n_done;
	struct xml_pool *parsers;
	struct arena arena;
};

/* alice, bob and carol have accounts. rows: further settings. */
void play_open(struct play *p, const char *rows);
void play_close(struct play *p);
/* Until nothing moves; and ms later. */
void play_run(struct play *p);
void play_wait(struct play *p, uint64_t ms);
void play_account(struct play *p, const char *jid);

/* ---- clients ---- */
/* A stream that has not logged in. */
struct client *client_new(struct play *p);
/* One that has, by PLAIN; name: of an account at a.example. */
struct client *client_auth(struct play *p, const char *name);
/* One with a session. */
struct client *client_login(struct play *p, const char *name, const char *resource);
/* The same, and available with this priority. */
struct client *client_online(struct play *p, const char *name, const char *resource, int priority);
/* A SIP client's session, as gh-xlate opens it; look at its answer. */
struct client *client_enter(struct play *p, const char *jid, const char *resource);
/* A phone of the call manager. */
struct client *client_phone(struct play *p, const char *jid);
/* The steps, for plays about them. flags: of run/session.h. */
struct auth_try {
	const char *mechanism, *domain, *cb_type;
	struct bytes initial, cb_data;
	uint8_t flags;
	const char *client, *device, *wanted; /* FAST (XEP-0484); NULL: none */
	uint64_t count;
};
void client_auth_start(struct client *c, const struct auth_try *t);
void client_auth_response(struct client *c, struct bytes data);
void client_open(struct client *c, const char *resource, uint32_t flags, const char *tag, uint32_t sm_max_s);
void client_enable_sm(struct client *c, bool wants_resume, uint32_t max_s);
void client_resume(struct client *c, const char *sm_id, uint32_t h);
void client_request(struct client *c);
void client_ack(struct client *c, uint32_t h);
/* Its user looks at it, or not (XEP-0352). */
void client_csi(struct client *c, bool is_active);
/* Its stream is lost; it closes it properly. */
void client_lose(struct client *c);
void client_leave(struct client *c);
/* A stanza as a client writes it, printf of our own values. */
void client_send(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What came since the last look; valid until the next one. */
const char *client_got(struct client *c);
/* Its kernel takes what lay there. */
void client_unstick(struct client *c);

/* ---- the other peers ---- */
/* gh-line asks whether a REGISTER's digest, made with this user and password, is right. */
struct digest_try {
	const char *user, *password, *realm; /* realm NULL: a.example */
	int algorithm; /* enum digest_algorithm */
	bool is_outside;
};
void line_check(struct play *p, const struct digest_try *t);
/* gh-dir comes and goes; it answers the last question. */
void dir_join(struct play *p);
void dir_leave(struct play *p);
void dir_answer(struct play *p, int rc);
/* gh-conf comes and goes. */
void conf_join(struct play *p);
void conf_leave(struct play *p);
/* gh-comply comes and goes; it answers for all that it has got. */
void comply_join(struct play *p);
void comply_leave(struct play *p);
void comply_answer(struct play *p, int rc);
/* What it has got since the last answer: stanzas, "event text" lines, "file name" lines. */
const char *comply_got(struct play *p);
/* Other settings than those of play_open. */
void play_settle(struct play *p, const char *rows);
/* It changes an account (enum directory_change); asks whom gh-im knows. */
void dir_change(struct play *p, int what, const char *jid);
void dir_ask_known(struct play *p, const char *after);
void sip_leave(struct play *p);
void sip_join(struct play *p);
/* A stanza from another domain; id 0: nobody waits for it. */
void hub_send(struct play *p, uint64_t id, const char *stanza);
const char *hub_got(struct play *p);
void hub_done(struct play *p, uint64_t id, int rc);
void hub_leave(struct play *p);
void hub_join(struct play *p);
void store_leave(struct play *p);
void store_join(struct play *p);
void door_leave(struct play *p);
void door_join(struct play *p);
/* gh-im dies without a word and starts anew. */
void im_restart(struct play *p);

/* In tests: what must, and must not, stand in a text. */
#define assert_has(text, part) play_assert(text, part, true, __FILE__, __LINE__)
#define assert_lacks(text, part) play_assert(text, part, false, __FILE__, __LINE__)
void play_assert(const char *text, const char *part, bool is_wanted, const char *file, int line);

#endif
