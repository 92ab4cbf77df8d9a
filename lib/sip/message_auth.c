#include "sip/message_auth.h"

#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include "base/err.h"

/* RFC 3261 25.1 quoted-string; anything else stays as it is. */
static struct bytes unquote(struct bytes v, struct arena *a)
{
	if (v.n < 2 || v.p[0] != '"' || v.p[v.n - 1] != '"')
		return arena_dup(a, v);
	uint8_t *out = arena_alloc(a, v.n);
	size_t n = 0;
	for (size_t i = 1; out && i < v.n - 1; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n - 1)
			i++;
		out[n++] = v.p[i];
	}
	return bytes_make(out, out ? n : 0);
}

static int take_param(struct bytes text, struct arena *a, struct sip_auth *out)
{
	size_t n = bytes_find(text, '=');
	struct bytes value = bytes_skip(text, n + 1);

	if (out->n == SIP_AUTH_PARAMS_MAX)
		return ERR_LIMIT;
	struct sip_auth_param *p = &out->params[out->n];
	p->name = arena_dup(a, bytes_make(text.p, n));
	p->value = unquote(value, a);
	if ((n && !p->name.p) || (value.n && !p->value.p))
		return ERR_NOMEM;
	out->n++;
	return 0;
}

static int take_all(const msg_auth_t *parsed, struct arena *a, struct sip_auth *out)
{
	int rc = 0;

	out->scheme = arena_dup(a, bytes_of(parsed->au_scheme));
	if (!out->scheme.n)
		return ERR_SYNTAX;
	for (msg_param_t const *p = parsed->au_params; p && *p && !rc; p++)
		rc = take_param(bytes_of(*p), a, out);
	return rc;
}

int sip_auth_parse(struct bytes value, struct arena *a, struct sip_auth *out)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct sip_auth auth = { .n = 0 };
	const char *text = arena_strdup(a, value);

	if (!text)
		return ERR_NOMEM;
	if (!value.n || strlen(text) != value.n)
		return ERR_SYNTAX; /* a NUL inside */
	su_home_init(home);
	/* All four headers share this grammar. */
	const msg_auth_t *parsed = sip_www_authenticate_make(home, text);
	int rc = parsed ? take_all(parsed, a, &auth) : ERR_SYNTAX;
	su_home_deinit(home);
	if (!rc)
		*out = auth;
	return rc;
}

struct bytes sip_auth_param(const struct sip_auth *auth, const char *name)
{
	for (size_t i = 0; i < auth->n; i++)
		if (bytes_eq_nocase(auth->params[i].name, bytes_of(name)))
			return auth->params[i].value;
	return BYTES_NONE;
}
