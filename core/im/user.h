/* user.h - people of our domains, as far as they are of interest now: with sessions, or with
 * something on its way to them. Loaded from gh-store at the first need, dropped a while after the
 * last. */
#ifndef IM_USER_H
#define IM_USER_H

#include "contact.h"
#include "im.h"

struct session;
struct item;
struct pep_node;
struct push;

enum user_state {
	USER_LOADING, /* gh-store was asked; what comes for them waits */
	USER_READY,
	USER_NONE, /* there is no such account */
	USER_FAILED, /* gh-store could not say: the next need asks again */
};

struct user {
	struct list sessions;
	struct list waiting;   /* parcels, until it is loaded */
	struct list openers;   /* logins that want a session */
	struct list watchers;  /* who sees them for a while (presence/watch.c) */
	struct list idle_node; /* in im->idle_users while nothing holds it */
	uint64_t idle_since_ms;
	struct contact **contacts; /* by address */
	struct pep_node **nodes;   /* what it publishes (pep_node.h) */
	struct bytes *blocks;      /* one block of memory with the texts behind; any order */
	struct push *push;         /* where its clients are woken (push/push.h); NULL: nowhere */
	uint8_t *prefs;            /* what is archived (archive_prefs.h); NULL: all */
	uint8_t *policy;           /* who may see them (presence/authorise.h); NULL: none was made */
	uint64_t roster_version;
	uint64_t offline_after; /* rows up to here have been read (offline.c) */
	uint32_t prefs_n, policy_n;
	uint32_t n_contacts, n_blocks, n_nodes, n_waiting;
	uint32_t offline_due; /* messages from storage, handed out and not yet confirmed */
	uint16_t pins;        /* asks that will come back to it */
	uint16_t n_sessions;
	uint8_t state; /* enum user_state */
	bool is_offline_reading, has_offline_more;
	bool is_told_online; /* to gh-xlate (online.c) */
	bool is_searching;   /* (iq/search.c) */
	bool is_of_directory, is_gone; /* its account is the directory's; which does not have it any more (directory.h) */
	bool is_disabled;    /* by an administrator: nobody may log in to it */
	uint64_t notice_seen; /* number of the last message of the day that it got (announce/notice.h); 0: none */
	bool is_offline_cut; /* the last page met a full queue: the next one waits for a confirmation */
	uint16_t jid_n;
	char jid[];
};

static inline struct bytes user_jid(const struct user *u)
{
	return bytes_make(u->jid, u->jid_n);
}

static inline struct bytes user_prefs(const struct user *u)
{
	return bytes_make(u->prefs, u->prefs_n);
}

static inline struct bytes user_policy(const struct user *u)
{
	return bytes_make(u->policy, u->policy_n);
}

/* If it is in memory; else NULL. */
struct user *user_find(const struct im *im, struct bytes bare);
/* The same, loading it. NULL when too many are being loaded, or without memory. */
struct user *user_get(struct im *im, struct bytes bare);
/* A parcel that must wait until it is loaded; takes a point. false: too many wait. */
bool user_wait(struct im *im, struct user *u, struct parcel *p);
void user_pin(struct user *u);
/* Nothing holds it any more? Then it may be dropped after a while. */
void user_unpin(struct im *im, struct user *u);
void user_check_idle(struct im *im, struct user *u);
/* Forgets what is known about an address (account made or deleted). */
void user_forget(struct im *im, struct bytes bare);

/* The account is being deleted: its sessions end, and the address is nobody's. */
void user_gone(struct im *im, struct bytes bare);

/* NULL when there is none. */
struct contact *user_contact(const struct user *u, struct bytes bare);
/* Puts it in the place of the one with this address, or adds it. NULL without memory. In
 * memory only. */
struct contact *user_put_contact(struct user *u, const struct contact_parts *parts);
void user_del_contact(struct user *u, struct bytes bare);
/* Is somebody (a full JID) blocked, by the list or because all are (presence/authorise.h)? */
bool user_blocks(const struct user *u, struct bytes full);
/* By the list alone (XEP-0191 3: full, bare, domain/resource, domain). */
bool user_lists_block(const struct user *u, struct bytes full);
/* Takes a new list. ERR_NOMEM. */
int user_set_blocks(struct user *u, const struct bytes *jids, uint32_t n);

void users_init(struct im *im);
void users_fini(struct im *im);

#endif
