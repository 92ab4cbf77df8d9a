#include "clamd.h"
#include "name.h"

#include "base/err.h"
#include "base/wire.h"

void clamd_put_ping(struct buf *out)
{
	buf_put(out, "zPING", sizeof "zPING");
}

void clamd_put_stream(struct buf *out)
{
	buf_put(out, "zINSTREAM", sizeof "zINSTREAM");
}

void clamd_put_chunk(struct buf *out, struct bytes piece)
{
	wire_put_u32(out, (uint32_t)piece.n);
	buf_put_bytes(out, piece);
}

void clamd_put_end(struct buf *out)
{
	wire_put_u32(out, 0);
}

static bool take_end(struct bytes *v, struct bytes end)
{
	if (v->n < end.n || !bytes_eq(bytes_skip(*v, v->n - end.n), end))
		return false;
	v->n -= end.n;
	return true;
}

static bool take_front(struct bytes *v, struct bytes front)
{
	if (!bytes_starts(*v, front))
		return false;
	*v = bytes_skip(*v, front.n);
	return true;
}

int clamd_read(struct bytes in, struct clamd_reply *out)
{
	size_t n = bytes_find(in, 0);
	struct bytes line = bytes_make(in.p, n);

	if (n == in.n)
		return n > CLAMD_REPLY_MAX ? ERR_LIMIT : ERR_AGAIN;
	if (n > CLAMD_REPLY_MAX)
		return ERR_LIMIT;
	if (n + 1 != in.n)
		return ERR_SYNTAX;
	*out = (struct clamd_reply){ .kind = CLAMD_PONG };
	if (bytes_eq_str(line, "PONG"))
		return 0;
	if (bytes_starts(line, BYTES("INSTREAM size limit exceeded"))) {
		out->kind = CLAMD_TOO_LARGE;
		return take_end(&line, BYTES(" ERROR")) ? 0 : ERR_SYNTAX;
	}
	bool is_of_stream = take_front(&line, BYTES("stream: "));
	if (take_end(&line, BYTES(" ERROR"))) {
		out->kind = CLAMD_ERROR;
		scan_name(line, out->text);
		return 0;
	}
	if (!is_of_stream)
		return ERR_SYNTAX;
	if (bytes_eq_str(line, "OK")) {
		out->kind = CLAMD_CLEAN;
		return 0;
	}
	if (!take_end(&line, BYTES(" FOUND")) || !line.n)
		return ERR_SYNTAX;
	out->kind = CLAMD_FOUND;
	scan_name(line, out->text);
	return 0;
}
