#include "registered.h"

#include "auth.h"
#include "base/err.h"

static const char *const why_names[] = { "unregistered", "expired", "flow-lost", "dropped" };
_Static_assert(sizeof why_names / sizeof why_names[0] == LINE_GONE_COUNT, "a name for each");

static void tell(struct line *l, const struct binding *b)
{
	struct chan *c = bus_chan(l->bus, PROG_XLATE, 0);
	uint64_t now = loop_now(l->loop);
	struct buf *f = chan_begin(c, MSG_LINE_REGISTERED, 0);

	wire_put_u64(f, b->reg);
	wire_put_str(f, binding_jid(b));
	wire_put_str(f, bytes_of(b->resource));
	wire_put_str(f, bytes_of(b->contact));
	wire_put_u64(f, b->from.flow);
	wire_put_u32(f, b->expires_at_ms > now ? (uint32_t)((b->expires_at_ms - now) / 1000) : 0);
	wire_put_str(f, bytes_of(b->agent));
	wire_put_u8(f, b->from.transport == SIPT_TLS ? LINE_IS_TLS : 0);
	(void)chan_end(c); /* it is told all when it is back */
}

static void on_placed(void *arg, const struct binding *b, bool is_new)
{
	struct line *l = arg;

	if (is_new) {
		char address[SIP_ADDR_TEXT_BYTES];
		line_stats[STAT_REGISTERED]++;
		sip_sockaddr_text(&b->from.addr, address);
		log_info("line.registered", LOG_BYTES("user", binding_jid(b)), LOG_STR("resource", b->resource),
			 LOG_STR("contact", b->contact), LOG_STR("address", address),
			 LOG_STR("transport", siptransport_name(b->from.transport)), LOG_STR("agent", b->agent));
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
	auth_flow_gone(l, b->from.flow); /* it must say its password again */
	location_remove(&l->location, b, LINE_DROPPED);
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
