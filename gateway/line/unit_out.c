#include "unit_out.h"

#include "base/err.h"
#include "flow.h"

#include <stdlib.h>

struct unit_out {
	struct line *line;
	struct list node;
	uint64_t id, reg;
	struct sip_source way; /* the flow that it went by */
	struct sipclient *t; /* NULL once it is over */
};

static void unit_free(struct unit_out *u)
{
	map_del_u64(&u->line->units_out, u->id);
	list_del(&u->node);
	free(u);
}

/* ---- answers ---- */

static void put_answer(struct line *l, const struct sip_answer *a)
{
	struct chan *c = bus_chan(l->bus, PROG_XLATE, 0);

	sip_answer_encode(chan_begin(c, MSG_SIP_RESPONSE, 0), a);
	(void)chan_end(c); /* a gh-xlate that has gone has forgotten it */
}

static void answer_failure(struct line *l, uint64_t id, unsigned status, int why)
{
	line_stats[STAT_UNITS_FAILED]++;
	put_answer(l, &(struct sip_answer){ .id = id, .flags = UNIT_CLIENT, .status = (uint16_t)status, .why = why });
}

static void on_failed(void *arg, int rc, const char *words);

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct unit_out *u = arg;
	struct buf text;

	(void)from;
	if (sipmsg_status(m) < 200)
		return;
	if (sipmsg_status(m) == FLOW_FAILED) {
		on_failed(u, ERR_CLOSED, "430 Flow Failed");
		return;
	}
	buf_init(&text, SIPMSG_MAX_BYTES);
	if (sipmsg_print(m, &text) || buf_failed(&text))
		answer_failure(u->line, u->id, 500, ERR_SYNTAX);
	else
		put_answer(u->line, &(struct sip_answer){ .id = u->id, .flags = UNIT_CLIENT | UNIT_RAW, .status = (uint16_t)sipmsg_status(m),
							  .flow = u->reg, .body = buf_bytes(&text) });
	buf_fini(&text);
	unit_free(u);
}

static const struct sipclient_owner owner;

/* By the client's newest flow; those that have ended are passed over. ERR_CLOSED: none is left. */
static int send_to(struct unit_out *u, struct binding *b, struct sipmsg *m)
{
	struct line *l = u->line;
	int rc = ERR_CLOSED;

	while (b && rc == ERR_CLOSED) {
		struct line_way way = line_way_of(&b->flows[0]);
		u->way = b->flows[0].from;
		sipmsg_set_uri(m, bytes_of(b->flows[0].contact)); /* RFC 3261 16.6 2 */
		rc = sipclient_start(l->sip, m, &way.place, way.flow, NULL, &owner, u, &u->t);
		if (rc == ERR_CLOSED)
			b = location_way_lost(&l->location, b, &u->way);
	}
	return rc;
}

/* RFC 5626 4.3 and 6: a flow that does not answer leads nowhere; the client's next one is tried, and without one the client
 * is not there. By UDP one silence may be a lost client or a lost packet storm of 32 s: the same. */
static void on_failed(void *arg, int rc, const char *words)
{
	struct unit_out *u = arg;
	struct line *l = u->line;
	struct binding *b = location_of_reg(&l->location, u->reg);
	struct sipmsg *m = b ? sipclient_request(u->t) : NULL;

	/* First of all: what it had not taken then goes to storage, and is not refused. */
	if (b) {
		log_info("line.client.lost", LOG_BYTES("user", binding_jid(b)), LOG_STR("contact", b->flows[0].contact),
			 LOG_STR("reason", err_name(rc)), LOG_STR("words", words));
		b = location_way_lost(&l->location, b, &u->way);
	}
	bool is_sent = b && m && send_to(u, b, m) == 0;
	sipmsg_free(m);
	if (is_sent) {
		line_stats[STAT_NEXT_FLOW]++;
		return;
	}
	answer_failure(l, u->id, rc == ERR_TIMEOUT ? 408 : 503, rc);
	unit_free(u);
}

static const struct sipclient_owner owner = { on_response, on_failed };

/* ---- requests ---- */

/* Which client: the unit says, or the Request-URI: a GRUU of ours, or a contact. */
static struct binding *client_of(struct line *l, const struct sip_unit *u, const struct sipmsg *m)
{
	struct sipuri uri;
	struct bytes gr;
	struct jid jid;

	if (u->flow)
		return location_of_reg(&l->location, u->flow);
	if (sipuri_parse(sipmsg_uri(m), &uri) || line_account(l, sipmsg_uri(m), &jid) || !line_is_hosted(l, jid_domain(&jid)))
		return NULL;
	if (sip_param(uri.params, "gr", &gr))
		return location_of_resource(&l->location, jid.full, gr);
	return location_next(&l->location, jid.full, NULL);
}

static int start(struct line *l, const struct sip_unit *u, struct sipmsg *m, struct binding *b)
{
	struct unit_out *o = l->units_out.count < UNITS_OUT_MAX ? calloc(1, sizeof *o) : NULL;

	if (!o)
		return ERR_FULL;
	*o = (struct unit_out){ .line = l, .id = u->id, .reg = b->reg };
	int rc = map_add_u64(&l->units_out, o->id, o);
	if (rc) {
		free(o);
		return rc;
	}
	list_add_tail(&l->units_out_order, &o->node);
	rc = send_to(o, b, m);
	if (rc)
		unit_free(o);
	else
		line_stats[STAT_UNITS_OUT]++;
	return rc;
}

int unit_out_on_request(void *program, struct chan *from, const struct frame *f)
{
	struct line *l = program;
	struct sip_unit u;
	struct sipmsg *m;

	(void)from;
	arena_reset(&l->arena);
	if (sip_unit_decode(f->body, &u))
		return ERR_PROTOCOL;
	int parsed = sipmsg_parse_inside(u.message, &m);
	if (parsed) {
		if (u.id)
			answer_failure(l, u.id, 500, parsed);
		return 0;
	}
	struct binding *b = client_of(l, &u, m);
	int rc = b ? 0 : ERR_NOT_FOUND;
	if (b && u.id) {
		rc = start(l, &u, m, b);
	} else if (b) {
		struct line_way way = line_way_of(&b->flows[0]);
		sipmsg_set_uri(m, bytes_of(b->flows[0].contact));
		(void)sipendpoint_acknowledge(l->sip, m, &way.place, way.flow); /* an ACK that is lost is asked for again */
	}
	sipmsg_free(m);
	if (rc && u.id)
		answer_failure(l, u.id, rc == ERR_NOT_FOUND || rc == ERR_CLOSED ? 480 : 503, rc);
	return 0;
}

int unit_out_on_cancel(void *program, struct chan *from, const struct frame *f)
{
	struct line *l = program;
	struct wire w = wire_of(f->body);
	struct unit_out *u = map_get_u64(&l->units_out, wire_u64(&w));

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (u && u->t)
		sipclient_cancel(u->t);
	return 0;
}

/* ---- life ---- */

/* Nobody wants to know any more; the transactions go on by themselves. */
void unit_out_xlate_down(struct line *l)
{
	while (!list_is_empty(&l->units_out_order)) {
		struct unit_out *u = LIST_OWNER(l->units_out_order.next, struct unit_out, node);
		if (u->t)
			sipclient_drop(u->t);
		unit_free(u);
	}
}

void unit_out_init(struct line *l)
{
	list_init(&l->units_out_order);
}
