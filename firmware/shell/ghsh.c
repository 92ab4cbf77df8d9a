/* ghsh: the operator's shell. Talks to gh-conf over its socket; there is no way from here to a
 * shell of the system. */
#include "ask.h"
#include "base/err.h"
#include "edit.h"
#include "greet.h"
#include "guard.h"
#include "login.h"
#include "run/fence.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_LOGIN = 4, SCRIPT_MAX = 64 << 20, IDLE_LOGIN_S = 900 };

/* What sshd asks a login shell to run for SFTP (firmware/ssh): the one other program, and it is ours. */
static const char sftp[] = "gh-sftp";

static const char usage[] =
	"ghsh [--socket PATH] [--user NAME | --login] [--json] [--classic] [--idle SECONDS] [--role ROLE] [-c LINE | WORD...]\n"
	"\n"
	"Without a command: interactive on a terminal, else one command a line from standard input.\n"
	"--user logs in with an operator's account: the password is asked for, or is the first line of standard input.\n"
	"--login asks for the name, too: a console.\n"
	"--classic answers SUCCESS or FAILURE. --idle ends it when nobody types for so long.\n"
	"--role does with less: admin, operator, auditor, crypto.\n"
	"Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 gh-conf cannot be reached, 4 not logged in.\n";

struct options {
	const char *socket, *line, *user;
	bool is_json, is_classic, is_help, is_console;
	unsigned idle_s;
	enum oper_role role;
};

static int role_of(const char *name, enum oper_role *out)
{
	static const char *const names[] = { "auditor", "operator", "admin", "crypto", "api", "compliance" };

	for (unsigned i = 0; i < OPER_ROLE_COUNT; i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum oper_role)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
		{ "role", required_argument, NULL, 'r' },   { "help", no_argument, NULL, 'h' },
		{ "user", required_argument, NULL, 'u' },   { "classic", no_argument, NULL, 'k' },
		{ "idle", required_argument, NULL, 'i' },  { "login", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	const char *from_environment = getenv("GHSH_SOCKET");
	uint64_t idle_s;

	*o = (struct options){ .socket = from_environment ? from_environment : "/run/gatehouse/ghsh.sock",
		               .role = OPER_ADMIN };
	for (int c; (c = getopt_long(argc, argv, "+c:h", longs, NULL)) != -1;) {
		if (c == 's')
			o->socket = optarg;
		else if (c == 'u')
			o->user = optarg;
		else if (c == 'j')
			o->is_json = true;
		else if (c == 'l')
			o->is_console = true;
		else if (c == 'k')
			o->is_classic = true;
		else if (c == 'i') {
			if (bytes_to_u64(bytes_of(optarg), 86400, &idle_s) < 0)
				return ERR_RANGE;
			o->idle_s = (unsigned)idle_s;
		} else if (c == 'c')
			o->line = optarg;
		else if (c == 'h')
			o->is_help = true;
		else if (c != 'r' || role_of(optarg, &o->role) < 0)
			return ERR_UNKNOWN;
	}
	return 0;
}

/* Lines one after the other; the first that fails ends the script. */
static int run_text(struct ask *a, struct bytes text, bool is_script)
{
	struct arena arena;
	struct words words;
	unsigned line = 1;
	int code = 0;

	arena_init(&arena, (size_t)2 * SCRIPT_MAX);
	while (text.n > 0 && code == 0) {
		unsigned at = line;
		int rc = words_next(&text, &line, &arena, &words);
		if (rc < 0)
			fprintf(stderr, "error: %s\n", rc == ERR_TRUNCATED ? "a quote does not end" : err_text(rc));
		code = rc < 0 ? 1 : words.n ? ask_run(a, &words) : 0;
		if (code == 1 && is_script)
			fprintf(stderr, "stopped at line %u\n", at);
		arena_reset(&arena);
	}
	arena_fini(&arena);
	return code;
}

static int run_stdin(struct ask *a)
{
	struct buf b;
	ssize_t n = 1;

	buf_init(&b, SCRIPT_MAX);
	while (n > 0) {
		uint8_t *p = buf_reserve(&b, 16 << 10);
		n = p ? read(STDIN_FILENO, p, 16 << 10) : -1;
		if (n > 0)
			buf_commit(&b, (size_t)n);
	}
	int code = n < 0 ? 1 : run_text(a, buf_bytes(&b), true);
	buf_fini(&b);
	return code;
}

static int run_words(struct ask *a, char **argv, int n)
{
	struct words words = { 0 };

	if (n > WORDS_MAX) {
		fprintf(stderr, "error: too many words\n");
		return EXIT_USAGE;
	}
	for (int i = 0; i < n; i++)
		words.v[words.n++] = bytes_of(argv[i]);
	return ask_run(a, &words);
}

/* A candidate lives as long as the connection. */
static void tell_forgotten(const struct client *c)
{
	if (c->changes > 0)
		fprintf(stderr, "note: not committed, and forgotten now: %u change%s\n", c->changes, c->changes == 1 ? "" : "s");
}

static int run(struct ask *a, const struct options *o, char **argv, int n)
{
	if (o->line)
		return run_text(a, bytes_of(o->line), false);
	if (n > 0)
		return run_words(a, argv, n);
	if (!isatty(STDIN_FILENO))
		return run_stdin(a);
	a->is_paged = true;
	return edit_run(a);
}

static int enter(struct client *client, const struct options *o)
{
	struct login l = { .client = client, .name = o->user, .role = o->role, .is_person = isatty(STDIN_FILENO) };
	int rc = client_open(client, o->socket);

	if (rc == 0)
		rc = login_run(&l);
	if (rc < 0 && rc != ERR_AUTH)
		fprintf(stderr, "error: %s: %s\n", o->socket, rc == ERR_SYS ? strerror(errno) : err_text(rc));
	return rc == 0 ? 0 : rc == ERR_AUTH ? EXIT_LOGIN : EXIT_UNREACHABLE;
}

/* login, getty and sshd put a dash before the name of a login shell; users of ours have nothing else. */
static bool is_login_shell(const char *name)
{
	return (name && name[0] == '-') || (getuid() >= OPER_UID_FIRST && getuid() <= OPER_UID_LAST);
}

/* Beside this program. Comes back only when it could not be done. */
static int become_sftp(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof sftp - 1);
	char *const argv[] = { (char *)sftp, NULL };

	path[n > 0 ? n : 0] = 0;
	char *slash = strrchr(path, '/');
	if (slash) {
		memcpy(slash + 1, sftp, sizeof sftp);
		execve(path, argv, environ);
	}
	fputs("error: no SFTP here\n", stderr);
	return 1;
}

