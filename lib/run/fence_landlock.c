/* Landlock by its raw calls, as the headers of the build machine may be older than the kernel:
 * numbers and layouts are those of linux/landlock.h up to ABI 6. */
#include "run/fence_impl.h"

#include "base/err.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 }; /* ABI 4 */
enum { SCOPE_ABSTRACT_UNIX = 1 << 0, SCOPE_SIGNAL = 1 << 1 }; /* ABI 6 */
enum { RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };
enum { FS_TRUNCATE = 1 << 14, FS_IOCTL_DEV = 1 << 15 };

struct ruleset {
	uint64_t fs, net, scoped;
};

struct port_rule {
	uint64_t access, port;
};

/* All file accesses that an ABI knows: 13, then REFER, TRUNCATE, IOCTL_DEV. */
static uint64_t all_files(long abi)
{
	uint64_t all = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;

	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

/* Regular files and folders; nothing that executes, no devices, sockets, links. */
static uint64_t own_files(void)
{
	return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
	       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
	       LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE;
}

static size_t ruleset_size(long abi)
{
	return abi >= 6 ? sizeof(struct ruleset) : abi >= 4 ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
}

static struct ruleset ruleset_of(const struct service *row, long abi)
{
	struct ruleset r = { .fs = all_files(abi) };

	/* a relay's ports are too many for rules, and its peers' are any */
	if (abi >= 4 && !(row->may & FENCE_RELAY))
		r.net = NET_BIND_TCP | (row->may & FENCE_CONNECT ? 0 : NET_CONNECT_TCP);
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return r;
}

static int allow_folder(int ruleset, const struct ruleset *r, int folder_fd)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = own_files() & r->fs, .parent_fd = folder_fd };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) ? ERR_SYS : 0;
}

/* A source address for outgoing connections is a bind to port 0: the kernel picks the port. */
static int allow_source_address(int ruleset)
{
	struct port_rule rule = { .access = NET_BIND_TCP, .port = 0 };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) ? ERR_SYS : 0;
}

int fence_landlock(const struct service *row, int folder_fd)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int rc = 0;

	if (abi < 1)
		return errno == ENOSYS || errno == EOPNOTSUPP ? ERR_UNSUPPORTED : ERR_SYS;
	struct ruleset r = ruleset_of(row, abi);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &r, ruleset_size(abi), 0);
	if (fd < 0)
		return ERR_SYS;
	if (folder_fd >= 0)
		rc = allow_folder(fd, &r, folder_fd);
	if (!rc && abi >= 4 && row->may & FENCE_CONNECT)
		rc = allow_source_address(fd);
	if (!rc && syscall(SYS_landlock_restrict_self, fd, 0))
		rc = ERR_SYS;
	close(fd);
	return rc;
}
