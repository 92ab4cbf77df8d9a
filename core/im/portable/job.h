/* portable/job.h - inside of portable_*.c: a file being read. */
#ifndef IM_PORTABLE_JOB_H
#define IM_PORTABLE_JOB_H

#include "ask.h"
#include "portable/pie.h"
#include "proto/jid.h"
#include "run/portable.h"
#include "user.h"

struct portable;
typedef void (*portable_fn)(struct im *im, struct portable *p);

/* The person whose data is read. */
struct portable_user {
	bool is_open;       /* a name and a domain of ours */
	struct user *user;  /* data: pinned; NULL: there is no such account */
	bool was_away;      /* was not in memory before */
	enum portable_result result;
	uint32_t counts[PORTABLE_COUNTS], parts;
	char note[PORTABLE_NOTE_MAX + 1];
	uint8_t n_secrets;  /* accounts: in `secrets`, as STORE_ACCOUNT_PUT has them */
	bool has_password;  /* they are of a password: all there are */
	struct buf secrets;
	struct buf nodes;   /* data: made by this file, each a str */
	size_t jid_n;
	uint8_t jid[JID_MAX_BYTES];
};

struct portable {
	struct im *im;
	struct proc_ask *ask; /* of the piece; NULL between two */
	struct xml_document *doc;
	struct loop_timer idle;
	bool is_data, is_last;
	uint8_t *text;        /* the piece */
	struct buf results;
	uint64_t made, existed;
	char error[200];
	/* what gh-store has to do before the next part */
	unsigned pending, parts;
	bool is_stepping, is_waiting, is_dead;
	portable_fn then;     /* when all of it is done */
	/* where it is */
	bool is_host_ours;
	size_t host_n;
	uint8_t host[JID_MAX_BYTES];
	struct portable_user who;
	size_t node_n;        /* PIE_ITEMS: whose node */
	uint8_t node[512];
	/* a part that waits for what gh-store has of it */
	struct buf key, value;
	bool is_found;
};

static inline struct bytes portable_jid(const struct portable *p)
{
	return bytes_make(p->who.jid, p->who.jid_n);
}

/* done of an ask whose arg is the file; portable_asked before it. A failure makes the person's result PORTABLE_ERROR. */
void portable_asked(struct portable *p);
void portable_done(struct im *im, struct ask *a, int rc);
/* Nothing more is read before all that was asked is done; then `then` is called, when there is one. */
void portable_wait(struct portable *p, portable_fn then);
/* Counts a part that cannot come in. why: of the first one the operator is told. */
void portable_leave_out(struct portable *p, const char *why);

/* ---- portable_take.c, portable_pep.c: one part of the person's data; what they need meanwhile is in im->arena ---- */
void portable_take(struct im *im, struct portable *p, enum pie in, struct xml_node *n);
void portable_take_node(struct im *im, struct portable *p, const struct xml_node *n);
void portable_take_item(struct im *im, struct portable *p, const struct xml_node *n);
/* The same of an item by its parts. config: of a node that has to be made. */
struct pep_config;
void portable_publish(struct im *im, struct portable *p, struct bytes node, const struct pep_config *config, struct bytes id, struct bytes payload);

#endif
