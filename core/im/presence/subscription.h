/* subscription.h - the subscription states of RFC 6121 appendix A as a table. Pure. */
#ifndef IM_SUBSCRIPTION_H
#define IM_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "run/store_op.h"

/* The four kinds of subscription presence, in the order of enum stanza_type. */
enum sub_kind { SUB_SUBSCRIBE, SUB_SUBSCRIBED, SUB_UNSUBSCRIBE, SUB_UNSUBSCRIBED, SUB_KIND_COUNT };

enum { CONTACT_STATE_BITS = CONTACT_TO | CONTACT_FROM | CONTACT_OUT | CONTACT_IN };

/* What the user sends (A.2): does it go out, and what is the state then? bits: of enum contact_bit;
 * those outside the state stay as they are. */
bool subscription_out(uint8_t bits, enum sub_kind kind, uint8_t *next);
/* What comes from the contact (A.3): is it given to the user? */
bool subscription_in(uint8_t bits, enum sub_kind kind, uint8_t *next);
/* "none" "to" "from" "both". */
const char *subscription_name(uint8_t bits);

#endif
