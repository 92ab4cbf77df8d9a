#include "demo.h"

#include "base/err.h"
#include "clock.h"
#include "company.h"
#include "zone.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { N = 2, MESSAGES = 4, ARRIVE_MS = 30000, WATCH_MS = 300 };

/* The one thing that a signal can change. */
static volatile sig_atomic_t is_stopped;

struct demo {
	const struct demo_options *options;
	char folder[200], bin[256];
	struct company companies[N];
	struct zone zone;
	struct chat chats[N][COMPANY_USERS];
	uint64_t began_ms;
};

/* Who says what to whom. */
static const struct line {
	uint8_t from, from_user, to_user;
	const char *text;
} lines[MESSAGES] = {
	{ 0, 0, 0, "Good morning! Is the contract signed?" },
	{ 1, 0, 0, "Good morning. Signed and on its way." },
	{ 0, 1, 1, "Lunch on Thursday?" },
	{ 1, 1, 1, "Gladly. Twelve o'clock at the harbour." },
};

static void on_stop(int signo)
{
	(void)signo;
	is_stopped = 1;
}

/* One demo a user and machine: a name in the abstract space goes away with its process. */
static int take_lock(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "gatehouse-demo");
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0) {
		fputs("A demo runs on this machine already. End it first: Ctrl-C where it runs.\n", stderr);
		if (fd >= 0)
			(void)close(fd); /* not ours */
		return ERR_EXISTS;
	}
	return fd;
}

static int find_programs(struct demo *d)
{
	char program[300];
	ssize_t n = readlink("/proc/self/exe", d->bin, sizeof d->bin - 1);

	if (n <= 0)
		return ERR_NOT_FOUND;
	d->bin[n] = 0;
	char *slash = strrchr(d->bin, '/');
	if (slash)
		*slash = 0;
	snprintf(program, sizeof program, "%s/gh-super", d->bin);
	if (access(program, X_OK) == 0)
		return 0;
	fprintf(stderr, "%s is not there: run make first\n", program);
	return ERR_NOT_FOUND;
}

static int make_folder(struct demo *d)
{
	char path[200] = "/tmp/gatehouse-demo.XXXXXX";

	if (d->options->dir) {
		if (mkdir(d->options->dir, 0711) < 0 && access(d->options->dir, W_OK) < 0)
			return ERR_IO;
		char *real = realpath(d->options->dir, NULL);
		snprintf(d->folder, sizeof d->folder, "%s", real ? real : "");
		free(real);
		return d->folder[0] ? 0 : ERR_IO;
	}
	if (!mkdtemp(path) || chmod(path, 0711) < 0) /* the programs' users pass through */
		return ERR_IO;
	snprintf(d->folder, sizeof d->folder, "%s", path);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	(void)remove(path); /* what stays is in /tmp and harms nobody */
	return 0;
}

static void set_companies(struct demo *d)
{
	d->companies[0] = (struct company){ .name = "alpha", .domain = "alpha.example", .addr = "127.0.0.2",
		                            .users = { "ana", "ben" }, .uid_base = 61000 };
	d->companies[1] = (struct company){ .name = "beta", .domain = "beta.example", .addr = "127.0.0.3",
		                            .users = { "cleo", "dan" }, .uid_base = 61100 };
	for (unsigned i = 0; i < N; i++) {
		snprintf(d->companies[i].folder, sizeof d->companies[i].folder, "%s/%s", d->folder, d->companies[i].name);
		snprintf(d->companies[i].bin, sizeof d->companies[i].bin, "%s", d->bin);
	}
}

static int start_all(struct demo *d)
{
	for (unsigned i = 0; i < N; i++) {
		struct company *c = &d->companies[i];
		int rc = company_prepare(c);
		if (rc < 0) {
			fprintf(stderr, "%s: %s\n", c->domain, c->why);
			return rc;
		}
	}
	int rc = zone_start(&d->zone, d->folder, d->companies, N);
	if (rc < 0) {
		fprintf(stderr, "names: %s\n", d->zone.why);
		return rc;
	}
	for (unsigned i = 0; i < N; i++) {
		struct company *c = &d->companies[i];
		rc = company_start(c, &d->companies[1 - i], d->zone.port);
		if (rc < 0) {
			fprintf(stderr, "%s: %s\n", c->domain, c->why);
			return rc;
		}
	}
	return 0;
}

static int log_in_all(struct demo *d)
{
	char ca_path[COMPANY_PATH];
	struct chat_login login;

	for (unsigned i = 0; i < N; i++) {
		for (unsigned u = 0; u < COMPANY_USERS; u++) {
			struct chat *c = &d->chats[i][u];
			company_login(&d->companies[i], u, &login, ca_path);
			if (chat_open(c, &login) < 0) {
				fprintf(stderr, "%s@%s: %s\n", login.user, login.domain, c->why);
				return ERR_AUTH;
			}
		}
	}
	return 0;
}

static void say_scene(const struct demo *d)
{
	printf("\nTwo companies, each behind its own Gatehouse\n\n");
	for (unsigned i = 0; i < N; i++) {
		const struct company *c = &d->companies[i];
		printf("  %-14s at %s   %s and %s, signed in over %s with %s\n", c->domain, c->addr, c->users[0],
		       c->users[1], SSL_get_version(d->chats[i][0].tls), d->chats[i][0].mechanism);
	}
	printf("  names by %s; each trusts the other's authority and nobody else; up after %.1f s\n\n",
	       d->zone.by, (double)(clock_ms() - d->began_ms) / 1000);
	printf("  %-20s %-20s %-40s %8s   %s\n", "from", "to", "said", "ms", "between the companies");
}

