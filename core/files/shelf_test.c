/* Files on the disk, and a program that is killed again and again while it keeps them: what it said is there, whole, and of the
 * rest nothing is. */
#include "shelf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/random.h"

enum { ROUNDS = 6, HOUR = 495000, SIZE_MAX_BYTES = 200000 };

static char dir[] = "/tmp/shelf_testXXXXXX";
static int dir_fd;

static void number(uint32_t n, uint8_t id[static SLOT_ID_BYTES])
{
	memset(id, 0, SLOT_ID_BYTES);
	memcpy(id, &n, sizeof n);
}

static struct shelf_label label_of(uint32_t n, uint64_t size)
{
	struct shelf_label l = { .size = size, .created_s = 1782000000 + n };

	snprintf(l.owner, sizeof l.owner, "user%u@near.example", n % 3);
	snprintf(l.name, sizeof l.name, "%u.bin", n);
	return l;
}

/* Its size and bytes follow from its number. */
static uint64_t size_of(uint32_t n)
{
	return 1 + n * 7919 % SIZE_MAX_BYTES;
}

static int keep_one(struct shelf *s, uint32_t n)
{
	static uint8_t bytes[SIZE_MAX_BYTES];
	uint8_t id[SLOT_ID_BYTES];
	char place[SHELF_PLACE_BYTES];
	struct draft d;
	struct shelf_label l = label_of(n, size_of(n));

	number(n, id);
	shelf_place(HOUR + n % 5, id, place);
	memset(bytes, (int)n, sizeof bytes);
	int rc = shelf_begin(s, id, &d);
	if (!rc)
		rc = draft_write(&d, bytes_make(bytes, (size_t)l.size));
	return rc ? rc : shelf_keep(s, &d, place, &l);
}

static void look_at(const struct shelf *s, uint32_t n)
{
	static uint8_t bytes[SIZE_MAX_BYTES + 1];
	uint8_t id[SLOT_ID_BYTES];
	char place[SHELF_PLACE_BYTES];
	struct shelf_label l;
	int fd;

	number(n, id);
	shelf_place(HOUR + n % 5, id, place);
	assert_int_equal(shelf_look(s, place, &l, &fd), 0);
	assert_true(l.size == size_of(n) && l.created_s == 1782000000 + n);
	assert_int_equal(pread(fd, bytes, (size_t)l.size, 0), l.size);
	for (size_t i = 0; i < l.size; i++)
		assert_int_equal(bytes[i], (uint8_t)n);
	close(fd);
}

static uint32_t count(const struct shelf *s, const char *last_day)
{
	char place[SHELF_PLACE_BYTES];
	struct shelf_walk w;
	uint32_t n = 0;

	shelf_walk_begin(&w, last_day);
	while (shelf_walk_next(s, &w, place))
		n++;
	return n;
}

static int entries(int fd)
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	int n = 0;

	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void kept_and_deleted(void **state)
{
	char place[SHELF_PLACE_BYTES];
	uint8_t id[SLOT_ID_BYTES];
	struct draft d;
	struct shelf s;

	(void)state;
	assert_int_equal(shelf_open(&s, dir_fd), 0);
	number(1, id);
	shelf_place(HOUR + 1, id, place);
	assert_string_equal(place, "20260621/01/01000000000000000000000000000000");
	assert_false(shelf_has(&s, place));
	assert_int_equal(keep_one(&s, 1), 0);
	assert_true(shelf_has(&s, place));
	look_at(&s, 1);
	assert_int_equal(keep_one(&s, 1), ERR_EXISTS);
	look_at(&s, 1);
	number(2, id);
	assert_int_equal(shelf_begin(&s, id, &d), 0);
	assert_int_equal(keep_one(&s, 2), ERR_EXISTS);
	shelf_drop(&s, &d);
	shelf_drop(&s, &d);
	assert_int_equal(keep_one(&s, 2), 0);
	assert_int_equal(count(&s, ""), 2);
	assert_int_equal(count(&s, "20260621"), 2);
	assert_int_equal(count(&s, "20260620"), 0);
	assert_int_equal(shelf_delete(&s, place), 0);
	assert_int_equal(shelf_delete(&s, place), ERR_NOT_FOUND);
	shelf_place(HOUR + 2, id, place);
	assert_int_equal(shelf_delete(&s, place), 0);
	assert_int_equal(entries(s.files_fd), 0); /* folders go with their last file */
	assert_int_equal(entries(s.new_fd), 0);
}

