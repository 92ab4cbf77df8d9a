#include "confine.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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
static const unsigned kept[] = { CAP_SYS_TIME, CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE, CAP_SETUID, CAP_SETGID, CAP_KILL };

enum {
	READ = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	OWN = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK,
	ALL = OWN | READ | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |
	      LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
};

/* ---- files ---- */

/* Names of time servers are what gh-time has found, by our own name servers and forward zones. */
static int mount_hosts(const char *hosts)
{
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

static int shut_in(const char *folder)
{
	static const char *const read_only[] = { "/usr", "/lib", "/lib64", "/etc", "/dev/urandom" };
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL };
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : ERR_SYS; /* a kernel without it */
	bool is_done = allow(rules, folder, OWN) && allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	is_done = is_done && allow(rules, "/dev/rtc0", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
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

static bool has_right(unsigned which)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, have) == 0 && have[CAP_TO_INDEX(which)].effective & CAP_TO_MASK(which);
}

/* From which a child could regain others. */
static int narrow_bounding_set(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		bool is_kept = false;
		for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
			is_kept |= kept[i] == cap;
		if (!is_kept && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return ERR_SYS;
	}
	return 0;
}

int confine(const char *folder, const char *hosts, bool *may_set, const char **why)
{
	*why = "the kernel gives no name space of mounts, or there is no /etc/hosts";
	if (mount_hosts(hosts))
		return ERR_SYS;
	*why = "rights cannot be given up";
	if (narrow_bounding_set() || set_capabilities(kept, sizeof kept / sizeof kept[0], 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return ERR_SYS;
	*may_set = has_right(CAP_SYS_TIME);
	*why = "the kernel does not shut it in (Landlock)";
	return shut_in(folder);
}

int confine_become(uid_t uid, gid_t gid, bool keeps_time, pid_t parent)
{
	static const unsigned time_alone[] = { CAP_SYS_TIME };
	size_t n = keeps_time ? 1 : 0;

	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setresuid(uid, uid, uid))
		return ERR_SYS;
	if (set_capabilities(time_alone, n, keeps_time ? CAP_TO_MASK(CAP_SYS_TIME) : 0))
		return ERR_SYS;
	if (keeps_time && has_right(CAP_SYS_TIME) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_TIME, 0, 0))
		return ERR_SYS;
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)) /* forgotten at a change of user: after it */
		return ERR_SYS;
	return getppid() == parent ? 0 : ERR_SYS;
}
