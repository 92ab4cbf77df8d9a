#include "provision.h"

#include "base/err.h"
#include "proto/xml.h"

#include <string.h>

static const char ns_environment[] = "http://schemas.dmtf.org/ovf/environment/1";

enum { VALUE_MAX = 1024 };

/* Properties of image/steps/ovf.py, each one setting. */
static const struct property {
	const char *key, *before, *after;
} properties[] = {
	{ "name", "set system name \"", "\"" },
	{ "ipv4-address", "set interface a ipv4 static\nset interface a ipv4-address \"", "\"" },
	{ "ipv4-gateway", "set interface a ipv4-gateway \"", "\"" },
	{ "ipv6-address", "set interface a ipv6 static\nset interface a ipv6-address \"", "\"" },
	{ "ipv6-gateway", "set interface a ipv6-gateway \"", "\"" },
	{ "dns", "set dns server 1 \"", "\" 53" },
	{ "ssh-address", "set ssh listen a \"", "\" 22" },
};

/* What stands between quotes in a line of the shell. */
static bool is_plain(struct bytes value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < ' ' || value.p[i] == 0x7f || value.p[i] == '"' || value.p[i] == '\\')
			return false;
	return value.n <= VALUE_MAX;
}

static int put(struct buf *lines, struct bytes key, struct bytes value)
{
	for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
		if (!bytes_eq_str(key, properties[i].key) || value.n == 0)
			continue;
		if (!is_plain(value))
			return ERR_SYNTAX;
		buf_putf(lines, "%s%.*s%s\n", properties[i].before, BYTES_FMT(value), properties[i].after);
	}
	return 0;
}

/* proto/xml reads elements; what stands before a document's is passed over. */
static struct bytes without_declaration(struct bytes document)
{
	static const char begin[] = "<?xml ";
	const uint8_t *end = document.n >= sizeof begin && memcmp(document.p, begin, sizeof begin - 1) == 0 ? memchr(document.p, '>', document.n) : NULL;

	return end ? bytes_skip(document, (size_t)(end + 1 - document.p)) : document;
}

static int read_properties(const struct xml_node *environment, struct buf *lines)
{
	int rc = 0;

	if (!xml_is(environment, "Environment", ns_environment))
		return ERR_SYNTAX;
	for (struct xml_node *s = xml_first(environment); s; s = xml_next(s))
		for (struct xml_node *p = xml_is(s, "PropertySection", ns_environment) ? xml_first(s) : NULL; p && !rc; p = xml_next(p))
			if (xml_is(p, "Property", ns_environment))
				rc = put(lines, xml_attr_ns(p, "key", ns_environment), xml_attr_ns(p, "value", ns_environment));
	return rc;
}

int ovf_lines(struct bytes document, struct buf *lines)
{
	struct xml_limits limits = xml_limits_default;
	struct xml_node *environment;
	struct arena arena;

	limits.has_comments = true;
	arena_init(&arena, (size_t)8 * PROVISION_MAX);
	int rc = xml_parse(without_declaration(document), "", &limits, &arena, &environment);
	if (rc)
		rc = ERR_SYNTAX;
	else
		rc = read_properties(environment, lines);
	arena_fini(&arena);
	if (!rc && buf_bytes(lines).n)
		buf_put_str(lines, "commit\n");
	return rc ? rc : buf_failed(lines) ? ERR_LIMIT : 0;
}
