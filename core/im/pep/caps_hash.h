/* caps_hash.h - entity capabilities (XEP-0115): what a client says of itself, checked against the hash that it announced.
 * Pure. */
#ifndef IM_CAPS_HASH_H
#define IM_CAPS_HASH_H

#include "proto/xml.h"

enum {
	CAPS_FEATURES_MAX = 300, /* and identities, and form fields, each */
	CAPS_TEXT_MAX = 64 << 10, /* bytes of a verification string */
	CAPS_INTERESTS_MAX = 64,
};

/* The announcement in a presence stanza. false: there is none that can be checked. */
struct caps_said {
	struct bytes node, ver, hash; /* hash: "sha-1" or another name of XEP-0300's that is known here */
};
bool caps_said(const struct xml_node *presence, struct caps_said *out);

/* Does a disco#info result hash to this (XEP-0115 5.4)? Ill-formed ones (5.4, 3.3 to 3.7: the same identity or feature
 * twice) never do. */
bool caps_is_true(const struct xml_node *query, const struct caps_said *said, struct arena *a);

/* Nodes of which it wants to hear (XEP-0163 4.2: features that end in "+notify"), into out; how many. Views of the tree. */
unsigned caps_interests(const struct xml_node *query, struct bytes out[static CAPS_INTERESTS_MAX]);

#endif
