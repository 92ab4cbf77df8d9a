#include "run/foreign.h"

#include "base/err.h"
#include "run/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Files written for another user in a folder that others may not list; another user's process started and ended. */
static const unsigned kept[] = { CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE, CAP_SETUID, CAP_SETGID, CAP_KILL };
enum { N_KEPT = sizeof kept / sizeof kept[0] };

enum {
	READ = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	OWN = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK,
	ALL = OWN | READ | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |
	      LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
};

/* ---- files ---- */

static bool is_link_to(const char *link, const char *target)
{
	char found[PATH_MAX];
	ssize_t n = readlink(link, found, sizeof found);

	return n > 0 && (size_t)n == strlen(target) && memcmp(found, target, (size_t)n) == 0;
}

/* Names that a daemon is told are what its program has found, by our own name servers and forward zones. */
static int mount_hosts(const char *hosts)
{
	if (!hosts || is_link_to("/etc/hosts", hosts))
		return 0;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return ERR_SYS;
	return mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) ? ERR_SYS : 0;
}

static bool allow(int rules, const char *path, uint64_t what)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = what };
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT; /* not on this system */
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		beneath.allowed_access &= LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	beneath.parent_fd = fd;
	bool is_done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
	(void)close(fd); /* a place, not a file */
	return is_done;
}

static int shut_in(const struct foreign_limits *l)
{
	static const char *const read_only[] = { "/usr", "/lib", "/lib64", "/etc", "/dev/urandom" };
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL };
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : ERR_SYS; /* a kernel without it */
	bool is_done = allow(rules, l->folder, OWN) && allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (is_done && l->hosts)
		is_done = allow(rules, l->hosts, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	for (const char *const *d = l->devices; is_done && d && *d; d++)
		is_done = allow(rules, *d, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	for (size_t i = 0; is_done && i < sizeof read_only / sizeof read_only[0]; i++)
		is_done = allow(rules, read_only[i], READ);
	is_done = is_done && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	(void)close(rules); /* in force, or of no use */
	return is_done ? 0 : ERR_SYS;
}

/* ---- rights ---- */

static int set_capabilities(const unsigned *which, size_t n, uint32_t inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3], want[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, have))
		return ERR_SYS;
	for (size_t i = 0; i < n; i++)
		want[CAP_TO_INDEX(which[i])].permitted |= CAP_TO_MASK(which[i]) & have[CAP_TO_INDEX(which[i])].permitted;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		want[i].effective = want[i].permitted;
	want[0].inheritable = inheritable & want[0].permitted;
	return syscall(SYS_capset, &head, want) ? ERR_SYS : 0;
}

bool foreign_has_right(unsigned which)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, have) == 0 && have[CAP_TO_INDEX(which)].effective & CAP_TO_MASK(which);
}

/* From which a child could regain others. */
static int narrow_bounding_set(const unsigned *which, size_t n)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		bool is_kept = false;
		for (size_t i = 0; i < n; i++)
			is_kept |= which[i] == cap;
		if (!is_kept && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return ERR_SYS;
	}
	return 0;
}

int foreign_confine(const struct foreign_limits *l, const char **why)
{
	unsigned which[N_KEPT + 1];
	size_t n = N_KEPT;

	memcpy(which, kept, sizeof kept);
	if (l->cap >= 0)
		which[n++] = (unsigned)l->cap;
	*why = "the kernel gives no name space of mounts, or there is no /etc/hosts";
	if (mount_hosts(l->hosts))
		return ERR_SYS;
	*why = "rights cannot be given up";
	if (narrow_bounding_set(which, n) || set_capabilities(which, n, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return ERR_SYS;
	*why = "the kernel does not shut it in (Landlock)";
	return shut_in(l);
}

int foreign_become(const struct foreign *f, int cap, pid_t parent)
{
	const unsigned alone[] = { cap >= 0 ? (unsigned)cap : 0 };
	size_t n = cap >= 0 ? 1 : 0;

	if (setgroups(0, NULL) || setresgid(f->gid, f->gid, f->gid) || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setresuid(f->uid, f->uid, f->uid))
		return ERR_SYS;
	if (set_capabilities(alone, n, cap >= 0 ? CAP_TO_MASK((unsigned)cap) : 0))
		return ERR_SYS;
	if (cap >= 0 && foreign_has_right((unsigned)cap) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)cap, 0, 0))
		return ERR_SYS;
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)) /* forgotten at a change of user: after it */
		return ERR_SYS;
	if (f->is_filtered && fence_foreign())
		return ERR_SYS;
	return getppid() == parent ? 0 : ERR_SYS;
}
