/* The table of classic words: each row stands for something that is there, and needs the role that this needs. */
#include "classic.h"

#include "base/err.h"
#include "conf.h"
#include "entry.h"
#include "rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
	const char *place, *word;
} samples[] = {
	{ "<level>", "audit" },          { "<interface>", "a" },          { "<address>", "192.0.2.9" },  { "<address/prefix>", "192.0.2.9/24" }, { "<number>", "20" },   { "<days>", "30" },
	{ "<bytes>", "1500" },           { "<version>", "1.3" }, { "<server>", "192.0.2.53" }, { "<zone>", "Europe/Berlin" },          { "<domain>", "a.example" },  { "<realm>", "a.example" },
	{ "[number]", "20" },            { "[port]", "5353" },            { "<password>", "pass-word-9" }, { "<upgrade-file>", "x.img" },
	{ "<backup-file>", "x.backup" }, { "<backup-password>", "pass" }, { "<account>", "anna" },
};

static struct bytes sample(struct bytes place)
{
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		if (bytes_eq_str(place, samples[i].place))
			return bytes_of(samples[i].word);
	}
	return BYTES("x");
}

/* As if a person had typed an example of the row, with what may be left out or without. */
static void example(const struct command *cmd, bool is_full, struct command_args *args)
{
	struct bytes rest = bytes_of(cmd->words);

	*args = (struct command_args){ 0 };
	while (rest.n > 0) {
		struct bytes e = bytes_make(rest.p, bytes_find(rest, ' '));
		rest = bytes_skip(rest, e.n + 1);
		if (*e.p == '<' || (*e.p == '[' && is_full))
			args->v[args->n++] = sample(e);
	}
}

static void check_command(const struct command *cmd, const struct classic_line *line, struct arena *a)
{
	struct command_match m;

	command_match(&line->words, a, &m);
	if (m.result != MATCH_OK)
		fail_msg("%s: %s", cmd->words, m.why);
	assert_null(classic_native(m.command));
	if (m.command->role != cmd->role)
		fail_msg("%s needs another role than %s", cmd->words, m.command->words);
}

/* The least role that may change the setting, and that the row asks for. */
static void check_role(const struct command *cmd, struct bytes path)
{
	if (rights_setting(path) != cmd->role)
		fail_msg("%s: its role is not that of %.*s", cmd->words, BYTES_FMT(path));
}

static void check_keyed(const struct command *cmd, const struct classic_line *line)
{
	struct bytes words[WORDS_MAX];
	const struct setting_row *row;
	struct buf path, value;
	const char *why = "";

	memcpy(words, line->words.v, sizeof words);
	for (size_t i = 0; i < line->words.n; i++)
		words[i] = bytes_eq_str(words[i], "*") || bytes_eq_str(words[i], "{key}") ? BYTES("1") : words[i];
	buf_init(&path, 4096);
	buf_init(&value, 4096);
	int rc = entry_make(words + 1, line->words.n - 1, &path, &value, &row, &why);
	if (rc < 0)
		fail_msg("%s: %s", cmd->words, why);
	check_role(cmd, buf_bytes(&path));
	buf_fini(&path);
	buf_fini(&value);
}

static void check_change(const struct command *cmd, const struct classic_line *line)
{
	bool has_value = bytes_eq_str(line->words.v[0], "set") || bytes_eq_str(line->words.v[0], "add") || bytes_eq_str(line->words.v[0], "remove") ||
	                 bytes_eq_str(line->words.v[0], "append") || bytes_eq_str(line->words.v[0], "detach");
	struct buf path;
	const char *why = "";

	if (line->is_lacking || strstr(cmd->words, "<file>"))
		return;
	if (has_value) {
		check_keyed(cmd, line);
		return;
	}
	buf_init(&path, 4096);
	if (entry_prefix(line->words.v + 1, line->words.n - 1, &path, &why) < 0)
		fail_msg("%s: %s", cmd->words, why);
	check_role(cmd, buf_bytes(&path));
	buf_fini(&path);
}

static void check_row(const struct command *cmd, bool is_full)
{
	struct classic_line lines[CLASSIC_LINES_MAX];
	struct command_args args;
	struct arena a;

	arena_init(&a, 1 << 20);
	example(cmd, is_full, &args);
	size_t n = classic_expand(classic_native(cmd), &args, &a, lines);
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		if (classic_is_change(&lines[i])) {
			check_change(cmd, &lines[i]);
		} else {
			assert_int_equal(n, 1);
			check_command(cmd, &lines[i], &a);
		}
	}
	arena_fini(&a);
}

static void every_row_stands_for_something(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < command_count; i++) {
		if (command_table[i].fn != cmd_classic)
			continue;
		check_row(&command_table[i], false);
		check_row(&command_table[i], true);
		n++;
	}
	assert_true(n > 40);
}

/* No two rows have the same words, so that each is found under its own. */
static void words_are_there_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count; i++)
		for (size_t j = i + 1; j < command_count; j++)
			assert_string_not_equal(command_table[i].words, command_table[j].words);
}

static size_t n_completed;

static void count(void *arg, const char *word, const char *help)
{
	(void)help;
	n_completed += strcmp(word, arg) == 0;
}

static void refused_words_are_not_offered(void **state)
{
	struct command_line line = { .v = { BYTES("callbr") }, .n = 1 };
	static const struct rows none;

	(void)state;
	n_completed = 0;
	command_complete(&line, &none, OPER_ADMIN, count, "callbridge");
	assert_int_equal(n_completed, 0);
	line.v[0] = BYTES("webad");
	command_complete(&line, &none, OPER_ADMIN, count, "webadmin");
	assert_int_equal(n_completed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_stands_for_something),
		cmocka_unit_test(words_are_there_once),
		cmocka_unit_test(refused_words_are_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
