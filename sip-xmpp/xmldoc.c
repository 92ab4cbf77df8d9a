#include "xmldoc.h"

#include "base/err.h"

/* It says nothing that matters here: what is not UTF-8 is refused by the parser. */
static struct bytes skip_declaration(struct bytes in)
{
	static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };

	if (bytes_starts(in, bytes_make(mark, sizeof mark)))
		in = bytes_skip(in, sizeof mark);
	if (!bytes_starts(in, BYTES("<?xml")))
		return in;
	return bytes_skip(in, bytes_find(in, '>') + 1);
}

int xmldoc_parse(struct bytes in, struct arena *a, struct xml_node **out)
{
	static const struct xml_limits limits = { .header_bytes = 4096, .stanza_bytes = 16384, .depth = 8, .attrs = 16, .nodes = 64 };

	return xml_parse(skip_declaration(in), "", &limits, a, out);
}
