/* xmldoc.h - XML documents that come in SIP bodies (PIDF, isComposing, IMDN, KeyboardActivity). Pure. */
#ifndef XLATE_XMLDOC_H
#define XLATE_XMLDOC_H

#include "base/arena.h"
#include "proto/xml.h"

/* 16 KB, 64 elements, 8 deep. */
extern const struct xml_limits xmldoc_small;

/* An XML declaration, a byte order mark and comments may stand in it (XML 1.0 2.8); no DTD, no entities but the
 * five, no processing instructions. limits: with has_comments. ERR_XML_*, ERR_NOMEM. */
int xmldoc_parse(struct bytes in, const struct xml_limits *limits, struct arena *a, struct xml_node **out);

#endif
