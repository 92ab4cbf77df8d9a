#include "daemon.h"

#include "base/err.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 10 };

static const char user[] = "_chrony", server[] = "/usr/sbin/chronyd", client[] = "/usr/bin/chronyc";

/* ---- files ---- */

static int replace_buf(const struct daemon *d, const char *name, struct buf *b, const char **why)
{
	int rc = buf_failed(b) ? ERR_LIMIT : foreign_replace(&d->foreign, d->folder_fd, name, buf_bytes(b));

	if (rc)
		*why = "chronyd's files cannot be written";
	buf_fini(b);
	return rc;
}

/* In place: it stands for the system's. */
int daemon_write_hosts(struct daemon *d, const struct time_hosts *h, const char **why)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	text_hosts(h, &b);
	struct bytes text = buf_bytes(&b);
	bool is_done = !buf_failed(&b) && ftruncate(d->hosts_fd, 0) == 0 && pwrite(d->hosts_fd, text.p, text.n, 0) == (ssize_t)text.n;
	buf_fini(&b);
	if (!is_done)
		*why = "the file of addresses cannot be written";
	return is_done ? 0 : ERR_IO;
}

int daemon_write(struct daemon *d, const struct time_wanted *w, const struct time_hosts *h, struct bytes anchors, bool has_system,
                 const char **why)
{
	const struct time_places places = { .folder = d->folder, .has_anchors = anchors.n > 0, .has_system = has_system };
	struct buf b;

	buf_init(&b, TEXT_MAX);
	text_conf(w, &places, &b);
	int rc = replace_buf(d, "chrony.conf", &b, why);
	buf_init(&b, TEXT_MAX);
	text_keys(w, &b);
	rc = rc ? rc : replace_buf(d, "chrony.keys", &b, why);
	if (rc == 0 && foreign_replace(&d->foreign, d->folder_fd, "anchors.pem", anchors)) {
		*why = "chronyd's files cannot be written";
		rc = ERR_IO;
	}
	return rc ? rc : daemon_write_hosts(d, h, why);
}

/* The image's /etc/hosts is a link to a file that is there for us: there nobody may mount anything. */
static void choose_hosts(struct daemon *d)
{
	static const char ours[] = "/run/gatehouse-hosts";
	char target[sizeof ours];

	if (readlink("/etc/hosts", target, sizeof target) == sizeof ours - 1 && memcmp(target, ours, sizeof ours - 1) == 0)
		snprintf(d->hosts, sizeof d->hosts, "%s", ours);
	else
		snprintf(d->hosts, sizeof d->hosts, "%s/hosts", d->folder);
}

static int make_folders(struct daemon *d, const char *folder)
{
	if (foreign_make_folder(&d->foreign, folder, &d->folder_fd))
		return ERR_SYS;
	choose_hosts(d);
	d->hosts_fd = open(d->hosts, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	return d->hosts_fd < 0 || fchmod(d->hosts_fd, 0644) ? ERR_SYS : 0;
}

static int give_up_rights(struct daemon *d, const char **why)
{
	static const char *const devices[] = { "/dev/rtc0", NULL };
	const struct foreign_limits limits = { .folder = d->folder, .hosts = d->hosts, .cap = CAP_SYS_TIME, .devices = devices };
	int rc = foreign_confine(&limits, why);
	d->may_set = rc == 0 && foreign_has_right(CAP_SYS_TIME);
	return rc;
}

int daemon_open(struct daemon *d, const char *folder, const char **why)
{
	d->folder_fd = d->hosts_fd = -1;
	*why = "chrony is not installed: there is no user _chrony";
	if (foreign_init(&d->foreign, user) || strlen(folder) >= sizeof d->folder)
		return ERR_NOT_FOUND;
	snprintf(d->folder, sizeof d->folder, "%s", folder);
	*why = "its folder cannot be made";
	if (make_folders(d, folder))
		return ERR_SYS;
	return give_up_rights(d, why);
}

/* ---- processes ---- */

int daemon_restart(struct daemon *d, const char **why)
{
	snprintf(d->conf, sizeof d->conf, "%s/chrony.conf", d->folder);
	/* -d: in the foreground, lines to standard error; -U: it is not root; -x: it may not set the clock and only watches */
	char *const with[] = { (char *)(uintptr_t)server, (char *)"-d", (char *)"-U", (char *)"-F", (char *)"1", (char *)"-f", d->conf,
		               d->may_set ? NULL : (char *)"-x", NULL };
	memcpy(d->foreign.args, with, sizeof with);
	d->foreign.cap = CAP_SYS_TIME;
	int rc = foreign_restart(&d->foreign);
	if (rc)
		*why = "chronyd cannot be started";
	return rc;
}

int daemon_ask(struct daemon *d, const char *const words[2], char *out, size_t *n)
{
	char socket_path[sizeof d->folder + 24];

	snprintf(socket_path, sizeof socket_path, "%s/own/chronyd.sock", d->folder);
	char *const with[] = { (char *)(uintptr_t)client, (char *)"-h", socket_path, (char *)"-c", (char *)(uintptr_t)words[0],
		               (char *)(uintptr_t)words[1], NULL };
	return foreign_run(&d->foreign, with, out, KEEPER_ANSWER_MAX, n);
}
