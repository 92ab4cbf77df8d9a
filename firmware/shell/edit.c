#include "edit.h"

#include "base/err.h"
#include "base/text.h"
#include "names.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HISTORY_LINES = 500, LINE_MAX_BYTES = 1 << 20, HINTED_MAX = 400, CANDIDATES_MAX = HINTED_MAX + NAMES_MAX };

struct edit {
	struct ask *ask;
	EditLine *el;
	History *history;
	char host[64], prompt[96];
	bool is_over;    /* gh-conf has gone, or nobody typed for too long */
	struct buf line; /* so far: a quote may span several */
	struct candidate candidates[CANDIDATES_MAX];
	size_t n_candidates;
};

static char *prompt(EditLine *el)
{
	struct edit *e = NULL;

	el_get(el, EL_CLIENTDATA, &e);
	if (buf_len(&e->line) > 0)
		snprintf(e->prompt, sizeof e->prompt, "... ");
	else if (e->ask->client->changes > 0)
		snprintf(e->prompt, sizeof e->prompt, "%s(%u)# ", e->host, e->ask->client->changes);
	else
		snprintf(e->prompt, sizeof e->prompt, "%s> ", e->host); /* G-CLI-02 */
	return e->prompt;
}

static void copy(char *to, size_t n, struct bytes from)
{
	snprintf(to, n, "%.*s", BYTES_FMT(from));
}

/* Asks gh-conf what could stand at the end of the words. */
static int fetch(struct edit *e, const struct bytes *words, size_t n)
{
	enum oper_frame type = OPER_CANDIDATE;
	struct wire w;
	int rc = client_complete(e->ask->client, words, n);

	e->n_candidates = 0;
	while (rc == 0 && type == OPER_CANDIDATE) {
		rc = client_next(e->ask->client, 5000, &type, &w);
		if (rc < 0 || type != OPER_CANDIDATE || e->n_candidates == HINTED_MAX)
			continue;
		struct candidate *c = &e->candidates[e->n_candidates++];
		copy(c->word, sizeof c->word, wire_str(&w));
		copy(c->help, sizeof c->help, wire_str(&w));
	}
	return rc;
}

/* gh-conf knows where a file can stand; which there are, only we. */
static void add_files(struct edit *e, struct bytes typed)
{
	bool has_hint = false;

	for (size_t i = 0; i < e->n_candidates && !has_hint; i++)
		has_hint = names_is_file_hint(e->candidates[i].word);
	if (has_hint)
		e->n_candidates += names_list(typed, e->ask->is_login, e->candidates + e->n_candidates, NAMES_MAX);
}

/* The words left of the cursor; the last one may be empty. */
static size_t words_before(struct edit *e, struct arena *a, struct bytes out[WORDS_MAX + 1])
{
	const LineInfo *info = el_line(e->el);
	struct bytes text = bytes_make(info->buffer, (size_t)(info->cursor - info->buffer));
	bool is_new_word = text.n == 0 || text.p[text.n - 1] == ' ';
	struct words words;
	unsigned line = 0;

	if (words_next(&text, &line, a, &words) < 0)
		return 0;
	memcpy(out, words.v, words.n * sizeof out[0]);
	if (is_new_word)
		out[words.n++] = BYTES_NONE;
	return words.n;
}

static void list(const struct edit *e)
{
	size_t widest = 0;

	putchar('\n');
	for (size_t i = 0; i < e->n_candidates; i++) {
		size_t n = strlen(e->candidates[i].word);
		widest = n > widest ? n : widest;
	}
	for (size_t i = 0; i < e->n_candidates; i++)
		printf("  %-*s  %s\n", (int)widest, e->candidates[i].word, e->candidates[i].help);
	fflush(stdout);
}

/* How many bytes do all (real) candidates begin with? */
static size_t common(const struct edit *e, const struct candidate **first, size_t *n_real)
{
	size_t n = 0;

	*first = NULL;
	*n_real = 0;
	for (size_t i = 0; i < e->n_candidates; i++) {
		const char *word = e->candidates[i].word;
		if (*word == '<' || *word == '[')
			continue;
		++*n_real;
		if (!*first) {
			*first = &e->candidates[i];
			n = strlen(word);
			continue;
		}
		size_t k = 0;
		while (k < n && word[k] == (*first)->word[k])
			k++;
		while (k > 0 && ((unsigned char)word[k] & 0xc0) == 0x80) /* no half letters */
			k--;
		n = k;
	}
	return n;
}

