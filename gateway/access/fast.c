/* What stands in an <authenticate/> beside the login: the program (XEP-0388 2.4) and its wishes of FAST
 * (XEP-0484); and the token that goes with the <success/>. */
#include "stream_int.h"

#include "base/text.h"

/* Copies a text that fits; else it is none. */
static void take_text(struct bytes in, char *out, size_t room)
{
	size_t n = in.n < room ? in.n : 0;

	if (n)
		memcpy(out, in.p, n);
	out[n] = '\0';
}

/* "software, device" of what it says. */
static void take_name(const struct xml_node *agent, char *out, size_t room)
{
	struct bytes device = xml_text(xml_child(agent, "device", NS_SASL2));

	take_text(xml_text(xml_child(agent, "software", NS_SASL2)), out, room);
	size_t n = strlen(out);
	size_t comma = n ? 2 : 0;
	if (!device.n || n + comma + device.n >= room)
		return;
	memcpy(out + n, ", ", comma);
	take_text(device, out + n + comma, room - n - comma);
}

int fast_take(struct stream_fast *f, const struct xml_node *authenticate)
{
	const struct xml_node *agent = xml_child(authenticate, "user-agent", NS_SASL2);
	const struct xml_node *fast = xml_child(authenticate, "fast", NS_FAST);
	const struct xml_node *request = xml_child(authenticate, "request-token", NS_FAST);
	struct bytes count = fast ? xml_attr(fast, "count") : BYTES_NONE;

	if (agent) {
		take_text(xml_attr(agent, "id"), f->client, sizeof f->client);
		take_name(agent, f->name, sizeof f->name);
	}
	if (request)
		take_text(xml_attr(request, "mechanism"), f->wanted, sizeof f->wanted);
	f->is_used = fast;
	f->invalidates = fast && stream_is_true(xml_attr(fast, "invalidate"));
	if (!count.n)
		return 0;
	/* A positive integer; gh-store's have a sign. */
	return bytes_to_u64(count, INT64_MAX, &f->count) || !f->count ? ERR_SYNTAX : 0;
}

void fast_keep_token(struct stream_fast *f, const struct stream_input *in)
{
	take_text(in->token, f->token, sizeof f->token);
	f->expires_ms = in->expires_ms;
}

void fast_write_token(const struct stream_fast *f, struct buf *b)
{
	char expiry[TEXT_TIME_BYTES];

	if (!f->token[0])
		return;
	text_time(f->expires_ms, false, expiry);
	buf_putf(b, "<token xmlns='" NS_FAST "' expiry='%s'", expiry);
	xml_write_attr(b, "token", bytes_of(f->token));
	buf_put_str(b, "/>");
}
