/* Commands about settings: set, delete, show, describe, diff, save, load. */
#include "base/err.h"
#include "base/secret.h"
#include "conf.h"
#include "conf_text.h"
#include "entry.h"

#include <assert.h>
#include <stdio.h>

static void done_why(struct oper *o, int rc, struct bytes path, const char *why)
{
	char text[512];

	snprintf(text, sizeof text, "%.*s%s%s", BYTES_FMT(path), path.n ? ": " : "", why);
	oper_done(o, rc, text);
}

/* The refusal names what was typed. */
static void done_words(struct oper *o, int rc, const struct command_args *args, const char *why)
{
	struct buf typed;

	buf_init(&typed, 256);
	for (size_t i = 0; i < args->n && args->kinds[i] == OPER_WORD_TYPED && args->v[i].n < 64; i++) {
		if (i > 0)
			buf_put_u8(&typed, ' ');
		buf_put_bytes(&typed, args->v[i]);
	}
	done_why(o, rc, buf_bytes(&typed), why);
	buf_fini(&typed);
}

/* A certificate's place holds either the certificate or the name of a file with it. */
static bool is_file_name(const struct setting_row *row, const struct command_args *args, size_t used)
{
	return row->type == SETTING_PEM && args->n == used + 1 && args->kinds[used] == OPER_WORD_TYPED &&
	       !bytes_starts(args->v[used], BYTES("-----BEGIN"));
}

COMMAND_FN(cmd_set)
{
	const struct setting_row *row = NULL;
	const char *why = "";
	struct buf path, value;
	size_t used = 0;
	int rc;

	(void)c;
	(void)cmd;
	buf_init(&path, 4096);
	buf_init(&value, 1 << 20);
	rc = entry_path(args->v, args->n, &path, &row, &used, &why);
	o->had_secret |= row && row->type == SETTING_SECRET;
	if (rc == 0 && !rights_may(o->role, rights_setting(buf_bytes(&path)))) {
		why = "your role may not change this setting";
		rc = ERR_DENIED;
	}
	if (rc == 0 && is_file_name(row, args, used)) {
		oper_need(o, OPER_NEED_FILE, args->first_word + used, "");
		goto out;
	}
	if (rc == 0) {
		buf_clear(&path);
		rc = entry_make(args->v, args->n, &path, &value, &row, &why);
	}
	if (rc == 0) {
		why = "";
		rc = oper_begin(o);
	}
	if (rc == 0)
		rc = oper_decide(o, buf_bytes(&path));
	if (rc == 0)
		rc = rows_set(&o->candidate, buf_bytes(&path), buf_bytes(&value));
	if (rc == ERR_UNKNOWN)
		done_words(o, rc, args, why);
	else if (rc < 0)
		done_why(o, rc, buf_bytes(&path), why[0] ? why : err_text(rc));
	else
		oper_done(o, 0, "");
out:
	secret_wipe(value.p, value.cap);
	buf_fini(&path);
	buf_fini(&value);
}

/* All that is below the path must be of this role; what is not set is judged by the path itself. */
static bool may_delete(const struct oper *o, struct bytes path)
{
	const struct rows *r = oper_rows(o);
	bool may = rights_may(o->role, rights_setting(path)), is_set = false;

	for (size_t i = 0; i < r->n; i++) {
		if (!rows_is_below(r->v[i].path, path))
			continue;
		may = rights_may(o->role, rights_setting(r->v[i].path)) && (may || !is_set);
		is_set = true;
	}
	return may;
}

COMMAND_FN(cmd_delete)
{
	const char *why = "";
	struct buf path;
	int rc;

	(void)cmd;
	buf_init(&path, 4096);
	rc = entry_prefix(args->v, args->n, &path, &why);
	if (rc == 0 && !may_delete(o, buf_bytes(&path))) {
		rc = ERR_DENIED;
		why = "your role may not change this setting";
	}
	if (rc == 0)
		rc = oper_begin(o);
	if (rc == 0 && rows_del(&o->candidate, buf_bytes(&path)) == 0 && !rows_has_below(&c->store.running, buf_bytes(&path))) {
		rc = ERR_NOT_FOUND;
		why = "not set";
	}
	if (rc == 0)
		rc = oper_decide(o, buf_bytes(&path));
	if (rc < 0)
		done_words(o, rc, args, why);
	else
		oper_done(o, 0, "");
	buf_fini(&path);
}

static void put_row(struct oper *o, const struct row_item *item)
{
	struct buf value;

	buf_init(&value, 64 << 10);
	conf_text_put_value(item, &value);
	oper_record_begin(o);
	oper_record_bytes(o, "setting", item->path);
	oper_record_bytes(o, "value", buf_bytes(&value));
	oper_record_str(o, "unit", item->row->unit);
	oper_record_end(o);
	buf_fini(&value);
}

static void show(struct oper *o, const struct rows *r, const struct command_args *args)
{
	const char *why = "";
	struct buf prefix;

	buf_init(&prefix, 4096);
	int rc = entry_prefix(args->v, args->n, &prefix, &why);
	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		if (rows_is_below(r->v[i].path, buf_bytes(&prefix)))
			put_row(o, &r->v[i]);
	}
	oper_done(o, rc, rc < 0 ? why : "");
	buf_fini(&prefix);
}

COMMAND_FN(cmd_show_settings)
{
	(void)cmd;
	show(o, &c->store.running, args);
}

