/* A partition under LUKS2, whose only key slot opens with a secret that is sealed to this machine's TPM and lies, sealed, in a token
 * of the LUKS header:
 *
 *     { "type": "gatehouse-tpm2", "keyslots": ["0"], "sealed": hexadecimal of tpm_seal's bytes }
 *
 * The secret is 32 random bytes: the slot needs no slow derivation. A header without the token is of a start that was cut before
 * anything was written behind it, and is made again. */
#include "disk.h"

#include "base/buf.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "run/tpm.h"

#include <errno.h>
#include <jansson.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_BYTES = 32, KEY_BYTES = 64, TOKEN = 0 }; /* AES-256 in XTS mode has two keys */

/* ---- the token ---- */

static int put_token(struct crypt_device *c, struct bytes sealed)
{
	static char hex[2 * TPM_SEALED_MAX + 1];

	text_hex(sealed, hex);
	json_t *token = json_pack("{s:s,s:[s],s:s}", "type", "gatehouse-tpm2", "keyslots", "0", "sealed", hex);
	char *text = token ? json_dumps(token, JSON_COMPACT) : NULL;
	int rc = text ? crypt_token_json_set(c, TOKEN, text) : -ENOMEM;

	free(text);
	json_decref(token);
	return rc < 0 ? rc : 0;
}

/* -ENOENT: there is none of ours. */
static int get_token(struct crypt_device *c, uint8_t sealed[static TPM_SEALED_MAX], size_t *n)
{
	const char *text = NULL, *type = "", *hex = "";

	if (crypt_token_json_get(c, TOKEN, &text) < 0)
		return -ENOENT;
	json_t *token = json_loads(text, 0, NULL);
	int rc = token && json_unpack(token, "{s:s,s:s}", "type", &type, "sealed", &hex) == 0 ? 0 : -ENOENT;
	*n = strlen(hex) / 2;
	if (rc == 0 && (strcmp(type, "gatehouse-tpm2") != 0 || *n > TPM_SEALED_MAX || text_unhex(bytes_of(hex), sealed, *n) != 0))
		rc = -ENOENT;
	json_decref(token);
	return rc;
}

/* ---- making and opening ---- */

static int make(struct crypt_device *c, struct tpm *tpm)
{
	static const struct crypt_pbkdf_type quick = { .type = CRYPT_KDF_PBKDF2, .hash = "sha256", .iterations = 1000,
		                                       .flags = CRYPT_PBKDF_NO_BENCHMARK };
	uint8_t secret[SECRET_BYTES];
	struct buf sealed;

	buf_init(&sealed, TPM_SEALED_MAX);
	random_bytes(secret, sizeof secret);
	int rc = tpm_seal(tpm, bytes_make(secret, sizeof secret), &sealed) ? -EIO : 0;
	if (rc == 0)
		rc = crypt_set_pbkdf_type(c, &quick);
	if (rc == 0)
		rc = crypt_format(c, CRYPT_LUKS2, "aes", "xts-plain64", NULL, NULL, KEY_BYTES, NULL);
	if (rc == 0)
		rc = crypt_keyslot_add_by_volume_key(c, 0, NULL, 0, (const char *)secret, sizeof secret);
	if (rc >= 0)
		rc = put_token(c, buf_bytes(&sealed));
	secret_wipe(secret, sizeof secret);
	buf_fini(&sealed);
	return rc;
}

static int open_with(struct crypt_device *c, const char *name, struct tpm *tpm)
{
	uint8_t sealed[TPM_SEALED_MAX], secret[TPM_SECRET_MAX];
	size_t n = 0, n_secret = 0;
	int rc = get_token(c, sealed, &n);

	if (rc == 0 && (!tpm || tpm_unseal(tpm, bytes_make(sealed, n), secret, &n_secret)))
		rc = -ENOKEY;
	if (rc == 0)
		rc = crypt_activate_by_passphrase(c, name, 0, (const char *)secret, n_secret, 0);
	secret_wipe(secret, sizeof secret);
	return rc < 0 ? rc : 0;
}

static bool is_ours(struct crypt_device *c)
{
	uint8_t sealed[TPM_SEALED_MAX];
	size_t n;

	return crypt_load(c, CRYPT_LUKS2, NULL) == 0 && get_token(c, sealed, &n) == 0;
}

static int begin(const char *device, struct crypt_device **c)
{
	int rc = disk_wait("/dev/mapper/control");

	if (rc == 0)
		rc = crypt_init(c, device);
	if (rc == 0)
		(void)crypt_metadata_locking(*c, 0); /* nobody else is there yet; it would want a folder */
	return rc;
}

static int open_or_make(const char *device, const char *name, struct tpm *tpm, char path[DISK_PATH], bool may_be_plain, bool is_empty)
{
	struct crypt_device *c = NULL;
	int rc = begin(device, &c);

	if (rc < 0)
		return rc;
	bool is_encrypted = !is_empty && is_ours(c);
	if (!is_encrypted && (may_be_plain || !tpm)) {
		crypt_free(c);
		snprintf(path, DISK_PATH, "%s", device);
		return 0;
	}
	if (!is_encrypted) { /* forgets what was read of a header that is not ours */
		crypt_free(c);
		c = NULL;
		rc = begin(device, &c);
	}
	if (rc == 0 && !is_encrypted)
		rc = make(c, tpm);
	if (rc == 0)
		rc = open_with(c, name, tpm);
	crypt_free(c);
	snprintf(path, DISK_PATH, "/dev/mapper/%.40s", name);
	return rc;
}

int encryption_open(const char *device, const char *name, struct tpm *tpm, char path[DISK_PATH])
{
	bool has_files = false;
	int rc = disk_wait(device);

	if (rc == 0)
		rc = volume_has_files(device, &has_files);
	return rc ? rc : open_or_make(device, name, tpm, path, has_files, false);
}

int encryption_make(const char *device, const char *name, struct tpm *tpm, char path[DISK_PATH])
{
	return open_or_make(device, name, tpm, path, false, true);
}
