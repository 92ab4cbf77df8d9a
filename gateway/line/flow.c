#include "flow.h"

#include "base/err.h"
#include "token.h"

/* RFC 5626 4.4 leaves it to us how late a keep-alive may be: a retransmission or two of TCP. */
enum { GRACE_MIN_S = 2, GRACE_PART = 8 };

static const char gruu_prefix[] = "tgruu.";

/* ---- the token of a connection ---- */

static int seal_connection(const struct request *r, char text[static TOKEN_CHARS + 1])
{
	const struct line *l = r->line;
	const uint64_t life_ms = 1000ull * (uint64_t)settings_int(l->settings, SET_LINE_EXPIRES_MAX);
	const struct token t = { r->from.flow, loop_now(l->loop) + life_ms };

	return token_seal(l->token_key, TOKEN_FLOW, &t, text);
}

/* The flow by UDP that r has just registered: its client is the user's newest. ERR_NOT_FOUND: r has ended one. */
static int seal_datagrams(const struct request *r, char text[static TOKEN_CHARS + 1])
{
	const struct line *l = r->line;
	const struct binding *b = location_next(&l->location, request_jid(r), NULL);

	if (!b || !b->flows[0].reg_id || !way_is_same(&b->flows[0].from, &r->from))
		return ERR_NOT_FOUND;
	const struct token t = { b->reg, b->flows[0].id };
	return token_seal(l->token_key, TOKEN_WAY, &t, text);
}

static void put_path(struct request *r, struct sipmsg *answer)
{
	struct line *l = r->line;
	char text[TOKEN_CHARS + 1];
	struct buf v;

	if (r->from.flow ? seal_connection(r, text) : seal_datagrams(r, text))
		return; /* without memory: the client has its connection all the same */
	buf_init(&v, 1024);
	buf_putf(&v, "<sip:%s@", text);
	line_put_host(l, &r->from, request_domain(r), &v);
	buf_putf(&v, ";transport=%s;lr;ob>", siptransport_param(r->from.transport));
	if (!buf_failed(&v))
		sipmsg_append(answer, SIPH_PATH, buf_bytes(&v));
	buf_fini(&v);
}

bool flow_put_dialog_token(struct line *l, const struct binding *b, const struct binding_flow *f, struct buf *out)
{
	const struct token t = { b->reg, f->id };
	char text[TOKEN_CHARS + 1];

	if (token_seal(l->token_key, TOKEN_DIALOG, &t, text))
		return false;
	buf_put_str(out, text);
	return true;
}

uint32_t flow_silence_ms(const struct line *l)
{
	uint32_t timer_s = (uint32_t)settings_int(l->settings, SET_LINE_FLOW_TIMER);
	uint32_t grace_s = timer_s / GRACE_PART > GRACE_MIN_S ? timer_s / GRACE_PART : GRACE_MIN_S;

	return 1000 * (timer_s + grace_s);
}

void flow_put_outbound(struct request *r, struct sipmsg *answer)
{
	struct line *l = r->line;
	uint32_t timer_s = (uint32_t)settings_int(l->settings, SET_LINE_FLOW_TIMER);
	struct buf v;

	buf_init(&v, 16);
	buf_putf(&v, "%u", (unsigned)timer_s);
	sipmsg_append(answer, SIPH_REQUIRE, BYTES("outbound"));
	sipmsg_append_named(answer, "Flow-Timer", buf_bytes(&v));
	buf_fini(&v);
	put_path(r, answer);
	if (r->from.flow)
		siptransports_set_idle(sipendpoint_transports(l->sip), r->from.flow, flow_silence_ms(l));
}

static bool is_live_connection(const struct line *l, const struct token *t)
{
	return t->mark > loop_now(l->loop) && siptransports_is_flow(sipendpoint_transports(l->sip), t->number);
}

static bool is_live_way(const struct line *l, const struct token *t)
{
	const struct binding *b = location_of_reg(&l->location, t->number);

	return b && binding_flow_of(b, t->mark);
}

static unsigned judge(struct request *r, struct bytes text)
{
	struct line *l = r->line;
	struct token t;

	if (token_open(l->token_key, TOKEN_FLOW, text, &t) == 0)
		return is_live_connection(l, &t) ? 0 : FLOW_FAILED;
	if (token_open(l->token_key, TOKEN_WAY, text, &t) == 0)
		return is_live_way(l, &t) ? 0 : FLOW_FAILED;
	if (token_open(l->token_key, TOKEN_DIALOG, text, &t) == 0) {
		request_aim_at(r, t.number, t.mark);
		return 0;
	}
	line_stats[STAT_TOKENS_REFUSED]++;
	return 403;
}

unsigned flow_take_routes(struct request *r)
{
	struct sip_address a;
	struct sipuri u;
	unsigned status = 0;

	while (!status && sipmsg_address(r->m, SIPH_ROUTE, 0, &a) && sipuri_parse(a.uri, &u) == 0 && line_is_us(r->line, u.host)) {
		status = u.user.n ? judge(r, u.user) : 0;
		sipmsg_remove(r->m, SIPH_ROUTE, 0);
	}
	return status;
}

/* ---- temporary GRUUs ---- */

bool flow_put_temp_gruu(struct line *l, const struct binding *b, struct buf *out)
{
	const struct token t = { b->reg, b->epoch };
	struct jid j = jid_of_normal(binding_jid(b));
	char text[TOKEN_CHARS + 1];

	if (token_seal(l->token_key, TOKEN_CLIENT, &t, text))
		return false;
	buf_putf(out, ";temp-gruu=\"sip:%s%s@%.*s;gr\"", gruu_prefix, text, BYTES_FMT(jid_domain(&j)));
	return true;
}

/* RFC 5627 5.4: good until the client registers with another Call-ID, or is gone. */
static const struct binding *client_of(struct line *l, struct bytes text)
{
	struct token t;
	const struct binding *b = token_open(l->token_key, TOKEN_CLIENT, text, &t) ? NULL : location_of_reg(&l->location, t.number);

	return b && b->epoch == t.mark ? b : NULL;
}

bool flow_resolve_gruu(struct line *l, struct sipmsg *m)
{
	struct sipuri u;
	struct buf v;

	if (sipuri_parse(sipmsg_uri(m), &u) || !bytes_starts(u.user, bytes_of(gruu_prefix)) || !line_is_us(l, u.host))
		return true;
	const struct binding *b = client_of(l, bytes_skip(u.user, sizeof gruu_prefix - 1));
	if (!b)
		return false;
	buf_init(&v, 4096);
	buf_putf(&v, "sip:%.*s;gr=%s", BYTES_FMT(binding_jid(b)), b->instance);
	bool is_whole = !buf_failed(&v);
	if (is_whole)
		sipmsg_set_uri(m, buf_bytes(&v));
	buf_fini(&v);
	return is_whole;
}
