#include "xlate.h"

#include "base/err.h"
#include "base/random.h"
#include "client.h"
#include "manager.h"
#include "presence.h"
#include "request_in.h"
#include "request_out.h"
#include "service_features.h"
#include "session.h"
#include "stanza_in.h"
#include "stanza_out.h"

enum { ARENA_BYTES_MAX = 8 << 20, OUT_BYTES_MAX = 2 << 20, PARSERS_MAX = 4 };

#define STAT_NAME(id, name) name,
const char *const xlate_stat_names[XLATE_STAT_COUNT] = { XLATE_STATS(STAT_NAME) };
#undef STAT_NAME
uint64_t xlate_stats[XLATE_STAT_COUNT];

const struct bus_handler xlate_handlers[] = {
	{ MSG_ROUTE, stanza_in_on_route },
	{ MSG_ROUTE_DONE, stanza_out_on_done },
	{ MSG_SIP_REQUEST, request_in_on_request },
	{ MSG_SIP_RESPONSE, request_out_on_response },
	{ MSG_SIP_CANCEL, request_in_on_cancel },
	{ MSG_MSRP_OPENED, session_on_msrp_opened },
	{ MSG_MSRP_FRAME, session_on_msrp_frame },
	{ MSG_MSRP_CLOSE, session_on_msrp_close },
	{ MSG_LINE_REGISTERED, client_on_registered },
	{ MSG_LINE_GONE, client_on_gone },
	{ MSG_USER_ONLINE, manager_on_online },
	{ MSG_SESSION_OPENED, client_on_opened },
	{ MSG_SESSION_REFUSED, client_on_refused },
	{ MSG_SESSION_CLOSE, client_on_close },
	{ MSG_DELIVER, client_on_deliver },
	{ MSG_SM_ANSWER, client_on_answer },
	{ MSG_STORE_ITEM, presence_on_store_item },
	{ MSG_STORE_DONE, presence_on_store_done },
};
const size_t xlate_n_handlers = sizeof xlate_handlers / sizeof xlate_handlers[0];

uint64_t xlate_next_id(struct xlate *x)
{
	x->sequence = (x->sequence + 1) & 0xffffffffffff;
	return (uint64_t)PROG_XLATE << 56 | (uint64_t)x->instance << 48 | x->sequence;
}

void xlate_begin(struct xlate *x)
{
	arena_reset(&x->arena);
}

bool xlate_is_hosted(const struct xlate *x, struct bytes domain)
{
	return x->settings && domain.n && settings_is_set(x->settings, SET_DOMAIN_CERTIFICATE, domain);
}

struct bytes xlate_peer_key(const struct xlate *x, struct bytes domain)
{
	struct peer_verdict v = { .key = BYTES_NONE };

	if (x->peers && domain.n)
		peer_policy_judge(x->peers, domain, &v);
	return v.key;
}

int xlate_init(struct xlate *x, struct loop *loop, struct bus *bus, unsigned instance)
{
	memset(x, 0, sizeof *x);
	x->loop = loop;
	x->bus = bus;
	x->instance = instance;
	x->sequence = random_u64() & 0x7fffffffffff;
	arena_init(&x->arena, ARENA_BYTES_MAX);
	buf_init(&x->out, OUT_BYTES_MAX);
	request_in_init(x);
	request_out_init(x);
	stanza_out_init(x);
	x->parsers = xml_pool_new(PARSERS_MAX);
	int rc = x->parsers ? stanza_in_init(x) : ERR_NOMEM;
	return rc ? rc : features_init(x);
}

void xlate_fini(struct xlate *x)
{
	features_fini(x);
	request_in_fini(x);
	request_out_fini(x);
	stanza_in_fini(x);
	stanza_out_fini(x);
	peer_policy_free(x->peers);
	xml_pool_free(x->parsers);
	arena_fini(&x->arena);
	buf_fini(&x->out);
}

void xlate_apply(struct xlate *x, const struct settings *s)
{
	struct peer_policy *peers;

	if (peer_policy_new(s, PEER_POLICY_SIP, &peers))
		die("xlate.apply", "no memory for the peers");
	peer_policy_free(x->peers);
	x->peers = peers;
	x->settings = s;
	xlate_begin(x);
	features_apply(x);
}

void xlate_up(struct xlate *x, struct chan *c)
{
	xlate_begin(x);
	if (chan_prog(c) == PROG_SWITCH)
		stanza_out_up(x);
	features_up(x, chan_prog(c));
}

void xlate_down(struct xlate *x, struct chan *c)
{
	xlate_begin(x);
	if (chan_prog(c) == PROG_SIP || chan_prog(c) == PROG_LINE) {
		request_in_down(x, chan_prog(c), chan_instance(c));
		request_out_down(x, chan_prog(c), chan_instance(c));
	}
	features_down(x, chan_prog(c));
}
