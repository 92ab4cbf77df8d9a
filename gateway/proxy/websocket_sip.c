#include "conn.h"
#include "siphello.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"

/* SIP over WebSocket (RFC 7118; mra.md M-10): each message is one of SIP. To gh-line it is a connection like others. */

/* As of a connection of SIP, nothing goes inside before a request for a domain of ours (hello.c). True: it may. */
static bool is_welcome(struct exchange *x, struct bytes message)
{
	enum { TAG_CHARS = 16 };
	char tag[TAG_CHARS + 1];

	switch (siphello_read(message, hello_is_host, x->conn)) {
	case SIPHELLO_OURS:
		return true;
	case SIPHELLO_FOREIGN:
		hello_log_refused(x->conn, "another host");
		random_hex(tag, TAG_CHARS);
		buf_clear(&x->proxy->scratch);
		siphello_answer(message, 404, "Not Found", tag, 0, &x->proxy->scratch);
		ws_put(x->way->out(x), WS_TEXT, buf_bytes(&x->proxy->scratch));
		websocket_close(x, WS_POLICY, "another host");
		return false;
	default:
		hello_log_refused(x->conn, "malformed");
		websocket_close(x, WS_POLICY, "a request of SIP comes first");
		return false;
	}
}

void websocket_take_sip(struct exchange *x, struct bytes message)
{
	struct websocket *w = x->websocket;
	const char *why;

	if (!w->has_hello && !is_welcome(x, message))
		return;
	w->has_hello = true;
	int rc = sipframe_from_client(message, link_out(&x->access), &why);
	if (rc == 0)
		link_kick(&x->access);
	else
		websocket_refuse(x, rc == ERR_NOMEM ? WS_SERVER_ERROR : rc == ERR_LIMIT ? WS_TOO_BIG : WS_POLICY, rc == ERR_NOMEM ? "no memory" : why);
}

int websocket_put_sip(struct exchange *x, struct bytes in)
{
	struct websocket *w = x->websocket;
	struct bytes message;
	int rc = sipframes_feed(&w->sip, in);

	while (!rc && sipframes_next(&w->sip, &message, &rc))
		ws_put(x->way->out(x), text_is_utf8(message) ? WS_TEXT : WS_BINARY, message); /* RFC 7118 3 */
	return rc;
}
