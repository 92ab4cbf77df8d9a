#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "run/alarm.h"
#include "run/stats.h"

#include <openssl/provider.h>
#include <stdlib.h>

static int prepare(struct proc *p, void **program)
{
	struct keys *k = calloc(1, sizeof *k);

	if (!k)
		return ERR_NOMEM;
	k->proc = p;
	k->storage.folder = proc_open_folder(p);
	if (k->storage.folder < 0) {
		free(k);
		return ERR_NOT_FOUND;
	}
	/* Now, while OpenSSL may still read its files: later there are none. */
	hardware_read(&k->identity.now, proc_is_appliance(p));
	(void)tpm_open(NULL, &k->tpm); /* none, or none that works: logged; keys that are sealed to one say so */
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
	/* PKCS#12 files of old systems are encrypted with RC2 (RFC 7292 B.3); without the provider they are refused. */
	if (OSSL_PROVIDER_load(NULL, "legacy"))
		(void)OSSL_PROVIDER_load(NULL, "default"); /* loading one by hand takes the other away */
	*program = k;
	return 0;
}

static int init(void *program)
{
	static const char *const names[] = { "keys.signed", "keys.failed" };
	static struct stats stats;
	struct keys *k = program;

	stats_register(&stats, names, &k->signed_n, 2);
	struct hardware now = k->identity.now;
	int rc = storage_open(&k->storage, k->storage.folder, k->tpm);
	tpm_close(k->tpm);
	k->tpm = NULL;
	if (k->storage.is_lost)
		alarm_raise(ALARM_KEYS_LOST, "", ALARM_USUAL, NULL);
	if (!rc)
		rc = vault_open(&k->vault, &k->storage);
	return rc ? rc : identity_open(&k->identity, &k->storage, &now, loop_wall_ms(proc_loop(k->proc)));
}

/* With the first settings comes the word that doors are served. */
static void apply(void *program, const struct settings *s)
{
	struct keys *k = program;

	if (acme_secret_set(&k->acme, settings_text(s, SET_ACME_BIND_KEY)))
		log_error("keys.acme.secret", LOG_STR("why", "acme external-account key is not base64url"));
	k->is_serving = true;
}

static void stop(void *program, uint32_t grace_ms)
{
	struct keys *k = program;

	(void)grace_ms;
	session_end(&k->session);
	(void)acme_secret_set(&k->acme, BYTES_NONE); /* wipes it */
	identity_close(&k->identity);
	vault_close(&k->vault);
	storage_close(&k->storage);
	proc_exit(k->proc, 0);
}

static const struct bus_handler handlers[] = { { MSG_KEY_SIGN, on_key_sign }, { MSG_KEY_DERIVE, on_key_derive }, { MSG_BACKUP_ASK, on_backup_ask },
					      { MSG_ACME_ASK, on_acme_ask }, { MSG_LINK_ASK, on_link_ask }, { MSG_COMPLY_SIGN, on_comply_sign } };

static const struct proc_command commands[] = {
	{ "key generate", cmd_generate },    { "key delete", cmd_delete },
	{ "certificate import", cmd_bundle_import }, { "certificate inspect", cmd_bundle_inspect },
	{ "pki csr", cmd_pki_csr }, { "pki selfsigned", cmd_pki_self_signed },
	{ "certificate match", cmd_bundle_match }, { "certificate verify", cmd_bundle_verify },
	{ "show keys", cmd_show },	     { "key public", cmd_public },	       { "certificate csr", cmd_csr },
	{ "certificate self-signed", cmd_self_signed }, { "show identity", cmd_identity }, { "identity accept", cmd_identity_accept },
};

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_KEYS,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = commands,
		.n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.stop = stop,
	};

	return proc_main(argc, argv, &program);
}
