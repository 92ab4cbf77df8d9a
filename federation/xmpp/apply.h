/* apply.h - new settings: certificates, trust, name servers, and what they mean for open streams. */
#ifndef S2S_APPLY_H
#define S2S_APPLY_H

#include "s2s.h"

/* The program's hook (run/proc.h). */
void apply_settings(void *program, const struct settings *set);

/* A revocation list has come or gone: ends the streams whose certificate it names. */
void apply_revoked(struct s2s *s);

#endif
