#include "register.h"

#include "base/err.h"
#include "flow.h"

/* ---- what the client wants ---- */

struct wish {
	struct location_contact contacts[LOCATION_CONTACTS_MAX];
	size_t n;
	size_t n_reg_ids;
	bool is_all;
};

struct bytes register_instance(struct bytes v)
{
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		v = bytes_make(v.p + 1, v.n - 2);
	if (v.n >= 2 && v.p[0] == '<' && v.p[v.n - 1] == '>')
		v = bytes_make(v.p + 1, v.n - 2);
	return v;
}

uint16_t register_q(struct bytes v)
{
	uint16_t q = 0, unit = 100;

	if (!v.n || v.p[0] != '0' || (v.n > 1 && v.p[1] != '.') || v.n > 5)
		return 1000;
	for (size_t i = 2; i < v.n; i++, unit /= 10) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return 1000;
		q = (uint16_t)(q + unit * (v.p[i] - '0'));
	}
	return q;
}

/* RFC 3261 10.2.1.1; malformed counts as not said (20.19). */
static uint32_t wanted_s(const struct request *r, struct bytes params)
{
	struct bytes text;
	uint64_t s;
	uint32_t header;

	if (sip_param(params, "expires", &text) && bytes_to_u64(text, UINT32_MAX, &s) == 0)
		return (uint32_t)s;
	return sipmsg_number(r->m, SIPH_EXPIRES, &header) ? header : (uint32_t)settings_int(r->line->settings, SET_LINE_EXPIRES_MAX);
}

static uint32_t at_most(uint32_t v, uint32_t max)
{
	return v < max ? v : max;
}

static bool supports(const struct sipmsg *m, const char *option)
{
	for (size_t i = 0; i < sipmsg_count(m, SIPH_SUPPORTED); i++)
		if (bytes_eq_nocase(sipmsg_value(m, SIPH_SUPPORTED, i), bytes_of(option)))
			return true;
	return false;
}

/* RFC 5626 6: it counts from a client that knows outbound. 0: none. */
static uint32_t reg_id(const struct request *r, struct bytes params)
{
	struct bytes text;
	uint64_t id;

	if (!supports(r->m, "outbound") || !sip_param(params, "reg-id", &text) || bytes_to_u64(text, INT32_MAX, &id))
		return 0;
	return (uint32_t)id;
}

/* 0, or a status. */
static unsigned read_contact(const struct request *r, size_t i, struct wish *w)
{
	const struct settings *s = r->line->settings;
	struct sip_address a;
	struct sipuri u;
	struct bytes value = BYTES_NONE;

	if (!sipmsg_address(r->m, SIPH_CONTACT, i, &a))
		return 400;
	if (a.is_star) {
		w->is_all = true;
		return 0;
	}
	if (sipuri_parse(a.uri, &u) || (u.scheme != SIPURI_SIP && u.scheme != SIPURI_SIPS))
		return 400;
	if (w->n == LOCATION_CONTACTS_MAX)
		return 403;
	struct location_contact *c = &w->contacts[w->n++];
	*c = (struct location_contact){ .uri = a.uri, .q_milli = 1000 };
	if (sip_param(a.params, "+sip.instance", &value))
		c->instance = register_instance(value);
	if (sip_param(a.params, "q", &value))
		c->q_milli = register_q(value);
	c->reg_id = c->instance.n ? reg_id(r, a.params) : 0;
	c->silent_ms = c->reg_id && !r->from.flow ? flow_silence_ms(r->line) : 0; /* a connection ends by itself */
	if (c->reg_id && w->n_reg_ids++)
		return 400; /* RFC 5626 6: one flow with each request */
	uint32_t wanted = wanted_s(r, a.params);
	if (wanted && wanted < (uint32_t)settings_int(s, SET_LINE_EXPIRES_MIN))
		return 423;
	c->expires_s = at_most(wanted, (uint32_t)settings_int(s, SET_LINE_EXPIRES_MAX));
	return 0;
}

/* RFC 3261 10.3 6: "*" stands alone and takes all away. */
static bool is_star_right(const struct request *r, const struct wish *w)
{
	uint32_t expires;

	return !w->is_all || (w->n == 0 && sipmsg_count(r->m, SIPH_CONTACT) == 1 && sipmsg_number(r->m, SIPH_EXPIRES, &expires) &&
			      expires == 0);
}

static unsigned read_wish(const struct request *r, struct wish *w)
{
	unsigned status = 0;

	for (size_t i = 0; !status && i < sipmsg_count(r->m, SIPH_CONTACT); i++)
		status = read_contact(r, i, w);
	return status || is_star_right(r, w) ? status : 400;
}

/* ---- answers ---- */

static void put_flow(const struct request *r, struct sipmsg *m, const struct binding *b, const struct binding_flow *f,
                     bool has_gruu, uint64_t now_ms)
{
	struct buf v;

	buf_init(&v, 8192);
	buf_putf(&v, "<%s>;expires=%llu", f->contact, (unsigned long long)((f->expires_at_ms - now_ms + 999) / 1000));
	if (f->q_milli < 1000)
		buf_putf(&v, ";q=0.%03u", (unsigned)f->q_milli);
	if (b->instance[0])
		buf_putf(&v, ";+sip.instance=\"<%s>\"", b->instance);
	if (f->reg_id)
		buf_putf(&v, ";reg-id=%u", (unsigned)f->reg_id);
	if (b->instance[0] && has_gruu) { /* RFC 5627 3.2: the instance names the client for good */
		buf_putf(&v, ";pub-gruu=\"sip:%.*s;gr=%s\"", BYTES_FMT(request_jid(r)), b->instance);
		(void)flow_put_temp_gruu(r->line, b, &v); /* then it has the public one only */
	}
	if (!buf_failed(&v))
		sipmsg_append(m, SIPH_CONTACT, buf_bytes(&v));
	buf_fini(&v);
}

