/* walk.h - `sip check DOMAIN`: the way to a partner step by step: policy, DNS, TCP and TLS with the certificate,
 * and an OPTIONS that must be answered. */
#ifndef GSIP_WALK_H
#define GSIP_WALK_H

#include "gsip.h"
#include "run/proc.h"

void walk_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);
/* A certificate was judged on a connection of ours. */
void walk_note_certificate(struct gsip *g, const struct sip_place *to, struct tls *t, const struct tls_verdict *v);
void walk_fini_all(struct gsip *g);

#endif
