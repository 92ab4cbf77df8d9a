#include "portable/pie.h"

#include "base/err.h"
#include "base/stamp.h"
#include "proto/xmpp.h"

const struct xml_limits pie_limits = { .stanza_bytes = 1 << 20, .depth = 32, .attrs = 32, .nodes = 20000, .has_comments = true };

static const struct row {
	int parent;
	const char *name, *ns;
	enum pie is;
} rows[] = {
	{ PIE_NONE, "server-data", NS_PIE, PIE_SERVER },
	{ PIE_SERVER, "host", NS_PIE, PIE_HOST },
	{ PIE_NONE, "host", NS_PIE, PIE_HOST }, /* 6: a file that another one includes */
	{ PIE_HOST, "user", NS_PIE, PIE_USER },
	{ PIE_USER, "query", NS_ROSTER, PIE_ROSTER },
	{ PIE_USER, "offline-messages", NS_PIE, PIE_OFFLINE },
	{ PIE_USER, "query", NS_PRIVATE, PIE_PRIVATE },
	{ PIE_USER, "pubsub", NS_PUBSUB_OWNER, PIE_NODES },
	{ PIE_USER, "pubsub", NS_PUBSUB, PIE_PUBSUB },
	{ PIE_PUBSUB, "items", NS_PUBSUB, PIE_ITEMS },
	{ PIE_USER, "archive", NS_PIE_MAM, PIE_ARCHIVE },
};

int pie_holds(int parent, const struct xml_node *n)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].parent == parent && xml_is(n, rows[i].name, rows[i].ns))
			return rows[i].is;
	return parent ? PIE_NONE : ERR_XML_NAMESPACE;
}

uint64_t pie_take_delay(struct xml_node *message, uint64_t otherwise)
{
	struct xml_node *d = xml_child(message, "delay", NS_DELAY);
	uint64_t ms;

	if (!d || stamp_parse(xml_attr(d, "stamp"), &ms))
		return otherwise;
	xml_del_node(d);
	return ms;
}
