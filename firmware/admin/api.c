#include "api.h"

#include "answer.h"
#include "assets.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "json.h"

#include <stdio.h>

/* The rows of the API. Each is a line of words for gh-conf; what it means and who may, gh-conf decides. */

enum { PREFIX = 2 /* "api", "v1" */ };

/* ---- bodies ---- */

/* The body as an object; NULL: answered. An empty body is an empty object. */
static json_t *body_of(struct conn *c)
{
	struct request *q = &c->request;
	char why[160];

	if (buf_len(&q->body) == 0)
		return json_object();
	size_t n = bytes_find(q->content_type, ';');
	if (!bytes_eq_nocase(bytes_make(q->content_type.p, n), BYTES("application/json"))) {
		conn_problem(c, 415, "content-type", "the body must be application/json");
		return NULL;
	}
	json_t *j = json_body(buf_bytes(&q->body), why);
	if (!j)
		conn_problem(c, 400, "json", why);
	return j;
}

static void put_literals(struct ask *q, const char *words)
{
	struct bytes rest = bytes_of(words);

	while (rest.n > 0) {
		size_t n = bytes_find(rest, ' ');
		ask_word(q, OPER_WORD_TYPED, bytes_make(rest.p, n));
		rest = bytes_skip(rest, n + 1);
	}
}

static size_t count_segments(const char *path)
{
	size_t n = 1;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static void put_rest(struct ask *q, const struct conn *c, const struct api_row *row)
{
	for (size_t i = PREFIX + count_segments(row->path) - 1; i < c->request.path.n; i++)
		ask_word(q, OPER_WORD_TYPED, c->request.path.segments[i]);
}

/* ---- rows ---- */

/* The words, then the further segments. */
static void ask_plain(struct conn *c, struct session *s, const struct api_row *row)
{
	struct answer *w = answer_new(c, s, answer_form_of(c));

	if (!w)
		return;
	put_literals(answer_ask(w), row->words);
	if (strstr(row->path, "..."))
		put_rest(answer_ask(w), c, row);
	answer_start(w);
}

/* The same with what a member of the body says at the end. */
static void ask_with(struct conn *c, struct session *s, const struct api_row *row, const char *member, bool is_number)
{
	json_t *body = body_of(c);
	char number[24];

	if (!body)
		return;
	const json_t *v = json_object_get(body, member);
	struct bytes value = json_member(body, member);
	if (is_number && json_is_integer(v)) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
		value = bytes_of(number);
	}
	if (is_number ? !json_is_integer(v) : !json_is_string(v)) {
		snprintf(number, sizeof number, "%s", member);
		json_decref(body);
		conn_problem(c, 422, "member", is_number ? "the body needs a member that is a number: see the API's description" :
		             "the body needs a member that is a string: see the API's description");
		return;
	}
	struct answer *w = answer_new(c, s, answer_form_of(c));
	if (w) {
		put_literals(answer_ask(w), row->words);
		if (strstr(row->path, "..."))
			put_rest(answer_ask(w), c, row);
		ask_word(answer_ask(w), is_number ? OPER_WORD_TYPED : OPER_WORD_CONTENT, value);
		answer_start(w);
	}
	json_decref(body);
}

static void ask_value(struct conn *c, struct session *s, const struct api_row *row)
{
	ask_with(c, s, row, "value", false);
}

static void ask_generation(struct conn *c, struct session *s, const struct api_row *row)
{
	ask_with(c, s, row, "generation", true);
}

static void ask_minutes(struct conn *c, struct session *s, const struct api_row *row)
{
	ask_with(c, s, row, "minutes", true);
}

static void ask_text(struct conn *c, struct session *s, const struct api_row *row)
{
	ask_with(c, s, row, "text", false);
}

static void ask_save(struct conn *c, struct session *s, const struct api_row *row)
{
	struct answer *w = answer_new(c, s, answer_form_of(c));

	if (!w)
		return;
	answer_file_name(w, "gatehouse-settings.conf");
	put_literals(answer_ask(w), row->words);
	answer_start(w);
}

