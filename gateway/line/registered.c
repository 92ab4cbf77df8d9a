#include "registered.h"

#include "auth.h"
#include "base/err.h"

static const char *const why_names[] = { "unregistered", "expired", "flow-lost", "dropped" };
_Static_assert(sizeof why_names / sizeof why_names[0] == LINE_GONE_COUNT, "a name for each");

static void tell(struct line *l, const struct binding *b)
{
	struct chan *c = bus_chan(l->bus, PROG_XLATE, 0);
	const struct binding_flow *first = &b->flows[0];
	uint64_t now = loop_now(l->loop);
	struct buf *f = chan_begin(c, MSG_LINE_REGISTERED, 0);

	wire_put_u64(f, b->reg);
	wire_put_str(f, binding_jid(b));
	wire_put_str(f, bytes_of(b->resource));
	wire_put_str(f, bytes_of(first->contact));
	wire_put_u64(f, first->from.flow);
	wire_put_u32(f, first->expires_at_ms > now ? (uint32_t)((first->expires_at_ms - now) / 1000) : 0);
	wire_put_str(f, bytes_of(first->agent));
	wire_put_u8(f, siptransport_is_secure(first->from.transport) ? LINE_IS_TLS : 0);
	(void)chan_end(c); /* it is told all when it is back */
}

static void on_placed(void *arg, const struct binding *b, bool is_new)
{
	struct line *l = arg;

	if (is_new) {
		char address[SIP_ADDR_TEXT_BYTES];
		line_stats[STAT_REGISTERED]++;
		const struct binding_flow *first = &b->flows[0];
		sip_sockaddr_text(&first->from.addr, address);
		log_info("line.registered", LOG_BYTES("user", binding_jid(b)), LOG_STR("resource", b->resource),
			 LOG_STR("contact", first->contact), LOG_STR("address", address),
			 LOG_STR("transport", siptransport_name(first->from.transport)), LOG_STR("agent", first->agent));
	}
	tell(l, b);
}

static void on_gone(void *arg, const struct binding *b, enum line_gone why)
{
	struct line *l = arg;
	struct chan *c = bus_chan(l->bus, PROG_XLATE, 0);

	line_stats[STAT_UNREGISTERED]++;
	log_info("line.unregistered", LOG_BYTES("user", binding_jid(b)), LOG_STR("resource", b->resource),
		 LOG_STR("reason", why_names[why]));
	struct buf *f = chan_begin(c, MSG_LINE_GONE, 0);
	wire_put_u64(f, b->reg);
	wire_put_u8(f, (uint8_t)why);
	(void)chan_end(c); /* as in tell */
}

const struct location_owner registered_owner = { on_placed, on_gone };

void registered_tell_all(struct line *l)
{
	LIST_EACH (it, &l->location.all)
		tell(l, LIST_OWNER(it, struct binding, all));
}

static void drop(struct line *l, struct binding *b)
{
	for (size_t i = 0; i < b->n; i++)
		auth_flow_gone(l, b->flows[i].from.flow); /* it must say its password again */
	location_remove(&l->location, b, LINE_DROPPED);
}

struct binding *registered_end_flow(struct line *l, struct binding *b, size_t i)
{
	const struct sip_source from = b->flows[i].from;

	auth_flow_gone(l, from.flow); /* it must say its password again */
	siptransports_close_flow(sipendpoint_transports(l->sip), from.flow);
	return location_way_lost(&l->location, b, &from);
}

bool registered_is_by(const char *app, struct bytes label)
{
	return app[0] && (!label.n || bytes_eq_str(label, app));
}

void registered_end(struct line *l, struct bytes jid, struct bytes label)
{
	struct binding *next = location_next(&l->location, jid, NULL);

	for (struct binding *b; (b = next);) {
		next = location_next(&l->location, jid, b);
		for (size_t i = b->n; b && i-- > 0;)
			if (i < b->n && registered_is_by(b->flows[i].app, label))
				b = registered_end_flow(l, b, i);
	}
}

void registered_check_domains(struct line *l)
{
	LIST_EACH (it, &l->location.all) {
		struct binding *b = LIST_OWNER(it, struct binding, all);
		struct jid j = jid_of_normal(binding_jid(b));
		if (!line_is_hosted(l, jid_domain(&j)))
			drop(l, b);
	}
}

int registered_on_drop(void *program, struct chan *from, const struct frame *f)
{
	struct line *l = program;
	struct wire w = wire_of(f->body);
	uint64_t reg = wire_u64(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	struct binding *b = location_of_reg(&l->location, reg);
	if (b)
		drop(l, b);
	return 0;
}
