#include "run/fence.h"

#include "run/fence_impl.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A sanitizer build looks for leaks at exit with a second process, which the fence refuses. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* ---- limits ---- */

static int limit(int what, rlim_t most)
{
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)what, &l))
		return ERR_SYS;
	if (l.rlim_max == RLIM_INFINITY || l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &l) ? ERR_SYS : 0;
}

static int limit_resources(const struct service *row)
{
	int rc = limit(RLIMIT_CORE, 0);

	return rc ? rc : limit(RLIMIT_NOFILE, row->fds_max);
}

/* ---- a root of its own ---- */

static int open_root(const struct service *row, const struct fence_place *place)
{
	const char *path = row->folder[0] ? place->state : place->empty;
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !row->folder[0])
		return fd;
	int own = openat(fd, row->folder, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	close(fd);
	return own;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	size_t n = strlen(text);
	bool is_written = write(fd, text, n) == (ssize_t)n;
	close(fd);
	return is_written;
}

/* An ordinary user may change its root inside a user namespace. It stays the same user there. */
static bool enter_user_namespace(void)
{
	char uids[64], gids[64];

	snprintf(uids, sizeof uids, "%u %u 1\n", (unsigned)geteuid(), (unsigned)geteuid());
	snprintf(gids, sizeof gids, "%u %u 1\n", (unsigned)getegid(), (unsigned)getegid());
	if (unshare(CLONE_NEWUSER))
		return false;
	return write_file("/proc/self/setgroups", "deny\n") && write_file("/proc/self/uid_map", uids) &&
	       write_file("/proc/self/gid_map", gids);
}

/* The folder is where relative names start, with a root of its own or without. *is_rooted: the
 * rest of the file system has no name any more. */
static int change_root(int root_fd, bool *is_rooted)
{
	bool may_chroot = geteuid() == 0 || enter_user_namespace();

	*is_rooted = false;
	if (fchdir(root_fd))
		return ERR_SYS;
	if (!may_chroot)
		return 0;
	if (chroot("."))
		return geteuid() == 0 ? ERR_SYS : 0; /* a kernel that refuses it to users */
	*is_rooted = true;
	return 0;
}

/* ---- privileges ---- */

/* The set from which a program could regain capabilities by executing another. */
static void drop_bounding_set(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* without CAP_SETPCAP there is nothing to regain */
}

/* All of them, but the one that a row with FENCE_NETWORK has from root. */
static int drop_capabilities(bool keeps_network)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (keeps_network)
		kept[CAP_TO_INDEX(CAP_NET_ADMIN)].permitted = kept[CAP_TO_INDEX(CAP_NET_ADMIN)].effective = CAP_TO_MASK(CAP_NET_ADMIN);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* empty anyway on old kernels */
	return syscall(SYS_capset, &head, kept) ? ERR_SYS : 0;
}

static int become_user(unsigned uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return ERR_SYS;
	return geteuid() == uid && getegid() == uid ? 0 : ERR_SYS;
}

/* A change of user makes the kernel forget that we die with our parent and makes memory readable
 * again for the new user: both are set after it. */
static int settle_process(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return ERR_SYS;
	return limit(RLIMIT_NPROC, 0);
}

/* ---- the order ---- */

/* Files must be held in by something: a root, or Landlock, or no call that opens one. */
static int hold_files(const struct service *row, int root_fd, bool is_rooted)
{
	int rc = fence_landlock(row, row->may & FENCE_FILES ? root_fd : -1);

	if (rc == ERR_UNSUPPORTED && (is_rooted || !(row->may & FENCE_FILES)))
		return 0;
	return rc;
}

static int fence_inside(const struct service *row, const struct fence_place *place, int root_fd, const char **step)
{
	bool is_root = geteuid() == 0, keeps_network = is_root && row->may & FENCE_NETWORK, is_rooted;
	int rc;

	*step = "limits";
	if ((rc = limit_resources(row)))
		return rc;
	*step = "root folder";
	if ((rc = change_root(root_fd, &is_rooted)))
		return rc;
	*step = "user";
	drop_bounding_set();
	if (keeps_network && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) /* over the change of user only */
		return ERR_SYS;
	if (is_root && place->uid && (rc = become_user(place->uid)))
		return rc;
	*step = "capabilities";
	if ((rc = drop_capabilities(keeps_network)))
		return rc;
	*step = "process";
	if ((rc = settle_process()))
		return rc;
	*step = "landlock";
	if ((rc = hold_files(row, root_fd, is_rooted)))
		return rc;
	close(root_fd);
	*step = "filter";
	return fence_filter(row);
}

int fence_apply(const struct service *row, const struct fence_place *place, const char **step)
{
	int root_fd = open_root(row, place);

	*step = "open folder";
	return root_fd < 0 ? ERR_SYS : fence_inside(row, place, root_fd, step);
}
