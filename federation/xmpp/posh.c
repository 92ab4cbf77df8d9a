#include "posh.h"

#include <jansson.h>

#include "base/err.h"
#include "base/text.h"

void posh_request(struct buf *b, const char *host)
{
	buf_putf(b, "GET /.well-known/posh/xmpp-server.json HTTP/1.1\r\nHost: %s\r\n"
	            "Accept: application/json\r\nConnection: close\r\n\r\n", host);
}

static struct bytes take_line(struct bytes *in)
{
	size_t n = bytes_find(*in, '\n');
	struct bytes line = { in->p, n };

	*in = bytes_skip(*in, n + 1);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static bool is_chunked_line(struct bytes line)
{
	static const struct bytes name = BYTES("transfer-encoding:");

	return line.n > name.n + 7 && bytes_eq_nocase(bytes_make(line.p, name.n), name) &&
	       bytes_eq_nocase(bytes_skip(line, line.n - 7), BYTES("chunked"));
}

static int chunk_size(struct bytes line, size_t *out)
{
	size_t v = 0, i = 0;

	for (; i < line.n && i < 6; i++) {
		uint8_t c = line.p[i];
		if (c >= '0' && c <= '9')
			v = v * 16 + (size_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + (size_t)((c | 0x20) - 'a' + 10);
		else
			break;
	}
	if (i == 0)
		return ERR_SYNTAX;
	*out = v;
	return 0;
}

/* RFC 9112 7.1 */
static int join_chunks(struct bytes in, struct buf *out)
{
	size_t n;

	for (;;) {
		if (!in.n || chunk_size(take_line(&in), &n) < 0 || n > in.n)
			return ERR_SYNTAX;
		if (n == 0)
			return 0;
		buf_put(out, in.p, n);
		in = bytes_skip(in, n);
		(void)take_line(&in); /* the line end behind the chunk */
	}
}

static int read_json(struct bytes text, struct posh *out)
{
	json_error_t e;
	json_t *root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e), *list, *item;
	struct posh found = { .n = 0 };
	size_t i;
	int rc = ERR_SYNTAX;

	if (!root)
		return rc;
	list = json_object_get(root, "fingerprints");
	if (!json_is_array(list)) {
		rc = json_is_string(json_object_get(root, "url")) ? ERR_UNSUPPORTED : ERR_SYNTAX;
		json_decref(root);
		return rc;
	}
	json_array_foreach(list, i, item) {
		const char *hash = json_string_value(json_object_get(item, "sha-256"));
		struct buf raw;
		buf_init(&raw, 64);
		if (hash && found.n < POSH_MAX && text_unbase64(bytes_of(hash), &raw) == 0 && buf_len(&raw) == 32)
			memcpy(found.sha256[found.n++], buf_bytes(&raw).p, 32);
		buf_fini(&raw);
	}
	json_decref(root);
	*out = found;
	return 0;
}

int posh_read(struct bytes answer, struct posh *out)
{
	struct bytes line = take_line(&answer);
	bool is_chunked = false;
	struct buf body;
	int rc;

	if (line.n < 12 || !bytes_starts(line, BYTES("HTTP/1.")) || line.p[8] != ' ')
		return ERR_SYNTAX;
	if (!bytes_starts(bytes_skip(line, 9), BYTES("200")))
		return ERR_NOT_FOUND;
	do {
		if (!answer.n)
			return ERR_SYNTAX;
		line = take_line(&answer);
		is_chunked |= is_chunked_line(line);
	} while (line.n);
	if (!is_chunked)
		return read_json(answer, out);
	buf_init(&body, POSH_ANSWER_BYTES);
	rc = join_chunks(answer, &body);
	if (rc == 0)
		rc = buf_failed(&body) ? ERR_LIMIT : read_json(buf_bytes(&body), out);
	buf_fini(&body);
	return rc;
}
