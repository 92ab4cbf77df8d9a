/* Tries from inside what the fence must refuse. A call "reached" the kernel when it did not fail with
 * EPERM: most are made with arguments that could do no harm if it did. */
#include "run/fence.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct probe {
	const char *name;
	unsigned unless; /* not tried where the row may do one of these */
	bool (*is_open)(const struct service *row);
};

/* ---- plain calls: name, number, arguments ---- */

static const struct {
	const char *name;
	long call, a, b, c, d;
} calls[] = {
	{ "execveat", SYS_execveat, -1, 0, 0, 0 },
	{ "clone3", SYS_clone3, 0, 0, 0, 0 },
	{ "ptrace", SYS_ptrace, PTRACE_ATTACH, 0, 0, 0 },
	{ "process-vm-read", SYS_process_vm_readv, 0, 0, 0, 0 },
	{ "process-vm-write", SYS_process_vm_writev, 0, 0, 0, 0 },
	{ "pidfd-open", SYS_pidfd_open, 0, 0, 0, 0 },
	{ "pidfd-getfd", SYS_pidfd_getfd, -1, 0, 0, 0 },
	{ "kcmp", SYS_kcmp, 0, 0, -1, 0 },
	{ "tkill", SYS_tkill, 0, 0, 0, 0 },
	{ "setuid", SYS_setuid, 0, 0, 0, 0 },
	{ "setresgid", SYS_setresgid, 0, 0, 0, 0 },
	{ "setgroups", SYS_setgroups, 0, 0, 0, 0 },
	{ "capset", SYS_capset, 0, 0, 0, 0 },
	{ "prctl", SYS_prctl, -1, 0, 0, 0 },
	{ "setrlimit", SYS_setrlimit, -1, 0, 0, 0 },
	{ "prlimit-set", SYS_prlimit64, 0, -1, 1, 0 },
	{ "chroot", SYS_chroot, 0, 0, 0, 0 },
	{ "fchdir", SYS_fchdir, -1, 0, 0, 0 },
	{ "mount", SYS_mount, 0, 0, 0, 0 },
	{ "umount", SYS_umount2, 0, 0, 0, 0 },
	{ "fsopen", SYS_fsopen, 0, 0, 0, 0 },
	{ "move-mount", SYS_move_mount, -1, 0, -1, 0 },
	{ "pivot-root", SYS_pivot_root, 0, 0, 0, 0 },
	{ "unshare", SYS_unshare, 0, 0, 0, 0 },
	{ "setns", SYS_setns, -1, 0, 0, 0 },
	{ "handle-open", SYS_open_by_handle_at, -1, 0, 0, 0 },
	{ "openat2", SYS_openat2, -1, 0, 0, 0 },
	{ "symlink", SYS_symlink, 0, 0, 0, 0 },
	{ "link", SYS_link, 0, 0, 0, 0 },
	{ "mknod", SYS_mknod, 0, 0, 0, 0 },
	{ "chown", SYS_chown, 0, 0, 0, 0 },
	{ "bpf", SYS_bpf, -1, 0, 0, 0 },
	{ "seccomp", SYS_seccomp, -1, 0, 0, 0 },
	{ "perf-event", SYS_perf_event_open, 0, 0, 0, -1 },
	{ "keyctl", SYS_keyctl, -1, 0, 0, 0 },
	{ "add-key", SYS_add_key, 0, 0, 0, 0 },
	{ "request-key", SYS_request_key, 0, 0, 0, 0 },
	{ "io-uring", SYS_io_uring_setup, 0, 0, 0, 0 },
	{ "io-setup", SYS_io_setup, 0, 0, 0, 0 },
	{ "userfaultfd", SYS_userfaultfd, -1, 0, 0, 0 },
	{ "memfd", SYS_memfd_create, 0, 0, 0, 0 },
	{ "shmget", SYS_shmget, 0, 0, 0, 0 },
	{ "personality", SYS_personality, 0xffffffff, 0, 0, 0 },
	{ "module", SYS_finit_module, -1, 0, 0, 0 },
	{ "kexec", SYS_kexec_load, 0, -1, 0, -1 },
	{ "clock-set", SYS_clock_settime, -1, 0, 0, 0 },
	{ "syslog", SYS_syslog, -1, 0, 0, 0 },
	{ "socketpair", SYS_socketpair, -1, 0, 0, 0 },
	{ "pipe", SYS_pipe2, 0, -1, 0, 0 },
	{ "inotify", SYS_inotify_init1, -1, 0, 0, 0 },
	{ "fanotify", SYS_fanotify_init, -1, 0, 0, 0 },
	{ "pkey-mprotect", SYS_pkey_mprotect, 0, 0, PROT_EXEC, -1 },
	{ "remap-file-pages", SYS_remap_file_pages, 0, 0, 0, 0 },
	{ "splice", SYS_splice, -1, 0, -1, 0 },
	{ "ioctl-tty", SYS_ioctl, 0, 0x5412, 0, 0 }, /* TIOCSTI types on a terminal */
};

