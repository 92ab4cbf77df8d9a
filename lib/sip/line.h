/* sip/line.h - words that gh-line and gh-xlate share (LINE_REGISTERED, LINE_GONE). */
#ifndef SIP_LINE_H
#define SIP_LINE_H

enum line_gone {
	LINE_UNREGISTERED, /* the client said so */
	LINE_EXPIRED,
	LINE_FLOW_LOST,    /* its connection ended, or it did not answer */
	LINE_DROPPED,      /* gh-im or an administrator ended it */
	LINE_GONE_COUNT
};
/* Flags of LINE_REGISTERED. */
enum { LINE_IS_TLS = 1 };

#endif
