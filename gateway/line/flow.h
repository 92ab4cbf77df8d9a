/* flow.h - flows as RFC 5626 knows them: the token of a connection in Path, requests that come with one, and clients that a
 * temporary GRUU (RFC 5627) names. */
#ifndef LINE_FLOW_H
#define LINE_FLOW_H

#include "request.h"

enum { FLOW_FAILED = 430 }; /* RFC 5626 11.1 */

/* How long a client that was told the Flow-Timer may be silent, in ms (RFC 5626 4.4). */
uint32_t flow_silence_ms(const struct line *l);
/* RFC 5626 5.4 and 6: Require, Flow-Timer and a Path with the token of r's connection, or of its flow by UDP, when it has
 * registered one. From now on a silent connection is lost after the Flow-Timer and a little. */
void flow_put_outbound(struct request *r, struct sipmsg *answer);
/* The token of a dialog that this client takes part in by f, appended. False: without memory. */
bool flow_put_dialog_token(struct line *l, const struct binding *b, const struct binding_flow *f, struct buf *out);
/* Takes away the Routes that name us (RFC 3261 16.4). A token in one of them is looked at (RFC 5626 5.3): 0; 403: it is forged;
 * 430: its flow has ended. Those of dialogs stay with r (request_aim): where such a flow has ended, another one of its client
 * will do. */
unsigned flow_take_routes(struct request *r);

/* A new temporary GRUU of this client, appended as a parameter of its Contact; false: without memory. */
bool flow_put_temp_gruu(struct line *l, const struct binding *b, struct buf *out);
/* A Request-URI that is a temporary GRUU becomes the public one of the same client. False: it names nobody (any more). */
bool flow_resolve_gruu(struct line *l, struct sipmsg *m);

#endif
