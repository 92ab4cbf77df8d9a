/* The system-call filter. What is not in the tables fails with EPERM and the program goes on: a
 * refused call is an error like others, and fence_probe can show it. */
#include "run/fence_impl.h"

#include "base/err.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME(call) SCMP_SYS(call)

/* Everybody: memory (mmap and mprotect below), clock, random, and the descriptors it has. */
static const int calls_all[] = {
	NAME(brk), NAME(munmap), NAME(mremap), NAME(madvise), NAME(mlock), NAME(munlock),
	NAME(clock_gettime), NAME(clock_getres), NAME(gettimeofday), NAME(time), NAME(nanosleep),
	NAME(clock_nanosleep), NAME(getrandom),
	NAME(read), NAME(readv), NAME(pread64), NAME(write), NAME(writev), NAME(pwrite64), NAME(close),
	NAME(lseek), NAME(fstat), NAME(dup), NAME(dup2), NAME(dup3), NAME(fcntl),
	NAME(poll), NAME(ppoll), NAME(select), NAME(pselect6), NAME(epoll_create1), NAME(epoll_ctl),
	NAME(epoll_wait), NAME(epoll_pwait), NAME(epoll_pwait2), NAME(eventfd2),
	NAME(sendto), NAME(sendmsg), NAME(sendmmsg), NAME(recvfrom), NAME(recvmsg), NAME(recvmmsg),
	NAME(shutdown), NAME(getsockname), NAME(getpeername), NAME(getsockopt),
	NAME(rt_sigaction), NAME(rt_sigprocmask), NAME(rt_sigreturn), NAME(sigaltstack),
	NAME(restart_syscall), NAME(futex), NAME(sched_yield), NAME(sched_getaffinity), NAME(sysinfo),
	NAME(uname), NAME(getpid), NAME(gettid), NAME(getppid), NAME(getuid), NAME(geteuid), NAME(getgid),
	NAME(getegid), NAME(getrusage), NAME(getrlimit), NAME(exit), NAME(exit_group),
};

static const int calls_accept[] = { NAME(accept), NAME(accept4) };

static const int calls_connect[] = { NAME(connect) };

static const int calls_relay[] = { NAME(bind), NAME(listen), NAME(connect) };

/* Where these may reach is for the root folder and Landlock to say. */
static const int calls_files[] = {
	NAME(open), NAME(openat), NAME(stat), NAME(lstat), NAME(newfstatat), NAME(statx), NAME(access),
	NAME(faccessat), NAME(faccessat2), NAME(readlink), NAME(readlinkat), NAME(getcwd), NAME(getdents64),
	NAME(mkdir), NAME(mkdirat), NAME(rmdir), NAME(unlink), NAME(unlinkat), NAME(rename), NAME(renameat),
	NAME(renameat2), NAME(truncate), NAME(ftruncate), NAME(fallocate), NAME(fadvise64), NAME(fsync),
	NAME(fdatasync), NAME(sync_file_range), NAME(fstatfs), NAME(flock), NAME(fchmod), NAME(fchown), NAME(umask),
};

/* Without files the world looks like an empty root: libraries that look for an optional file take
 * this answer best. */
static const int calls_no_files[] = {
	NAME(open), NAME(openat), NAME(stat), NAME(lstat), NAME(statx), NAME(access), NAME(faccessat),
	NAME(faccessat2), NAME(readlink), NAME(readlinkat),
};

/* Options of sockets that may be set. Not among them: filters (programs in the kernel), other protocols. */
struct socket_option {
	int level, option;
};
static const struct socket_option socket_options[] = {
	{ SOL_SOCKET, SO_REUSEADDR },      { SOL_SOCKET, SO_SNDBUF },         { SOL_SOCKET, SO_RCVBUF },
	{ SOL_SOCKET, SO_KEEPALIVE },      { SOL_SOCKET, SO_LINGER },         { SOL_SOCKET, SO_RCVLOWAT },
	{ IPPROTO_TCP, TCP_NODELAY },
	{ IPPROTO_TCP, TCP_CORK },         { IPPROTO_TCP, TCP_KEEPIDLE },     { IPPROTO_TCP, TCP_KEEPINTVL },
	{ IPPROTO_TCP, TCP_KEEPCNT },      { IPPROTO_TCP, TCP_USER_TIMEOUT }, { IPPROTO_TCP, TCP_QUICKACK },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT }, { IPPROTO_IPV6, IPV6_V6ONLY },
	{ IPPROTO_TCP, TCP_CONGESTION }, /* one of those that are open to everybody */
};

