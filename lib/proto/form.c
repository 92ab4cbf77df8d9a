#include "proto/form.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"

const struct xml_node *form_field(const struct xml_node *form, const char *var)
{
	for (const struct xml_node *n = xml_first(form); n; n = xml_next(n))
		if (xml_is(n, "field", NS_DATA) && bytes_eq_str(xml_attr(n, "var"), var))
			return n;
	return NULL;
}

struct bytes form_field_value(const struct xml_node *field)
{
	const struct xml_node *v = xml_child(field, "value", NS_DATA);
	struct bytes text = xml_text(v);

	return v && !text.p ? BYTES("") : text;
}

struct bytes form_value(const struct xml_node *form, const char *var)
{
	return form_field_value(form_field(form, var));
}

int form_bool(struct bytes v, bool *out)
{
	bool yes = bytes_eq_str(v, "1") || bytes_eq_str(v, "true");

	if (!yes && !bytes_eq_str(v, "0") && !bytes_eq_str(v, "false"))
		return ERR_SYNTAX;
	*out = yes;
	return 0;
}

void form_put_value(struct buf *b, struct bytes value)
{
	buf_put_str(b, "<value>");
	text_xml_escape(value, b);
	buf_put_str(b, "</value>");
}

void form_put(struct buf *b, const char *var, const char *type, struct bytes value)
{
	buf_put_str(b, "<field");
	xml_write_attr(b, "var", bytes_of(var));
	if (type)
		xml_write_attr(b, "type", bytes_of(type));
	buf_put_u8(b, '>');
	form_put_value(b, value);
	buf_put_str(b, "</field>");
}

void form_begin(struct buf *b, const char *type, const char *form_type)
{
	buf_put_str(b, "<x xmlns='" NS_DATA "'");
	xml_write_attr(b, "type", bytes_of(type));
	buf_put_u8(b, '>');
	form_put(b, "FORM_TYPE", "hidden", bytes_of(form_type));
}

void form_end(struct buf *b)
{
	buf_put_str(b, "</x>");
}
