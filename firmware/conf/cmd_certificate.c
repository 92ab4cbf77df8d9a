/* Certificates: the chain is a setting, the key of the same name lives in gh-keys. */
#include "base/err.h"
#include "base/secret.h"
#include "cert.h"
#include "conf.h"
#include "entry.h"

#include <stdio.h>

enum { NAMES_MAX = 30 };

/* The first setting that runs with this certificate: of a hosted domain, or of the web administration. NULL: none. */
static const struct row_item *user_of(const struct conf *c, struct bytes name)
{
	const struct rows *r = &c->store.running;

	for (size_t i = 0; i < r->n; i++) {
		if ((r->v[i].row->id == SET_DOMAIN_CERTIFICATE || r->v[i].row->id == SET_WEB_CERTIFICATE) && bytes_eq(r->v[i].value, name))
			return &r->v[i];
	}
	return NULL;
}

/* A key that goes, or changes, takes its domains' TLS with it at once, before any commit. */
static bool refuse_in_use(struct conf *c, struct oper *o, struct bytes name)
{
	const struct row_item *user = user_of(c, name);
	char text[640];

	if (!user)
		return false;
	struct bytes who = user->key.n ? user->key : BYTES("the web administration");
	snprintf(text, sizeof text, "%.*s runs with this key: take a new name, set %.*s to it, commit",
	         (int)(who.n > 200 ? 200 : who.n), (const char *)who.p,
	         (int)(user->path.n > 300 ? 300 : user->path.n), (const char *)user->path.p);
	oper_done(o, ERR_EXISTS, text);
	return true;
}

/* Puts a chain into the operator's candidate. 0 or an error with *why. */
static int put_chain(struct oper *o, const char *name, struct bytes pem, const char **why)
{
	const struct setting_row *row = setting_row(SET_CERTIFICATE_CHAIN);
	struct buf path, value;
	int rc;

	buf_init(&path, 256);
	buf_init(&value, 1 << 20);
	buf_putf(&path, "certificate %s chain", name);
	rc = setting_check(row, pem, &value, why);
	if (rc == 0)
		rc = oper_begin(o);
	if (rc == 0)
		rc = rows_set(&o->candidate, buf_bytes(&path), buf_bytes(&value));
	buf_fini(&path);
	buf_fini(&value);
	return rc;
}

/* The certificate that gh-keys has made: into the candidate instead of onto the screen. */
static bool take_certificate(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	char text[512];
	const char *why = "";

	(void)c;
	for (unsigned i = 0; i < n; i++) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		if (wire_failed(&w) || !bytes_eq_str(key, "pem"))
			continue;
		int rc = put_chain(o, name, value, &why);
		snprintf(text, sizeof text, rc < 0 ? "the certificate could not be kept: %s" :
		         "certificate %s is in your candidate; commit makes it run", rc < 0 ? why : name);
		oper_note(o, text);
		return true;
	}
	return false;
}

/* A request is for a person to copy: its text as it is. */
static bool take_request(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);

	(void)c;
	(void)name;
	for (unsigned i = 0; i < n; i++) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		if (wire_failed(&w) || !bytes_eq_str(key, "pem"))
			continue;
		oper_text(o, value);
		return true;
	}
	return false;
}

/* The name as a setting's key takes it. */
static int name_of(struct bytes in, char out[static 64], const char **why)
{
	const struct setting_row *row;
	struct bytes words[] = { BYTES("certificate"), in, BYTES("chain") };
	size_t used;
	struct buf path;

	buf_init(&path, 256);
	int rc = entry_path(words, 3, &path, &row, &used, why);
	buf_fini(&path);
	if (rc < 0)
		return rc;
	memcpy(out, in.p, in.n);
	out[in.n] = 0;
	return 0;
}

/* "certificate csr" and "certificate self-signed": with *.domain beside each domain where the
 * setting asks for it. */
COMMAND_FN(cmd_certificate_names)
{
	bool is_csr = strncmp(cmd->words, "certificate csr", 15) == 0;
	bool is_wild = bytes_eq_str(rows_value(oper_rows(o), SET_FED_WILDCARDS, BYTES_NONE), "on");
	struct bytes passed[1 + NAMES_MAX];
	const char *why = "";
	struct buf wild;
	char name[64];
	size_t n = 0;

	if (args->n < 2 || (args->n - 1) * (is_wild ? 2 : 1) > NAMES_MAX)
		why = "a name, then 1 to 30 domains";
	else if (name_of(args->v[0], name, &why) == 0)
		why = NULL;
	if (why) {
		oper_done(o, ERR_SYNTAX, why);
		return;
	}
	buf_init(&wild, 16 << 10);
	for (size_t i = 0; i < args->n; i++)
		passed[n++] = args->v[i];
	for (size_t i = 1; is_wild && i < args->n; i++)
		buf_putf(&wild, "*.%.*s", BYTES_FMT(args->v[i]));
	for (size_t i = 1, at = 0; is_wild && !buf_failed(&wild) && i < args->n; i++) {
		passed[n++] = bytes_make(buf_bytes(&wild).p + at, args->v[i].n + 2);
		at += args->v[i].n + 2;
	}
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = is_csr ? "certificate csr" : "certificate self-signed",
				 .args = passed, .n_args = n, .name = name,
				 .record = is_csr ? take_request : take_certificate };
	relay_start(c, o, &ask);
	buf_fini(&wild);
}

