/* register.h - REGISTER (RFC 3261 10.3, with RFC 5626 and public GRUUs of RFC 5627). */
#ifndef LINE_REGISTER_H
#define LINE_REGISTER_H

#include "request.h"

/* Its user is proved. */
void register_request(struct request *r);
/* "<urn:uuid:...>" quoted or not, as +sip.instance has it: without both. */
struct bytes register_instance(struct bytes value);
/* RFC 3261 20.10: "0.7" is 700; anything else 1000. */
uint16_t register_q(struct bytes value);

#endif
