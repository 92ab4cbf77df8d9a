#include "call_impl.h"

#include "flow.h"

struct bytes call_tag(const struct sipmsg *m, enum siphdr h)
{
	struct sip_address a;
	struct bytes tag = BYTES_NONE;

	if (sipmsg_address(m, h, 0, &a))
		(void)sip_param(a.params, "tag", &tag); /* then it stays empty */
	return tag;
}

bool call_take_hop(struct sipmsg *m)
{
	struct buf v;
	uint32_t hops = 70;

	if (sipmsg_number(m, SIPH_MAX_FORWARDS, &hops) && hops == 0)
		return false;
	buf_init(&v, 16);
	buf_putf(&v, "%u", hops ? hops - 1 : 69);
	sipmsg_replace(m, SIPH_MAX_FORWARDS, buf_bytes(&v));
	buf_fini(&v);
	return true;
}

void call_put_record_route(struct line *l, struct sipmsg *m, const struct sip_source *at, const struct binding *b, struct bytes domain)
{
	const struct binding_flow *f = b ? binding_flow_from(b, at) : NULL;
	struct buf v;

	buf_init(&v, 512);
	buf_put_str(&v, "<sip:");
	bool has_token = f && f->reg_id && flow_put_dialog_token(l, b, f, &v);
	if (has_token)
		buf_put_str(&v, "@");
	line_put_host(l, at, domain, &v);
	buf_putf(&v, ";transport=%s;lr%s>", siptransport_param(at->transport), has_token ? ";ob" : "");
	if (!buf_failed(&v))
		sipmsg_prepend(m, SIPH_RECORD_ROUTE, buf_bytes(&v));
	buf_fini(&v);
}

int call_send(struct line *l, struct sipmsg *m, const struct binding_flow *f, const struct sipclient_owner *o, void *arg,
              struct sipclient **t)
{
	struct line_way way = line_way_of(f);

	return sipclient_start(l->sip, m, &way.place, way.flow, NULL, o, arg, t);
}
