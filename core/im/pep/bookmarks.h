/* bookmarks.h - a person's rooms: in a node (XEP-0402), and for older clients in private XML (XEP-0048, XEP-0049). The node
 * has them as soon as there is one. */
#ifndef IM_BOOKMARKS_H
#define IM_BOOKMARKS_H

#include "iq/iq.h"
#include "pep/pep_state.h"

/* Is this private XML of bookmarks? */
bool bookmarks_are(const struct xml_node *private_child);
/* Answers out of the node. false: there is none. */
bool bookmarks_get(struct im *im, struct iq *q);
/* Brings the node to what the older form says, then answers. */
void bookmarks_set(struct im *im, struct iq *q, const struct xml_node *storage);

/* A room of the older form as an item of the node; its id is in im->arena. false: it is none. */
bool bookmarks_convert(struct im *im, const struct xml_node *room, struct bytes *id, struct buf *payload);
extern const struct pep_config bookmarks_config; /* of the node */

#endif
