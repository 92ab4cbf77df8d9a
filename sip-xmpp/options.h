/* options.h - OPTIONS (RFC 3261 11): what may be sent to users here. */
#ifndef XLATE_OPTIONS_H
#define XLATE_OPTIONS_H

#include "request_in.h"

bool options_on_request(struct xlate *x, struct request_in *r);

#endif
