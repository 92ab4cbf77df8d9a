/* A shell's filter: everything but beginning another program. */
#include "run/fence.h"

#include "base/err.h"

#include <errno.h>
#include <seccomp.h>

enum { IOCTL_TYPE = 0x5412 /* TIOCSTI */ };

int fence_no_programs(void)
{
	static const int refused[] = {
		SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(clone), SCMP_SYS(clone3),
		SCMP_SYS(ptrace), SCMP_SYS(process_vm_writev), SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount),
		SCMP_SYS(chroot), SCMP_SYS(pivot_root), SCMP_SYS(bpf), SCMP_SYS(io_uring_setup),
	};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc = f ? 0 : ERR_NOMEM;

	if (!rc && seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)))
		rc = ERR_SYS;
	for (size_t i = 0; !rc && i < sizeof refused / sizeof refused[0]; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0) ? ERR_SYS : 0;
	/* characters typed into a terminal for whoever reads it next */
	if (!rc && seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, IOCTL_TYPE)))
		rc = ERR_SYS;
	if (!rc && seccomp_load(f))
		rc = ERR_SYS;
	if (f)
		seccomp_release(f);
	return rc;
}
