#include "fork.h"

#include "base/err.h"
#include "request_out.h"
#include "session_impl.h"
#include "sip/uri.h"

#include <stdio.h>

enum { TAG_BYTES_MAX = 256 };

static int begin_dialog(struct dialog *d, const struct sipmsg *m)
{
	struct bytes tag = dialog_tag(m, SIPH_FROM), method;
	struct sip_address from, to;
	char text[TAG_BYTES_MAX];

	if (!tag.n || tag.n >= sizeof text || !sipmsg_address(m, SIPH_FROM, 0, &from) || !sipmsg_address(m, SIPH_TO, 0, &to))
		return ERR_SYNTAX;
	(void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(tag)); /* it fits */
	int rc = dialog_begin(d, from.uri, to.uri, sipmsg_value(m, SIPH_CALL_ID, 0), text);
	if (!rc)
		rc = dialog_of_response(d, m);
	return rc || sipmsg_cseq(m, &d->local_cseq, &method) ? rc : ERR_SYNTAX;
}

static void hang_up(struct xlate *x, struct dialog *d, uint64_t flow, uint8_t flags)
{
	struct sipmsg *ack = dialog_ack(d, d->local_cseq), *bye = dialog_request(d, "BYE", BYTES_NONE);
	struct request_to to = { .trace = xlate_next_id(x), .flow = flow, .flags = flags };
	struct sipuri u;

	if (sipuri_parse(dialog_get(d, d->remote_uri), &u) == 0)
		to.peer = u.host;
	to.m = ack;
	if (ack)
		(void)request_out_ack(x, &to); /* lost: its 200 comes again, and all this with it */
	to.m = bye;
	if (bye)
		(void)request_out_send(x, &to, NULL, NULL, NULL); /* as above */
	log_info("session.fork", LOG_ID("trace", to.trace), LOG_BYTES("remote", dialog_get(d, d->remote_uri)));
	sipmsg_free(ack);
	sipmsg_free(bye);
}

void fork_answered(struct xlate *x, const struct sipmsg *m, uint64_t flow, uint8_t flags)
{
	struct dialog d;

	if (session_of_answer(x, m))
		return;
	dialog_init(&d);
	if (begin_dialog(&d, m) == 0)
		hang_up(x, &d, flow, flags);
	dialog_fini(&d);
}
