#include "xmldoc.h"

#include "base/err.h"

const struct xml_limits xmldoc_small = {
	.header_bytes = 4096, .stanza_bytes = 16384, .depth = 8, .attrs = 16, .nodes = 64, .has_comments = true
};

/* "<?xml ...?>" says nothing that matters here: what is not UTF-8 is refused by the parser, and plain ASCII
 * under a declaration of ISO-8859-1 is fine. */
static struct bytes skip_declaration(struct bytes in)
{
	if (bytes_starts(in, BYTES("\xEF\xBB\xBF")))
		in = bytes_skip(in, 3);
	while (in.n && (in.p[0] == ' ' || in.p[0] == '\t' || in.p[0] == '\r' || in.p[0] == '\n'))
		in = bytes_skip(in, 1);
	if (!bytes_starts(in, BYTES("<?xml")))
		return in;
	for (struct bytes at = in; at.n; at = bytes_skip(at, 1))
		if (bytes_starts(at, BYTES("?>")))
			return bytes_skip(at, 2);
	return in;
}

int xmldoc_parse(struct bytes in, const struct xml_limits *limits, struct arena *a, struct xml_node **out)
{
	return xml_parse(skip_declaration(in), "", limits, a, out);
}
