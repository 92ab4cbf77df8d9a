#include "proto/websocket.h"

#include "base/err.h"
#include "base/text.h"

#include <openssl/sha.h>

enum { OP_MORE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, KEY_BYTES = 16, KEY_TEXT = 24 };
/* A message in crumbs costs more than it says: no more fragments than this. */
enum { FRAMES_MAX = 1024 };

/* ---- handshake ---- */

int ws_accept(struct bytes key, char out[static WS_ACCEPT_BYTES])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* 1.3 */
	uint8_t text[KEY_TEXT + sizeof guid - 1], sum[SHA_DIGEST_LENGTH];
	struct buf b;

	buf_init(&b, WS_ACCEPT_BYTES);
	bool is_good = key.n == KEY_TEXT && text_unbase64(key, &b) == 0 && buf_len(&b) == KEY_BYTES;
	if (is_good) {
		memcpy(text, key.p, KEY_TEXT);
		memcpy(text + KEY_TEXT, guid, sizeof guid - 1);
		SHA1(text, sizeof text, sum);
		buf_clear(&b);
		text_base64(bytes_make(sum, sizeof sum), &b);
		is_good = buf_len(&b) == WS_ACCEPT_BYTES - 1;
	}
	if (is_good)
		memcpy(out, buf_cstr(&b), WS_ACCEPT_BYTES);
	buf_fini(&b);
	return is_good ? 0 : ERR_SYNTAX;
}

/* ---- reading ---- */

void ws_reader_init(struct ws_reader *r, uint32_t message_max)
{
	*r = (struct ws_reader){ .message_max = message_max, .why = "" };
	buf_init(&r->message, message_max);
}

void ws_reader_fini(struct ws_reader *r)
{
	buf_fini(&r->message);
}

static int fail(struct ws_reader *r, int rc, enum ws_status status, const char *why)
{
	r->is_over = true;
	r->status = (uint16_t)status;
	r->why = why;
	buf_fini(&r->message);
	return rc;
}

static bool is_control(uint8_t opcode)
{
	return opcode & 0x08;
}

/* Length of the head that begins with these two bytes (5.2). */
static size_t head_bytes(const uint8_t *p)
{
	unsigned n = p[1] & 0x7f;

	return 2 + (n == 127 ? 8 : n == 126 ? 2 : 0) + 4;
}

/* The shortest form alone is right, and no length has its top bit set (5.2). */
static int read_length(const uint8_t *p, uint64_t *out)
{
	unsigned n = p[1] & 0x7f, bytes = n == 127 ? 8 : n == 126 ? 2 : 0;
	uint64_t v = bytes ? 0 : n;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[2 + i];
	if ((bytes == 2 && v < 126) || (bytes == 8 && (v <= UINT16_MAX || v >> 63)))
		return ERR_SYNTAX;
	*out = v;
	return 0;
}

static int check_opcode(struct ws_reader *r)
{
	if (is_control(r->opcode)) {
		if (r->opcode > OP_PONG)
			return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "unknown control frame");
		if (!r->is_final || r->left > WS_CONTROL_MAX)
			return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "control frame that is long or in fragments"); /* 5.5 */
		r->control_n = 0;
		return 0;
	}
	if (r->opcode > OP_BINARY)
		return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "unknown data frame");
	if ((r->opcode == OP_MORE) != (r->message_opcode != 0))
		return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "fragments out of order"); /* 5.4 */
	if (r->left > r->message_max - buf_len(&r->message) || ++r->frames > FRAMES_MAX)
		return fail(r, ERR_LIMIT, WS_TOO_BIG, "message too long");
	if (r->opcode != OP_MORE)
		r->message_opcode = r->opcode;
	return 0;
}

static int read_head(struct ws_reader *r, struct bytes *in)
{
	while (r->head_n < 2 || r->head_n < head_bytes(r->head)) {
		if (in->n == 0)
			return ERR_AGAIN;
		r->head[r->head_n++] = *in->p;
		*in = bytes_skip(*in, 1);
	}
	if (r->head[0] & RESERVED)
		return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "reserved bit without an extension");
	if (!(r->head[1] & MASKED))
		return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "frame of a client that is not masked"); /* 5.1 */
	if (read_length(r->head, &r->left))
		return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "frame length not in its shortest form");
	r->opcode = r->head[0] & OPCODE;
	r->is_final = r->head[0] & FIN;
	memcpy(r->mask, r->head + r->head_n - 4, 4);
	r->mask_at = 0;
	r->head_n = 0;
	r->is_in_frame = true;
	return check_opcode(r);
}

static void unmask(struct ws_reader *r, const uint8_t *from, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i] ^ r->mask[(r->mask_at + i) & 3];
	r->mask_at = (uint8_t)((r->mask_at + n) & 3);
}

