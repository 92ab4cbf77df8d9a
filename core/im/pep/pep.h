/* pep.h - what people publish of themselves (XEP-0163: XEP-0060 with an account as the service): requests, events, and
 * the last items that those who come get.
 *
 * A request is answered, and an event goes out, when gh-store has what it is about on disk. Nodes and their states are in
 * memory with their user (pep_node.h); pep.c has the table of requests, pep_*.c their handlers. */
#ifndef IM_PEP_H
#define IM_PEP_H

#include "iq/iq.h"
#include "pep/pep_node.h"

enum { PEP_RESULT_BYTES = 200 << 10 }; /* items in one answer: below what other servers take as a stanza */

/* A request while it is dealt with. */
struct pep_ask {
	struct im *im;
	struct iq *q;
	const struct xml_node *verb; /* <publish/>, <items/>, ... */
	const struct xml_node *options; /* <publish-options/>, <configure/> or <options/> beside it; or NULL */
	const struct xml_node *set; /* of XEP-0059, beside it; or NULL */
	struct bytes name; /* its node attribute; may be empty */
	struct pep_node *node; /* or NULL: there is none */
};

/* The iq row of both namespaces. */
void pep_request(struct im *im, struct iq *q);

/* Refuses with a condition of pubsub#errors: "closed-node" and so on, NULL for none. */
void pep_refuse(struct pep_ask *a, enum stanza_error why, const char *condition);
void pep_refuse_unsupported(struct pep_ask *a, const char *feature);

/* Handlers (pep_publish.c, pep_items.c, pep_config.c, pep_people.c). */
void pep_publish(struct pep_ask *a);
void pep_retract(struct pep_ask *a);
void pep_purge(struct pep_ask *a);
void pep_items(struct pep_ask *a);
void pep_create(struct pep_ask *a);
void pep_delete(struct pep_ask *a);
void pep_get_config(struct pep_ask *a);
void pep_set_config(struct pep_ask *a);
void pep_get_default(struct pep_ask *a);
void pep_subscribe(struct pep_ask *a);
void pep_unsubscribe(struct pep_ask *a);
void pep_subscriptions(struct pep_ask *a);
void pep_affiliations(struct pep_ask *a);
void pep_get_subscribers(struct pep_ask *a);
void pep_set_subscribers(struct pep_ask *a);
void pep_get_affiliates(struct pep_ask *a);
void pep_set_affiliates(struct pep_ask *a);

/* How many items of a node like this are kept. */
uint32_t pep_kept(const struct im *im, const struct pep_config *c);
/* Writes the changed state of the node asked about to disk, then answers. false: refused. */
bool pep_save(struct pep_ask *a, const struct pep_node *n, struct bytes result);

/* May somebody (a JID) see a node's items? groups: of the contact that it is, as in contact.h; is_shown: it sees the
 * owner's presence. */
struct pep_viewer {
	struct bytes jid;
	struct bytes groups;
	bool is_own, is_shown;
};
bool pep_may_see(const struct pep_config *c, struct bytes people, const struct pep_viewer *v);
/* The same for a node in memory; blocked ones may not. */
bool pep_shows(const struct user *u, const struct pep_node *n, struct bytes jid);

/* Something has happened at a node: all who want to hear of it do. inner: what stands in <event/>. */
void pep_notify(struct im *im, struct user *u, const struct pep_node *n, struct bytes inner);
/* A client that has come gets the last items of the nodes it wants. owner: of this account only; BYTES_NONE: of its own and
 * of all people here whose presence it sees. */
void pep_send_last(struct im *im, struct bytes owner, struct bytes full, const struct bytes *nodes, unsigned n);
/* The last item of a node for one address, which has subscribed. */
void pep_send_last_of(struct im *im, const struct user *u, const struct pep_node *n, struct bytes to);

/* "<item id='...' publisher='...'>payload</item>"; publisher: left out when it is the owner itself. */
void pep_put_item(struct buf *b, struct bytes id, struct bytes publisher, struct bytes payload);

#endif
