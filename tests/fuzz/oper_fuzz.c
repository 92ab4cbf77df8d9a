/* An operator's connection that sends any bytes, in any pieces, with time passing in between. The first byte of the input chooses who is
 * there: a stranger whom another program handed over, an account after its login, or the console. Whatever comes, a stranger never gets
 * an answer to a command, and the box stays whole. */
#include "oper_fixture.h"

#include "base/log.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HASHES_MAX = 3, STEP_MS = 700 };

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void put_login(int fd)
{
	struct buf b;

	buf_init(&b, 256);
	wire_put_u32(&b, 1 + 2 + 4 + 4 + 4 + 2);
	wire_put_u8(&b, OPER_LOGIN);
	wire_put_str(&b, BYTES("anna"));
	wire_put_bytes(&b, BYTES("word"));
	wire_put_str(&b, BYTES_NONE);
	must(send(fd, buf_bytes(&b).p, buf_len(&b), MSG_NOSIGNAL) == (ssize_t)buf_len(&b));
	buf_fini(&b);
}

/* Frames that came: whole ones, of the kinds that gh-conf sends. */
static void check_frames(struct bytes b, bool is_stranger)
{
	while (b.n >= 5) {
		struct wire w = wire_of(b);
		uint32_t n = wire_u32(&w);
		uint8_t type = wire_u8(&w);
		must(n >= 1 && type >= OPER_RECORD && type <= OPER_BANNER);
		must(!is_stranger || type == OPER_DONE || type == OPER_NEED || type == OPER_BANNER);
		if (b.n < 4 + (size_t)n)
			return;
		b = bytes_skip(b, 4 + (size_t)n);
	}
}

static void hear(struct oper_fixture *f, int fd, struct buf *in, bool is_stranger)
{
	ssize_t n;

	oper_fixture_settle(f, HASHES_MAX);
	buf_clear(in);
	while ((n = recv(fd, buf_reserve(in, 65536), 65536, 0)) > 0)
		buf_commit(in, (size_t)n);
	check_frames(buf_bytes(in), is_stranger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oper_fixture f;
	struct buf in;

	if (size < 2 || size > 65536)
		return 0;
	log_open("fuzz", 0, LOG_LEVEL_ERROR);
	oper_fixture_open(&f);
	oper_fixture_account(&f, "anna", data[0] & 4 ? OPER_ADMIN : OPER_CRYPTO, "word")->must_change = (data[0] & 8) != 0;
	bool is_console = (data[0] & 3) == 1, is_account = (data[0] & 3) == 2;
	int fd = oper_fixture_connect(&f, is_console ? NULL : "192.0.2.1");
	buf_init(&in, 64 << 20);
	if (is_account)
		put_login(fd);
	hear(&f, fd, &in, false);
	size_t piece = 1 + data[1] * 16;
	bool is_known = is_console || is_account;
	for (size_t at = 2; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		if (send(fd, data + at, n, MSG_NOSIGNAL) < 0)
			break;
		/* one that logs in with the right password is none any more */
		is_known |= !list_is_empty(&f.conf.opers) && LIST_OWNER(f.conf.opers.next, struct oper, node)->is_known;
		hear(&f, fd, &in, false);
		is_known |= !list_is_empty(&f.conf.opers) && LIST_OWNER(f.conf.opers.next, struct oper, node)->is_known;
		if (!is_known)
			check_frames(buf_bytes(&in), true);
		loop_fake_advance(f.conf.loop, STEP_MS);
	}
	close(fd);
	oper_fixture_settle(&f, HASHES_MAX);
	must(f.conf.n_opers == 0);
	buf_fini(&in);
	oper_fixture_close(&f);
	return 0;
}
