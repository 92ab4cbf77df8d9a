#include "router.h"

#include "base/random.h"
#include "auth.h"
#include "call.h"
#include "flow.h"
#include "register.h"
#include "unit_in.h"

/* ---- who speaks ---- */

/* From names the user; of a REGISTER To does, and nobody registers another (RFC 3261 10.2). */
static unsigned who(struct line *l, const struct sipmsg *m, struct jid *out, const char **why)
{
	struct sip_address from, to;
	struct jid target;

	*why = "Bad From";
	if (!sipmsg_address(m, SIPH_FROM, 0, &from) || !sipmsg_address(m, SIPH_TO, 0, &to))
		return 400;
	if (line_account(l, from.uri, out))
		return 403;
	*why = "Not A User Of This Server";
	if (!line_is_hosted(l, jid_domain(out)))
		return 403;
	*why = "To And From Differ";
	if (sipmsg_method(m) == SIPM_REGISTER && (line_account(l, to.uri, &target) || !jid_eq(&target, out)))
		return 403;
	return 0;
}

/* A question about the server itself, or a keep-alive: no user is needed (RFC 3261 11). */
static bool is_for_server(const struct sipmsg *m)
{
	struct sipuri u;

	return sipmsg_method(m) == SIPM_OPTIONS && sipuri_parse(sipmsg_uri(m), &u) == 0 && !u.user.n;
}

static void answer_options(struct sipserver *t, const struct sipmsg *m)
{
	char tag[17];
	random_hex(tag, sizeof tag - 1);
	struct sipmsg *answer = sipmsg_response_new(m, 200, NULL, tag);

	if (!answer) {
		sipserver_refuse(t, m, 500, NULL);
		return;
	}
	sipmsg_append(answer, SIPH_ALLOW, BYTES("INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH"));
	sipmsg_append(answer, SIPH_SUPPORTED, BYTES("outbound, path, gruu"));
	sipserver_respond(t, answer);
	sipmsg_free(answer);
}

/* The server's own questions and strangers cost the same as other strangers do. */
static bool is_welcome(struct line *l, const struct sip_source *from)
{
	if (stranger_asks(&l->strangers, &from->addr.any, loop_now(l->loop)) == STRANGER_WELCOME)
		return true;
	line_stats[STAT_TOO_FAST]++;
	return false;
}

void router_request(struct line *l, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	struct jid jid;
	const char *why;

	arena_reset(&l->arena);
	line_stats[STAT_REQUESTS]++;
	if (t && from->flow && line_is_banned(l, &from->addr.any)) { /* a connection that was there before */
		sipserver_dismiss(t, m, 403, NULL);
		sipmsg_free(m);
		return;
	}
	unsigned status = !l->settings ? 503 : who(l, m, &jid, &why);
	if (t && l->settings && is_for_server(m)) {
		if (is_welcome(l, from))
			answer_options(t, m);
		else
			line_dismiss(l, t, m, from, 503);
		sipmsg_free(m);
		return;
	}
	struct request *r = status ? NULL : request_new(l, t, m, from, &jid);
	if (r) {
		auth_begin(r);
		return;
	}
	if (t && status && !is_welcome(l, from))
		line_dismiss(l, t, m, from, 503);
	else if (t)
		sipserver_dismiss(t, m, status ? status : 500, status == 400 || status == 403 ? why : NULL);
	sipmsg_free(m);
}

/* ---- where it goes ---- */

void router_proved(struct request *r)
{
	struct line *l = r->line;
	unsigned status = flow_take_routes(r);

	if (status) {
		request_refuse(r, status, status == FLOW_FAILED ? "Flow Failed" : "Bad Flow Token", status == FLOW_FAILED ? "flow-lost" : "flow-token");
		return;
	}
	/* Credentials are for us, and nobody further on needs them. */
	sipmsg_remove_all(r->m, SIPH_AUTHORIZATION);
	sipmsg_remove_all(r->m, SIPH_PROXY_AUTHORIZATION);
	if (sipmsg_method(r->m) == SIPM_REGISTER) {
		register_request(r);
		return;
	}
	location_heard(&l->location, &r->from, loop_now(l->loop));
	struct binding *b = location_of_source(&l->location, request_jid(r), &r->from);
	if (!b) {
		request_refuse(r, 403, "Register First", "not-registered");
		return;
	}
	if (!flow_resolve_gruu(l, r->m)) {
		request_refuse(r, 404, NULL, "temporary-gruu");
		return;
	}
	if (!call_request(r, b))
		unit_in_begin(r, b);
}