/* Puts the one candidate in place of what was typed of it: in quotes where it has to be. */
static unsigned char insert_whole(struct edit *e, const char *word, struct bytes typed)
{
	struct buf b;
	int n_letters = 0;

	for (size_t i = 0; i < typed.n; i++)
		n_letters += (typed.p[i] & 0xc0) != 0x80;
	buf_init(&b, 2 * sizeof e->candidates[0].word);
	words_put(&b, bytes_of(word));
	if (word[0] && word[strlen(word) - 1] != '/') /* a folder: its files come next */
		buf_put_u8(&b, ' ');
	el_deletestr(e->el, n_letters);
	bool is_done = !buf_failed(&b) && el_insertstr(e->el, buf_cstr(&b)) == 0;
	buf_fini(&b);
	return is_done ? CC_REFRESH : CC_ERROR;
}

static unsigned char insert(struct edit *e, struct bytes typed)
{
	const struct candidate *first;
	size_t n_real, n = common(e, &first, &n_real);
	char text[sizeof first->word];

	if (n_real == 1)
		return insert_whole(e, first->word, typed);
	if (n_real > 1) {
		size_t plain = strcspn(first->word, " \"");
		n = n < plain ? n : plain;
	}
	if (n_real == 0 || n <= typed.n) {
		list(e);
		return CC_REDISPLAY;
	}
	snprintf(text, sizeof text, "%.*s", (int)(n - typed.n), first->word + typed.n);
	return el_insertstr(e->el, text) == 0 ? CC_REFRESH : CC_ERROR;
}

static unsigned char complete(EditLine *el, int ch)
{
	struct bytes words[WORDS_MAX + 1];
	struct edit *e = NULL;
	struct arena a;
	unsigned char result = CC_ERROR;

	el_get(el, EL_CLIENTDATA, &e);
	arena_init(&a, 1 << 20);
	size_t n = words_before(e, &a, words);
	if (n > 0 && fetch(e, words, n) == 0) {
		add_files(e, words[n - 1]);
		if (ch != '?') {
			result = insert(e, words[n - 1]);
		} else {
			list(e);
			result = CC_REDISPLAY;
		}
	}
	arena_fini(&a);
	return result;
}

/* Runs what is complete; true: the line has been dealt with. */
static bool run(struct edit *e, int *code)
{
	struct bytes text = buf_bytes(&e->line);
	struct words words;
	struct arena a;
	unsigned line = 0;
	bool is_complete = true;

	arena_init(&a, 4 << 20);
	int rc = words_next(&text, &line, &a, &words);
	if (rc == ERR_TRUNCATED) {
		is_complete = false;
	} else if (rc < 0) {
		fprintf(stderr, "error: %s\n", err_text(rc));
		*code = 1;
	} else if (words.n > 0) {
		HistEvent event;
		*code = ask_run(e->ask, &words);
		if (!e->ask->had_secret)
			history(e->history, &event, H_ENTER, buf_cstr(&e->line));
	}
	arena_fini(&a);
	return is_complete;
}

/* The box's name as it stands in the prompt: the first label of a host name. */
static void read_host(struct edit *e)
{
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) < 0)
		name[0] = 0;
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	snprintf(e->host, sizeof e->host, "%.*s", (int)(n < 63 ? n : 63), n > 0 ? name : "gatehouse");
}

/* One byte from the person; -1: nobody types any more, or gh-conf has ended the session. */
static int read_byte(struct edit *e)
{
	unsigned char c;

	for (;;) {
		struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = e->ask->client->fd, .events = POLLIN } };
		int n = poll(p, 2, e->ask->idle_s ? (int)e->ask->idle_s * 1000 : -1);
		if (n < 0 && errno == EINTR)
			return -2;
		if (n <= 0 || (p[1].revents & (POLLHUP | POLLERR | POLLIN))) { /* it says nothing unasked but its end */
			fputs(n == 0 ? "\nnote: nobody typed for too long\n" : "\nnote: the session has ended\n", stderr);
			e->is_over = true;
			return -1;
		}
		ssize_t got = read(STDIN_FILENO, &c, 1);
		if (got == 1)
			return c;
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return -1;
	}
}

