#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "run/stats.h"

#include <stdlib.h>

static int prepare(struct proc *p, void **program)
{
	struct keys *k = calloc(1, sizeof *k);

	if (!k)
		return ERR_NOMEM;
	k->proc = p;
	k->vault.folder = proc_open_folder(p);
	if (k->vault.folder < 0) {
		free(k);
		return ERR_NOT_FOUND;
	}
	/* Now, while OpenSSL may still read its files: later there are none. */
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
	*program = k;
	return 0;
}

static int init(void *program)
{
	static const char *const names[] = { "keys.signed", "keys.failed" };
	static struct stats stats;
	struct keys *k = program;

	stats_register(&stats, names, &k->signed_n, 2);
	return vault_open(&k->vault, k->vault.folder);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct keys *k = program;

	(void)grace_ms;
	vault_close(&k->vault);
	proc_exit(k->proc, 0);
}

static const struct bus_handler handlers[] = { { MSG_KEY_SIGN, on_key_sign }, { MSG_KEY_DERIVE, on_key_derive } };

static const struct proc_command commands[] = {
	{ "key generate", cmd_generate },    { "key import", cmd_import },	       { "key delete", cmd_delete },
	{ "show keys", cmd_show },	     { "key public", cmd_public },	       { "certificate csr", cmd_csr },
	{ "certificate self-signed", cmd_self_signed },
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
		.stop = stop,
	};

	return proc_main(argc, argv, &program);
}