/* Lets it go on until the n-th system call begins or ends, and no further; true: it was killed there. */
static bool cut(pid_t pid, unsigned n)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (unsigned i = 0; i < n && WIFSTOPPED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (!WIFSTOPPED(status)) {
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		return false;
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

/* Killed before and after each of its calls to the kernel: the file is there whole, or nothing is; and there when it was said. */
static void killed_at_each_call(void **state)
{
	unsigned n_without = 0, n_with = 0;
	char place[SHELF_PLACE_BYTES];
	uint8_t id[SLOT_ID_BYTES];
	bool was_killed = true;
	struct shelf s;

	(void)state;
	number(3, id);
	shelf_place(HOUR + 3, id, place);
	for (unsigned n = 1; was_killed; n++) {
		pid_t pid = fork();
		if (pid == 0) {
			if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
				_exit(9);
			_exit(shelf_open(&s, dir_fd) || keep_one(&s, 3));
		}
		was_killed = cut(pid, n);
		assert_int_equal(shelf_open(&s, dir_fd), 0);
		assert_int_equal(entries(s.new_fd), 0);
		bool is_there = shelf_has(&s, place);
		assert_true(is_there || was_killed);
		n_with += is_there;
		n_without += !is_there;
		if (is_there) {
			look_at(&s, 3);
			assert_int_equal(shelf_delete(&s, place), 0);
		}
		close(s.new_fd);
		close(s.files_fd);
	}
	assert_true(n_without > 10 && n_with > 1);
}

static void child(int report)
{
	struct shelf s;

	for (uint32_t n = 0; shelf_open(&s, dir_fd) == 0; n++) {
		int rc = keep_one(&s, n);
		if (rc && rc != ERR_EXISTS)
			_exit(2);
		if (write(report, &n, sizeof n) != sizeof n)
			_exit(3);
	}
	_exit(1);
}

static void killed_at_any_moment(void **state)
{
	uint32_t said = 0, n;
	struct shelf s;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int fds[2], status;
		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		if (pid == 0)
			child(fds[1]);
		close(fds[1]);
		uint32_t until = said + random_below(6);
		while (read(fds[0], &n, sizeof n) == sizeof n && n < until)
			continue;
		usleep(random_below(2000));
		kill(pid, SIGKILL);
		while (read(fds[0], &n, sizeof n) == sizeof n)
			continue;
		close(fds[0]);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status)); /* it had no error of its own */
		said = n + 1 > said ? n + 1 : said;
		assert_int_equal(shelf_open(&s, dir_fd), 0);
		assert_int_equal(entries(s.new_fd), 0);
		uint32_t there = count(&s, "");
		assert_true(there == said || there == said + 1); /* one may have been kept that was not said */
		for (uint32_t i = 0; i < there; i++)
			look_at(&s, i);
		said = there;
	}
}

static void spoiled_ones_are_found_out(void **state)
{
	char place[SHELF_PLACE_BYTES];
	uint8_t id[SLOT_ID_BYTES];
	struct shelf_label l;
	struct shelf s;

	(void)state;
	assert_int_equal(shelf_open(&s, dir_fd), 0);
	number(0, id);
	shelf_place(HOUR, id, place);
	assert_int_equal(shelf_look(&s, place, &l, NULL), 0);
	int fd = openat(s.files_fd, place, O_RDWR);
	off_t end = lseek(fd, 0, SEEK_END);
	for (off_t cut = 1; cut < end; cut++) {
		assert_int_equal(ftruncate(fd, end - cut), 0);
		assert_int_equal(shelf_look(&s, place, &l, NULL), ERR_IO);
	}
	close(fd);
	assert_int_equal(shelf_look(&s, "20260621/00/nothing", &l, NULL), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_and_deleted),
		cmocka_unit_test(killed_at_each_call),
		cmocka_unit_test(killed_at_any_moment),
		cmocka_unit_test(spoiled_ones_are_found_out),
	};
	char command[64];

	if (!mkdtemp(dir) || (dir_fd = open(dir, O_RDONLY | O_DIRECTORY)) < 0)
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command) ? 1 : rc;
}