static bool is_reached(size_t i)
{
	errno = 0;
	return syscall(calls[i].call, calls[i].a, calls[i].b, calls[i].c, calls[i].d, 0, 0) >= 0 || errno != EPERM;
}

/* ---- what takes more than one call ---- */

static bool can_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool opens_system_file(const struct service *row)
{
	(void)row;
	return can_open("/etc/passwd", O_RDONLY) || can_open("../../../../../../etc/passwd", O_RDONLY) ||
	       can_open("/proc/self/status", O_RDONLY) || can_open("/dev/null", O_RDWR) || can_open("/bin/sh", O_RDONLY);
}

static bool opens_outside(const struct service *row)
{
	(void)row;
	return can_open("/tmp/gh-fence-probe", O_RDWR | O_CREAT) || can_open("..//gh-fence-probe/", O_RDONLY) ||
	       can_open("/tmp", O_TMPFILE | O_RDWR);
}

static bool opens_any(const struct service *row)
{
	(void)row;
	return can_open("gh-fence-probe", O_RDWR | O_CREAT) || can_open(".", O_RDONLY | O_DIRECTORY);
}

/* A directory that was left open must not lead out either. */
static bool leaves_by_descriptor(const struct service *row)
{
	struct stat st;

	(void)row;
	for (int fd = 0; fd < 256; fd++) {
		if (fstat(fd, &st) || !S_ISDIR(st.st_mode))
			continue;
		int out = openat(fd, "../../../../../../etc/passwd", O_RDONLY | O_CLOEXEC);
		if (out >= 0)
			return true;
	}
	return false;
}

static bool can_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool has_other_sockets(const struct service *row)
{
	(void)row;
	return can_socket(AF_UNIX, SOCK_STREAM, 0) || can_socket(AF_NETLINK, SOCK_RAW, 0) ||
	       can_socket(AF_PACKET, SOCK_RAW, 0) || can_socket(AF_ALG, SOCK_SEQPACKET, 0) ||
	       can_socket(AF_VSOCK, SOCK_STREAM, 0) || can_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) ||
	       can_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) || can_socket(AF_INET, SOCK_STREAM, 262) ||
	       can_socket(AF_INET6, SOCK_SEQPACKET, 132);
}

static bool has_inet_sockets(const struct service *row)
{
	(void)row;
	return can_socket(AF_INET, SOCK_STREAM, 0) || can_socket(AF_INET6, SOCK_DGRAM, 0);
}

static bool listens(const struct service *row)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)row;
	(void)bind(fd, (struct sockaddr *)&to, sizeof to); /* listen() binds by itself too */
	bool is_open = listen(fd, 1) == 0 || errno != EPERM;
	if (fd >= 0)
		close(fd);
	return is_open;
}

/* A chosen port, of UDP too. */
static bool binds(const struct service *row)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool is_open = false;

	(void)row;
	for (size_t i = 0; i < 2; i++) {
		int fd = socket(AF_INET, types[i] | SOCK_CLOEXEC, 0);
		is_open |= bind(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno != EPERM;
		if (fd >= 0)
			close(fd);
	}
	return is_open;
}

static bool sets_socket_filter(const struct service *row)
{
	uint64_t none[2] = { 0 };

	(void)row;
	return setsockopt(3, SOL_SOCKET, SO_ATTACH_FILTER, none, sizeof none) == 0 || errno != EPERM;
}

static bool accepts(const struct service *row)
{
	(void)row;
	return accept4(-1, NULL, NULL, 0) >= 0 || errno != EPERM;
}

static bool executes(const struct service *row)
{
	char *none[] = { NULL };

	(void)row;
	errno = 0;
	return execve("gh-fence-probe", none, none) == 0 || errno != EPERM;
}

static bool forks(const struct service *row)
{
	static const long ways[] = { SYS_fork, SYS_clone };
	bool is_open = false;

	(void)row;
	for (size_t i = 0; i < 2; i++) {
		errno = 0;
		long pid = ways[i] == SYS_clone ? syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : syscall(ways[i]);
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			(void)waitpid((pid_t)pid, NULL, 0);
		is_open |= pid > 0 || errno != EPERM;
	}
	return is_open;
}

static bool signals_others(const struct service *row)
{
	(void)row;
	errno = 0;
	if (kill(getppid(), 0) == 0 || errno != EPERM)
		return true;
	if (kill(-1, 0) == 0 || errno != EPERM)
		return true;
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 || errno != EPERM;
}

static bool maps_code(const struct service *row)
{
	(void)row;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED)
		return true;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool is_root(const struct service *row)
{
	(void)row;
	return getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0;
}

static bool has_loose_limits(const struct service *row)
{
	struct rlimit core, procs, files;

	if (getrlimit(RLIMIT_CORE, &core) || getrlimit(RLIMIT_NPROC, &procs) || getrlimit(RLIMIT_NOFILE, &files))
		return true;
	return core.rlim_max || procs.rlim_max || files.rlim_max > row->fds_max;
}