/* A file that is no text. False: not base64. */
static bool put_base64(struct ask *q, const json_t *coded)
{
	struct buf plain;

	buf_init(&plain, CONN_BODY_MAX);
	bool is_right = text_unbase64(bytes_make(json_string_value(coded), json_string_length(coded)), &plain) == 0;
	if (is_right)
		ask_word(q, OPER_WORD_CONTENT, buf_bytes(&plain));
	secret_wipe(plain.p, plain.cap);
	buf_fini(&plain);
	return is_right;
}

/* "word", {"content": "..."}, {"base64": "..."}. False: none of them. */
static bool put_word(struct ask *q, const json_t *word)
{
	const json_t *content = json_object_get(word, "content"), *coded = json_object_get(word, "base64");

	if (json_is_string(coded))
		return put_base64(q, coded);
	if (json_is_string(word))
		ask_word(q, OPER_WORD_TYPED, bytes_make(json_string_value(word), json_string_length(word)));
	else if (json_is_string(content))
		ask_word(q, OPER_WORD_CONTENT, bytes_make(json_string_value(content), json_string_length(content)));
	else
		return false;
	return true;
}

static bool are_words(const json_t *words)
{
	const json_t *word;
	size_t i;

	if (!json_is_array(words) || json_array_size(words) == 0 || json_array_size(words) > 64)
		return false;
	json_array_foreach(words, i, word)
		if (!json_is_string(word) && !json_is_string(json_object_get(word, "content")) && !json_is_string(json_object_get(word, "base64")))
			return false;
	return true;
}

enum array_kind { ARRAY_COMMAND, ARRAY_COMPLETION, ARRAY_TRANSFER };

static struct answer *answer_of(struct conn *c, struct session *s, enum array_kind kind)
{
	if (kind == ARRAY_COMPLETION)
		return answer_new_completion(c, s);
	return kind == ARRAY_TRANSFER ? answer_new_transfer(c, s) : answer_new(c, s, answer_form_of(c));
}

static void ask_array(struct conn *c, struct session *s, enum array_kind kind)
{
	json_t *body = body_of(c);
	const json_t *words = body ? json_object_get(body, "words") : NULL, *word;
	size_t i;

	if (!body)
		return;
	if (!are_words(words)) {
		json_decref(body);
		conn_problem(c, 422, "words", "words must be an array of strings or {\"content\": string}");
		return;
	}
	struct answer *w = answer_of(c, s, kind);
	if (w) {
		bool is_right = true;
		json_array_foreach(words, i, word)
			is_right &= put_word(answer_ask(w), word);
		if (is_right)
			answer_start(w);
		else
			answer_refuse(w, 422, "base64", "a word is not in base64 (RFC 4648 4)");
	}
	json_decref(body);
}

static void ask_command(struct conn *c, struct session *s, const struct api_row *row)
{
	(void)row;
	ask_array(c, s, ARRAY_COMMAND);
}

static void ask_completion(struct conn *c, struct session *s, const struct api_row *row)
{
	(void)row;
	ask_array(c, s, ARRAY_COMPLETION);
}

static void ask_transfer(struct conn *c, struct session *s, const struct api_row *row)
{
	(void)row;
	ask_array(c, s, ARRAY_TRANSFER);
}

/* /transfers/OFFSET: the body is what lies there in the file; empty: it ends there. */
static void put_piece(struct conn *c, struct session *s, const struct api_row *row)
{
	const struct http1_path *p = &c->request.path;
	uint64_t offset;

	(void)row;
	if (p->n != PREFIX + 2 || bytes_to_u64(p->segments[PREFIX + 1], INT64_MAX, &offset) < 0) {
		conn_problem(c, 404, "resource", "the offset of the piece is wanted: /api/v1/transfers/0");
		return;
	}
	int rc = operator_piece(s->op, offset, buf_bytes(&c->request.body));
	if (rc == ERR_NOT_FOUND)
		conn_problem(c, 409, "not-wanted", "no command of this session waits for a piece from there");
	else if (rc < 0)
		conn_problem(c, 413, "too-large", "the piece is longer than was asked for");
	else
		conn_respond(c, 204, NULL, BYTES_NONE, NULL);
}