/* RFC 3261 10.3 8: all bindings there are. */
static void answer_bindings(struct request *r, bool is_outbound)
{
	struct line *l = r->line;
	bool has_gruu = supports(r->m, "gruu");
	uint64_t now = loop_now(l->loop);
	struct sipmsg *m = request_response(r, 200, NULL);

	if (!m)
		return;
	for (struct binding *b = NULL; (b = location_next(&l->location, request_jid(r), b));)
		for (size_t i = 0; i < b->n; i++)
			put_flow(r, m, b, &b->flows[i], has_gruu, now);
	sipmsg_append(m, SIPH_SUPPORTED, BYTES("outbound, path, gruu"));
	if (is_outbound)
		flow_put_outbound(r, m);
	request_respond(r, m);
}

static void refuse_brief(struct request *r)
{
	struct buf v;
	struct line *l = r->line;
	struct sipmsg *m = request_response(r, 423, NULL);

	if (!m)
		return;
	buf_init(&v, 32);
	buf_putf(&v, "%lld", (long long)settings_int(l->settings, SET_LINE_EXPIRES_MIN));
	sipmsg_append(m, SIPH_MIN_EXPIRES, buf_bytes(&v));
	request_respond(r, m);
	buf_fini(&v);
}

/* RFC 3261 8.2.2.3. True: it is answered. */
static bool refuse_options(struct request *r)
{
	struct buf unknown;

	buf_init(&unknown, 1024);
	for (size_t i = 0; i < sipmsg_count(r->m, SIPH_REQUIRE); i++) {
		struct bytes tag = sipmsg_value(r->m, SIPH_REQUIRE, i);
		if (bytes_eq_nocase(tag, BYTES("outbound")) || bytes_eq_nocase(tag, BYTES("gruu")))
			continue;
		if (buf_len(&unknown))
			buf_put_str(&unknown, ", ");
		buf_put_bytes(&unknown, tag);
	}
	bool is_refused = buf_len(&unknown) || buf_failed(&unknown);
	struct sipmsg *m = is_refused ? request_response(r, 420, NULL) : NULL;
	if (m) {
		sipmsg_append(m, SIPH_UNSUPPORTED, buf_bytes(&unknown));
		request_respond(r, m);
	}
	buf_fini(&unknown);
	return is_refused;
}

static void refuse_update(struct request *r, int rc)
{
	line_stats[STAT_REGISTER_REFUSED]++;
	switch (rc) {
	case ERR_BAD_STATE: /* RFC 3261 10.3 7: out of order */
		request_refuse(r, 500, "Old CSeq", NULL);
		break;
	case ERR_FULL:
		request_refuse(r, 403, "Too Many Registrations", "registrations-per-user");
		break;
	case ERR_LIMIT:
		request_refuse(r, 503, NULL, "registrations-max");
		break;
	default:
		request_refuse(r, 500, NULL, err_name(rc));
	}
}

static void update(struct request *r, const struct wish *w)
{
	struct line *l = r->line;
	struct location_update u = { .jid = request_jid(r), .call_id = sipmsg_value(r->m, SIPH_CALL_ID, 0),
				     .agent = sipmsg_value(r->m, SIPH_USER_AGENT, 0), .from = r->from, .app = bytes_of(r->app),
				     .removes_all = w->is_all, .n = w->n, .contacts = w->contacts };
	struct bytes method;

	if (u.agent.n > LOCATION_TEXT_MAX)
		u.agent.n = LOCATION_TEXT_MAX;
	(void)sipmsg_cseq(r->m, &u.cseq, &method); /* one without it is answered by the endpoint */
	int rc = location_update(&l->location, &u, loop_now(l->loop));
	if (rc) {
		refuse_update(r, rc);
		return;
	}
	siptransports_know(sipendpoint_transports(l->sip), r->from.flow);
	answer_bindings(r, w->n_reg_ids);
}

/* RFC 3261 10.3 1 and 5: the Request-URI names the domain (COMPAT: or the box). */
static bool is_for_us(struct request *r)
{
	struct sipuri u;
	struct bytes domain;

	if (sipuri_parse(sipmsg_uri(r->m), &u))
		return false;
	return (jid_parse_domain(u.host, &r->line->arena, &domain) == 0 && bytes_eq(domain, request_domain(r))) ||
	       line_is_us(r->line, u.host);
}

/* RFC 5626 6: the flow is the client's own, and not that of a proxy between us that does not know of flows. */
static bool is_first_hop(const struct request *r)
{
	struct sip_address a;
	struct sipuri u;
	struct bytes none;

	return sipmsg_count(r->m, SIPH_VIA) == 1 ||
	       (sipmsg_address(r->m, SIPH_PATH, 0, &a) && sipuri_parse(a.uri, &u) == 0 && sip_param(u.params, "ob", &none));
}

void register_request(struct request *r)
{
	struct wish w = { .n = 0 };

	if (refuse_options(r))
		return;
	if (!is_for_us(r)) {
		request_refuse(r, 404, NULL, "other-domain");
		return;
	}
	unsigned status = read_wish(r, &w);
	if (!status && w.n_reg_ids && !is_first_hop(r))
		request_refuse(r, 439, "First Hop Lacks Outbound Support", "outbound");
	else if (status == 423)
		refuse_brief(r);
	else if (status)
		request_refuse(r, status, status == 400 ? "Bad Contact" : "Too Many Contacts", "contact");
	else
		update(r, &w);
}
