/* Against swtpm (Debian's software TPM). */
#include "keys.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "run/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

struct chip {
	char folder[64], tcti[160];
	pid_t pid;
};

/* Its state stays in the folder: started again it is the same TPM. */
static void chip_start(struct chip *c)
{
	char state[96], server[192], control[192], socket[96];

	snprintf(state, sizeof state, "dir=%s", c->folder);
	snprintf(socket, sizeof socket, "%s/socket", c->folder);
	snprintf(server, sizeof server, "type=unixio,path=%s", socket);
	snprintf(control, sizeof control, "type=unixio,path=%s.ctrl", socket);
	snprintf(c->tcti, sizeof c->tcti, "swtpm:path=%s", socket);
	c->pid = fork();
	if (c->pid == 0) {
		int quiet = open("/dev/null", O_RDWR);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* not longer than the test, however that ends */
		(void)dup2(quiet, STDOUT_FILENO);
		(void)dup2(quiet, STDERR_FILENO);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", control, "--flags",
		       "not-need-init,startup-clear", (char *)NULL);
		_exit(127);
	}
	for (unsigned i = 0; i < 500 && access(socket, F_OK) != 0; i++)
		usleep(10000);
	if (access(socket, F_OK) != 0)
		fail_msg("swtpm does not start: is it installed?");
}

static void chip_stop(struct chip *c)
{
	char socket[128];

	(void)kill(c->pid, SIGTERM);
	(void)waitpid(c->pid, NULL, 0);
	snprintf(socket, sizeof socket, "%s/socket", c->folder);
	(void)unlink(socket);
	snprintf(socket, sizeof socket, "%s/socket.ctrl", c->folder);
	(void)unlink(socket);
}

static void chip_make(struct chip *c)
{
	snprintf(c->folder, sizeof c->folder, "/tmp/tpm_test.XXXXXX");
	assert_non_null(mkdtemp(c->folder));
	chip_start(c);
}

static void empty(const char *folder)
{
	DIR *d = opendir(folder);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(folder), 0);
}

static struct tpm *open_chip(const struct chip *c)
{
	struct tpm *t = NULL;

	assert_int_equal(tpm_open(c->tcti, &t), 0);
	return t;
}

static void a_secret_comes_back_from_its_tpm_alone(void **state)
{
	uint8_t out[TPM_SECRET_MAX];
	struct chip one, two;
	struct buf sealed;
	size_t n = 0;

	(void)state;
	chip_make(&one);
	chip_make(&two);
	buf_init(&sealed, TPM_SEALED_MAX);
	struct tpm *t = open_chip(&one), *other = open_chip(&two);
	assert_int_equal(tpm_seal(t, BYTES("0123456789abcdef0123456789abcdef"), &sealed), 0);
	assert_int_equal(tpm_unseal(t, buf_bytes(&sealed), out, &n), 0);
	assert_int_equal(n, 32);
	assert_memory_equal(out, "0123456789abcdef0123456789abcdef", 32);
	assert_int_equal(tpm_unseal(other, buf_bytes(&sealed), out, &n), ERR_DENIED);
	tpm_close(t);

	/* Also after the machine was off. */
	chip_stop(&one);
	chip_start(&one);
	t = open_chip(&one);
	n = 0;
	assert_int_equal(tpm_unseal(t, buf_bytes(&sealed), out, &n), 0);
	assert_int_equal(n, 32);

	/* Cut or changed. */
	struct bytes whole = buf_bytes(&sealed);
	for (size_t k = 0; k < whole.n; k += 7)
		assert_int_not_equal(tpm_unseal(t, bytes_make(whole.p, k), out, &n), 0);
	((uint8_t *)(uintptr_t)whole.p)[20] ^= 1;
	assert_int_not_equal(tpm_unseal(t, whole, out, &n), 0);
	tpm_close(t);
	tpm_close(other);
	buf_fini(&sealed);
	chip_stop(&one);
	chip_stop(&two);
	empty(one.folder);
	empty(two.folder);
}

static void no_tpm_is_told(void **state)
{
	struct tpm *t = NULL;

	(void)state;
	assert_int_equal(tpm_open("swtpm:path=/nowhere/socket", &t), ERR_SYS);
	assert_null(t);
}

static bool has(int folder, const char *file)
{
	return faccessat(folder, file, F_OK, 0) == 0;
}

static void expect_content(struct storage *s, const char *file, const char *text, int rc)
{
	bool is_plain;
	struct buf b;

	buf_init(&b, 1024);
	assert_int_equal(seal_read(s, file, &b, &is_plain), rc);
	if (!rc)
		assert_true(bytes_eq_str(buf_bytes(&b), text));
	buf_fini(&b);
}

/* A box of before gets its key sealed; what was written before opens; another machine opens nothing and makes nothing. */
static void the_key_of_the_box_moves_into_the_tpm(void **state)
{
	char folder[] = "/tmp/tpm_test.XXXXXX";
	struct storage s;
	struct chip one, two;

	(void)state;
	chip_make(&one);
	chip_make(&two);
	assert_non_null(mkdtemp(folder));
	int fd = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(storage_open(&s, fd, NULL), 0);
	assert_int_equal(seal_write(&s, "a.pem", BYTES("old")), 0);
	assert_true(has(fd, "storage.key"));
	storage_close(&s);

	for (unsigned start = 0; start < 3; start++) {
		struct tpm *t = open_chip(&one);
		assert_int_equal(storage_open(&s, fd, t), 0);
		tpm_close(t);
		assert_true(s.has_key && !s.is_lost);
		assert_false(has(fd, "storage.key"));
		assert_true(has(fd, "storage.tpm"));
		expect_content(&s, "a.pem", start ? "new" : "old", 0);
		assert_int_equal(seal_write(&s, "a.pem", BYTES("new")), 0);
		storage_close(&s);
	}

	for (unsigned i = 0; i < 2; i++) {
		struct tpm *t = i ? open_chip(&two) : NULL;
		assert_int_equal(storage_open(&s, fd, t), 0);
		tpm_close(t);
		assert_true(s.is_lost);
		expect_content(&s, "a.pem", "", ERR_IO);
		assert_int_equal(seal_write(&s, "b.pem", BYTES("x")), ERR_IO);
		assert_false(has(fd, "storage.key"));
		storage_close(&s);
	}

	/* Nothing was lost by that. */
	struct tpm *t = open_chip(&one);
	assert_int_equal(storage_open(&s, fd, t), 0);
	tpm_close(t);
	expect_content(&s, "a.pem", "new", 0);
	storage_close(&s);
	close(fd);
	empty(folder);
	chip_stop(&one);
	chip_stop(&two);
	empty(one.folder);
	empty(two.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_comes_back_from_its_tpm_alone),
		cmocka_unit_test(no_tpm_is_told),
		cmocka_unit_test(the_key_of_the_box_moves_into_the_tpm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