static void say_line(struct demo *d, const struct line *l, double ms)
{
	struct company *from = &d->companies[l->from], *to = &d->companies[1 - l->from];
	struct company_proof proof;
	char a[64], b[64];

	company_proof(to, from, &proof);
	snprintf(a, sizeof a, "%s@%s", from->users[l->from_user], from->domain);
	snprintf(b, sizeof b, "%s@%s", to->users[l->to_user], to->domain);
	printf("  %-20s %-20s %-40s %8.1f   %s, %s proved by %s\n", a, b, l->text, ms, proof.tls, from->domain,
	       proof.proof);
	fflush(stdout);
}

/* One message across; 0 when it arrived. */
static int say(struct demo *d, unsigned i)
{
	const struct line *l = &lines[i];
	struct company *to = &d->companies[1 - l->from];
	struct chat *from_chat = &d->chats[l->from][l->from_user], *to_chat = &d->chats[1 - l->from][l->to_user];
	double began = clock_ms_fine();
	char id[16], address[128];

	snprintf(id, sizeof id, "line-%u", i + 1);
	snprintf(address, sizeof address, "%s@%s", to->users[l->to_user], to->domain);
	int rc = chat_send(from_chat, address, id, l->text);
	if (rc == 0)
		rc = chat_wait(to_chat, id, ARRIVE_MS);
	if (rc == 0) {
		say_line(d, l, clock_ms_fine() - began);
		return 0;
	}
	/* Perhaps an error came back to the sender: it says why. */
	if (rc == ERR_TIMEOUT)
		(void)chat_wait(from_chat, id, 1000); /* only for its words */
	printf("  %-20s %-20s %-40s   LOST   %s\n", from_chat->jid, address, l->text,
	       from_chat->why[0] ? from_chat->why : to_chat->why);
	return rc;
}

static void say_how_to_join(const struct demo *d)
{
	const struct company *c = &d->companies[0];

	printf("\nJoin with your own client. All four have a password of their company:\n\n");
	for (unsigned i = 0; i < N; i++) {
		const struct company *k = &d->companies[i];
		printf("  %s@%s, %s@%s   password %s   server %s port %u (direct TLS: %u)\n"
		       "      authority to trust: %s/authority.pem\n", k->users[0], k->domain, k->users[1],
		       k->domain, k->password, k->addr, k->c2s, k->c2s_tls, k->folder);
	}
	printf("\n  for example, in profanity:  /connect %s@%s server %s port %u tls trust\n", c->users[0], c->domain,
	       c->addr, c->c2s);
	printf("  the web administration:     https://%s:%u/  as operator with the password of the company, once\n", c->addr, c->web);
	printf("  an operator's view:         %s/ghsh --socket %s/run/ghsh.sock\n", d->bin, c->folder);
	printf("      then: show federation, show sessions, federation check %s, trace domain %s\n",
	       d->companies[1].domain, d->companies[1].domain);
	printf("\nEverything stays up until you press Ctrl-C.\n");
	fflush(stdout);
}

static int watch(struct demo *d)
{
	while (!is_stopped) {
		for (unsigned i = 0; i < N; i++) {
			if (!company_is_running(&d->companies[i])) {
				fprintf(stderr, "the gateway of %s ended; see %s/log\n", d->companies[i].domain,
				        d->companies[i].folder);
				return ERR_CLOSED;
			}
		}
		clock_sleep(WATCH_MS);
	}
	return 0;
}

static void close_chats(struct demo *d)
{
	for (unsigned i = 0; i < N; i++) {
		for (unsigned u = 0; u < COMPANY_USERS; u++) {
			if (d->chats[i][u].pool)
				chat_close(&d->chats[i][u]);
		}
	}
}

static int play(struct demo *d)
{
	int rc = start_all(d);

	if (rc == 0)
		rc = log_in_all(d);
	if (rc < 0 || is_stopped)
		return rc < 0 ? rc : ERR_CLOSED;
	say_scene(d);
	for (unsigned i = 0; i < MESSAGES && !is_stopped; i++) {
		int said = say(d, i);
		rc = said < 0 ? said : rc;
	}
	close_chats(d);
	if (d->options->is_once || is_stopped)
		return rc;
	say_how_to_join(d);
	int watched = watch(d);
	return rc < 0 ? rc : watched;
}

static void end(struct demo *d, int rc)
{
	close_chats(d);
	for (unsigned i = 0; i < N; i++)
		company_stop(&d->companies[i]);
	zone_stop(&d->zone);
	if (d->folder[0] && !d->options->dir && rc == 0)
		(void)nftw(d->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* what stays is in /tmp */
	else if (d->folder[0] && rc < 0)
		fprintf(stderr, "files and logs are in %s\n", d->folder);
}

int demo_run(const struct demo_options *o)
{
	struct sigaction stop = { .sa_handler = on_stop };
	struct demo *d = calloc(1, sizeof *d);
	int lock = d ? take_lock() : ERR_NOMEM;

	if (lock < 0) {
		free(d);
		return lock;
	}
	d->options = o;
	d->began_ms = clock_ms();
	(void)sigaction(SIGINT, &stop, NULL); /* these cannot fail for signals that exist */
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	int rc = find_programs(d);
	if (rc == 0 && (rc = make_folder(d)) < 0)
		fprintf(stderr, "no folder for the demo: %s\n", o->dir ? o->dir : "/tmp");
	if (rc == 0) {
		set_companies(d);
		rc = play(d);
	}
	end(d, rc);
	(void)close(lock); /* the name goes with it */
	free(d);
	return rc;
}
