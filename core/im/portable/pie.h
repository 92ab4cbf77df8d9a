/* portable/pie.h - the form of files of people (XEP-0227 1.1): which of its elements hold many others, and what they are. Pure. */
#ifndef IM_PORTABLE_PIE_H
#define IM_PORTABLE_PIE_H

#include "proto/xml_document.h"

enum pie {
	PIE_NONE,
	PIE_SERVER,  /* 4.1 <server-data/> */
	PIE_HOST,    /* 4.2 */
	PIE_USER,    /* 4.3 */
	PIE_ROSTER,  /* 4.5 <query xmlns='jabber:iq:roster'/> */
	PIE_OFFLINE, /* 4.4 <offline-messages/> */
	PIE_PRIVATE, /* 4.6 <query xmlns='jabber:iq:private'/> */
	PIE_NODES,   /* 4.9 <pubsub xmlns='...#owner'/>: configurations */
	PIE_PUBSUB,  /* 4.9 <pubsub/>: items */
	PIE_ITEMS,
	PIE_ARCHIVE, /* 4.10 */
	PIE_COUNT
};

/* Of one part: a contact, a message, an item, a vCard. */
extern const struct xml_limits pie_limits;

/* For xml_document_new. ERR_XML_NAMESPACE: the document is none of XEP-0227. */
int pie_holds(int parent, const struct xml_node *n);

/* When a message was sent (XEP-0203; the first <delay/>), which is taken out of it; otherwise: what it says of no time. */
uint64_t pie_take_delay(struct xml_node *message, uint64_t otherwise);

#endif
