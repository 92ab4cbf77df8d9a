#include "slot.h"

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/wire.h"
#include "proto/hmac.h"
#include "proto/http1.h"
#include "proto/upload.h"

enum { RAW_MAX = 2048, TOKEN_MAX = RAW_MAX / 3 * 4 + 8, SEGMENTS = 3 };

/* ---- names and types ---- */

bool slot_is_name(struct bytes name)
{
	if (name.n == 0 || name.n > SLOT_NAME_MAX || bytes_eq_str(name, ".") || bytes_eq_str(name, ".."))
		return false;
	while (name.n) {
		size_t n = text_shown(name);
		if (n == 0 || name.p[0] == '/' || name.p[0] == '\\')
			return false;
		name = bytes_skip(name, n);
	}
	return true;
}

static size_t token_length(struct bytes b)
{
	size_t n = 0;

	while (n < b.n && b.p[n] > ' ' && b.p[n] < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", b.p[n]))
		n++;
	return n;
}

bool slot_is_type(struct bytes type)
{
	size_t n = token_length(type);

	if (type.n > SLOT_TYPE_MAX || n == 0 || n == type.n || type.p[n] != '/')
		return false;
	struct bytes rest = bytes_skip(type, n + 1);
	n = token_length(rest);
	rest = bytes_skip(rest, n);
	if (n == 0 || (rest.n && rest.p[0] != ';' && rest.p[0] != ' '))
		return false;
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] < ' ' || rest.p[i] > '~')
			return false;
	return true;
}

/* ---- base64url without padding ---- */

static int put_base64url(struct bytes in, struct buf *out)
{
	struct buf b;

	buf_init(&b, TOKEN_MAX);
	text_base64(in, &b);
	struct bytes t = buf_bytes(&b);
	for (size_t i = 0; i < t.n && t.p[i] != '='; i++)
		buf_put_u8(out, t.p[i] == '+' ? '-' : t.p[i] == '/' ? '_' : t.p[i]);
	int rc = buf_failed(&b) || buf_failed(out) ? ERR_LIMIT : 0;
	buf_fini(&b);
	return rc;
}

static int from_base64url(struct bytes in, struct buf *out)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, TOKEN_MAX);
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '+' || in.p[i] == '/' || in.p[i] == '=')
			rc = ERR_SYNTAX;
		buf_put_u8(&b, in.p[i] == '-' ? '+' : in.p[i] == '_' ? '/' : in.p[i]);
	}
	while (buf_len(&b) % 4 && !buf_failed(&b))
		buf_put_u8(&b, '=');
	if (buf_failed(&b))
		rc = ERR_LIMIT;
	if (!rc)
		rc = text_unbase64(buf_bytes(&b), out);
	buf_fini(&b);
	return rc;
}

/* ---- the seal ---- */

static int seal(struct bytes key, struct bytes body, struct bytes name, uint8_t mac[static HMAC_BYTES_MAX])
{
	const struct bytes parts[] = { BYTES("gh-files 1\n"), body, name };

	return hmac_make(HMAC_SHA256, key, parts, sizeof parts / sizeof parts[0], mac) ? 0 : ERR_SYS;
}

int slot_put_path(struct bytes key, const struct slot *s, struct buf *out)
{
	uint8_t mac[HMAC_BYTES_MAX];
	size_t before = buf_len(out);
	struct buf b;

	buf_init(&b, RAW_MAX);
	wire_put_u8(&b, (uint8_t)s->kind);
	buf_put(&b, s->id, sizeof s->id);
	wire_put_u32(&b, s->hour);
	if (s->kind == SLOT_FILL) {
		wire_put_u64(&b, s->until_s);
		wire_put_u64(&b, s->size);
		wire_put_str(&b, bytes_of(s->owner));
		wire_put_str(&b, bytes_of(s->type));
	}
	int rc = buf_failed(&b) ? ERR_LIMIT : seal(key, buf_bytes(&b), bytes_of(s->name), mac);
	if (!rc) {
		buf_put(&b, mac, SLOT_MAC_BYTES);
		buf_put_str(out, UPLOAD_PREFIX);
		rc = buf_failed(&b) ? ERR_LIMIT : put_base64url(buf_bytes(&b), out);
		buf_put_u8(out, '/');
		slot_put_encoded(out, bytes_of(s->name));
	}
	if (!rc && (buf_failed(out) || buf_len(out) - before > SLOT_PATH_MAX))
		rc = ERR_LIMIT;
	if (rc)
		buf_truncate(out, before);
	buf_fini(&b);
	return rc;
}

/* ---- reading ---- */

static int take_text(struct bytes v, char *out, size_t max)
{
	if (v.n > max || memchr(v.n ? v.p : (const uint8_t *)"", 0, v.n))
		return ERR_SYNTAX;
	if (v.n)
		memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return 0;
}

static int take_fields(struct wire *w, struct slot *s)
{
	uint8_t kind = wire_u8(w);
	struct bytes id = wire_raw(w, SLOT_ID_BYTES);

	s->hour = wire_u32(w);
	if (wire_failed(w) || (kind != SLOT_FILL && kind != SLOT_FETCH))
		return ERR_SYNTAX;
	s->kind = (enum slot_kind)kind;
	memcpy(s->id, id.p, sizeof s->id);
	if (kind == SLOT_FILL) {
		s->until_s = wire_u64(w);
		s->size = wire_u64(w);
		struct bytes owner = wire_str(w), type = wire_str(w);
		if (wire_failed(w) || take_text(owner, s->owner, SLOT_OWNER_MAX) || take_text(type, s->type, SLOT_TYPE_MAX))
			return ERR_SYNTAX;
	}
	return wire_end(w) ? ERR_SYNTAX : 0;
}

static int read_token(struct bytes key, struct bytes raw, struct bytes name, struct slot *out)
{
	struct slot s = { .kind = SLOT_FETCH };
	uint8_t mac[HMAC_BYTES_MAX];

	if (raw.n <= SLOT_MAC_BYTES)
		return ERR_SYNTAX;
	struct bytes body = bytes_make(raw.p, raw.n - SLOT_MAC_BYTES);
	int rc = seal(key, body, name, mac);
	if (rc)
		return rc;
	if (!secret_eq(bytes_skip(raw, body.n), bytes_make(mac, SLOT_MAC_BYTES)))
		return ERR_AUTH;
	struct wire w = wire_of(body);
	if (take_fields(&w, &s) || take_text(name, s.name, SLOT_NAME_MAX))
		return ERR_SYNTAX;
	*out = s;
	return 0;
}

int slot_read_path(struct bytes key, struct bytes path, struct slot *out)
{
	struct http1_path p;
	struct buf raw;
	int rc = ERR_LIMIT;

	if (path.n > SLOT_PATH_MAX)
		return rc;
	buf_init(&raw, RAW_MAX);
	rc = http1_path_decode(path, false, &p);
	if (!rc && (p.n != SEGMENTS || p.is_folder || !bytes_starts(path, BYTES(UPLOAD_PREFIX))))
		rc = ERR_SYNTAX;
	if (!rc)
		rc = from_base64url(p.segments[1], &raw);
	if (!rc)
		rc = read_token(key, buf_bytes(&raw), p.segments[2], out);
	http1_path_fini(&p);
	buf_fini(&raw);
	return rc;
}

void slot_put_encoded(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		bool is_plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
		if (is_plain)
			buf_put_u8(out, c);
		else
			buf_putf(out, "%%%02X", c);
	}
}