/* The other side: a program whose own folder is shut would be no use. */
static bool lacks_own_folder(const struct service *row)
{
	(void)row;
	if (!can_open("gh-fence-probe", O_RDWR | O_CREAT | O_EXCL))
		return true;
	return rename("gh-fence-probe", "gh-fence-probe2") || unlink("gh-fence-probe2") || !can_open(".", O_RDONLY);
}

/* SIP's datagrams are read and written many at a time. */
static bool lacks_datagram_batches(const struct service *row)
{
	int room = 4096;

	(void)row;
	errno = 0;
	if (recvmmsg(-1, NULL, 0, MSG_DONTWAIT, NULL) >= 0 || errno == EPERM)
		return true;
	if (sendmmsg(-1, NULL, 0, MSG_DONTWAIT) >= 0 || errno == EPERM)
		return true;
	return setsockopt(-1, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0 || errno == EPERM;
}

static bool reaches_bpf(int command)
{
	union bpf_attr none = { .map_fd = (uint32_t)-1 };

	errno = 0;
	return syscall(SYS_bpf, command, &none, sizeof none) >= 0 || errno != EPERM;
}

/* Which right a command belongs to; 0: to none. */
static unsigned right_of(int command)
{
	switch (command) {
	case BPF_MAP_LOOKUP_ELEM:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_GET_NEXT_KEY:
		return FENCE_MAPS;
	case BPF_LINK_CREATE:
		return FENCE_LINKS;
	default:
		return 0;
	}
}

/* The other side: a program with maps or links that cannot reach them. */
static bool lacks_bpf(const struct service *row)
{
	bool is_lacking = false;

	for (int c = BPF_MAP_CREATE; c <= BPF_PROG_BIND_MAP; c++)
		if (right_of(c) & row->may)
			is_lacking |= !reaches_bpf(c);
	return is_lacking;
}

/* Every other command of bpf(). */
static bool has_other_bpf(const struct service *row)
{
	bool is_open = false;

	for (int c = BPF_MAP_CREATE; c <= BPF_PROG_BIND_MAP; c++)
		if (!(right_of(c) & row->may))
			is_open |= reaches_bpf(c);
	return is_open;
}

/* A pair; false: refused. */
static bool makes_pair(int family, int type)
{
	int fds[2];

	if (socketpair(family, type, 0, fds) < 0)
		return errno != EPERM;
	close(fds[0]);
	close(fds[1]);
	return true;
}

static bool makes_pairs(const struct service *row)
{
	(void)row;
	return makes_pair(AF_UNIX, SOCK_STREAM);
}

/* Other pairs than those of the right. */
static bool makes_other_pairs(const struct service *row)
{
	(void)row;
	return makes_pair(AF_UNIX, SOCK_DGRAM) || makes_pair(AF_UNIX, SOCK_SEQPACKET) || makes_pair(AF_TIPC, SOCK_STREAM);
}

static bool lacks_pairs(const struct service *row)
{
	return !makes_pairs(row);
}

static const struct probe probes[] = {
	{ "root", 0, is_root },
	{ "limits", 0, has_loose_limits },
	{ "system-file", 0, opens_system_file },
	{ "outside-file", 0, opens_outside },
	{ "any-file", FENCE_FILES, opens_any },
	{ "directory-descriptor", 0, leaves_by_descriptor },
	{ "other-socket", 0, has_other_sockets },
	{ "inet-socket", FENCE_CONNECT | FENCE_RELAY, has_inet_sockets },
	{ "bind", FENCE_RELAY, binds },
	{ "listen", FENCE_RELAY, listens },
	{ "accept", FENCE_ACCEPT, accepts },
	{ "pairs", FENCE_PAIRS, makes_pairs },
	{ "other-pairs", 0, makes_other_pairs },
	{ "socket-filter", FENCE_CAPTURE, sets_socket_filter },
	{ "execve", 0, executes },
	{ "fork", 0, forks },
	{ "kill", 0, signals_others },
	{ "code-page", 0, maps_code },
	{ "bpf", 0, has_other_bpf },
};

static unsigned say(struct buf *report, const char *name, bool is_open)
{
	buf_putf(report, "%s %s\n", name, is_open ? "OPEN" : "ok");
	return is_open;
}

unsigned fence_probe(const struct service *row, struct buf *report)
{
	unsigned open = 0;

	if (row->may & FENCE_BIND)
		open += say(report, "narrow", fence_narrow(false) != 0);
	if (row->may & FENCE_YIELDS)
		open += say(report, "given-up-network", fence_give_up_network() != 0 || has_inet_sockets(row));
	for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
		if (!(probes[i].unless & row->may))
			open += say(report, probes[i].name, probes[i].is_open(row));
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		open += say(report, calls[i].name, is_reached(i));
	if (row->may & FENCE_ACCEPT)
		open += say(report, "datagram-batches", lacks_datagram_batches(row));
	if (row->may & FENCE_PAIRS)
		open += say(report, "given-pairs", lacks_pairs(row));
	if (row->may & (FENCE_MAPS | FENCE_LINKS))
		open += say(report, "given-maps", lacks_bpf(row));
	if (row->may & FENCE_FILES)
		open += say(report, "own-folder", lacks_own_folder(row));
	return open;
}
