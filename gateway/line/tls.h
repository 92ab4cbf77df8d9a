/* tls.h - certificates of the hosted domains for clients. */
#ifndef LINE_TLS_H
#define LINE_TLS_H

#include "line.h"

void line_apply_tls(struct line *l, const struct settings *s);

#endif
