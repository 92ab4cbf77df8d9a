/* name.h - what scanners call things, made harmless. Pure. */
#ifndef SCAN_NAME_H
#define SCAN_NAME_H

#include "base/bytes.h"
#include "run/scan.h"

/* Text of a scanner as it may stand in a log, a record and an answer: printable ASCII without quotes and angle brackets, '?' for all else,
 * cut. "" becomes "unnamed". */
void scan_name(struct bytes in, char out[static SCAN_NAME_MAX + 1]);

#endif
