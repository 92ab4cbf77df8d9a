/* run/peer_policy.h - which `federation peer` or `sip peer` row governs a remote domain, and may it federate.
 * The one place where rows are matched, so that the door and the switch never disagree (lesson 16
 * of spec/xmpp.md).
 *
 * Exactly one row governs a domain: the row of that very domain; else the most specific
 * "*.parent" whose parent is above it; else the row "*"; else none. Rows are not merged: what the
 * governing row does not set has the setting's default. */
#ifndef RUN_PEER_POLICY_H
#define RUN_PEER_POLICY_H

#include "base/bytes.h"
#include "run/settings.h"

struct peer_policy;

/* `federation mode` and its peers, or `sip mode` and its. */
enum peer_policy_kind { PEER_POLICY_XMPP, PEER_POLICY_SIP, PEER_POLICY_KIND_COUNT };

/* Reads the rows once. s must outlive the policy. ERR_NOMEM. */
int peer_policy_new(const struct settings *s, enum peer_policy_kind kind, struct peer_policy **out);
void peer_policy_free(struct peer_policy *p); /* NULL is fine */

struct peer_verdict {
	bool is_allowed;
	/* Key of the governing row, for settings_*_at; empty when there is none: those calls then give
	 * the defaults. Valid as long as the settings. */
	struct bytes key;
	/* Why, in a word for logs and records: "mode-off", "row-allows", "row-denies", "no-row",
	 * "mode-open". Static. */
	const char *why;
};

/* domain: normalised (proto/jid.h), never empty. Cannot fail. In mode allow-list a row allows by
 * being there; only the row "*" must say so itself, lest one setting for everybody opens the door
 * to everybody. */
void peer_policy_judge(const struct peer_policy *p, struct bytes domain, struct peer_verdict *out);

#endif