/* GET has no CSRF token: only words that change nothing. */
static void ask_events(struct conn *c, struct session *s, const struct api_row *row)
{
	static const char *const harmless[] = { "show", "trace", "log" };
	struct bytes first = c->request.path.n > 3 ? c->request.path.segments[3] : BYTES_NONE;
	bool is_harmless = false;

	for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
		is_harmless |= bytes_eq_str(first, harmless[i]);
	if (!is_harmless) {
		conn_problem(c, 403, "events", "only show, trace and log can be followed by GET: use POST /api/v1/commands");
		return;
	}
	struct answer *w = answer_new(c, s, ANSWER_EVENTS);
	if (!w)
		return;
	put_rest(answer_ask(w), c, row);
	answer_start(w);
}

/* ---- sessions ---- */

static void log_in(struct conn *c, struct session *s, const struct api_row *row)
{
	json_t *body = body_of(c);

	(void)s;
	(void)row;
	if (!body)
		return;
	const struct session_login login = {
		.user = json_member(body, "user"), .password = json_member(body, "password"), .code = json_member(body, "code"),
		.new_password = json_member(body, "new_password"),
		.kind = json_is_true(json_object_get(body, "token")) ? SESSION_BEARER : SESSION_COOKIE,
	};
	if (login.user.n == 0 || login.password.n == 0)
		conn_problem(c, 422, "member", "user and password are needed");
	else
		session_login(c, &login);
	json_decref(body);
}

static void tell_session(struct conn *c, struct session *s, const struct api_row *row)
{
	struct buf out;

	(void)row;
	buf_init(&out, 1024);
	session_describe(s, &out);
	conn_respond(c, 200, "application/json", buf_bytes(&out), NULL);
	secret_wipe(out.p, out.cap);
	buf_fini(&out);
}

