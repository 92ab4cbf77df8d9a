/* bookmarks.h - a person's rooms: in a node (XEP-0402), and for older clients in private XML (XEP-0048, XEP-0049). The node
 * has them as soon as there is one. */
#ifndef IM_BOOKMARKS_H
#define IM_BOOKMARKS_H

#include "iq/iq.h"

/* Is this private XML of bookmarks? */
bool bookmarks_are(const struct xml_node *private_child);
/* Answers out of the node. false: there is none. */
bool bookmarks_get(struct im *im, struct iq *q);
/* Brings the node to what the older form says, then answers. */
void bookmarks_set(struct im *im, struct iq *q, const struct xml_node *storage);

#endif
