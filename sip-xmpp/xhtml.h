/* xhtml.h - text/html of a SIP message as XHTML-IM (XEP-0071) and as plain text, and back (MSG-S09, MSG-X14).
 * What comes out has elements of one short table only; of attributes, a link's address of a harmless scheme.
 * Pure. */
#ifndef XLATE_XHTML_H
#define XLATE_XHTML_H

#include "base/buf.h"
#include "proto/xml.h"

#define NS_XHTML_IM "http://jabber.org/protocol/xhtml-im"
#define NS_XHTML "http://www.w3.org/1999/xhtml"

enum { XHTML_DEPTH_MAX = 32 };

/* html: UTF-8, as people write it. Appends what stands inside <body xmlns=NS_XHTML> to xhtml, well-formed and
 * without namespaces of its own, and the text without tags to plain. Never fails but by the buffers. */
void xhtml_of_html(struct bytes html, struct buf *xhtml, struct buf *plain);
/* The other way: the <body/> of an XHTML-IM payload in this message as HTML; false: there is none. */
bool xhtml_to_html(const struct xml_node *message, struct buf *html);

#endif
