/* Transfers on a virtual clock: who is slow, who is too many, who says what is none, and what is left of them afterwards. */
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "proto/upload.h"

enum { ROOM = 4 << 20 };

static char dir[] = "/tmp/transfer_testXXXXXX";
static struct files f;
static uint8_t room[ROOM];

static struct slot slot_of(enum slot_kind kind, uint8_t number, uint64_t size)
{
	struct slot s = { .kind = kind, .id = { number }, .hour = (uint32_t)(loop_wall_ms(f.loop) / 3600000), .size = size };

	s.until_s = loop_wall_ms(f.loop) / 1000 + SLOT_LIFE_S;
	snprintf(s.owner, sizeof s.owner, "juliet@near.example");
	snprintf(s.name, sizeof s.name, "a.bin");
	return s;
}

/* A stream from this address (its last byte): its other end. */
static int stream(uint8_t from)
{
	uint8_t address[] = { 192, 0, 2, from };
	struct frame frame = { .type = MSG_FILE_STREAM };
	struct buf b;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	buf_init(&b, 256);
	wire_put_bytes(&b, bytes_make(address, sizeof address));
	wire_put_u16(&b, 4711);
	wire_put_str(&b, BYTES("TLSv1.3"));
	for (int i = 0; i < 3; i++)
		wire_put_bytes(&b, BYTES_NONE);
	for (int i = 0; i < 3; i++)
		wire_put_str(&b, BYTES("x"));
	frame.body = buf_bytes(&b);
	frame.fd = fds[1];
	assert_int_equal(transfer_on_stream(&f, NULL, &frame), 0);
	buf_fini(&b);
	return fds[0];
}

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		loop_turn(f.loop, 0);
}

static void ask(int fd, enum upload_op op, const struct slot *s, uint64_t size)
{
	struct buf path, b;

	buf_init(&path, SLOT_PATH_MAX + 1);
	buf_init(&b, UPLOAD_HEAD_MAX);
	assert_int_equal(slot_put_path(bytes_make(f.key.p, f.key.n), s, &path), 0);
	upload_put_ask(&b, &(struct upload_ask){ .op = op, .path = buf_bytes(&path), .size = size });
	assert_int_equal(write(fd, buf_bytes(&b).p, buf_len(&b)), buf_len(&b));
	buf_fini(&path);
	buf_fini(&b);
	turn();
}

/* The answer's status; 0: closed without one; -1: nothing yet. */
static int heard(int fd)
{
	struct upload_answer a;
	size_t used;
	ssize_t n = read(fd, room, sizeof room);

	if (n <= 0)
		return n == 0 ? 0 : -1;
	assert_int_equal(upload_take_answer(bytes_make(room, (size_t)n), &a, &used), 0);
	return a.status;
}

static void send_bytes(int fd, size_t n)
{
	while (n) {
		size_t piece = n < 32768 ? n : 32768;
		assert_int_equal(write(fd, room, piece), piece);
		n -= piece;
		turn();
	}
}

