#include "oauthbearer.h"

#include <strings.h>

#include "base/err.h"

enum { SEPARATOR = 0x01 };

/* gs2-header (RFC 5801 4) without a channel binding, up to and with its last comma. */
static int read_gs2(struct bytes *in, struct bytes *authzid)
{
	if (in->n < 2 || in->p[1] != ',')
		return in->n && in->p[0] == 'p' ? ERR_UNSUPPORTED : ERR_SYNTAX;
	if (in->p[0] != 'n' && in->p[0] != 'y')
		return ERR_SYNTAX;
	*in = bytes_skip(*in, 2);
	size_t n = bytes_find(*in, ',');
	*authzid = bytes_make(in->p, n);
	if (n >= in->n)
		return ERR_SYNTAX;
	*in = bytes_skip(*in, n + 1);
	if (!n)
		return 0;
	if (n < 3 || !bytes_starts(*authzid, BYTES("a=")))
		return ERR_SYNTAX;
	*authzid = bytes_skip(*authzid, 2);
	return bytes_find(*authzid, '=') < authzid->n ? ERR_UNSUPPORTED : 0;
}

/* b64token (RFC 6750 2.1) */
static bool is_token(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
				 c == '_' || c == '~' || c == '+' || c == '/' || c == '=';
		if (!is_letter)
			return false;
	}
	return v.n > 0;
}

static int read_auth(struct bytes value, struct bytes *token)
{
	static const char scheme[] = "Bearer ";

	if (token->n || value.n < sizeof scheme || strncasecmp((const char *)value.p, scheme, sizeof scheme - 1) != 0)
		return ERR_SYNTAX;
	*token = bytes_skip(value, sizeof scheme - 1);
	return is_token(*token) ? 0 : ERR_SYNTAX;
}

int oauthbearer_read(struct bytes in, struct bytes *authzid, struct bytes *token)
{
	struct bytes found = BYTES_NONE, who;
	int rc = read_gs2(&in, &who);

	if (rc)
		return rc;
	if (!in.n || in.p[0] != SEPARATOR)
		return ERR_SYNTAX;
	in = bytes_skip(in, 1);
	while (in.n && in.p[0] != SEPARATOR) { /* key "=" value kvsep; host and port are for proxies */
		size_t n = bytes_find(in, SEPARATOR), key_n = bytes_find(bytes_make(in.p, n), '=');
		if (n >= in.n || !key_n || key_n >= n)
			return ERR_SYNTAX;
		if (bytes_eq(bytes_make(in.p, key_n), BYTES("auth")) &&
		    (rc = read_auth(bytes_make(in.p + key_n + 1, n - key_n - 1), &found)))
			return rc;
		in = bytes_skip(in, n + 1);
	}
	if (in.n != 1 || !found.n)
		return ERR_SYNTAX;
	*authzid = who;
	*token = found;
	return 0;
}
