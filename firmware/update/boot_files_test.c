/* The boot partition's files renewed, and cut at each call that changes the disk: what is there always starts. The calls are wrapped by the
 * linker; a cut ends the child process right before one of them, or in the middle of a write. */
#include "boot_files.h"

#include "base/err.h"
#include "esp.h"
#include "esp_renew.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CUT = 77, BIG = 200000 };

/* ---- the mains switch ---- */

static int steps_left = -1; /* -1: none */

static bool is_cut(void)
{
	return steps_left >= 0 && steps_left-- == 0;
}

ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (is_cut()) {
		(void)!__real_pwrite(fd, p, n / 2, at);
		_exit(CUT);
	}
	return __real_pwrite(fd, p, n, at);
}

int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
	if (is_cut())
		_exit(CUT);
	return __real_renameat(a, from, b, to);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	if (is_cut())
		_exit(CUT);
	return __real_fsync(fd);
}

int __real_unlinkat(int fd, const char *name, int flags);
int __wrap_unlinkat(int fd, const char *name, int flags);
int __wrap_unlinkat(int fd, const char *name, int flags)
{
	if (is_cut())
		_exit(CUT);
	return __real_unlinkat(fd, name, flags);
}

/* Those that make a file or empty one change the disk. */
int __real_openat(int fd, const char *name, int flags, ...);
int __wrap_openat(int fd, const char *name, int flags, ...);
int __wrap_openat(int fd, const char *name, int flags, ...)
{
	if ((flags & O_CREAT) && is_cut())
		_exit(CUT);
	return __real_openat(fd, name, flags, 0600);
}

/* ---- a disk ---- */

static const struct image_version v10 = { { 1, 0, 0 } }, v11 = { { 1, 1, 0 } };

struct place {
	char top[32], root[64];
	int esp, programs;
};

