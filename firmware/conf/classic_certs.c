/* Classic certs: key and certificate from files, into use at once. */
#include "base/err.h"
#include "classic.h"
#include "cmd_certificate.h"

#include <stdio.h>

/* The name that a key of gh-keys would have: the classic appliance's "webadmin.key" is our "webadmin". false: none could. */
static bool name_of_key(struct bytes word, char out[static 64])
{
	const char *why;

	if (word.n > 4 && bytes_eq(bytes_skip(word, word.n - 4), BYTES(".key")))
		word.n -= 4;
	return certificate_name_of(word, out, &why) == 0;
}

/* A name under which nothing runs, since what runs keeps its key until the commit. */
static void name_anew(const struct conf *c, const char *domain, char out[static 64])
{
	const char *why;
	char base[64];

	if (certificate_name_of(bytes_of(domain[0] ? domain : "webadmin"), base, &why) < 0 || strlen(base) > 56)
		snprintf(base, sizeof base, "domain");
	snprintf(out, 64, "%s", base);
	for (unsigned k = 2; certificate_user_of(c, bytes_of(out)); k++)
		snprintf(out, 64, "%.56s-%u", base, k);
}

static void certs_need_key(struct oper *o)
{
	oper_need(o, OPER_NEED_FILE, o->certs.key_word, "");
}

static void certs_commit(struct oper *o)
{
	struct classic_change x;

	classic_go_on(&x, o, o->certs.cmd);
	buf_putf(&x.told, "certificate import %s FILE", o->certs.name);
	if (o->certs.domain[0])
		classic_changef(&x, "set domain %s certificate %s", o->certs.domain, o->certs.name);
	else
		classic_changef(&x, "set web certificate %s", o->certs.name);
	classic_end(&x);
}

/* The certificate is in the candidate. Was the name one of a key? */
static void certs_with_keys(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct bytes own = bytes_of(o->certs.name);

	(void)c;
	(void)name;
	if (rc == 0)
		rc = keyring_match(&o->keys, own, rows_value(oper_rows(o), SET_CERTIFICATE_CHAIN, own));
	keyring_fini(&o->keys);
	if (rc == ERR_NOT_FOUND)
		certs_need_key(o);
	else if (rc < 0)
		oper_done(o, rc, text);
	else
		certs_commit(o);
}

static void certs_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	char told[128];

	snprintf(told, sizeof told, "the key %s of this box belongs to another certificate: the word is taken for a file", name);
	if (rc == ERR_DENIED && o->certs.is_key_named) {
		oper_note(o, told);
		certs_need_key(o);
	} else if (rc < 0) {
		certificate_import_done(c, o, name, rc, text);
	} else if (o->certs.is_key_named) {
		commit_ask_keys(c, o, certs_with_keys);
	} else {
		certs_commit(o);
	}
}

/* Whom the certificate is for. false: answered. */
static bool certs_domain(struct conf *c, struct oper *o, const struct command_args *args, bool is_named)
{
	const struct rows *r = &c->store.running;
	struct bytes domain = is_named ? args->v[0] : BYTES_NONE;
	size_t n = is_named;

	for (size_t i = 0; !is_named && i < r->n; i++) {
		if (r->v[i].row->id != SET_DOMAIN_CERTIFICATE)
			continue;
		domain = r->v[i].key;
		n++;
	}
	if (n != 1 || domain.n >= sizeof o->certs.domain) {
		oper_done(o, ERR_BAD_STATE, n ? "more than one domain lives here: xmpp multi_domain add DOMAIN KEY CERTIFICATE" :
		                                "no domain lives here yet: xmpp multi_domain add DOMAIN KEY CERTIFICATE");
		return false;
	}
	snprintf(o->certs.domain, sizeof o->certs.domain, "%.*s", BYTES_FMT(domain));
	return true;
}

/* The key is the name of one that gh-keys has, or, when it has none that fits, a file. */
COMMAND_FN(cmd_classic_certs)
{
	bool is_web = strncmp(cmd->words, "webadmin ", 9) == 0, is_named = strstr(cmd->words, "<domain>") != NULL;
	size_t at = is_named;
	struct relay_ask ask = { .verb = "certificate import", .name = o->certs.name, .done = certs_done };

	o->certs = (struct oper_certs){ .cmd = cmd, .key_word = args->at[at] };
	if (!is_web && !certs_domain(c, o, args, is_named))
		return;
	o->certs.is_key_named = args->kinds[at] == OPER_WORD_TYPED;
	if (o->certs.is_key_named && !name_of_key(args->v[at], o->certs.name)) {
		certs_need_key(o);
		return;
	}
	if (!o->certs.is_key_named)
		name_anew(c, o->certs.domain, o->certs.name);
	oper_put_aside(o);
	struct bytes name = bytes_of(o->certs.name);
	struct bytes own[] = { name, certificate_user_of(c, name) ? rows_value(&c->store.running, SET_CERTIFICATE_CHAIN, name) : BYTES_NONE,
		               rows_value(oper_rows(o), SET_CERTIFICATE_CHAIN, name) };
	certificate_ask_bundle(c, o, &ask, own, 3, args, o->certs.is_key_named ? at + 1 : at);
}
