/* Completion: what could stand as the last word of a line. */
#include "classic.h"
#include "command.h"
#include "place.h"
#include "rows.h"

#include <stdio.h>

struct completion {
	const struct rows *rows;
	struct bytes typed; /* of the last word */
	command_candidate_fn fn;
	void *arg;
	char last[256]; /* said last, so that neighbours are said once */
};

static void say(struct completion *c, struct bytes word, const char *help)
{
	if (!bytes_starts(word, c->typed) || word.n >= sizeof c->last || bytes_eq_str(word, c->last))
		return;
	snprintf(c->last, sizeof c->last, "%.*s", BYTES_FMT(word));
	c->fn(c->arg, c->last, help);
}

/* Hints are shown, not inserted: they begin with '<'. */
static void hint(struct completion *c, struct bytes word, const char *help)
{
	char text[256];

	snprintf(text, sizeof text, "%.*s", BYTES_FMT(word));
	if (c->typed.n == 0)
		c->fn(c->arg, text, help);
}

/* Said whatever has been typed: the person's side completes it (run/oper.h). */
static void hint_file(struct completion *c, struct bytes word, const char *help)
{
	struct bytes typed = c->typed;

	c->typed = BYTES_NONE;
	hint(c, word, help);
	c->typed = typed;
}

static struct bytes word_at(struct bytes path, size_t i)
{
	while (i-- > 0)
		path = bytes_skip(path, bytes_find(path, ' ') + 1);
	return bytes_make(path.p, bytes_find(path, ' '));
}

/* Do the first n words fit the path of a row (or of an item, without '*')? */
static bool fits(struct bytes path, const struct bytes *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bytes want = word_at(path, i);
		if (want.n == 0 || (!bytes_eq_str(want, "*") && !bytes_eq(want, words[i])))
			return false;
	}
	return true;
}

/* Keys that exist, for a '*' at word n. */
static void say_keys(struct completion *c, const struct bytes *words, size_t n)
{
	for (size_t i = 0; i < c->rows->n; i++) {
		const struct row_item *item = &c->rows->v[i];
		if (item->key.n > 0 && fits(item->path, words, n) && bytes_eq(word_at(item->path, n), item->key))
			say(c, item->key, "");
	}
}

static void say_values(struct completion *c, const struct setting_row *row)
{
	struct bytes rest = bytes_of(row->type == SETTING_BOOL ? "on|off" : row->range);
	char text[128];

	if (row->type != SETTING_BOOL && row->type != SETTING_ENUM) {
		snprintf(text, sizeof text, "<value %s>", row->range);
		hint(c, bytes_of(text), row->help);
		if (row->type == SETTING_PEM)
			hint_file(c, BYTES("<file>"), "a file that has it");
		return;
	}
	while (rest.n > 0) {
		size_t n = bytes_find(rest, '|');
		say(c, bytes_make(rest.p, n), row->help);
		rest = bytes_skip(rest, n + 1);
	}
}

/* words: n finished words of a setting's path. */
static void say_settings(struct completion *c, const struct bytes *words, size_t n, bool with_values)
{
	bool was_key = false;

	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		struct bytes path = bytes_of(row->path), next = word_at(path, n);
		if (!fits(path, words, n))
			continue;
		if (next.n == 0 && with_values) {
			say_values(c, row);
		} else if (bytes_eq_str(next, "*") && !was_key) {
			was_key = true;
			say_keys(c, words, n);
			hint(c, BYTES("<name>"), row->help);
		} else if (next.n > 0 && !bytes_eq_str(next, "*")) {
			bool is_last = word_at(path, n + 1).n == 0;
			say(c, next, is_last ? row->help : "");
		}
	}
}

static void say_domains(struct completion *c)
{
	static const enum setting sources[] = { SET_FED_PEER_ACTION, SET_DOMAIN_CERTIFICATE };

	for (size_t i = 0; i < c->rows->n; i++) {
		const struct row_item *item = &c->rows->v[i];
		bool is_domain = item->row->id == sources[1] || strncmp(item->row->path, "federation peer ", 16) == 0 ||
		                 strncmp(item->row->path, "sip peer ", 9) == 0;
		if (is_domain && bytes_find(item->key, '*') == item->key.n)
			say(c, item->key, "");
	}
}

static void say_place(struct completion *c, struct bytes element, const char *help)
{
	enum place p = place_of(element);
	const char *word;

	for (size_t i = 0; (word = place_choice(p, i)); i++)
		say(c, bytes_of(word), "");
	if (p == PLACE_DOMAIN)
		say_domains(c);
	if (p == PLACE_FILE || p == PLACE_STREAM)
		hint_file(c, element, help);
	else
		hint(c, element, help);
}

/* One row of the table against the finished words. */
static void complete_row(struct completion *c, const struct command *cmd, const struct command_line *line)
{
	struct bytes rest = bytes_of(cmd->words);
	size_t n = line->n - 1;

	for (size_t i = 0; rest.n > 0; i++) {
		struct bytes e = bytes_make(rest.p, bytes_find(rest, ' '));
		bool is_place = *e.p == '<' || *e.p == '[';
		rest = bytes_skip(rest, e.n + 1);
		if (is_place && place_of(e) == PLACE_SETTING) {
			say_settings(c, line->v + i, n - i, strncmp(cmd->words, "set ", 4) == 0);
			return;
		}
		bool goes_on = is_place && rest.n == 0 && e.n > 3 && memcmp(e.p + e.n - 3, "...", 3) == 0;
		if (i == n || (goes_on && i < n)) {
			if (is_place)
				say_place(c, e, cmd->help);
			else
				say(c, e, rest.n == 0 || *rest.p == '<' || *rest.p == '[' ? cmd->help : "");
			return;
		}
		if (!is_place && !bytes_eq(e, line->v[i]))
			return;
	}
}

void command_complete(const struct command_line *line, const struct rows *rows, enum oper_role role,
                      command_candidate_fn fn, void *arg)
{
	struct completion c = { .rows = rows, .fn = fn, .arg = arg };

	if (line->n == 0)
		return;
	c.typed = line->v[line->n - 1];
	for (size_t i = 0; i < command_count; i++) {
		if (rights_may(role, command_table[i].role) && !classic_is_refused(&command_table[i]))
			complete_row(&c, &command_table[i], line);
	}
}