COMMAND_FN(cmd_certificate_generate)
{
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "key generate", .args = args->v, .n_args = args->n };

	(void)cmd;
	if (!refuse_in_use(c, o, args->v[0]))
		relay_start(c, o, &ask);
}

COMMAND_FN(cmd_key_delete)
{
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "key delete", .args = args->v, .n_args = args->n };

	(void)cmd;
	if (!refuse_in_use(c, o, args->v[0]))
		relay_start(c, o, &ask);
}

/* The part of a PEM text from a BEGIN to the END that belongs to it; "" none. */
static struct bytes key_block(struct bytes pem)
{
	static const char *const kinds[] = { "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY" };
	char begin[64], end[64];

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		snprintf(begin, sizeof begin, "-----BEGIN %s-----", kinds[i]);
		snprintf(end, sizeof end, "-----END %s-----", kinds[i]);
		const uint8_t *from = memmem(pem.p, pem.n, begin, strlen(begin));
		if (!from)
			continue;
		const uint8_t *to = memmem(from, (size_t)(pem.p + pem.n - from), end, strlen(end));
		if (to)
			return bytes_make(from, (size_t)(to - from) + strlen(end));
	}
	return BYTES_NONE;
}

/* The certificates of a PEM text, whatever else is in it. */
static void put_certificates(struct bytes pem, struct buf *out)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	const uint8_t *at = pem.p, *stop = pem.p + pem.n;

	while (at && (at = memmem(at, (size_t)(stop - at), begin, sizeof begin - 1))) {
		const uint8_t *to = memmem(at, (size_t)(stop - at), end, sizeof end - 1);
		if (!to)
			return;
		to += sizeof end - 1;
		buf_put(out, at, (size_t)(to - at));
		buf_put_u8(out, '\n');
		at = to;
	}
}

static void import_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	char said[512];

	(void)c;
	(void)name;
	snprintf(said, sizeof said, rc < 0 ? "the private key was refused: %s" : "key imported%s",
	         rc < 0 ? text : o->has_candidate ? "; the chain is in your candidate, commit makes it run" : "");
	oper_done(o, rc, said);
}

/* Would the file's key be another than the one that a running domain needs? */
static bool is_other_key(const struct conf *c, struct bytes name, struct bytes chain)
{
	return user_of(c, name) != NULL && !cert_same_key(chain, rows_value(&c->store.running, SET_CERTIFICATE_CHAIN, name));
}

/* What is in the file: 0, or an error with *why. */
static int read_bundle(struct bytes pem, struct buf *chain, struct bytes *key, const char **why)
{
	static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

	*key = key_block(pem);
	put_certificates(pem, chain);
	*why = "the private key is encrypted: take its password off first (openssl pkey)";
	if (memmem(pem.p, pem.n, encrypted, sizeof encrypted - 1))
		return ERR_UNSUPPORTED;
	*why = "neither certificates nor a private key in PEM";
	return buf_len(chain) == 0 && key->n == 0 ? ERR_SYNTAX : 0;
}

COMMAND_FN(cmd_certificate_import)
{
	struct bytes key;
	const char *why = "";
	struct buf chain;
	char name[64];

	(void)cmd;
	buf_init(&chain, 1 << 20);
	int rc = read_bundle(args->v[1], &chain, &key, &why);
	o->had_secret |= key.n > 0;
	if (rc == 0)
		rc = name_of(args->v[0], name, &why);
	if (rc == 0 && key.n > 0 && is_other_key(c, args->v[0], buf_bytes(&chain)) && refuse_in_use(c, o, args->v[0]))
		goto out;
	if (rc == 0 && buf_len(&chain) > 0)
		rc = put_chain(o, name, buf_bytes(&chain), &why);
	if (rc < 0 || key.n == 0) {
		oper_done(o, rc, rc < 0 ? why : "the chain is in your candidate");
		goto out;
	}
	struct bytes passed[] = { args->v[0], key };
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "key import", .args = passed, .n_args = 2,
				 .name = name, .done = import_done };
	relay_start(c, o, &ask);
out:
	buf_fini(&chain);
}

static void put_certificate(struct oper *o, const struct row_item *item)
{
	struct cert_about about;
	struct buf names;
	char why[128];

	oper_record_begin(o);
	oper_record_bytes(o, "name", item->key);
	if (cert_read(item->value, &about, why, sizeof why) < 0) {
		oper_record_str(o, "error", why);
		oper_record_end(o);
		return;
	}
	buf_init(&names, 16 << 10);
	cert_put_names(item->value, &names);
	oper_record_str(o, "subject", about.subject);
	oper_record_str(o, "issuer", about.issuer);
	oper_record_bytes(o, "names", buf_bytes(&names));
	oper_record_str(o, "until", about.not_after);
	oper_record_int(o, "days", cert_days_left(&about, (int64_t)(loop_wall_ms(o->conf->loop) / 1000)));
	oper_record_int(o, "chain", about.n);
	oper_record_str(o, "sha256", about.sha256);
	oper_record_end(o);
	buf_fini(&names);
}

COMMAND_FN(cmd_certificate_show)
{
	const struct rows *r = oper_rows(o);
	size_t n = 0;

	(void)c;
	(void)cmd;
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		bool is_wanted = args->n == 0 || bytes_eq(item->key, args->v[0]);
		if (item->row->id != SET_CERTIFICATE_CHAIN || !is_wanted)
			continue;
		put_certificate(o, item);
		n++;
	}
	oper_done(o, args->n && !n ? ERR_NOT_FOUND : 0, args->n && !n ? "no such certificate" : "");
}
