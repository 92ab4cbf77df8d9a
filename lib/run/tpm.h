/* tpm.h - a secret that only this machine's TPM gives back (TPM 2.0, by the TSS of tpm2-software). The TPM keeps nothing: it
 * encrypts for itself below its storage root key, and the caller keeps the text. Bound to the TPM alone, not to what has
 * booted: an upgrade does not lose it. Secrets travel to and from the chip encrypted. */
#ifndef RUN_TPM_H
#define RUN_TPM_H

#include "base/buf.h"

struct tpm;

/* tcti: how it is reached, as tctildr(7) says; NULL: the machine's own, by the kernel's resource manager. ERR_NOT_FOUND: there
 * is none. ERR_SYS: it does not answer as it should. Before the fence: it opens files. */
int tpm_open(const char *tcti, struct tpm **out);
void tpm_close(struct tpm *t); /* NULL is fine */

enum { TPM_SECRET_MAX = 64, TPM_SEALED_MAX = 2048 };
/* Puts the sealed secret into out. ERR_SYS, ERR_LIMIT. */
int tpm_seal(struct tpm *t, struct bytes secret, struct buf *out);
/* ERR_SYNTAX: damaged. ERR_DENIED: another TPM's. *n: bytes of the secret. */
int tpm_unseal(struct tpm *t, struct bytes sealed, uint8_t out[static TPM_SECRET_MAX], size_t *n);

#endif