static int drafts(void)
{
	DIR *d = fdopendir(openat(f.shelf.new_fd, ".", O_RDONLY | O_DIRECTORY));
	int n = 0;

	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void gone(int fd)
{
	turn();
	while (heard(fd) > 0)
		continue;
	assert_int_equal(read(fd, room, 1), 0);
	close(fd);
	assert_int_equal(drafts(), 0);
	assert_true(f.reserved == 0);
}

static void put_whole(uint8_t number, size_t size)
{
	struct slot s = slot_of(SLOT_FILL, number, size);
	int fd = stream(1);

	ask(fd, UPLOAD_PUT, &s, size);
	assert_int_equal(heard(fd), 100);
	send_bytes(fd, size);
	assert_int_equal(heard(fd), 201);
	gone(fd);
}

static void whole_and_once(void **state)
{
	struct slot s = slot_of(SLOT_FILL, 1, 100000);

	(void)state;
	put_whole(1, 100000);
	assert_true(f.bytes == 100000 && f.n_files == 1);
	int fd = stream(1);
	ask(fd, UPLOAD_PUT, &s, 100000);
	assert_int_equal(heard(fd), 409);
	gone(fd);
	s.kind = SLOT_FETCH;
	fd = stream(1);
	ask(fd, UPLOAD_GET, &s, 0);
	assert_int_equal(heard(fd), 200);
	gone(fd);
}

static void an_old_slot(void **state)
{
	struct slot s = slot_of(SLOT_FILL, 2, 5);
	int fd;

	(void)state;
	loop_fake_advance(f.loop, (SLOT_LIFE_S + 1) * 1000ULL);
	fd = stream(1);
	ask(fd, UPLOAD_PUT, &s, 5);
	assert_int_equal(heard(fd), 410);
	gone(fd);
}

static void who_says_nothing(void **state)
{
	int fd = stream(1);

	(void)state;
	turn();
	loop_fake_advance(f.loop, 9000);
	turn();
	assert_int_equal(heard(fd), -1);
	loop_fake_advance(f.loop, 2000);
	gone(fd);
}

static void who_sends_slowly(void **state)
{
	struct slot s = slot_of(SLOT_FILL, 3, 1 << 20);
	int fd = stream(1);

	(void)state;
	ask(fd, UPLOAD_PUT, &s, 1 << 20);
	assert_int_equal(heard(fd), 100);
	send_bytes(fd, 40000); /* so much in a minute is enough */
	loop_fake_advance(f.loop, 2 * UPLOAD_PACE_MS);
	turn();
	assert_int_equal(heard(fd), -1);
	assert_int_equal(drafts(), 1);
	send_bytes(fd, 1000); /* this is not */
	loop_fake_advance(f.loop, 2 * UPLOAD_PACE_MS);
	gone(fd);
}

/* Bytes that have come, or gone, since `before`. */
static uint64_t moved(enum files_stat way, uint64_t before)
{
	turn();
	return f.stats[way] - before;
}

static void no_faster_than_is_set(void **state)
{
	struct slot s = slot_of(SLOT_FILL, 9, 100000);
	uint64_t before = f.stats[STAT_UPLOAD_BYTES];
	int fd = stream(1);

	(void)state;
	transfer_set_rate(&f, 50000);
	ask(fd, UPLOAD_PUT, &s, 100000);
	assert_int_equal(heard(fd), 100);
	send_bytes(fd, 40000); /* the first piece is owed, the rest of them waits */
	uint64_t first = moved(STAT_UPLOAD_BYTES, before);
	assert_true(first >= 1 && first < 40000);
	loop_fake_advance(f.loop, 1);
	assert_int_equal(moved(STAT_UPLOAD_BYTES, before), first);
	loop_fake_advance(f.loop, 1000);
	assert_int_equal(moved(STAT_UPLOAD_BYTES, before), 40000);
	transfer_set_rate(&f, 0);
	loop_fake_advance(f.loop, 1000);
	send_bytes(fd, 60000);
	assert_int_equal(heard(fd), 201);
	gone(fd);

	before = f.stats[STAT_DOWNLOAD_BYTES];
	transfer_set_rate(&f, 50000);
	s.kind = SLOT_FETCH;
	fd = stream(1);
	ask(fd, UPLOAD_GET, &s, 0);
	first = moved(STAT_DOWNLOAD_BYTES, before);
	assert_true(first >= 1 && first < 100000);
	assert_int_equal(moved(STAT_DOWNLOAD_BYTES, before), first);
	loop_fake_advance(f.loop, 2000);
	assert_int_equal(moved(STAT_DOWNLOAD_BYTES, before), 100000);
	transfer_set_rate(&f, 0);
	while (read(fd, room, sizeof room) > 0)
		turn();
	close(fd);
	turn();
}

static void who_reads_slowly(void **state)
{
	struct slot s = slot_of(SLOT_FETCH, 4, 0);
	int fd;

	(void)state;
	put_whole(4, 3 << 20);
	fd = stream(1);
	ask(fd, UPLOAD_GET, &s, 0);
	for (int i = 0; i < 3; i++) { /* he takes some, and what he takes is replaced: he stays */
		turn();
		for (size_t n = 0; n < 400000;) {
			ssize_t got = read(fd, room, 400000 - n);
			assert_true(got > 0);
			n += (size_t)got;
			turn();
		}
		loop_fake_advance(f.loop, 590000);
	}
	turn();
	assert_int_equal(f.n_transfers, 1);
	loop_fake_advance(f.loop, 610000);
	turn();
	assert_int_equal(f.n_transfers, 0);
	close(fd);
}

static void who_says_what_is_none(void **state)
{
	static const uint8_t garbage[] = { 0xff, 0xff, 0xff, 0xff, 1, 2, 3 };
	struct slot s = slot_of(SLOT_FILL, 5, 5);
	int fd = stream(1);

	(void)state;
	assert_int_equal(write(fd, garbage, sizeof garbage), sizeof garbage);
	gone(fd);
	fd = stream(1);
	ask(fd, UPLOAD_PUT, &s, 5);
	assert_int_equal(heard(fd), 100);
	assert_int_equal(write(fd, "hello!", 6), 6); /* more than there may be */
	gone(fd);
}

static void too_many_of_one_address(void **state)
{
	int fds[TRANSFERS_ADDRESS_MAX + 1], other;

	(void)state;
	for (int i = 0; i <= TRANSFERS_ADDRESS_MAX; i++)
		fds[i] = stream(1);
	other = stream(2);
	turn();
	assert_int_equal(heard(fds[TRANSFERS_ADDRESS_MAX]), 0);
	assert_int_equal(heard(other), -1);
	assert_int_equal(f.n_transfers, TRANSFERS_ADDRESS_MAX + 1);
	for (int i = 0; i <= TRANSFERS_ADDRESS_MAX; i++)
		close(fds[i]);
	close(other);
	turn();
	assert_int_equal(f.n_transfers, 0);
}

static void old_files_go(void **state)
{
	(void)state;
	put_whole(6, 1000);
	uint32_t before = f.n_files;
	loop_fake_advance(f.loop, 2 * 86400 * 1000ULL);
	put_whole(7, 1000);
	f.config.keep_s = 86400;
	job_expire(&f);
	loop_fake_advance(f.loop, 1);
	turn();
	assert_int_equal(f.n_files, 1);
	assert_true(f.bytes == 1000 && before > 0);
}

static int setup(void **state)
{
	(void)state;
	f = (struct files){ .config = { .file_max = 64 << 20, .user_quota = 64 << 20, .total = 1 << 30, .is_on = true, .slots_minute = 10 } };
	f.loop = loop_new(LOOP_FAKE);
	list_init(&f.transfers);
	list_init(&f.gone);
	address_table_init(&f.addresses);
	loop_defer_init(&f.sweep, transfer_sweep, &f);
	jobs_init(&f);
	f.is_counted = true;
	assert_int_equal(secret_set(&f.key, BYTES("0123456789abcdef0123456789abcdef")), 0);
	return shelf_open(&f.shelf, open(dir, O_RDONLY | O_DIRECTORY));
}

static int teardown(void **state)
{
	(void)state;
	transfer_drop_all(&f);
	jobs_fini(&f);
	quota_fini(&f);
	address_table_fini(&f.addresses);
	secret_fini(&f.key);
	loop_free(f.loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_once),
		cmocka_unit_test(an_old_slot),
		cmocka_unit_test(who_says_nothing),
		cmocka_unit_test(who_sends_slowly),
		cmocka_unit_test(who_reads_slowly),
		cmocka_unit_test(no_faster_than_is_set),
		cmocka_unit_test(who_says_what_is_none),
		cmocka_unit_test(too_many_of_one_address),
		cmocka_unit_test(old_files_go),
	};
	char command[64];

	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(dir))
		return 1;
	int rc = cmocka_run_group_tests(tests, setup, teardown);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command) ? 1 : rc;
}
