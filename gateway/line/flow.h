/* flow.h - flows as RFC 5626 knows them: the token of a connection in Path, requests that come with one, and clients that a
 * temporary GRUU (RFC 5627) names. */
#ifndef LINE_FLOW_H
#define LINE_FLOW_H

#include "request.h"

enum { FLOW_FAILED = 430 }; /* RFC 5626 11.1 */

/* RFC 5626 5.4 and 6: Require, Flow-Timer and a Path with the token of r's connection. From now on a silent client is lost
 * after the Flow-Timer and a little. */
void flow_put_outbound(struct request *r, struct sipmsg *answer);
/* Takes away the Routes that name us (RFC 3261 16.4). A token in one of them is looked at (RFC 5626 5.3): 0; 403: it is forged;
 * 430: its connection has ended. */
unsigned flow_take_routes(struct line *l, struct sipmsg *m);

/* A new temporary GRUU of this client, appended as a parameter of its Contact; false: without memory. */
bool flow_put_temp_gruu(struct line *l, const struct binding *b, struct buf *out);
/* A Request-URI that is a temporary GRUU becomes the public one of the same client. False: it names nobody (any more). */
bool flow_resolve_gruu(struct line *l, struct sipmsg *m);

#endif
