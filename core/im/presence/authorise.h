/* authorise.h - what is answered for a person to one who asks to see their presence (D-AUT): yes, no, or the person is asked. */
#ifndef IM_AUTHORISE_H
#define IM_AUTHORISE_H

#include "user.h"

/* What a person wants of those that nothing else is said of (D-AUT-06). UNSET: nothing was chosen; they are asked. */
enum authorise_default { AUTHORISE_UNSET, AUTHORISE_ASK, AUTHORISE_ALLOW, AUTHORISE_BLOCK, AUTHORISE_DEFAULT_COUNT };
enum authorise_verdict { AUTHORISE_ASKS, AUTHORISE_APPROVES, AUTHORISE_REFUSES };
/* As gh-store keeps a policy (STORE_POLICY_KEY): default u8, n u16, n of jid str: people and whole domains that may see (D-AUT-05).
 * Those that may not are the block list (XEP-0191; D-AUT-04), which comes first: of whom it names nothing reaches here. */
enum { AUTHORISE_JIDS_MAX = 200, AUTHORISE_BYTES_MAX = 64 << 10 };

/* One who asks. */
struct authorise_case {
	bool is_local;            /* of a domain that lives here */
	bool is_local_approved;   /* im approve-local */
	bool is_allowed;          /* by the person's policy, or their address's domain is */
	bool is_contact;          /* one whom the person sees, or has asked to see */
	enum authorise_default otherwise;
};

/* Pure. */
enum authorise_verdict authorise_decide(const struct authorise_case *c);
/* The same of a person and one who asks (bare, normalised). */
enum authorise_verdict authorise_of(const struct im *im, const struct user *u, struct bytes bare);
/* Does the person's policy block everybody (C-AVL-17), and so this one (full or bare, normalised)? Not domains, those whom the policy allows,
 * those whom the person has in the own list, and those to whom a client of the person shows itself; groups of the directory make no
 * difference (C-AVL-19). Part of user_blocks. */
bool authorise_keeps_out(const struct user *u, struct bytes full);
/* Takes a policy over; empty: none. ERR_SYNTAX: it is none, and what there was stays; ERR_NOMEM. */
int authorise_set(struct user *u, struct bytes policy);
/* "unset" "ask" "allow" "block". */
const char *authorise_default_name(enum authorise_default d);

#endif
