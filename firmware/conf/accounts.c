#include "accounts.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "run/disk.h"

#include <stdio.h>
#include <stdlib.h>

#define DAMAGED_NAME "accounts.damaged"

static void tell_kept(const struct accounts *a)
{
	char first[32];

	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].kept.n)
			log_warn("conf.accounts.aside", LOG_STR("account", a->v[i].name), LOG_STR("first", kept_first(&a->v[i].kept, first)),
			         LOG_STR("do", account_is_shut(&a->v[i]) ? "another version limits this account: nobody logs in by it until that one runs again" :
			                                                  "it is kept for the version that knows it"));
}

static void read_text(struct accounts *a, struct bytes text)
{
	unsigned line = 0;
	int rc = account_file_read(text, a->v, &a->n, &line);

	if (rc == 0) {
		tell_kept(a);
		return;
	}
	secret_wipe(a->v, ACCOUNTS_MAX * sizeof a->v[0]);
	a->n = 0;
	a->is_damaged = true;
	log_error("conf.accounts.damaged", LOG_INT("line", line), LOG_STR("why", err_text(rc)));
	if (renameat(a->dir_fd, ACCOUNTS_FILE, a->dir_fd, DAMAGED_NAME) < 0)
		log_error("conf.accounts.kept", LOG_STR("why", "the damaged file cannot be put aside"));
}

int accounts_open(struct accounts *a, int dir_fd)
{
	struct buf text;

	*a = (struct accounts){ .dir_fd = dir_fd, .v = calloc(ACCOUNTS_MAX, sizeof a->v[0]) };
	if (!a->v)
		return ERR_NOMEM;
	buf_init(&text, ACCOUNT_TEXT_MAX + (128 << 10));
	int rc = disk_read(dir_fd, ACCOUNTS_FILE, &text);
	if (rc == 0 || rc == ERR_LIMIT)
		read_text(a, buf_bytes(&text));
	secret_wipe(text.p, text.cap);
	buf_fini(&text);
	return rc == ERR_NOT_FOUND || rc == ERR_LIMIT ? 0 : rc;
}

void accounts_close(struct accounts *a)
{
	if (a->v)
		secret_wipe(a->v, ACCOUNTS_MAX * sizeof a->v[0]);
	free(a->v);
	*a = (struct accounts){ .dir_fd = -1 };
}

struct account *accounts_find(const struct accounts *a, struct bytes name)
{
	for (size_t i = 0; i < a->n; i++) {
		if (bytes_eq_str(name, a->v[i].name))
			return &a->v[i];
	}
	return NULL;
}

struct account *accounts_add(struct accounts *a, struct bytes name)
{
	if (a->n == ACCOUNTS_MAX)
		return NULL;
	struct account *new = &a->v[a->n++];
	*new = (struct account){ .expiry_days = ACCOUNT_EXPIRY_DEFAULT };
	snprintf(new->name, sizeof new->name, "%.*s", BYTES_FMT(name));
	return new;
}

void accounts_drop(struct accounts *a, struct account *account)
{
	size_t at = (size_t)(account - a->v);

	memmove(account, account + 1, (a->n - at - 1) * sizeof *account);
	a->n--;
	secret_wipe(&a->v[a->n], sizeof a->v[0]);
}

int accounts_save(const struct accounts *a)
{
	struct buf text;

	buf_init(&text, ACCOUNT_TEXT_MAX);
	account_file_put(a->v, a->n, &text);
	int rc = buf_failed(&text) ? ERR_LIMIT : disk_replace(a->dir_fd, ACCOUNTS_FILE, buf_bytes(&text));
	if (rc < 0)
		log_error("conf.accounts.unsaved", LOG_STR("why", err_text(rc)));
	secret_wipe(text.p, text.cap);
	buf_fini(&text);
	return rc;
}

size_t accounts_count_admins(const struct accounts *a, const struct account *but)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->v[i].role == OPER_ADMIN && !account_is_shut(&a->v[i]) && &a->v[i] != but;
	return n;
}