static int allow_each(scmp_filter_ctx f, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0))
			return ERR_SYS;
	return 0;
}
#define ALLOW_EACH(f, calls) allow_each(f, calls, sizeof calls / sizeof calls[0])

static int allow_if(scmp_filter_ctx f, int call, struct scmp_arg_cmp cmp)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1, cmp) ? ERR_SYS : 0;
}

/* No new code: pages that can be executed are those that were loaded at start. */
static int allow_memory(scmp_filter_ctx f)
{
	int rc = allow_if(f, NAME(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	return rc ? rc : allow_if(f, NAME(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* abort() signals itself; limits may be read of itself and not set; two requests of ioctl. */
static int allow_self(scmp_filter_ctx f)
{
	int rc = allow_if(f, NAME(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));

	if (!rc && seccomp_rule_add(f, SCMP_ACT_ALLOW, NAME(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0),
				    SCMP_A2(SCMP_CMP_EQ, 0)))
		rc = ERR_SYS;
	if (!rc)
		rc = allow_if(f, NAME(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, FIONBIO));
	if (!rc)
		rc = allow_if(f, NAME(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, FIONREAD));
	return rc;
}

static int allow_options(scmp_filter_ctx f, const struct socket_option *o, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, NAME(setsockopt), 2,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)o[i].level),
				     SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)o[i].option)))
			return ERR_SYS;
	return 0;
}

static int allow_socket_options(scmp_filter_ctx f)
{
	return allow_options(f, socket_options, sizeof socket_options / sizeof socket_options[0]);
}

/* TCP and UDP over IPv4 and IPv6 with the default protocol number or its own. */
static int allow_sockets(scmp_filter_ctx f)
{
	static const int families[] = { AF_INET, AF_INET6 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const int protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	const scmp_datum_t kind = 0xffffffff & ~(scmp_datum_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (int i = 0; i < 8; i++) {
		int protocol = i & 4 ? protocols[i & 1] : 0;
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, NAME(socket), 3,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i >> 1 & 1]),
				     SCMP_A1(SCMP_CMP_MASKED_EQ, kind, (scmp_datum_t)types[i & 1]),
				     SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)protocol)))
			return ERR_SYS;
	}
	return ALLOW_EACH(f, calls_connect);
}

/* bind() cannot be told apart for TCP and UDP, nor the port that it takes: a program has it only
 * while a setting names a source address, and says so by a second filter (fence_narrow). */
static int allow_bind(scmp_filter_ctx f)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, NAME(bind), 0) ? ERR_SYS : 0;
}

/* A further filter only takes away. */
static int allow_narrowing(scmp_filter_ctx f)
{
	return allow_if(f, NAME(seccomp), SCMP_A0(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER));
}

/* Elements only: no map is made, found, listed or pinned, and no program loaded. */
static int allow_maps(scmp_filter_ctx f)
{
	static const int commands[] = { BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY };
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof commands / sizeof commands[0]; i++)
		rc = allow_if(f, NAME(bpf), SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)commands[i]));
	return rc;
}

static int allow_links(scmp_filter_ctx f)
{
	return allow_if(f, NAME(bpf), SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, BPF_LINK_CREATE));
}

/* A pair is connected to nothing but itself. */
static int allow_pairs(scmp_filter_ctx f)
{
	const scmp_datum_t kind = 0xffffffff & ~(scmp_datum_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);

	return seccomp_rule_add(f, SCMP_ACT_ALLOW, NAME(socketpair), 3, SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
				SCMP_A1(SCMP_CMP_MASKED_EQ, kind, SOCK_STREAM), SCMP_A2(SCMP_CMP_EQ, 0)) ? ERR_SYS : 0;
}

/* fstat() of the C library is newfstatat() with an empty name. */
static int refuse_files(scmp_filter_ctx f)
{
	for (size_t i = 0; i < sizeof calls_no_files / sizeof calls_no_files[0]; i++)
		if (seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOENT), calls_no_files[i], 0))
			return ERR_SYS;
	return allow_if(f, NAME(newfstatat), SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
}

/* A relay's sockets: datagrams, and connections from and to its addresses (RFC 6062). Which ports it may take is for the
 * kernel's own rule (no privileged one); no capability lets it past. */
