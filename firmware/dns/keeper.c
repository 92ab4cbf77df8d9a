#include "keeper.h"

#include "base/err.h"
#include "run/foreign.h"
#include "wanted.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONF_MAX = 256 << 10, ANCHOR_MAX = 16 << 10 };

static const char user[] = "unbound", server[] = "/usr/sbin/unbound", client[] = "/usr/sbin/unbound-control";
static const char packaged_anchor[] = "/usr/share/dns/root.key"; /* Debian's dns-root-data */

struct keeper {
	struct foreign unbound;
	char folder[256], conf[280];
	int folder_fd;
	struct wanted wanted;
	uint8_t in[FOREIGN_FRAME_MAX];
};

/* ---- the anchor of the root ---- */

static size_t read_file(int at, const char *name, uint8_t *out)
{
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : read(fd, out, ANCHOR_MAX);

	if (fd >= 0)
		(void)close(fd); /* read only */
	return n > 0 ? (size_t)n : 0;
}

/* unbound follows the root's keys in a file of its own (RFC 5011). It begins with Debian's, and begins anew when an upgrade brought
 * others: a box that was off while the root changed its key would never find it otherwise. */
static int seed_anchor(struct keeper *k)
{
	static uint8_t packaged[ANCHOR_MAX], seeded[ANCHOR_MAX];
	struct bytes fresh = bytes_make(packaged, read_file(AT_FDCWD, packaged_anchor, packaged));
	struct bytes before = bytes_make(seeded, read_file(k->folder_fd, "seed.key", seeded));
	char own[300];

	snprintf(own, sizeof own, "%s/own/root.key", k->folder);
	if (fresh.n == 0)
		return ERR_NOT_FOUND;
	if (bytes_eq(fresh, before) && access(own, F_OK) == 0)
		return 0;
	(void)unlink(own); /* what it learned counts for the old one */
	int fd = open(own, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool is_done = fd >= 0 && write(fd, fresh.p, fresh.n) == (ssize_t)fresh.n && fchown(fd, k->unbound.uid, k->unbound.gid) == 0;
	if (fd < 0 || close(fd) || !is_done)
		return ERR_IO;
	return foreign_replace(&k->unbound, k->folder_fd, "seed.key", fresh);
}

/* ---- verbs ---- */

static int write_conf(struct keeper *k)
{
	struct buf b;

	buf_init(&b, CONF_MAX);
	text_conf(&k->wanted, k->folder, &b);
	int rc = buf_failed(&b) ? ERR_LIMIT : foreign_replace(&k->unbound, k->folder_fd, "unbound.conf", buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

static void run(struct keeper *k, struct wire *w)
{
	if (wanted_get(w, &k->wanted) || wire_end(w))
		_exit(1); /* gh-dns does not send such */
	const char *why = "";
	int rc = write_conf(k);
	if (rc)
		why = "unbound's file cannot be written";
	if (rc == 0 && k->unbound.pid) {
		foreign_reload(&k->unbound); /* its sockets stay: who asks meanwhile waits a moment */
	} else if (rc == 0 && (rc = foreign_restart(&k->unbound))) {
		why = "unbound cannot be started";
	}
	foreign_tell_done(KEEPER_RUN, rc, why);
}

static int control(struct keeper *k, const char *verb, const char *what, char *out, size_t *n)
{
	char *const with[] = { (char *)(uintptr_t)client, (char *)"-c", k->conf, (char *)(uintptr_t)verb, (char *)(uintptr_t)what, NULL };

	return foreign_run(&k->unbound, with, out, KEEPER_ANSWER_MAX, n);
}

static void report(struct keeper *k)
{
	static char text[KEEPER_ANSWER_MAX];
	size_t n = 0;
	struct buf b;

	bool is_good = control(k, "stats_noreset", NULL, text, &n) == 0;
	foreign_begin(&b, KEEPER_REPORT);
	wire_put_u8(&b, is_good);
	wire_put_bytes(&b, bytes_make(text, is_good ? n : 0));
	foreign_send(&b);
}

static void flush(struct keeper *k, struct wire *w)
{
	static char ignored[KEEPER_ANSWER_MAX];
	char domain[WANTED_NAME_BYTES];
	struct bytes v = wire_str(w);
	size_t n = 0;

	snprintf(domain, sizeof domain, "%.*s", BYTES_FMT(v));
	if (wire_end(w) || v.n >= sizeof domain || !wanted_is_domain(domain))
		_exit(1);
	int rc = control(k, "flush_zone", domain, ignored, &n);
	foreign_tell_done(KEEPER_FLUSH, rc, rc ? "unbound does not answer" : "");
}

static void on_frame(struct keeper *k, struct bytes frame)
{
	struct wire w = wire_of(frame);
	unsigned op = wire_u8(&w);

	if (op == KEEPER_RUN)
		run(k, &w);
	else if (op == KEEPER_ASK && wire_end(&w) == 0)
		report(k);
	else if (op == KEEPER_FLUSH)
		flush(k, &w);
	else
		_exit(1);
}

/* ---- life ---- */

static int open_keeper(struct keeper *k, const char *folder, const char **why)
{
	*why = "unbound is not installed: there is no user unbound";
	if (foreign_init(&k->unbound, user) || strlen(folder) >= sizeof k->folder)
		return ERR_NOT_FOUND;
	k->unbound.is_filtered = true;
	snprintf(k->folder, sizeof k->folder, "%s", folder);
	snprintf(k->conf, sizeof k->conf, "%s/unbound.conf", folder);
	*why = "its folder cannot be made";
	if (foreign_make_folder(&k->unbound, folder, &k->folder_fd))
		return ERR_SYS;
	const struct foreign_limits limits = { .folder = folder, .cap = -1 };
	if (foreign_confine(&limits, why))
		return ERR_SYS;
	*why = "the anchor of the root cannot be read (dns-root-data) or written";
	if (seed_anchor(k))
		return ERR_IO;
	char *const with[] = { (char *)(uintptr_t)server, (char *)"-d", (char *)"-p", (char *)"-c", k->conf, NULL };
	memcpy(k->unbound.args, with, sizeof with);
	return 0;
}

static void work(const char *folder)
{
	struct keeper *k = calloc(1, sizeof *k);
	const char *why = "";
	size_t n;

	if (!k)
		_exit(1);
	int rc = open_keeper(k, folder, &why);
	if (rc) {
		foreign_tell_done(0, rc, why);
		_exit(1);
	}
	for (;;)
		if ((n = foreign_turn(&k->unbound, k->in)) > 0)
			on_frame(k, bytes_make(k->in, n));
}

int keeper_fork(const char *folder, int *fd)
{
	return foreign_fork(work, folder, fd);
}
