/* gh-sftp - SFTP in the operators' folder (G-FILE-02). sshd has made us the operator's user, in his folder, by way of ghsh. From
 * here on the kernel lets us (and what we become) write and list below that folder only, and read there, besides OpenSSH's
 * sftp-server, its libraries and the users' names, which it looks up. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char server[] = "/usr/lib/openssh/sftp-server";

enum {
	LOAD = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
	OWN = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	      LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REFER,
	ALL = OWN | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
	      LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
};

static bool allow(int rules, const char *path, uint64_t what)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = what };
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT; /* not on this system */
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		beneath.allowed_access &= LOAD | LANDLOCK_ACCESS_FS_WRITE_FILE;
	beneath.parent_fd = fd;
	bool is_done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
	close(fd);
	return is_done;
}

static bool shut_in(void)
{
	static const char *const loaded[] = { server, "/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/passwd",
		                              "/var/lib/extrausers/passwd" };
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL };
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	bool is_done = rules >= 0 && allow(rules, ".", OWN) && allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);

	for (size_t i = 0; is_done && i < sizeof loaded / sizeof loaded[0]; i++)
		is_done = allow(rules, loaded[i], LOAD);
	return is_done && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

int main(void)
{
	char *const argv[] = { (char *)"sftp-server", (char *)"-l", (char *)"INFO", (char *)"-u", (char *)"0007", NULL };
	char *const environment[] = { (char *)"PATH=/usr/bin", NULL };

	if (!shut_in()) {
		fputs("gh-sftp: this kernel does not shut it in\n", stderr);
		return 1;
	}
	execve(server, argv, environment);
	fputs("gh-sftp: no sftp-server\n", stderr);
	return 1;
}
