#include "imdn.h"

#include "base/err.h"
#include "charset.h"
#include "xmldoc.h"

#define NS_IMDN "urn:ietf:params:xml:ns:imdn"

/* In which notification each status stands (RFC 5438 7.2.1). */
static const struct {
	const char *notification, *name;
} rows[] = {
	[IMDN_DELIVERED] = { "delivery-notification", "delivered" },
	[IMDN_DISPLAYED] = { "display-notification", "displayed" },
	[IMDN_FAILED] = { "delivery-notification", "failed" },
	[IMDN_ERROR] = { "delivery-notification", "error" },
	[IMDN_FORBIDDEN] = { "delivery-notification", "forbidden" },
	[IMDN_PROCESSED] = { "processing-notification", "processed" },
	[IMDN_STORED] = { "processing-notification", "stored" },
};
_Static_assert(sizeof rows / sizeof rows[0] == IMDN_STATUS_COUNT, "a row for each");

/* error and forbidden may stand in any notification, failed in the first only. */
static int status_of(const struct xml_node *root, enum imdn_status *out)
{
	for (const struct xml_node *n = xml_first(root); n; n = xml_next(n)) {
		const struct xml_node *status = xml_first(xml_child(n, "status", NS_IMDN));
		for (unsigned i = 0; status && i < IMDN_STATUS_COUNT; i++) {
			bool is_any = i == IMDN_ERROR || i == IMDN_FORBIDDEN;
			if (strcmp(status->name, rows[i].name) == 0 && (is_any || strcmp(n->name, rows[i].notification) == 0)) {
				*out = i;
				return 0;
			}
		}
	}
	return ERR_SYNTAX;
}

int imdn_read(struct bytes in, struct arena *a, struct imdn *out)
{
	struct xml_node *root;
	enum imdn_status status;
	int rc = xmldoc_parse(in, &xmldoc_small, a, &root);

	if (rc)
		return rc;
	if (!xml_is(root, "imdn", NS_IMDN) || status_of(root, &status))
		return ERR_SYNTAX;
	struct bytes id = xml_text(xml_child(root, "message-id", NS_IMDN));
	if (!id.n)
		return ERR_SYNTAX;
	*out = (struct imdn){ status, id, xml_text(xml_child(root, "datetime", NS_IMDN)),
			      xml_text(xml_child(root, "recipient-uri", NS_IMDN)) };
	return 0;
}

static void put_element(struct buf *out, const char *name, struct bytes text)
{
	if (!text.n)
		return;
	buf_putf(out, "<%s>", name);
	charset_put_xml(out, text);
	buf_putf(out, "</%s>", name);
}

void imdn_write(struct buf *out, const struct imdn *i)
{
	buf_put_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<imdn xmlns=\"" NS_IMDN "\">");
	put_element(out, "message-id", i->message_id);
	put_element(out, "datetime", i->date_time);
	put_element(out, "recipient-uri", i->recipient);
	buf_putf(out, "<%s><status><%s/></status></%s></imdn>\r\n", rows[i->status].notification, rows[i->status].name,
		 rows[i->status].notification);
}