int main(int argc, char **argv)
{
	struct client client;
	struct options o;
	char name[OPER_NAME_MAX + 1];
	bool is_login = is_login_shell(argv[0]);

	if (is_login)
		guard_environment(); /* GHSH_SOCKET too */
	if (parse(argc, argv, &o) < 0) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (is_login && o.line && strcmp(o.line, sftp) == 0)
		return become_sftp();
	if (o.is_help)
		return fputs(usage, stdout) == EOF;
	char *socket = strdup(o.socket), *user = o.user ? strdup(o.user) : NULL; /* they may lie in the environment */
	o.socket = socket;
	o.user = user;
	guard_environment();
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* without it letters beyond ASCII are not edited well */
	if (!socket || fence_no_programs() < 0) {
		fputs("error: the kernel does not let this shell be shut in\n", stderr);
		return 1;
	}
	if (o.is_console && greet_ask_name(name) < 0)
		return EXIT_LOGIN;
	if (o.is_console)
		o.user = name;
	int code = enter(&client, &o);
	if (code != 0) {
		client_close(&client);
		return code;
	}
	struct ask a = { .client = &client, .is_json = o.is_json, .is_classic = o.is_classic, .is_login = is_login,
			 .idle_s = o.idle_s || !is_login ? o.idle_s : IDLE_LOGIN_S, .may_prompt = isatty(STDIN_FILENO) };
	code = run(&a, &o, argv + optind, argc - optind);
	if (code != EXIT_UNREACHABLE) /* who knows what became of a commit then? */
		tell_forgotten(&client);
	client_close(&client);
	free(socket);
	free(user);
	return code == 0 && (fflush(stdout) == EOF || ferror(stdout)) ? 1 : code;
}
