#include "guard.h"

#include "base/err.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sanitizer build looks for leaks at exit with a second process, which is refused here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static bool is_plain(const char *term)
{
	size_t n = strlen(term);

	return n > 0 && n <= 32 &&
	       strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+._") == n && term[0] != '.';
}

void guard_environment(void)
{
	static const char *const kept[] = { "TERM", "ASAN_OPTIONS", "UBSAN_OPTIONS" };
	enum { N = sizeof kept / sizeof kept[0] };
	char *values[N];

	for (size_t i = 0; i < N; i++) {
		const char *v = getenv(kept[i]);
		values[i] = v ? strdup(v) : NULL;
	}
	clearenv();
	for (size_t i = 0; i < N; i++) {
		if (values[i] && (i > 0 || is_plain(values[i])))
			(void)setenv(kept[i], values[i], 1); /* without memory: as if it were not set */
		free(values[i]);
	}
	if (!getenv("TERM"))
		(void)setenv("TERM", "dumb", 1); /* as above */
}

int guard_no_programs(void)
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
	if (!rc && seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412)))
		rc = ERR_SYS;
	if (!rc && seccomp_load(f))
		rc = ERR_SYS;
	if (f)
		seccomp_release(f);
	return rc;
}
