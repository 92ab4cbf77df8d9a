/* gh-sshd - keeps OpenSSH's server as the settings and accounts of gh-conf say: not at all, or with these files. Runs as root,
 * parses only what gh-conf answers, and is no part of the fenced programs' table: sshd is somebody else's. */
#include "ask.h"
#include "base/err.h"
#include "base/log.h"
#include "run/disk.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, ASK_S = 2, PATH_BYTES = 512, TEXT_MAX = 64 << 10, RESTART_S = 5 };

static const char usage[] = "gh-sshd --socket PATH --bin FOLDER --keys FOLDER --files FOLDER --run FOLDER --users FOLDER [--sshd PROGRAM]\n";

struct sshd {
	struct ssh_places places;
	const char *users, *program;
	char config[PATH_BYTES];
	pid_t pid; /* 0: none */
	time_t ended_s;
};

static volatile sig_atomic_t is_stopping;

static void on_signal(int signo)
{
	(void)signo;
	is_stopping = 1;
}

/* ---- what gh-conf says ---- */

struct reading {
	struct ssh_conf conf;
	char path[160];
	bool is_bad;
};

/* "10.0.0.1 22" or "[::1]:22" as the settings have it: an address and a port. */
static bool read_listen(struct ssh_conf *c, struct bytes v)
{
	size_t cut = bytes_find(v, ' ');
	uint64_t port;

	if (cut == v.n || c->n_listens == SSH_LISTENS_MAX || cut >= sizeof c->listens[0].addr ||
	    bytes_to_u64(bytes_skip(v, cut + 1), 65535, &port) || port == 0)
		return false;
	snprintf(c->listens[c->n_listens].addr, sizeof c->listens[0].addr, "%.*s", (int)cut, (const char *)v.p);
	c->listens[c->n_listens++].port = (uint16_t)port;
	return strspn(c->listens[c->n_listens - 1].addr, "0123456789abcdefABCDEF.:") == cut;
}

static void on_setting(void *arg, struct bytes key, struct bytes value)
{
	struct reading *r = arg;

	if (bytes_eq_str(key, "setting"))
		snprintf(r->path, sizeof r->path, "%.*s", (int)(value.n < 150 ? value.n : 150), (const char *)value.p);
	else if (!bytes_eq_str(key, "value"))
		return;
	else if (strncmp(r->path, "ssh listen ", 11) == 0)
		r->is_bad |= !read_listen(&r->conf, value);
	else if (strcmp(r->path, "ssh passwords") == 0)
		r->conf.passwords = bytes_eq_str(value, "on");
}

static void on_account(void *arg, struct bytes key, struct bytes value)
{
	struct reading *r = arg;
	struct ssh_conf *c = &r->conf;

	if (bytes_eq_str(key, "name") && value.n <= OPER_NAME_MAX && c->n_names < SSH_ACCOUNTS_MAX)
		snprintf(c->names[c->n_names++], sizeof c->names[0], "%.*s", BYTES_FMT(value));
	else if (bytes_eq_str(key, "role") && bytes_eq_str(value, "api") && c->n_names > 0)
		c->n_names--;
}

static int read_conf(const struct sshd *s, struct reading *r)
{
	static const char *const settings[] = { "show", "settings", "ssh", NULL }, *const accounts[] = { "show", "operators", NULL };

	memset(r, 0, sizeof *r);
	r->conf.passwords = true;
	int rc = ssh_ask(s->places.socket, settings, on_setting, r);
	if (rc == 0 && r->conf.n_listens > 0)
		rc = ssh_ask(s->places.socket, accounts, on_account, r);
	return rc ? rc : r->is_bad ? ERR_SYNTAX : 0;
}

/* ---- files ---- */

static bool is_same(int dir_fd, const char *name, struct bytes text)
{
	struct buf was;

	buf_init(&was, TEXT_MAX + (16 << 10));
	bool is = disk_read(dir_fd, name, &was) == 0 && bytes_eq(buf_bytes(&was), text);
	buf_fini(&was);
	return is;
}

/* The whole text or the old one. *has_changed is set when it was another. */
static int replace(const char *folder, const char *name, mode_t mode, struct buf *text, bool *has_changed)
{
	if (buf_failed(text))
		return ERR_LIMIT;
	int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = dir_fd < 0 ? ERR_IO : 0;
	if (rc == 0 && !is_same(dir_fd, name, buf_bytes(text))) {
		rc = disk_replace_as(dir_fd, name, buf_bytes(text), mode);
		*has_changed |= rc == 0;
	}
	if (dir_fd >= 0)
		(void)close(dir_fd); /* read only */
	return rc;
}

static int write_files(const struct sshd *s, const struct ssh_conf *c, bool *has_changed)
{
	bool has_new_users = false; /* sshd asks for them at each login */
	struct buf b;
	int rc;

	buf_init(&b, TEXT_MAX);
	ssh_text_config(c, &s->places, &b);
	rc = replace(s->places.run, "sshd_config", 0600, &b, has_changed);
	buf_clear(&b);
	ssh_text_group(&b);
	rc = rc ? rc : replace(s->users, "group", 0644, &b, &has_new_users);
	buf_clear(&b);
	ssh_text_shadow(c, &b);
	rc = rc ? rc : replace(s->users, "shadow", 0600, &b, &has_new_users);
	buf_clear(&b);
	ssh_text_passwd(c, &s->places, &b);
	rc = rc ? rc : replace(s->users, "passwd", 0644, &b, &has_new_users);
	buf_fini(&b);
	return rc;
}

/* ---- programs ---- */

