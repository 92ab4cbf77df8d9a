#include "update.h"

#include "base/err.h"
#include "base/log.h"
#include "slot_image.h"
#include "run/version.h"

#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

static int prepare(struct proc *p, void **program)
{
	struct update *u = calloc(1, sizeof *u);
	int folder = proc_open_folder(p);

	if (!u || folder < 0) {
		free(u);
		return folder < 0 ? folder : ERR_NOMEM;
	}
	u->proc = p;
	u->folder = folder;
	platform_read(u->platform);
	u->has_slots = !proc_is_appliance(p) || slot_image_is_here();
	int rc = proc_is_appliance(p) && u->has_slots ? slot_image_prepare(&u->image, folder) : 0;
	if (rc) {
		free(u);
		return rc;
	}
	/* Now, while OpenSSL may still read its files: later there are none. */
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
	*program = u;
	return 0;
}

static int first_table(struct update *u)
{
	struct image_version v;
	int rc = image_version_parse(BYTES(GATEHOUSE_VERSION), &v);

	if (rc)
		return rc;
	slots_first(&u->table, &v);
	return slots_store(&u->disk, &u->table);
}

static int open_files(struct update *u)
{
	int rc = slot_files_open(&u->files, u->folder, &u->disk);

	return !rc && slots_load(&u->disk, &u->table) ? first_table(u) : rc;
}

static int open_image(struct update *u)
{
	int rc = slot_image_open(&u->image, u->folder, &u->disk);

	if (rc)
		return rc;
	slot_image_reconcile(&u->image, slots_load(&u->disk, &u->table) == 0, &u->table);
	return slots_store(&u->disk, &u->table); /* and an unfinished slot can go on */
}

static int init(void *program)
{
	struct update *u = program;
	char version[IMAGE_VERSION_TEXT];

	if (!u->has_slots) {
		log_info("update.no_slots", LOG_STR("why", "this machine does not run from the image"));
		return 0;
	}
	int rc = proc_is_appliance(u->proc) ? open_image(u) : open_files(u);

	if (rc)
		return rc;
	if (slots_notice_failure(&u->table)) {
		image_version_text(&u->table.failed, version);
		log_error("update.fell_back", LOG_STR("version", version), LOG_STR("advice", "it did not become healthy; the version before it runs"));
		rc = slots_store(&u->disk, &u->table);
	}
	image_version_text(&u->table.slots[u->table.booted].version, version);
	log_info("update.running", LOG_STR("version", version), LOG_STR("keys", update_trust_is_development ? "development" : "release"));
	return rc;
}

static void stop(void *program, uint32_t grace_ms)
{
	struct update *u = program;

	(void)grace_ms;
	update_stop(u);
	if (!u->has_slots)
		(void)close(u->folder); /* a folder */
	else if (proc_is_appliance(u->proc))
		slot_image_close(&u->image);
	else
		slot_files_close(&u->files);
	proc_exit(u->proc, 0);
}

static void down(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_CONF)
		update_stop(program); /* who asked has gone; the same file goes on later */
}

static const struct bus_handler handlers[] = { { MSG_UPDATE_ASK, on_update_ask } };
static const struct proc_command commands[] = {
	{ "upgrade status", cmd_upgrade_status },
	{ "upgrade confirm", cmd_upgrade_confirm },
	{ "upgrade rollback", cmd_upgrade_rollback },
};

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_UPDATE,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = commands,
		.n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare,
		.init = init,
		.down = down,
		.stop = stop,
	};

	return proc_main(argc, argv, &program);
}
