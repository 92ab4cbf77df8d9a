/* pep_own.h - what gh-im itself reads and publishes in an account's nodes, for the older forms of the same thing
 * (XEP-0398 avatars, XEP-0402 bookmarks). */
#ifndef IM_PEP_OWN_H
#define IM_PEP_OWN_H

#include "ask.h"
#include "pep/pep_job.h"

/* Publishes for the account; the node is made with this configuration if need be. Asks of the same turn reach the disk in
 * their order: who asks for something after it may answer for both. false: no room, no memory. */
bool pep_own_publish(struct im *im, struct user *u, struct bytes node, const struct pep_config *c, struct bytes id,
		     struct bytes payload);
/* Begins the ask for an item of a node that is in memory; who sends it is told by its done. */
void pep_own_ask(struct im *im, const struct user *u, struct pep_node *n, struct bytes id, struct bytes publisher, struct bytes payload);
/* The same for an item whose answer and event are a job's. publisher: empty when it is the owner itself. */
void pep_put(struct im *im, struct user *u, struct pep_node *n, struct bytes id, struct bytes publisher, struct bytes payload,
	     struct pep_job *j);
void pep_own_retract(struct im *im, struct user *u, struct pep_node *n, struct bytes id);
/* Reads one item (an empty id: all, newest first). item gets the numbers first (8 bytes left), then each item's id,
 * publisher, when and payload. */
void pep_own_read(struct im *im, const struct user *u, struct bytes node, struct bytes id, ask_item_fn item, ask_done_fn done,
		  void *arg);

#endif
