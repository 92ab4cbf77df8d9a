#include "bosh_body.h"

#include "base/err.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

enum { VERSION_PART_MAX = 999, SECONDS_MAX = 1000000 };
#define RID_MAX (1ULL << 53) /* 7.1: of the first; those that follow stay far below 2^64 */

static const char *const condition_names[] = {
	"",
	"bad-request",
	"host-unknown",
	"improper-addressing",
	"internal-server-error",
	"item-not-found",
	"policy-violation",
	"remote-connection-failed",
	"remote-stream-error",
	"system-shutdown",
};
static_assert(sizeof condition_names / sizeof *condition_names == BOSH_CONDITION_COUNT, "a name for each");

/* What a client may make its answers be called: nothing that a browser would run. */
static const char *const contents[] = { "text/xml; charset=utf-8", "text/xml", "application/xml; charset=utf-8", "application/xml", "text/plain" };

const char *bosh_condition_name(enum bosh_condition c)
{
	return condition_names[c];
}

void bosh_put_terminate(struct buf *out, enum bosh_condition c, struct bytes payloads)
{
	buf_put_str(out, "<body xmlns='" NS_BOSH "' type='terminate'");
	if (c != BOSH_NONE)
		xml_write_attr(out, "condition", bytes_of(condition_names[c]));
	if (payloads.n == 0) {
		buf_put_str(out, "/>");
		return;
	}
	buf_put_str(out, ">");
	buf_put_bytes(out, payloads);
	buf_put_str(out, "</body>");
}

/* A number that may be missing. */
static bool read_number(const struct xml_node *n, const char *name, uint64_t max, uint64_t *out)
{
	struct bytes text = xml_attr(n, name);

	return !text.p || bytes_to_u64(text, max, out) == 0;
}

static bool read_version(struct bytes text, struct bosh_body *out)
{
	size_t dot = bytes_find(text, '.');
	uint64_t major, minor;

	if (!text.p)
		return true;
	if (dot == text.n || bytes_to_u64(bytes_make(text.p, dot), VERSION_PART_MAX, &major) ||
	    bytes_to_u64(bytes_skip(text, dot + 1), VERSION_PART_MAX, &minor))
		return false;
	out->major = (uint16_t)major;
	out->minor = (uint16_t)minor;
	return true;
}

static bool read_content(struct bytes text, struct bosh_body *out)
{
	out->content = contents[0];
	for (size_t i = 0; text.p && i < sizeof contents / sizeof *contents; i++)
		if (bytes_eq_nocase(text, bytes_of(contents[i]))) {
			out->content = contents[i];
			return true;
		}
	return !text.p;
}

static bool read_flag(struct bytes text, bool *out)
{
	*out = bytes_eq_str(text, "true") || bytes_eq_str(text, "1");
	return !text.p || *out || bytes_eq_str(text, "false") || bytes_eq_str(text, "0");
}

static bool is_key(struct bytes text)
{
	return !text.p || text.n == BOSH_KEY_CHARS;
}

/* Payloads are elements (6): between them there is nothing but white space. */
static bool read_payloads(struct bosh_body *out)
{
	for (const struct xml_node *n = out->node->child; n; n = n->next) {
		for (size_t i = 0; !n->name && i < n->text.n; i++)
			if (!strchr(" \t\r\n", n->text.p[i]))
				return false;
		out->has_payload = out->has_payload || n->name;
	}
	return true;
}

static const char *read_attributes(struct bosh_body *out)
{
	const struct xml_node *n = out->node;
	struct bytes type = xml_attr(n, "type");
	uint64_t wait_s = 60, hold = 1;

	if (!xml_attr(n, "rid").n || !read_number(n, "rid", RID_MAX, &out->rid))
		return "rid is no number (14.1)";
	if (!read_number(n, "wait", SECONDS_MAX, &wait_s) || !read_number(n, "hold", SECONDS_MAX, &hold))
		return "wait or hold is no number";
	if (type.p && !bytes_eq_str(type, "terminate"))
		return "a type that no client has";
	if (xml_attr(n, "pause").p)
		return "pause was not offered (12)";
	if (!read_version(xml_attr(n, "ver"), out) || !read_content(xml_attr(n, "content"), out))
		return "ver or content means nothing here";
	if (!read_flag(xml_attr_ns(n, "restart", NS_XBOSH), &out->is_restart))
		return "restart is no truth value";
	out->key = xml_attr(n, "key");
	out->newkey = xml_attr(n, "newkey");
	if (!is_key(out->key) || !is_key(out->newkey))
		return "a key is 40 digits (15)";
	out->wait_s = (uint32_t)wait_s;
	out->hold = (uint32_t)hold;
	out->is_terminate = type.p != NULL;
	return NULL;
}

bool bosh_body_read(struct bytes in, struct xml_pool *pool, const struct xml_limits *limits, struct arena *a, struct bosh_body *out,
                    const char **why)
{
	*out = (struct bosh_body){ 0 };
	*why = "not one XML document, or over the limits of one";
	if (xml_pool_parse(pool, in, "", limits, a, &out->node))
		return false;
	*why = "not a body of BOSH";
	if (!xml_is(out->node, "body", NS_BOSH))
		return false;
	*why = "text between payloads";
	if (!read_payloads(out))
		return false;
	out->sid = xml_attr(out->node, "sid");
	out->to = xml_attr(out->node, "to");
	out->from = xml_attr(out->node, "from");
	out->lang = xml_attr_ns(out->node, "lang", XML_NS_XML);
	out->xmpp_version = xml_attr_ns(out->node, "version", NS_XBOSH);
	*why = read_attributes(out);
	return *why == NULL;
}
