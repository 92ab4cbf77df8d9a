#include "recovery.h"

#include "audit.h"
#include "base/err.h"
#include "base/log.h"
#include "factory.h"
#include "run/alarm.h"
#include "run/disk.h"

#include <unistd.h>

enum { FILE_MAX = 16 << 10 }; /* disk_read takes 8 KiB at a time */

static struct bytes line_of(const struct buf *b)
{
	struct bytes line = buf_bytes(b);

	while (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	return line;
}

static void give_back(struct conf *c)
{
	int rc = factory_recover(&c->accounts, loop_wall_ms(c->loop) / 1000);

	if (rc) {
		log_error("conf.accounts.unsaved", LOG_STR("why", err_text(rc)));
		return;
	}
	throttle_forgive(&c->throttle, bytes_of(FACTORY_NAME));
	lockout_forgiven(c);
	audit_recovery(c, "the password of " FACTORY_NAME " is empty until a new one is chosen at the console");
	alarm_raise(ALARM_ADMIN_RECOVERED, FACTORY_NAME, ALARM_USUAL, NULL);
}

void recovery_take(struct conf *c)
{
	int folder = c->store.dir_fd;
	struct buf b;

	buf_init(&b, FILE_MAX);
	int rc = disk_read(folder, RECOVERY_ASKED_FILE, &b);
	if (rc != ERR_NOT_FOUND) {
		if (!rc && bytes_eq_str(line_of(&b), "password"))
			give_back(c);
		else if (!rc && bytes_eq_str(line_of(&b), "refused"))
			audit_recovery(c, "refused: operators boot-menu does not allow it");
		if (unlinkat(folder, RECOVERY_ASKED_FILE, 0) < 0 || fsync(folder) < 0)
			log_error("conf.recovery.stays", LOG_STR("why", err_text(ERR_IO)));
	}
	buf_fini(&b);
}

void recovery_publish(struct conf *c)
{
	struct bytes word = rows_value(&c->store.running, SET_OPERATORS_BOOT_MENU, BYTES_NONE);
	struct buf b;

	buf_init(&b, FILE_MAX);
	bool is_there = disk_read(c->store.dir_fd, RECOVERY_MAY_FILE, &b) == 0 && bytes_eq(line_of(&b), word);
	buf_fini(&b);
	if (!is_there && disk_replace(c->store.dir_fd, RECOVERY_MAY_FILE, word) < 0)
		log_error("conf.boot_menu.unsaved", LOG_STR("setting", "operators boot-menu"));
}