COMMAND_FN(cmd_show_candidate)
{
	(void)c;
	(void)cmd;
	show(o, oper_rows(o), args);
}

static const char *const type_names[] = {
	[SETTING_BOOL] = "on or off",     [SETTING_INT] = "number",          [SETTING_ENUM] = "choice",
	[SETTING_TEXT] = "text",          [SETTING_DOMAIN] = "domain",       [SETTING_LISTEN] = "address and port",
	[SETTING_HOST] = "host and port", [SETTING_ADDRESS] = "address",     [SETTING_PEM] = "PEM text or file",
	[SETTING_HEX] = "hex digits",     [SETTING_SECRET] = "secret",
};

static bool fits_prefix(const char *pattern, const struct command_args *args)
{
	struct bytes rest = bytes_of(pattern);

	for (size_t i = 0; i < args->n; i++) {
		struct bytes word = bytes_make(rest.p, bytes_find(rest, ' '));
		if (word.n == 0 || (!bytes_eq_str(word, "*") && !bytes_eq(word, args->v[i])))
			return false;
		rest = bytes_skip(rest, word.n + 1);
	}
	return true;
}

COMMAND_FN(cmd_describe)
{
	size_t n = 0;

	(void)c;
	(void)cmd;
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		if (!fits_prefix(row->path, args))
			continue;
		oper_record_begin(o);
		oper_record_str(o, "setting", row->path);
		oper_record_str(o, "type", type_names[row->type]);
		oper_record_str(o, "range", row->range);
		oper_record_str(o, "default", row->def ? row->def : "");
		oper_record_str(o, "unit", row->unit);
		oper_record_str(o, "change", row->effect == EFFECT_LIVE ? "live" : "restarts its readers");
		oper_record_str(o, "help", row->help);
		oper_record_end(o);
		n++;
	}
	oper_done(o, n ? 0 : ERR_UNKNOWN, n ? "" : "no such setting");
}

static void put_change(void *arg, const struct row_item *old, const struct row_item *new)
{
	struct oper *o = arg;
	struct buf was, is;

	buf_init(&was, 64 << 10);
	buf_init(&is, 64 << 10);
	conf_text_put_value(old, &was);
	conf_text_put_value(new, &is);
	oper_record_begin(o);
	oper_record_str(o, "change", !old ? "set" : new ? "change" : "delete");
	oper_record_bytes(o, "setting", (old ? old : new)->path);
	oper_record_bytes(o, "now", buf_bytes(&was));
	oper_record_bytes(o, "then", buf_bytes(&is));
	oper_record_end(o);
	buf_fini(&was);
	buf_fini(&is);
}

COMMAND_FN(cmd_diff)
{
	char why[512];

	(void)cmd;
	(void)args;
	int rc = oper_rebase(o, why);
	if (rc < 0)
		oper_note(o, why[0] ? why : err_text(rc));
	if (o->has_candidate)
		rows_diff(&c->store.running, &o->candidate, put_change, o);
	oper_done(o, 0, "");
}

COMMAND_FN(cmd_discard)
{
	(void)c;
	(void)cmd;
	(void)args;
	oper_discard(o);
	oper_done(o, 0, "");
}

COMMAND_FN(cmd_save)
{
	struct rows shown = { 0 };
	struct buf b;
	int rc;

	(void)c;
	(void)cmd;
	(void)args;
	static_assert(ROWS_BYTES_MAX + 8 * ROWS_MAX < OPER_FRAME_MAX - 4096, "what is saved can be loaded");
	buf_init(&b, OPER_FRAME_MAX);
	rc = rows_copy(&shown, oper_rows(o));
	for (size_t i = shown.n; rc == 0 && i-- > 0;) {
		if (shown.v[i].row->type != SETTING_SECRET)
			continue;
		buf_putf(&b, "# a secret is not saved: %.*s\n", BYTES_FMT(shown.v[i].path));
		(void)rows_del(&shown, shown.v[i].path); /* it is there */
	}
	if (rc == 0) {
		conf_text_print(&shown, &b);
		rc = buf_failed(&b) ? ERR_LIMIT : 0;
	}
	if (rc == 0)
		oper_text(o, buf_bytes(&b));
	oper_done(o, rc, "");
	rows_fini(&shown);
	buf_fini(&b);
}

static int put_all(struct oper *o, const struct rows *from, bool is_merge)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && rc == 0; i++) {
		if (is_merge)
			rc = oper_decide(o, from->v[i].path);
		if (rc == 0)
			rc = rows_set(&o->candidate, from->v[i].path, from->v[i].value);
	}
	return rc;
}

/* The text is read whole before the candidate changes. */
static void load(struct oper *o, struct bytes text, bool is_merge)
{
	struct conf_text_error error;
	struct rows r = { 0 };
	int rc = conf_text_parse(text, &r, &error);

	if (rc < 0) {
		oper_done(o, rc, error.text);
	} else {
		rc = oper_begin(o);
		if (rc == 0 && !is_merge) {
			rc = oper_decide(o, BYTES_NONE);
			rows_fini(&o->candidate);
		}
		if (rc == 0)
			rc = put_all(o, &r, is_merge);
		oper_done(o, rc, "");
	}
	rows_fini(&r);
}

COMMAND_FN(cmd_load)
{
	(void)c;
	(void)cmd;
	load(o, args->v[0], false);
}

COMMAND_FN(cmd_merge)
{
	(void)c;
	(void)cmd;
	load(o, args->v[0], true);
}
