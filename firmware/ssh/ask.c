#include "ask.h"

#include "base/err.h"
#include "base/wire.h"
#include "run/oper.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 4 << 20, READ_BYTES = 16 << 10 };

static void put_frame(struct buf *out, struct bytes body)
{
	wire_put_u32(out, (uint32_t)body.n);
	buf_put_bytes(out, body);
}

static void put_question(struct buf *out, const char *const *words)
{
	uint16_t n = 0;
	struct buf b;

	buf_init(&b, 4096);
	wire_put_u8(&b, OPER_HELLO);
	wire_put_u16(&b, OPER_VERSION);
	wire_put_u8(&b, OPER_AUDITOR);
	put_frame(out, buf_bytes(&b));
	buf_clear(&b);
	while (words[n])
		n++;
	wire_put_u8(&b, OPER_ASK);
	wire_put_u16(&b, n);
	for (uint16_t i = 0; i < n; i++) {
		wire_put_u8(&b, OPER_WORD_TYPED);
		wire_put_bytes(&b, bytes_of(words[i]));
	}
	put_frame(out, buf_bytes(&b));
	buf_fini(&b);
}

/* Of one frame. *n_done: how many DONE have come. */
static int on_frame(struct bytes frame, unsigned *n_done, int *answer, ssh_value_fn fn, void *arg)
{
	struct wire w = wire_of(frame);
	unsigned type = wire_u8(&w);

	if (type == OPER_DONE) {
		*answer = (int)wire_u32(&w);
		++*n_done;
	}
	for (unsigned n = type == OPER_RECORD ? wire_u16(&w) : 0; n > 0 && !wire_failed(&w); n--) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		if (!wire_failed(&w))
			fn(arg, key, value);
	}
	return wire_failed(&w) ? ERR_PROTOCOL : 0;
}

static int read_answers(int fd, ssh_value_fn fn, void *arg)
{
	unsigned n_done = 0;
	int rc = 0, answer = 0;
	struct buf in;

	buf_init(&in, ANSWER_MAX);
	while (rc == 0 && answer == 0 && n_done < 2) {
		struct wire head = wire_of(buf_bytes(&in));
		uint32_t n = wire_u32(&head);
		if (!wire_failed(&head) && n > 0 && wire_left(&head) >= n) {
			rc = on_frame(bytes_make(buf_bytes(&in).p + 4, n), &n_done, &answer, fn, arg);
			buf_consume(&in, 4 + (size_t)n);
			continue;
		}
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint8_t *to = buf_reserve(&in, READ_BYTES);
		int ready = poll(&p, 1, SSH_ASK_MS);
		ssize_t got = to && ready > 0 ? recv(fd, to, READ_BYTES, 0) : -1;
		rc = !to ? ERR_LIMIT : ready == 0 ? ERR_TIMEOUT : got <= 0 ? ERR_CLOSED : 0;
		if (rc == 0)
			buf_commit(&in, (size_t)got);
	}
	buf_fini(&in);
	return rc ? rc : answer;
}

int ssh_ask(const char *path, const char *const *words, ssh_value_fn fn, void *arg)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = ERR_CLOSED;
	struct buf out;

	if (strlen(path) >= sizeof to.sun_path)
		rc = ERR_LIMIT;
	else
		memcpy(to.sun_path, path, strlen(path));
	buf_init(&out, 8192);
	put_question(&out, words);
	if (fd >= 0 && rc != ERR_LIMIT && !buf_failed(&out) && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
	    send(fd, buf_bytes(&out).p, buf_len(&out), MSG_NOSIGNAL) == (ssize_t)buf_len(&out))
		rc = read_answers(fd, fn, arg);
	if (fd >= 0)
		(void)close(fd); /* nothing more is expected */
	buf_fini(&out);
	return rc;
}
