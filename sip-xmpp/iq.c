#include "iq.h"

#include "base/text.h"
#include "proto/xmpp.h"

static void ping(struct stanza_in *s) /* XEP-0199 */
{
	stanza_in_result(s, BYTES_NONE);
}

static void now(struct stanza_in *s) /* XEP-0202 */
{
	struct buf b;
	char stamp[TEXT_TIME_BYTES];

	text_time(loop_wall_ms(s->x->loop), false, stamp);
	buf_init(&b, 1024);
	buf_putf(&b, "<time xmlns='" NS_TIME "'><tzo>+00:00</tzo><utc>%s</utc></time>", stamp);
	stanza_in_result(s, buf_bytes(&b));
	buf_fini(&b);
}

static void version(struct stanza_in *s) /* XEP-0092 */
{
	stanza_in_result(s, BYTES("<query xmlns='" NS_VERSION "'><name>Gatehouse</name><version>1</version></query>"));
}

/* XEP-0030; gateway/simple is SIP's entry in the registrar's list. */
static void info(struct stanza_in *s)
{
	stanza_in_result(s, BYTES("<query xmlns='" NS_DISCO_INFO "'><identity category='gateway' type='simple' name='SIP'/>"
				  "<feature var='" NS_DISCO_INFO "'/><feature var='" NS_PING "'/>"
				  "<feature var='" NS_TIME "'/><feature var='" NS_VERSION "'/></query>"));
}

static void items(struct stanza_in *s)
{
	stanza_in_result(s, BYTES("<query xmlns='" NS_DISCO_ITEMS "'/>"));
}

static const struct {
	const char *name, *ns;
	void (*fn)(struct stanza_in *s);
} rows[] = {
	{ "ping", NS_PING, ping },
	{ "time", NS_TIME, now },
	{ "query", NS_VERSION, version },
	{ "query", NS_DISCO_INFO, info },
	{ "query", NS_DISCO_ITEMS, items },
};

bool iq_on_request(struct xlate *x, struct stanza_in *s)
{
	const struct xml_node *request = xml_first(s->node);

	(void)x;
	if (s->e.type != TYPE_GET || s->to.local_n || !jid_is_bare(&s->to) || xml_attr(request, "node").n)
		return false;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (!xml_is(request, rows[i].name, rows[i].ns))
			continue;
		rows[i].fn(s);
		return true;
	}
	return false;
}
