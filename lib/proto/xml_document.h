/* proto/xml_document.h - a large document read in pieces: elements that hold many others are told as they begin and end, everything in
 * them is a tree of its own, so that nothing grows with the document. The rules of proto/xml.h hold (no DTD, no processing
 * instructions, UTF-8), but comments are read over. */
#ifndef PROTO_XML_DOCUMENT_H
#define PROTO_XML_DOCUMENT_H

#include "proto/xml.h"

enum { XML_DOCUMENT_DEPTH_MAX = 8 /* of elements that hold many */ };

enum xml_document_kind {
	XML_DOCUMENT_NONE,  /* all input is read; more bytes needed */
	XML_DOCUMENT_OPEN,  /* one that holds many begins: node has its attributes, and no children */
	XML_DOCUMENT_ITEM,  /* a whole element inside such a one */
	XML_DOCUMENT_CLOSE, /* the one opened last ends */
	XML_DOCUMENT_END,   /* the document is complete */
};

struct xml_document_event {
	enum xml_document_kind kind;
	int holds;             /* OPEN, CLOSE: what `holds` said of it; ITEM: of the one that it is in */
	struct xml_node *node; /* OPEN, ITEM: until the next call; of OPEN, ns until its CLOSE */
};

/* Does an element hold many others? parent: what this said of the one around it, 0 at the root. More than 0: yes, and what it is; 0: it
 * is an item; ERR_*: it has no place there. n has its attributes. */
typedef int (*xml_document_holds_fn)(int parent, const struct xml_node *n);

struct xml_document;
/* limits: of an item; header_bytes is not looked at. They must outlive the document. NULL without memory. */
struct xml_document *xml_document_new(const struct xml_limits *limits, xml_document_holds_fn holds);
void xml_document_free(struct xml_document *d); /* NULL is fine */
/* Gives bytes, when xml_document_next has said NONE. They stay the caller's, and must be there until it says so again. is_last: the
 * document ends with them. ERR_BAD_STATE at another time. */
int xml_document_feed(struct xml_document *d, struct bytes in, bool is_last);
/* The next event. ERR_XML_*, ERR_NOMEM (also an item with more memory than its limits would need), what `holds` said: the document
 * is dead. A document that is cut short is ERR_XML_SYNTAX. */
int xml_document_next(struct xml_document *d, struct xml_document_event *ev);
/* Of what was read last. */
unsigned long xml_document_line(const struct xml_document *d);

#endif
