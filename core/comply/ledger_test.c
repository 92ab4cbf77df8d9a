/* The archive on the disk: a chain, and a program that is killed again and again while it writes one: what it said is there is there,
 * and what a kill tore is cut off; what is changed by hand is found, by its number. */
#include "ledger.h"

#include "reader.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"

enum { ROUNDS = 12, SEGMENT_BYTES = 20000 };

static char dir[] = "/tmp/ledger_testXXXXXX";
static int dir_fd;

static void clean(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -f %s/*", dir);
	assert_int_equal(system(command), 0);
}

static int put(struct ledger *l, const char *text, uint64_t *number)
{
	const struct record r = { .kind = RECORD_STANZA, .at_ms = 1782000000000, .from = BYTES("a@x.example/r"), .to = BYTES("b@y.example"),
				  .stanza = bytes_of(text) };
	struct buf b;

	buf_init(&b, RECORD_BODY_MAX + 64);
	record_put_fields(&b, &r);
	int rc = ledger_put(l, buf_bytes(&b), number);
	buf_fini(&b);
	return rc;
}

static void put_some(struct ledger *l, unsigned n)
{
	uint64_t number;
	char text[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof text, "<message>%llu</message>", (unsigned long long)l->put_next);
		assert_int_equal(put(l, text, &number), 0);
	}
}

/* Reads all segments; 0, or what is wrong, and with which number. Each record says its own number. */
static int walk(const struct ledger *l, uint64_t *number)
{
	uint8_t hash[RECORD_HASH_BYTES] = { 0 };
	struct record_frame f;
	struct record r;
	struct reader in;
	char text[64];
	int rc = 0;

	*number = 1;
	for (size_t i = 0; i < l->n_segments && !rc; i++) {
		rc = reader_open_all(&in, l, l->segments[i].first);
		if (rc)
			return rc;
		assert_true(in.number == *number);
		assert_memory_equal(in.hash, hash, sizeof hash);
		while ((rc = reader_frame(&in, &f)) == 0) {
			assert_int_equal(record_read(f.body, &r), 0);
			snprintf(text, sizeof text, "<message>%llu</message>", (unsigned long long)r.number);
			assert_true(bytes_eq_str(r.stanza, text));
		}
		*number = in.number;
		memcpy(hash, in.hash, sizeof hash);
		reader_close(&in);
		rc = rc == ERR_NOT_FOUND ? 0 : rc;
	}
	return rc;
}

static uint64_t size_of(uint64_t first)
{
	char name[LEDGER_NAME_BYTES];
	struct stat st;

	ledger_name(first, "rec", name);
	assert_int_equal(fstatat(dir_fd, name, &st, 0), 0);
	return (uint64_t)st.st_size;
}

static void change(uint64_t first, const char *suffix, off_t at, const void *p, size_t n, off_t cut_to)
{
	char name[LEDGER_NAME_BYTES];

	ledger_name(first, suffix, name);
	int fd = openat(dir_fd, name, O_WRONLY);
	assert_true(fd >= 0);
	if (n)
		assert_int_equal(pwrite(fd, p, n, at), n);
	if (cut_to >= 0)
		assert_int_equal(ftruncate(fd, cut_to), 0);
	close(fd);
}

static void goes_on_where_it_ended(void **state)
{
	struct ledger_end end;
	struct ledger l;
	uint64_t number;

	(void)state;
	clean();
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	assert_true(l.next == 1 && l.n_segments == 0);
	put_some(&l, 3);
	assert_true(l.next == 1);
	assert_int_equal(ledger_commit(&l, 5), 0);
	assert_true(l.next == 4);
	ledger_end_segment(&l);
	put_some(&l, 2);
	assert_int_equal(ledger_commit(&l, 6), 0);
	ledger_close(&l);
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	assert_true(l.next == 6 && l.n_segments == 2 && l.segments[1].first == 4 && l.segments[1].begun_ms == 6 && !end.torn);
	put_some(&l, 1); /* never committed: never there */
	ledger_close(&l);
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	put_some(&l, 1);
	assert_int_equal(ledger_commit(&l, 7), 0);
	assert_int_equal(walk(&l, &number), 0);
	assert_true(number == 7);
	assert_int_equal(ledger_remove(&l, 4), ERR_NOT_FOUND); /* the newest */
	assert_int_equal(ledger_remove(&l, 1), 0);
	assert_true(l.n_segments == 1 && ledger_find(&l, 1) == 0);
	ledger_close(&l);
}

static void a_torn_tail_is_cut_off(void **state)
{
	struct ledger_end end;
	struct ledger l;
	uint64_t number;

	(void)state;
	clean();
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	put_some(&l, 4);
	assert_int_equal(ledger_commit(&l, 5), 0);
	uint64_t whole = l.bytes;
	put_some(&l, 1);
	assert_int_equal(ledger_commit(&l, 5), 0);
	uint64_t one = l.bytes - whole;
	ledger_close(&l);
	for (uint64_t n = 1; n < one; n++) { /* at each byte of the fifth */
		change(1, "rec", 0, NULL, 0, (off_t)(whole + n));
		assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
		assert_true(l.next == 5 && end.torn == n && !end.is_damaged && size_of(1) == whole);
		put_some(&l, 1);
		assert_int_equal(ledger_commit(&l, 5), 0);
		assert_int_equal(walk(&l, &number), 0);
		assert_true(number == 6);
		ledger_close(&l);
	}
	change(1, "rec", (off_t)(whole + one + 700), "", 1, -1); /* what a loss of power may leave: zeros */
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	assert_true(l.next == 6 && end.torn == 701 && !end.is_damaged);
	ledger_close(&l);
	change(1, "rec", 0, NULL, 0, 10); /* half a head */
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	assert_true(l.next == 1 && l.n_segments == 0);
	ledger_close(&l);
}

static void what_is_changed_is_found(void **state)
{
	struct ledger_end end;
	struct ledger l;
	uint64_t number;

	(void)state;
	clean();
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	put_some(&l, 9);
	assert_int_equal(ledger_commit(&l, 5), 0);
	uint64_t bytes = l.bytes, one = (bytes - RECORD_HEAD_BYTES) / 9;
	for (uint64_t at = RECORD_HEAD_BYTES; at < bytes; at += 7) {
		char name[LEDGER_NAME_BYTES];
		uint8_t was, is;
		ledger_name(1, "rec", name);
		int fd = openat(dir_fd, name, O_RDONLY);
		assert_int_equal(pread(fd, &was, 1, (off_t)at), 1);
		close(fd);
		is = was ^ 1;
		change(1, "rec", (off_t)at, &is, 1, -1);
		assert_true(walk(&l, &number) < 0);
		assert_true(number == 1 + (at - RECORD_HEAD_BYTES) / one);
		change(1, "rec", (off_t)at, &was, 1, -1);
	}
	assert_int_equal(walk(&l, &number), 0);
	/* One that was answered for is never cut off: the next goes into another segment. */
	change(1, "rec", (off_t)(bytes - one - 3), "!", 1, -1);
	ledger_close(&l);
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	assert_true(end.is_damaged && !end.torn && l.next == 8 && size_of(1) == bytes);
	put_some(&l, 1);
	assert_int_equal(ledger_commit(&l, 9), 0);
	assert_true(l.n_segments == 2 && l.segments[1].first == 8);
	assert_int_equal(walk(&l, &number), ERR_CHECKSUM);
	assert_true(number == 8);
	ledger_close(&l);
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	assert_true(!end.is_damaged && l.next == 9);
	ledger_close(&l);
}

static void numbers_of_what_fails_are_free_again(void **state)
{
	uint8_t *long_one = calloc(1, RECORD_BODY_MAX);
	struct ledger_end end;
	struct ledger l;
	uint64_t number;

	(void)state;
	clean();
	assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
	put_some(&l, 2);
	assert_int_equal(ledger_commit(&l, 5), 0);
	int fd = l.fd;
	l.fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY); /* it takes no byte */
	put_some(&l, 3);
	assert_true(ledger_commit(&l, 5) < 0);
	assert_true(l.next == 3 && l.put_next == 3 && buf_len(&l.batch) == 0);
	if (l.fd >= 0)
		close(l.fd);
	l.fd = fd;
	put_some(&l, 1);
	assert_int_equal(ledger_commit(&l, 5), 0);
	assert_int_equal(walk(&l, &number), 0);
	assert_true(number == 4);
	assert_int_equal(ledger_put(&l, bytes_make(long_one, RECORD_BODY_MAX), &number), ERR_LIMIT);
	ledger_close(&l);
	free(long_one);
}

