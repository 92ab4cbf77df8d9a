/* What gh-conf itself puts into a backup: a row a section, in the order of the file. */
#include "base/err.h"
#include "base/secret.h"
#include "conf.h"
#include "conf_text.h"
#include "run/disk.h"
#include "run/version.h"

#include <stdio.h>
#include <stdlib.h>

static int save_settings(struct conf *c, struct buf *out)
{
	store_print(&c->store, out);
	return buf_failed(out) ? ERR_LIMIT : 0;
}

static int check_settings(struct conf *c, struct bytes content, char why[static 300])
{
	struct conf_text_error error;
	struct rows rows = { 0 };
	struct aside aside;

	aside_init(&aside);
	int rc = store_parse(content, strcmp(c->backup.product, GATEHOUSE_VERSION) != 0, &rows, &aside, &error);
	if (rc)
		snprintf(why, 300, "%.255s", error.text);
	aside_fini(&aside);
	rows_fini(&rows);
	return rc;
}

static void swap(struct aside *a, struct aside *b)
{
	struct aside was = *a;

	*a = *b;
	*b = was;
}

/* The note tells a repetition after a crash: then it is done already. */
static int install_settings(struct conf *c, struct bytes content, const char *note)
{
	struct conf_text_error error;
	struct rows rows = { 0 };
	struct aside aside;

	if (store_is_noted(&c->store, note))
		return 0;
	aside_init(&aside);
	int rc = store_parse(content, true, &rows, &aside, &error); /* check_settings knew whose it is */
	if (!rc) {
		(void)store_set_pending(&c->store, 0, 0); /* none, as a rule: a commit of the old box is not to be undone */
		swap(&c->store.aside, &aside);
		rc = store_commit(&c->store, c->store.generation + 1, &rows, "restore", note, loop_wall_ms(c->loop));
		if (rc)
			swap(&c->store.aside, &aside);
		else
			aside_log(&c->store.aside, c->store.generation);
	}
	aside_fini(&aside);
	rows_fini(&rows);
	return rc;
}

/* ---- operators' accounts: a file as it is ---- */

static int save_accounts(struct conf *c, struct buf *out)
{
	int rc = disk_read(c->store.dir_fd, ACCOUNTS_FILE, out);

	return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int check_accounts(struct conf *c, struct bytes content, char why[static 300])
{
	struct account *v = calloc(ACCOUNTS_MAX, sizeof *v);
	size_t n = 0;
	unsigned line = 0;
	int rc = v ? account_file_read(content, v, &n, &line) : ERR_NOMEM;

	(void)c;
	if (rc)
		snprintf(why, 300, "line %u: %s", line, err_text(rc));
	if (v)
		secret_wipe(v, ACCOUNTS_MAX * sizeof *v);
	free(v);
	return rc;
}

static int install_accounts(struct conf *c, struct bytes content, const char *note)
{
	(void)note;
	return disk_replace(c->store.dir_fd, ACCOUNTS_FILE, content);
}

const struct backup_part backup_parts[] = {
	/* section, name, limit, save, check, install */
	{ BACKUP_SETTINGS, "settings", 16 << 20, save_settings, check_settings, install_settings },
	{ BACKUP_ACCOUNTS, "accounts", ACCOUNT_TEXT_MAX + (128 << 10), save_accounts, check_accounts, install_accounts },
};
_Static_assert(sizeof backup_parts / sizeof backup_parts[0] == BACKUP_PARTS, "BACKUP_PARTS counts the rows");

void backup_fini(struct backup *b)
{
	for (unsigned i = 0; i < BACKUP_PARTS; i++) {
		if (b->parts[i].p)
			secret_wipe(b->parts[i].p, b->parts[i].cap); /* accounts have verifiers of passwords */
		buf_fini(&b->parts[i]);
	}
	buf_fini(&b->store);
	*b = (struct backup){ 0 };
}
