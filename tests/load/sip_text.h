/* sip_text.h - writes the load generator's requests and answers, and finds the few things that it reads
 * in others' messages. */
#ifndef LOAD_SIP_TEXT_H
#define LOAD_SIP_TEXT_H

#include "base/buf.h"

/* The value of header i of that name (or compact letter, 0: none); empty when there is none. */
struct bytes siptext_header(struct bytes message, const char *name, char compact, unsigned i);
/* 0: a request. */
unsigned siptext_status(struct bytes message);
bool siptext_is_method(struct bytes message, const char *method);
/* Answer without body to a request: its Vias, From, To (with this tag, if it has none), Call-ID and CSeq. */
void siptext_answer(struct bytes request, const char *status, const char *tag, const char *more, struct buf *out);
/* URI in <> of a name-addr header value, else the value up to ';'. */
struct bytes siptext_uri(struct bytes value);

/* The start of a value as a string, for sscanf. */
struct siptext_start {
	char text[96];
};
struct siptext_start siptext_start(struct bytes value);

#endif