/* Says each number that is on the disk. */
static void child(int report)
{
	struct ledger_end end;
	struct ledger l;

	if (ledger_open(&l, dir_fd, &end) || end.is_damaged)
		_exit(2);
	for (unsigned i = 0;; i++) {
		for (unsigned n = 0; n < 1 + i % 40; n++) {
			uint64_t number;
			char text[64];
			snprintf(text, sizeof text, "<message>%llu</message>", (unsigned long long)l.put_next);
			if (put(&l, text, &number))
				_exit(3);
		}
		if (ledger_commit(&l, 5))
			_exit(4);
		uint64_t last = l.next - 1;
		if (write(report, &last, sizeof last) != sizeof last)
			_exit(5);
		if (l.bytes > SEGMENT_BYTES)
			ledger_end_segment(&l);
	}
}

static void killed_while_it_writes(void **state)
{
	struct ledger_end end;
	uint64_t said = 0, number;
	struct ledger l;
	unsigned n_torn = 0;

	(void)state;
	clean();
	for (int i = 0; i < ROUNDS; i++) {
		int p[2], status;
		assert_int_equal(pipe(p), 0);
		pid_t pid = fork();
		if (pid == 0)
			child(p[1]);
		close(p[1]);
		uint64_t until = said + 20 + (uint64_t)i * 37;
		while (said < until)
			assert_int_equal(read(p[0], &said, sizeof said), sizeof said);
		assert_int_equal(kill(pid, SIGKILL), 0);
		while (read(p[0], &number, sizeof number) == sizeof number)
			said = number;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		close(p[0]);
		assert_int_equal(ledger_open(&l, dir_fd, &end), 0);
		assert_false(end.is_damaged);
		n_torn += end.torn != 0;
		assert_true(l.next > said);
		assert_int_equal(walk(&l, &number), 0);
		assert_true(number == l.next);
		said = l.next - 1;
		ledger_close(&l);
	}
	print_message("torn tails: %u of %d\n", n_torn, ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_where_it_ended),
		cmocka_unit_test(a_torn_tail_is_cut_off),
		cmocka_unit_test(what_is_changed_is_found),
		cmocka_unit_test(numbers_of_what_fails_are_free_again),
		cmocka_unit_test(killed_while_it_writes),
	};

	if (!mkdtemp(dir))
		return 1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	clean();
	rmdir(dir);
	return rc;
}
