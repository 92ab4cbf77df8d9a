/* xmldoc.h - small XML documents that come in SIP bodies (isComposing, IMDN). Pure. */
#ifndef XLATE_XMLDOC_H
#define XLATE_XMLDOC_H

#include "base/arena.h"
#include "proto/xml.h"

/* An XML declaration may stand before it. At most 16 KB, 64 elements, 8 deep; no DTD, no entities, no
 * comments. ERR_XML_*, ERR_NOMEM. */
int xmldoc_parse(struct bytes in, struct arena *a, struct xml_node **out);

#endif