/* Bytes that follow the first of a UTF-8 letter; -1: it is none. */
static int more_bytes(int first)
{
	if (first < 0x80)
		return 0;
	return first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
}

/* libedit's next letter: 1, 0 at the end, -1 to look at signals. Bytes that are no UTF-8 do not come in. */
static int read_letter(EditLine *el, wchar_t *out)
{
	struct edit *e = NULL;
	uint8_t text[4];

	el_get(el, EL_CLIENTDATA, &e);
	for (;;) {
		int c = read_byte(e), more = c < 0 ? -1 : more_bytes(c);
		if (c < 0)
			return c == -2 ? -1 : 0;
		if (more < 0)
			continue;
		text[0] = (uint8_t)c;
		*out = more == 0 ? (wchar_t)c : (wchar_t)(c & (0x3f >> more));
		int n = 1;
		for (; n <= more && (c = read_byte(e)) >= 0x80 && c < 0xc0; n++) {
			text[n] = (uint8_t)c;
			*out = (wchar_t)(*out << 6 | (c & 0x3f));
		}
		if (n == more + 1 && text_is_utf8(bytes_make(text, (size_t)n)))
			return 1;
	}
}

static bool is_exit(const char *line)
{
	return strcmp(line, "exit\n") == 0 || strcmp(line, "quit\n") == 0;
}

static void loop(struct edit *e, int *code)
{
	const char *line;
	int n = 0;

	while (*code != 3 && !e->is_over && (line = el_gets(e->el, &n)) && n > 0) {
		if (is_exit(line))
			return;
		buf_put(&e->line, line, (size_t)n);
		if (!buf_failed(&e->line) && !run(e, code))
			continue;
		buf_clear(&e->line);
	}
	putchar('\n');
}

static void bind_keys(struct edit *e)
{
	el_set(e->el, EL_CLIENTDATA, e);
	el_set(e->el, EL_GETCFN, read_letter);
	el_set(e->el, EL_PROMPT, prompt);
	el_set(e->el, EL_EDITOR, "emacs");
	el_set(e->el, EL_SIGNAL, 1);
	el_set(e->el, EL_HIST, history, e->history);
	el_set(e->el, EL_ADDFN, "gh-complete", "Complete a word", complete);
	el_set(e->el, EL_BIND, "^I", "gh-complete", NULL);
	el_set(e->el, EL_BIND, "?", "gh-complete", NULL);
	/* libedit's own command line can bind keys to an editor: nobody needs it here */
	el_set(e->el, EL_BIND, "\\ex", "ed-unassigned", NULL);
	el_set(e->el, EL_BIND, "\\eX", "ed-unassigned", NULL);
	el_set(e->el, EL_BIND, "\\370", "ed-unassigned", NULL);
	el_set(e->el, EL_BIND, "\\330", "ed-unassigned", NULL);
}

int edit_run(struct ask *a)
{
	struct edit *e = calloc(1, sizeof *e);
	HistEvent event;
	int code = 0;

	if (!e)
		return 1;
	e->ask = a;
	(void)signal(SIGTSTP, SIG_IGN); /* nobody is behind a login shell who could wake it again */
	(void)signal(SIGQUIT, SIG_IGN);
	read_host(e);
	buf_init(&e->line, LINE_MAX_BYTES);
	e->history = history_init();
	e->el = el_init("ghsh", stdin, stdout, stderr);
	if (e->history && e->el) {
		history(e->history, &event, H_SETSIZE, HISTORY_LINES);
		bind_keys(e);
		printf("Gatehouse. Tab completes, ? explains, help lists all commands, exit ends.\n");
		loop(e, &code);
	}
	if (e->el)
		el_end(e->el);
	if (e->history)
		history_end(e->history);
	buf_fini(&e->line);
	free(e);
	return code;
}
