/* quality.h - is a password good enough? Length first, then what guessers try first (NIST SP 800-63B 5.1.1.2): no rules about kinds of
 * letters. Pure. */
#ifndef CONF_QUALITY_H
#define CONF_QUALITY_H

#include "base/bytes.h"

/* ERR_RANGE with a sentence in *why (static text, or `room`). min_letters: UTF-8 letters, not bytes. */
int quality_check(struct bytes password, const char *name, size_t min_letters, char room[static 96], const char **why);

#endif
