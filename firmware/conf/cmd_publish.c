/* publish import, export, test, check: the allow list of published web services, of the candidate where there is one. */
#include "base/err.h"
#include "conf.h"
#include "publish_json.h"
#include "publish_list.h"

#include <stdio.h>

static const char rule_path[] = "publish rule";

/* ---- import ---- */

/* One setting of a rule; an empty value: not set. */
static int put(struct oper *o, const char *rule, enum setting id, const char *word, struct bytes value)
{
	const char *why;
	struct buf path, text;
	int rc = 0;

	if (!value.n)
		return 0;
	buf_init(&path, 128);
	buf_init(&text, 4096);
	buf_putf(&path, "%s %s %s", rule_path, rule, word);
	rc = setting_check(setting_row(id), value, &text, &why);
	if (!rc)
		rc = rows_set(&o->candidate, buf_bytes(&path), buf_bytes(&text));
	buf_fini(&path);
	buf_fini(&text);
	return rc;
}

static int put_rule(struct oper *o, unsigned number, const struct allow_rule *r)
{
	struct buf set;
	char name[16];

	buf_init(&set, 128);
	allow_put_methods(&set, r->methods, ",");
	snprintf(name, sizeof name, "%04u", number);
	int rc = put(o, name, SET_PUBLISH_RULE_URL, "url", r->url);
	if (!rc)
		rc = put(o, name, SET_PUBLISH_RULE_METHODS, "methods", buf_bytes(&set));
	if (!rc)
		rc = put(o, name, SET_PUBLISH_RULE_MATCH, "match", r->is_exact ? BYTES("exact") : BYTES_NONE);
	if (!rc)
		rc = put(o, name, SET_PUBLISH_RULE_DEPLOYMENT, "deployment", r->deployment);
	if (!rc)
		rc = put(o, name, SET_PUBLISH_RULE_NOTE, "description", r->description);
	buf_fini(&set);
	return rc;
}

static int into_list(void *arg, const struct allow_words *w, const char **why)
{
	return allow_add_rule(arg, w, why);
}

/* All rules of the candidate are those of the list. */
static int replace(struct oper *o, const struct allow_list *l)
{
	int rc = oper_begin(o);

	if (!rc)
		rc = oper_decide(o, bytes_of(rule_path));
	if (!rc)
		(void)rows_del(&o->candidate, bytes_of(rule_path)); /* there may be none */
	for (size_t i = 0; i < l->n_rules && !rc; i++)
		rc = put_rule(o, (unsigned)i + 1, &l->rules[i]);
	return rc;
}

COMMAND_FN(cmd_publish_import)
{
	struct bytes file = args->v[0];
	struct allow_error error = { .why = "" };
	struct allow_list l;
	char text[256];

	(void)c, (void)cmd;
	allow_init(&l);
	int rc = publish_is_json(file) ? publish_json_rules(file, into_list, &l, &error) : allow_read_rules(file, into_list, &l, &error);
	if (rc) {
		snprintf(text, sizeof text, "%s %u: %s", publish_is_json(file) ? "rule" : "line", error.line, error.why[0] ? error.why : err_text(rc));
	} else {
		rc = replace(o, &l);
		snprintf(text, sizeof text, rc ? "%s" : "%s%zu rules are in your candidate, in place of all there were: commit", rc ? err_text(rc) : "", l.n_rules);
	}
	oper_done(o, rc, text);
	allow_fini(&l);
}

/* ---- export ---- */

COMMAND_FN(cmd_publish_export)
{
	bool is_json = args->n && bytes_eq_str(args->v[0], "json");
	struct allow_list l;
	struct buf out;

	(void)c, (void)cmd;
	if (args->n && !is_json && !bytes_eq_str(args->v[0], "csv")) {
		oper_done(o, ERR_SYNTAX, "csv or json");
		return;
	}
	buf_init(&out, 8 << 20);
	publish_list(oper_rows(o), &l, NULL, NULL);
	if (is_json) {
		publish_json_write(&out, &l);
	} else {
		allow_write_head(&out);
		for (size_t i = 0; i < l.n_rules; i++)
			allow_write_rule(&out, &l.rules[i]);
	}
	if (!buf_failed(&out))
		oper_text(o, buf_bytes(&out));
	oper_done(o, buf_failed(&out) ? ERR_LIMIT : 0, "");
	buf_fini(&out);
	allow_fini(&l);
}

/* ---- the box's own tester ---- */

static void put_answer(struct oper *o, const struct allow_answer *a, const char *why)
{
	oper_record_bytes(o, "target", a->site ? a->site->key : BYTES_NONE);
	oper_record_bytes(o, "rule", a->rule ? a->rule->name : BYTES_NONE);
	oper_record_bytes(o, "rule-url", a->rule ? a->rule->url : BYTES_NONE);
	oper_record_str(o, "why", why);
	oper_record_end(o);
}

COMMAND_FN(cmd_publish_check)
{
	struct allow_answer a;
	struct allow_list l;
	const char *why;

	(void)c, (void)cmd;
	publish_list(oper_rows(o), &l, NULL, NULL);
	bool is = allow_try(&l, args->v[1], args->v[0], BYTES_NONE, &a, &why);
	oper_record_begin(o);
	oper_record_str(o, "result", is ? "allow" : "block");
	put_answer(o, &a, why);
	oper_done(o, 0, "");
	allow_fini(&l);
}

struct run {
	struct oper *o;
	struct allow_list list;
	unsigned n, wrong;
};

static int run_test(void *arg, const struct allow_test *t, const char **why)
{
	struct run *run = arg;
	struct allow_answer a;
	const char *reason;
	bool is = allow_try(&run->list, t->url, t->method, t->deployment, &a, &reason), is_right = is == t->is_allowed;

	(void)why;
	run->n++;
	run->wrong += !is_right;
	oper_record_begin(run->o);
	oper_record_int(run->o, "line", t->line);
	oper_record_bytes(run->o, "method", t->method);
	oper_record_bytes(run->o, "url", t->url);
	oper_record_str(run->o, "expected", t->is_allowed ? "allow" : "block");
	oper_record_str(run->o, "result", is ? "allow" : "block");
	oper_record_str(run->o, "verdict", is_right ? "pass" : "fail");
	put_answer(run->o, &a, reason);
	return 0;
}

COMMAND_FN(cmd_publish_test)
{
	struct run run = { .o = o };
	struct allow_error error;
	char text[256];

	(void)c, (void)cmd;
	publish_list(oper_rows(o), &run.list, NULL, NULL);
	int rc = allow_read_tests(args->v[0], run_test, &run, &error);
	if (rc)
		snprintf(text, sizeof text, "line %u: %s", error.line, error.why[0] ? error.why : err_text(rc));
	else if (run.wrong)
		snprintf(text, sizeof text, "%u of %u are not as expected", run.wrong, run.n);
	else
		snprintf(text, sizeof text, "all %u are as expected", run.n);
	oper_done(o, rc ? rc : run.wrong ? ERR_BAD_STATE : 0, text);
	allow_fini(&run.list);
}