static void fill(int dir, const char *name, char byte, size_t n)
{
	static char text[BIG];
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	memset(text, byte, n);
	assert_true(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
}

static size_t content(int dir, const char *name, char *out, size_t room)
{
	int fd = openat(dir, name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, out, room - 1);

	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

/* All of one byte, so many times. */
static bool is_all(int dir, const char *name, char byte, size_t n)
{
	static char text[BIG + 8];

	if (content(dir, name, text, sizeof text) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] != byte)
			return false;
	return true;
}

/* A box of version 1.0, of whose boot loader all bytes are `o`; the image that runs is 1.1 with one of `n`. */
static void open_place(struct place *p)
{
	static const char *const folders[] = { "EFI", "EFI/BOOT", "EFI/Linux", "loader" };

	snprintf(p->top, sizeof p->top, "/tmp/boot-XXXXXX");
	assert_non_null(mkdtemp(p->top));
	snprintf(p->root, sizeof p->root, "%s/root", p->top);
	p->esp = open(p->top, O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(mkdirat(p->esp, folders[i], 0700), 0);
	assert_int_equal(mkdirat(p->esp, "root", 0700), 0);
	fill(p->esp, "EFI/BOOT/BOOTX64.EFI", 'o', 90000);
	fill(p->esp, "loader/loader.conf", 'p', 10);
	fill(p->esp, "root/boot.efi", 'n', 150000);
	fill(p->esp, "root/loader.conf", 'q', 30);
	p->programs = openat(p->esp, "EFI/Linux", O_RDONLY | O_DIRECTORY);
	fill(p->programs, "gatehouse-1.0.0+3.efi", '0', BIG);
	fill(p->programs, "gatehouse-1.1.0+2-1.efi", '1', BIG - 1);
}

static void close_place(struct place *p)
{
	char command[64];

	close(p->programs);
	close(p->esp);
	snprintf(command, sizeof command, "rm -rf '%s'", p->top);
	assert_int_equal(system(command), 0);
}

/* What the machine finds at its next start, whatever happened. Entries that are there name a whole program. */
static void check_starts(const struct place *p)
{
	static const char *const entries[] = { "loader/entries/factory-reset.conf", "loader/entries/lost-password.conf" };
	char text[256], program[128];

	assert_true(is_all(p->esp, "EFI/BOOT/BOOTX64.EFI", 'o', 90000) || is_all(p->esp, "EFI/BOOT/BOOTX64.EFI", 'n', 150000));
	assert_true(is_all(p->esp, "loader/loader.conf", 'p', 10) || is_all(p->esp, "loader/loader.conf", 'q', 30));
	assert_true(is_all(p->programs, "gatehouse-1.1.0+2-1.efi", '1', BIG - 1));
	for (size_t i = 0; i < 2; i++) {
		if (content(p->esp, entries[i], text, sizeof text) == 0) {
			assert_int_not_equal(faccessat(p->esp, entries[i], F_OK, 0), 0); /* never an empty one */
			continue;
		}
		assert_int_equal(sscanf(text, "title %*[^\n]\nefi /%100s", program), 1);
		assert_true(is_all(p->esp, program, '0', BIG) || is_all(p->esp, program, '1', BIG - 1));
		assert_true(is_all(p->esp, "loader/loader.conf", 'q', 30)); /* which says what is taken by itself */
	}
}

static unsigned renew(const struct place *p, const struct image_version *version)
{
	struct boot_files b;
	unsigned changed = 99;

	assert_int_equal(boot_files_prepare(&b, p->root, p->esp), 0);
	assert_int_equal(boot_files_renew(&b, p->esp, p->programs, version, &changed), 0);
	boot_files_close(&b);
	return changed;
}

static void check_done(const struct place *p)
{
	char text[256];

	assert_true(is_all(p->esp, "EFI/BOOT/BOOTX64.EFI", 'n', 150000));
	assert_true(is_all(p->esp, "loader/loader.conf", 'q', 30));
	assert_true(is_all(p->esp, "EFI/gatehouse/1.1.0.efi", '1', BIG - 1));
	assert_int_not_equal(faccessat(p->esp, "EFI/gatehouse/1.0.0.efi", F_OK, 0), 0);
	assert_true(content(p->esp, "loader/entries/lost-password.conf", text, sizeof text) > 0);
	assert_non_null(strstr(text, "\nefi /EFI/gatehouse/1.1.0.efi\n"));
	assert_null(strstr(text, "options"));
	assert_true(content(p->esp, "loader/entries/factory-reset.conf", text, sizeof text) > 0);
}

static void test_once(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	assert_int_equal(renew(&p, &v10), 5);
	assert_int_equal(renew(&p, &v10), 0);
	assert_int_equal(renew(&p, &v11), 3); /* the program and the two entries */
	check_done(&p);
	assert_int_equal(renew(&p, &v11), 0);
	close_place(&p);
}

/* Cut at every step of an upgrade from 1.0, then gone on with. */
static void test_cuts(void **state)
{
	int cuts = 0;

	(void)state;
	for (bool is_whole = false; !is_whole; cuts++) {
		struct place p;
		int status;
		open_place(&p);
		fill(p.esp, "root/boot.efi", 'o', 90000);
		(void)renew(&p, &v10);
		fill(p.esp, "root/boot.efi", 'n', 150000);
		fill(p.esp, "loader/loader.conf", 'p', 10); /* of before there were entries, even */
		assert_int_equal(unlinkat(p.esp, "loader/entries/factory-reset.conf", 0), 0);
		assert_int_equal(unlinkat(p.esp, "loader/entries/lost-password.conf", 0), 0);
		if (cuts % 2)
			fill(p.esp, "loader/loader.conf", 'q', 30);
		pid_t pid = fork();
		if (pid == 0) {
			steps_left = cuts / 2;
			(void)renew(&p, &v11);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == CUT || WEXITSTATUS(status) == 0));
		is_whole = WEXITSTATUS(status) == 0;
		check_starts(&p);
		(void)renew(&p, &v11);
		check_done(&p);
		close_place(&p);
	}
	assert_in_range(cuts, 40, 400); /* it was cut, many times */
}

static void test_refusals(void **state)
{
	struct boot_files none, b;
	struct place p;
	unsigned changed;

	(void)state;
	open_place(&p);
	/* An image that brings no boot loader leaves everything as it is. */
	assert_int_equal(boot_files_prepare(&none, "/nonexistent", p.esp), 0);
	assert_int_equal(boot_files_renew(&none, p.esp, p.programs, &v11, &changed), 0);
	assert_int_equal(changed, 0);
	assert_true(is_all(p.esp, "EFI/BOOT/BOOTX64.EFI", 'o', 90000));
	/* A version that has no program gets no entry. */
	static const struct image_version v9 = { { 9, 0, 0 } };
	assert_int_equal(boot_files_prepare(&b, p.root, p.esp), 0);
	assert_int_equal(boot_files_renew(&b, p.esp, p.programs, &v9, &changed), ERR_NOT_FOUND);
	assert_int_not_equal(faccessat(p.esp, "loader/entries/factory-reset.conf", F_OK, 0), 0);
	boot_files_close(&b);
	assert_int_equal(esp_renew(p.esp, "a-name-that-is-longer-than-any-name-on-the-boot-partition-may-ever-be.efi", 0, NULL), ERR_LIMIT);
	/* What cannot be read replaces nothing. */
	assert_int_equal(esp_renew(p.esp, "loader/loader.conf", -1, NULL), ERR_IO);
	assert_true(is_all(p.esp, "loader/loader.conf", 'q', 30));
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_once), cmocka_unit_test(test_cuts), cmocka_unit_test(test_refusals) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
