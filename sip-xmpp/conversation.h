/* conversation.h - what is remembered of an XMPP user and a SIP user who write to each other: order of
 * messages, threads, typing, receipts, and what the SIP side takes. Bounded; the longest silent goes first. */
#ifndef XLATE_CONVERSATION_H
#define XLATE_CONVERSATION_H

#include "composing.h"
#include "xlate.h"

enum {
	CONVERSATIONS_MAX = 20000, CONVERSATION_QUEUE_MAX = 100, /* MSG-X19 */
	CONVERSATION_NOTES_MAX = 64, CONVERSATION_FORGET_MS = 24 * 3600 * 1000,
	CONVERSATION_STATE_MS = 10000 /* CMP-11 */
};

/* Whether the SIP side takes something: not known, since it showed so, or not for a day (CMP-08). */
struct capability {
	bool is_known, is_on;
	uint64_t until_ms; /* while it is off */
};

/* A message that passed: what may be said of it later. */
struct note {
	struct list node;
	bool is_from_sip;
	unsigned wanted;         /* enum cpim_disposition: still asked for */
	struct bytes sid;        /* the stanza's id */
	struct bytes message_id; /* imdn.Message-ID of a message from SIP; empty: none */
	struct bytes call_id;    /* of a message from SIP: its thread (MSG-S04) */
	struct bytes date;       /* its DateTime */
	struct bytes jid;        /* the XMPP user's full JID */
	uint8_t text[];
};

/* One direction's typing. */
struct typing {
	struct loop_timer timer;
	bool is_shown;    /* the other side was told "composing" */
	bool is_wanted;   /* what it is to be told */
	bool is_told;     /* ever */
	uint64_t told_ms; /* when last */
	uint64_t until_ms; /* "composing" ends by itself then */
};

struct conversation {
	struct xlate *x;
	struct list node_lru;
	struct list deliveries; /* message_in.c: to XMPP, a SIP answer waits for each */
	uint64_t used_ms;
	struct bytes xmpp, sip; /* bare JIDs */
	struct buf xmpp_full, sip_full, call_id; /* as last seen */
	uint8_t flags;         /* how the SIP user is reached (struct request_to) */
	uint64_t flow;
	struct list queue;     /* message_out.c: to SIP, the first is under way */
	unsigned n_queue;
	uint32_t cseq;
	struct capability takes_composing, takes_cpim;
	struct typing to_sip, to_xmpp;
	struct list notes;     /* oldest first */
	unsigned n_notes;
	size_t key_n;
	uint8_t key[];
};

/* The one of these two bare JIDs, made when there is none; NULL without memory, or when all of the most are
 * busy. Counts as used now. */
struct conversation *conversation_get(struct xlate *x, struct bytes xmpp, struct bytes sip);
struct conversation *conversation_find(struct xlate *x, struct bytes xmpp, struct bytes sip);

bool capability_is_on(const struct conversation *c, const struct capability *k);
void capability_set(const struct conversation *c, struct capability *k, bool is_on);

/* Remembers a message; texts are copied. NULL without memory. */
struct note *note_add(struct conversation *c, const struct note *n);
struct note *note_of_sid(struct conversation *c, bool is_from_sip, struct bytes sid);
struct note *note_of_message(struct conversation *c, struct bytes message_id);
struct note *note_of_call(struct conversation *c, struct bytes call_id);
void note_del(struct conversation *c, struct note *n);

struct message {
	struct map conversations;
	struct list lru; /* longest silent first */
	struct loop_timer timer;
};
int conversations_init(struct xlate *x);
void conversations_fini(struct xlate *x);

#endif