static int read_payload(struct ws_reader *r, struct bytes *in)
{
	size_t n = in->n < r->left ? in->n : (size_t)r->left;

	if (n && is_control(r->opcode)) {
		unmask(r, in->p, r->control + r->control_n, n);
		r->control_n = (uint8_t)(r->control_n + n);
	} else if (n) {
		uint8_t *to = buf_reserve(&r->message, n);
		if (!to)
			return fail(r, ERR_NOMEM, WS_SERVER_ERROR, "no memory");
		unmask(r, in->p, to, n);
		buf_commit(&r->message, n);
	}
	r->left -= n;
	*in = bytes_skip(*in, n);
	return r->left ? ERR_AGAIN : 0;
}

/* Codes that a frame may carry (7.4). */
static bool is_status(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) || (code >= 3000 && code <= 4999);
}

static int take_close(struct ws_reader *r, enum ws_event *what, struct bytes *payload)
{
	unsigned code = r->control_n >= 2 ? (unsigned)r->control[0] << 8 | r->control[1] : WS_NO_STATUS;

	*payload = r->control_n >= 2 ? bytes_make(r->control + 2, r->control_n - 2u) : BYTES_NONE;
	if (r->control_n == 1 || (r->control_n && !is_status(code)))
		return fail(r, ERR_SYNTAX, WS_PROTOCOL_ERROR, "close frame without a status that may be sent");
	if (!text_is_utf8(*payload))
		return fail(r, ERR_SYNTAX, WS_BAD_DATA, "reason that is not UTF-8");
	*what = WS_CLOSE;
	r->is_over = true;
	r->status = (uint16_t)code;
	return 0;
}

static int take_frame(struct ws_reader *r, enum ws_event *what, struct bytes *payload)
{
	r->is_in_frame = false;
	if (r->opcode == OP_CLOSE)
		return take_close(r, what, payload);
	if (is_control(r->opcode)) {
		*what = r->opcode == OP_PING ? WS_PING : WS_PONG;
		*payload = bytes_make(r->control, r->control_n);
		return 0;
	}
	if (!r->is_final)
		return ERR_AGAIN;
	*what = r->message_opcode == OP_TEXT ? WS_TEXT : WS_BINARY;
	*payload = buf_bytes(&r->message);
	if (*what == WS_TEXT && !text_is_utf8(*payload))
		return fail(r, ERR_SYNTAX, WS_BAD_DATA, "text that is not UTF-8"); /* 8.1 */
	r->is_given = true;
	return 0;
}

int ws_next(struct ws_reader *r, struct bytes *in, enum ws_event *what, struct bytes *payload)
{
	int rc = ERR_AGAIN;

	if (r->is_given) {
		buf_clear(&r->message);
		buf_release_if_empty(&r->message);
		r->message_opcode = 0;
		r->frames = 0;
		r->is_given = false;
	}
	if (r->is_over) {
		*in = bytes_skip(*in, in->n);
		return ERR_CLOSED;
	}
	while (rc == ERR_AGAIN) {
		rc = r->is_in_frame ? 0 : read_head(r, in);
		if (!rc)
			rc = read_payload(r, in);
		if (rc)
			return rc;
		rc = take_frame(r, what, payload);
	}
	return rc;
}

/* ---- writing ---- */

static void put_head(struct buf *out, uint8_t opcode, size_t n)
{
	unsigned bytes = n > UINT16_MAX ? 8 : n > 125 ? 2 : 0;

	buf_put_u8(out, FIN | opcode);
	buf_put_u8(out, bytes == 8 ? 127 : bytes == 2 ? 126 : (uint8_t)n);
	while (bytes--)
		buf_put_u8(out, (uint8_t)((uint64_t)n >> (8 * bytes)));
}

void ws_put(struct buf *out, enum ws_event what, struct bytes payload)
{
	static const uint8_t opcodes[] = { [WS_TEXT] = OP_TEXT, [WS_BINARY] = OP_BINARY, [WS_PING] = OP_PING, [WS_PONG] = OP_PONG, [WS_CLOSE] = OP_CLOSE };

	if (is_control(opcodes[what]) && payload.n > WS_CONTROL_MAX)
		payload.n = WS_CONTROL_MAX;
	put_head(out, opcodes[what], payload.n);
	buf_put_bytes(out, payload);
}

void ws_put_close(struct buf *out, enum ws_status status, const char *reason)
{
	uint8_t payload[WS_CONTROL_MAX] = { (uint8_t)(status >> 8), (uint8_t)status };
	struct bytes text = bytes_of(reason);

	if (text.n > sizeof payload - 2)
		text.n = sizeof payload - 2;
	while (text.n && !text_is_utf8(text))
		text.n--;
	if (text.n)
		memcpy(payload + 2, text.p, text.n);
	ws_put(out, WS_CLOSE, bytes_make(payload, text.n + 2));
}
