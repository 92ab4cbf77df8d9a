/* syslog.h - a log line as a syslog message (RFC 5424). Pure functions. */
#ifndef LOGD_SYSLOG_H
#define LOGD_SYSLOG_H

#include "line.h"

enum { SYSLOG_MESSAGE_MAX = 8192, SYSLOG_DATAGRAM_MAX = 2048 /* RFC 5426 3.2 */ };

struct syslog_origin {
	const char *host;  /* printable ASCII without spaces, up to 255; "" becomes "-" */
	unsigned facility; /* 0 to 23 */
};

/* <PRI>1 time host program instance event [gatehouse@32473 key="value"...] text
 * Enterprise number 32473 is the one for examples (RFC 5612), until we have our own. A pair that would make the message
 * longer than SYSLOG_MESSAGE_MAX is left out of the structured data; the text has it. Appends to b. */
void syslog_put(struct buf *b, const struct line *l, const struct syslog_origin *o);

#endif