static int allow_relay(scmp_filter_ctx f)
{
	static const struct socket_option options[] = {
		{ SOL_SOCKET, SO_RXQ_OVFL }, { IPPROTO_UDP, UDP_GRO }, { SOL_SOCKET, SO_REUSEPORT },
		{ IPPROTO_IP, IP_RECVERR },  { IPPROTO_IP, IP_MTU_DISCOVER },
		{ IPPROTO_IPV6, IPV6_RECVERR }, { IPPROTO_IPV6, IPV6_MTU_DISCOVER },
	};
	static const int families[] = { AF_INET, AF_INET6 }, types[] = { SOCK_DGRAM, SOCK_STREAM };
	const scmp_datum_t kind = 0xffffffff & ~(scmp_datum_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (size_t i = 0; i < 4; i++)
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, NAME(socket), 3, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i & 1]),
				     SCMP_A1(SCMP_CMP_MASKED_EQ, kind, (scmp_datum_t)types[i >> 1]), SCMP_A2(SCMP_CMP_EQ, 0)))
			return ERR_SYS;
	if (ALLOW_EACH(f, calls_relay))
		return ERR_SYS;
	return allow_options(f, options, sizeof options / sizeof options[0]);
}

/* A filter of the classic kind, which the kernel checks: on a packet socket that gh-super opened, or (no more than a
 * nuisance to itself) on another that it has. */
static int allow_capture(scmp_filter_ctx f)
{
	static const struct socket_option options[] = { { SOL_SOCKET, SO_ATTACH_FILTER } };
	int rc = allow_options(f, options, sizeof options / sizeof options[0]);

	return rc ? rc : seccomp_rule_add(f, SCMP_ACT_ALLOW, NAME(fstatfs), 0) ? ERR_SYS : 0;
}

/* No socket is made: those of netlink were there before. What may be asked of them is for the capability to say. */
static int allow_network(scmp_filter_ctx f)
{
	return allow_if(f, NAME(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, SIOCETHTOOL));
}

static int add_rules(scmp_filter_ctx f, const struct service *row)
{
	int rc = ALLOW_EACH(f, calls_all);

	if (!rc)
		rc = allow_memory(f);
	if (!rc)
		rc = allow_self(f);
	if (!rc)
		rc = allow_socket_options(f);
	if (!rc && row->may & FENCE_ACCEPT)
		rc = ALLOW_EACH(f, calls_accept);
	if (!rc && row->may & FENCE_CONNECT)
		rc = allow_sockets(f);
	if (!rc && row->may & FENCE_BIND)
		rc = allow_bind(f);
	if (!rc && row->may & (FENCE_BIND | FENCE_YIELDS))
		rc = allow_narrowing(f);
	if (!rc && row->may & FENCE_MAPS)
		rc = allow_maps(f);
	if (!rc && row->may & FENCE_LINKS)
		rc = allow_links(f);
	if (!rc && row->may & FENCE_PAIRS)
		rc = allow_pairs(f);
	if (!rc && row->may & FENCE_RELAY)
		rc = allow_relay(f);
	if (!rc && row->may & FENCE_NETWORK)
		rc = allow_network(f);
	if (!rc && row->may & FENCE_CAPTURE)
		rc = allow_capture(f);
	if (!rc)
		rc = row->may & FENCE_FILES ? ALLOW_EACH(f, calls_files) : refuse_files(f);
	return rc;
}

int fence_filter(const struct service *row)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = f ? 0 : ERR_NOMEM;

	if (!rc && seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)))
		rc = ERR_SYS;
	if (!rc)
		(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: only speed */
	if (!rc)
		rc = add_rules(f, row);
	if (!rc && seccomp_load(f))
		rc = ERR_SYS;
	if (f)
		seccomp_release(f);
	return rc;
}

/* The first filter still stands; no-new-privileges is set already, and prctl() is refused. The calls fail, and seccomp() with them. */
static int refuse_more(const int *calls, size_t n)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc = f ? 0 : ERR_NOMEM;

	if (!rc && (seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)) ||
		    seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0) ||
		    seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), NAME(seccomp), 0)))
		rc = ERR_SYS;
	for (size_t i = 0; !rc && i < n; i++)
		if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), calls[i], 0))
			rc = ERR_SYS;
	if (!rc && seccomp_load(f))
		rc = ERR_SYS;
	if (f)
		seccomp_release(f);
	return rc;
}

int fence_narrow(bool needs_bind)
{
	static const int calls[] = { NAME(bind) };

	return refuse_more(calls, needs_bind ? 0 : 1);
}

int fence_give_up_network(void)
{
	static const int calls[] = { NAME(socket), NAME(connect) };

	return refuse_more(calls, sizeof calls / sizeof calls[0]);
}