static pid_t run(char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		char *const environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execve(argv[0], argv, environment);
		_exit(127);
	}
	return pid;
}

static int make_host_key(const struct sshd *s, const char *kind)
{
	char path[PATH_BYTES];
	struct stat st;
	int status = 0;

	snprintf(path, sizeof path, "%s/ssh_host_%s_key", s->places.keys, kind);
	if (stat(path, &st) == 0 && st.st_size > 0)
		return 0;
	(void)unlink(path); /* half of one */
	pid_t pid = run((char *[]){ (char *)"/usr/bin/ssh-keygen", (char *)"-q", (char *)"-t", (char *)kind, (char *)"-N", (char *)"", (char *)"-f", path, NULL });
	return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 ? ERR_SYS : 0;
}

static int make_folders(const struct sshd *s)
{
	static const char *const below[] = { "certificates", "images", "backups", "logs" };
	char path[PATH_BYTES];
	mode_t old = umask(0);
	int rc = 0;

	if ((mkdir(s->places.keys, 0700) < 0 || mkdir(s->places.run, 0755) < 0 || mkdir(s->users, 0755) < 0) && errno != EEXIST)
		rc = ERR_SYS;
	if ((mkdir(s->places.run, 0755) < 0 && errno != EEXIST) || (mkdir(s->users, 0755) < 0 && errno != EEXIST) ||
	    (mkdir(s->places.files, 0750) < 0 && errno != EEXIST) || chown(s->places.files, 0, OPER_GID) < 0 || chmod(s->places.files, 01770) < 0)
		rc = ERR_SYS;
	for (size_t i = 0; rc == 0 && i < sizeof below / sizeof below[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", s->places.files, below[i]);
		if ((mkdir(path, 0770) < 0 && errno != EEXIST) || chown(path, 0, OPER_GID) < 0 || chmod(path, 02770) < 0)
			rc = ERR_SYS;
	}
	umask(old);
	return rc;
}

static void stop_sshd(struct sshd *s)
{
	if (s->pid) {
		kill(s->pid, SIGTERM);
		(void)waitpid(s->pid, NULL, 0);
		log_info("ssh.stopped", LOG_INT("pid", s->pid));
	}
	s->pid = 0;
}

static void start_sshd(struct sshd *s)
{
	if (time(NULL) < s->ended_s + RESTART_S)
		return;
	/* A factory reset may have taken both away. */
	if (make_folders(s) || make_host_key(s, "ed25519") || make_host_key(s, "ecdsa")) {
		log_error("ssh.hostkey", LOG_STR("folder", s->places.keys));
		s->ended_s = time(NULL);
		return;
	}
	s->pid = run((char *[]){ (char *)s->program, (char *)"-D", (char *)"-e", (char *)"-f", s->config, NULL });
	if (s->pid < 0)
		s->pid = 0;
	else
		log_info("ssh.started", LOG_INT("pid", s->pid));
}

static void look(struct sshd *s)
{
	static struct reading r;
	bool has_changed = false;
	int rc = read_conf(s, &r);

	if (rc == ERR_CLOSED || rc == ERR_TIMEOUT)
		return; /* gh-conf restarts: who is there stays */
	if (rc == 0 && r.conf.n_listens == 0) {
		stop_sshd(s);
		return;
	}
	if (rc == 0)
		rc = write_files(s, &r.conf, &has_changed);
	if (rc) {
		log_error("ssh.files", LOG_STR("why", err_text(rc)));
		return;
	}
	if (!s->pid)
		start_sshd(s);
	else if (has_changed)
		kill(s->pid, SIGHUP); /* open sessions stay */
}

static void reap(struct sshd *s)
{
	int status;

	if (!s->pid || waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	log_error("ssh.ended", LOG_INT("pid", s->pid), LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1));
	s->pid = 0;
	s->ended_s = time(NULL);
}

static int parse(int argc, char **argv, struct sshd *s)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' }, { "bin", required_argument, NULL, 'b' }, { "keys", required_argument, NULL, 'k' },
		{ "files", required_argument, NULL, 'f' },  { "run", required_argument, NULL, 'r' }, { "users", required_argument, NULL, 'u' },
		{ "sshd", required_argument, NULL, 'd' },   { NULL, 0, NULL, 0 },
	};

	*s = (struct sshd){ .program = "/usr/sbin/sshd" };
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		const char **to = c == 's' ? &s->places.socket : c == 'b' ? &s->places.bin : c == 'k' ? &s->places.keys :
		                  c == 'f' ? &s->places.files : c == 'r' ? &s->places.run : c == 'u' ? &s->users : c == 'd' ? &s->program : NULL;
		if (!to)
			return ERR_UNKNOWN;
		*to = optarg;
	}
	return s->places.socket && s->places.bin && s->places.keys && s->places.files && s->places.run && s->users ? 0 : ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	struct sshd s;

	if (parse(argc, argv, &s) < 0) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	log_open("gh-sshd", 0, LOG_LEVEL_INFO);
	snprintf(s.config, sizeof s.config, "%s/sshd_config", s.places.run);
	if (make_folders(&s) < 0)
		die("ssh.folders", "cannot be made");
	const struct sigaction stop = { .sa_handler = on_signal };
	(void)sigaction(SIGTERM, &stop, NULL); /* signals that exist */
	(void)sigaction(SIGINT, &stop, NULL);
	while (!is_stopping) {
		reap(&s);
		look(&s);
		sleep(ASK_S); /* a signal ends it early */
	}
	stop_sshd(&s);
	return 0;
}
