#include "run/tpm.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

static const char device[] = "/dev/tpmrm0";

struct tpm {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR root;    /* storage root key: the same each time it is made */
	ESYS_TR session; /* encrypts what goes to and fro */
};

/* Of the TCG TPM v2.0 Provisioning Guidance 7.5.1: the usual storage root key, ECC P-256. */
static const TPM2B_PUBLIC root_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
		.parameters.eccDetail = {
			.symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
	},
};

static const TPM2B_PUBLIC secret_template = {
	.publicArea = {
		.type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
	},
};

/* ---- the way to it ---- */

static TSS2_RC make_root(struct tpm *t)
{
	TPM2B_SENSITIVE_CREATE nothing = { 0 };
	TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_DATA outside = { 0 };

	return Esys_CreatePrimary(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &root_template, &outside,
				  &no_pcrs, &t->root, NULL, NULL, NULL, NULL);
}

static TSS2_RC start_session(struct tpm *t)
{
	static const TPMT_SYM_DEF aes = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
	TPMA_SESSION flags = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT | TPMA_SESSION_CONTINUESESSION;
	TSS2_RC rc = Esys_StartAuthSession(t->esys, t->root, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &aes,
					   TPM2_ALG_SHA256, &t->session);

	return rc ? rc : Esys_TRSess_SetAttributes(t->esys, t->session, flags, 0xff);
}

static TSS2_RC begin(struct tpm *t)
{
	TSS2_RC rc = Esys_Initialize(&t->esys, t->tcti, NULL);

	if (!rc)
		rc = Esys_Startup(t->esys, TPM2_SU_CLEAR);
	if (rc == TPM2_RC_INITIALIZE) /* the kernel has done it */
		rc = 0;
	if (!rc)
		rc = make_root(t);
	return rc ? rc : start_session(t);
}

int tpm_open(const char *tcti, struct tpm **out)
{
	char text[64] = "device:";
	struct tpm *t;

	if (!tcti && access(device, R_OK | W_OK) != 0)
		return ERR_NOT_FOUND;
	/* Otherwise it writes to standard error by itself. */
	(void)setenv("TSS2_LOG", "all+NONE", 1);
	t = calloc(1, sizeof *t);
	if (!t)
		return ERR_NOMEM;
	t->root = t->session = ESYS_TR_NONE;
	memcpy(text + strlen(text), device, sizeof device);
	TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti ? tcti : text, &t->tcti);
	if (!rc)
		rc = begin(t);
	if (!rc) {
		*out = t;
		return 0;
	}
	log_warn("keys.tpm.failed", LOG_INT("code", rc));
	tpm_close(t);
	return ERR_SYS;
}

void tpm_close(struct tpm *t)
{
	if (!t)
		return;
	if (t->session != ESYS_TR_NONE)
		(void)Esys_FlushContext(t->esys, t->session); /* the resource manager forgets it with the descriptor */
	if (t->root != ESYS_TR_NONE)
		(void)Esys_FlushContext(t->esys, t->root); /* likewise */
	Esys_Finalize(&t->esys);
	Tss2_TctiLdr_Finalize(&t->tcti);
	free(t);
}

/* ---- secrets ---- */

static int put_sealed(const TPM2B_PRIVATE *private, const TPM2B_PUBLIC *public, struct buf *out)
{
	uint8_t *to = buf_reserve(out, TPM_SEALED_MAX);
	size_t n = 0;

	if (!to || Tss2_MU_TPM2B_PRIVATE_Marshal(private, to, TPM_SEALED_MAX, &n) || Tss2_MU_TPM2B_PUBLIC_Marshal(public, to, TPM_SEALED_MAX, &n))
		return ERR_LIMIT;
	buf_commit(out, n);
	return 0;
}

int tpm_seal(struct tpm *t, struct bytes secret, struct buf *out)
{
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.data.size = (uint16_t)secret.n };
	TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	TPM2B_DATA outside = { 0 };

	if (secret.n == 0 || secret.n > TPM_SECRET_MAX)
		return ERR_LIMIT;
	memcpy(sensitive.sensitive.data.buffer, secret.p, secret.n);
	TSS2_RC rc = Esys_Create(t->esys, t->root, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &secret_template, &outside, &no_pcrs, &private,
				 &public, NULL, NULL, NULL);
	secret_wipe(&sensitive, sizeof sensitive);
	int done = rc ? ERR_SYS : put_sealed(private, public, out);
	if (rc)
		log_warn("keys.tpm.failed", LOG_INT("code", rc));
	Esys_Free(private);
	Esys_Free(public);
	return done;
}

int tpm_unseal(struct tpm *t, struct bytes sealed, uint8_t out[static TPM_SECRET_MAX], size_t *n)
{
	TPM2B_PRIVATE private = { 0 };
	TPM2B_PUBLIC public = { 0 };
	TPM2B_SENSITIVE_DATA *data = NULL;
	ESYS_TR object = ESYS_TR_NONE;
	size_t at = 0;

	if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(sealed.p, sealed.n, &at, &private) || Tss2_MU_TPM2B_PUBLIC_Unmarshal(sealed.p, sealed.n, &at, &public) ||
	    at != sealed.n)
		return ERR_SYNTAX;
	TSS2_RC rc = Esys_Load(t->esys, t->root, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &private, &public, &object);
	if (!rc) {
		rc = Esys_Unseal(t->esys, object, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
		(void)Esys_FlushContext(t->esys, object); /* goes with the descriptor, too */
	}
	bool is_good = !rc && data->size > 0 && data->size <= TPM_SECRET_MAX;
	if (is_good) {
		memcpy(out, data->buffer, data->size);
		*n = data->size;
	}
	if (data)
		secret_wipe(data, sizeof *data);
	Esys_Free(data);
	return is_good ? 0 : ERR_DENIED;
}
