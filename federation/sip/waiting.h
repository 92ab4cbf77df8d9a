/* waiting.h - what waits for an answer to a server transaction: the transaction's user word. */
#ifndef GSIP_WAITING_H
#define GSIP_WAITING_H

struct waiting {
	void (*cancel)(struct waiting *w); /* CANCEL came for its INVITE */
};

#endif