static void log_out(struct conn *c, struct session *s, const struct api_row *row)
{
	struct conn_fields f = { 0 };

	(void)row;
	conn_field(&f, "Set-Cookie", "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
	conn_field(&f, "Clear-Site-Data", "\"cache\", \"storage\"");
	conn_respond(c, 204, NULL, BYTES_NONE, &f);
	session_end(s, "logged out");
}

/* As the tables of settings write it: a bar begins a new line. */
static void put_lines(json_t *o, const char *name, const char *text)
{
	struct buf lines;

	buf_init(&lines, 8192);
	for (; *text; text++)
		buf_put_u8(&lines, *text == '|' ? '\n' : (uint8_t)*text);
	(void)json_object_set_new(o, name, json_text(buf_bytes(&lines))); /* a failure shows when it is written */
	buf_fini(&lines);
}

static void tell_banner(struct conn *c, struct session *s, const struct api_row *row)
{
	json_t *o = json_object();
	struct buf out;

	(void)s;
	(void)row;
	buf_init(&out, 32 << 10);
	put_lines(o, "banner", c->admin->config.banner);
	json_put(&out, o);
	conn_respond(c, 200, "application/json", buf_bytes(&out), NULL);
	buf_fini(&out);
}

static void tell_openapi(struct conn *c, struct session *s, const struct api_row *row)
{
	(void)s;
	(void)row;
	conn_respond(c, 200, "application/json", assets_openapi(), NULL);
}

const struct api_row api_table[] = {
	/* ---- sessions ---- */
	{ HTTP1_POST, "session", "", log_in, true, "Log in" },
	{ HTTP1_GET, "session", "", tell_session, false, "Who is logged in" },
	{ HTTP1_DELETE, "session", "", log_out, false, "Log out; the candidate is forgotten" },
	{ HTTP1_GET, "banner", "", tell_banner, true, "What is to be shown before a log-in" },
	{ HTTP1_GET, "openapi.json", "", tell_openapi, true, "This description" },

	/* ---- settings ---- */
	{ HTTP1_GET, "schema", "", api_schema, false, "Every setting: path, type, range, default, unit, help" },
	{ HTTP1_GET, "settings/...", "show settings", ask_plain, false, "Settings that run now, all or below a path" },
	{ HTTP1_PUT, "settings/...", "set", ask_value, false, "Set in your candidate" },
	{ HTTP1_DELETE, "settings/...", "delete", ask_plain, false, "Take a setting, or all below it, out of your candidate" },
	{ HTTP1_GET, "candidate/...", "show candidate", ask_plain, false, "Settings as your candidate has them" },
	{ HTTP1_DELETE, "candidate", "discard", ask_plain, false, "Forget your candidate" },
	{ HTTP1_GET, "describe/...", "describe", ask_plain, false, "What a setting is" },
	{ HTTP1_GET, "diff", "diff", ask_plain, false, "What your candidate would change" },
	{ HTTP1_POST, "check", "check", ask_plain, false, "Check the whole candidate" },
	{ HTTP1_POST, "commit", "commit", ask_plain, false, "Make the candidate run" },
	{ HTTP1_POST, "commit-confirm", "commit confirm", ask_minutes, false, "Commit, and go back by itself unless confirmed in time" },
	{ HTTP1_POST, "confirm", "confirm", ask_plain, false, "Keep what commit-confirm made run" },
	{ HTTP1_POST, "revert", "revert", ask_plain, false, "Go back now" },
	{ HTTP1_POST, "rollback", "rollback", ask_generation, false, "Put an old generation into your candidate" },
	{ HTTP1_GET, "history", "history", ask_plain, false, "Generations: when, by whom" },
	{ HTTP1_GET, "save", "save", ask_save, false, "All settings as text; Accept: text/plain gives a file" },
	{ HTTP1_POST, "load", "load", ask_text, false, "Replace your candidate by a saved text" },
	{ HTTP1_POST, "merge", "merge", ask_text, false, "Add a saved text to your candidate" },

	/* ---- commands ---- */
	{ HTTP1_GET, "commands", "help", ask_plain, false, "The commands that you may give" },
	{ HTTP1_POST, "commands", "", ask_command, false, "Give a command" },
	{ HTTP1_POST, "transfers", "", ask_transfer, false, "Give a command that reads or makes a large file" },
	{ HTTP1_PUT, "transfers/...", "", put_piece, false, "A piece of the file that the command asks for" },
	{ HTTP1_POST, "complete", "", ask_completion, false, "What could stand as the last word" },
	{ HTTP1_GET, "show/...", "show", ask_plain, false, "Any show command" },
	{ HTTP1_GET, "events/...", "", ask_events, false, "A show, trace or log command, live" },
};
const size_t api_count = sizeof api_table / sizeof api_table[0];

/* ---- routing ---- */

/* Do the segments behind /api/v1 fit? */
static bool fits(const char *path, const struct http1_path *p)
{
	struct bytes rest = bytes_of(path);
	size_t i = PREFIX;

	while (rest.n > 0) {
		size_t n = bytes_find(rest, '/');
		struct bytes segment = bytes_make(rest.p, n);
		if (bytes_eq_str(segment, "..."))
			return true;
		if (i >= p->n || !bytes_eq(segment, p->segments[i++]))
			return false;
		rest = bytes_skip(rest, n + 1);
	}
	return i == p->n;
}

static const struct api_row *find(const struct conn *c, bool *is_known)
{
	enum http1_method m = c->request.method == HTTP1_HEAD ? HTTP1_GET : c->request.method;

	*is_known = false;
	for (size_t i = 0; i < api_count; i++) {
		if (!fits(api_table[i].path, &c->request.path))
			continue;
		*is_known = true;
		if (api_table[i].method == m)
			return &api_table[i];
	}
	return NULL;
}

static void refuse_method(struct conn *c)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "DELETE" };
	struct conn_fields f = { 0 };
	char allow[64] = "";
	size_t n = 0;

	for (size_t i = 0; i < api_count; i++)
		if (fits(api_table[i].path, &c->request.path))
			n += (size_t)snprintf(allow + n, sizeof allow - n, "%s%s", n ? ", " : "", names[api_table[i].method]);
	conn_field(&f, "Allow", allow);
	struct buf body;
	buf_init(&body, 4096);
	problem_put(&body, c, 405, "method", BYTES("this resource has other methods"));
	conn_respond(c, 405, "application/problem+json", buf_bytes(&body), &f);
	buf_fini(&body);
}

void api_route(struct conn *c)
{
	bool is_known;
	const struct api_row *row = find(c, &is_known);
	struct session *s = NULL;

	if (!is_known) {
		conn_problem(c, 404, "resource", "no such resource: see /api/v1/openapi.json");
		return;
	}
	if (!row) {
		refuse_method(c);
		return;
	}
	if (!row->is_open) {
		s = session_of(c);
		if (!s)
			return;
	}
	row->fn(c, s, row);
}
