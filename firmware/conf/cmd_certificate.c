/* Certificates: the chain is a setting, the key of the same name lives in gh-keys. */
#include "base/err.h"
#include "cert.h"
#include "cmd_certificate.h"
#include "conf.h"
#include "entry.h"
#include "run/acme.h"
#include "run/linkkeys.h"

#include <stdio.h>

enum { NAMES_MAX = 30 };

const struct row_item *certificate_user_of(const struct conf *c, struct bytes name)
{
	const struct rows *r = &c->store.running;

	for (size_t i = 0; i < r->n; i++) {
		if (cert_is_used_by(r->v[i].row->id) && bytes_eq(r->v[i].value, name))
			return &r->v[i];
	}
	return NULL;
}

/* A key that goes, or changes, takes its domains' TLS with it at once, before any commit. */
static bool refuse_in_use(struct conf *c, struct oper *o, struct bytes name)
{
	const struct row_item *user = certificate_user_of(c, name);
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
		if (rc < 0 || !o->aside.is_on)
			oper_note(o, text);
		return true;
	}
	return false;
}

/* The classic words give what they make as a file, too (G-PKI-04, G-PKI-05). */
static bool give_file(struct oper *o, const char *name, const char *suffix, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	char file[80];

	for (unsigned i = 0; i < n; i++) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		if (wire_failed(&w) || !bytes_eq_str(key, "pem"))
			continue;
		snprintf(file, sizeof file, "%s.%s", name, suffix);
		oper_file(o, file, value);
		return true;
	}
	return false;
}

static bool take_certificate_file(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	return take_certificate(c, o, name, f) && give_file(o, name, "crt", f);
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

static bool take_request_file(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	return take_request(c, o, name, f) && give_file(o, name, "csr", f);
}

int certificate_name_of(struct bytes in, char out[static 64], const char **why)
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
	*why = "this name is the key's of the account at the authority of acme directory, or of the authority of links";
	if (bytes_eq_str(in, ACME_ACCOUNT_KEY) || bytes_eq_str(in, LINK_AUTHORITY_KEY))
		return ERR_DENIED;
	memcpy(out, in.p, in.n);
	out[in.n] = 0;
	return 0;
}

/* The commands that make something with a name's key: their words, and what happens with what comes. */
static const struct maker {
	const char *verb;
	bool (*record)(struct conf *c, struct oper *o, const char *name, const struct frame *f);
} makers[] = {
	{ "certificate csr", take_request }, { "certificate self-signed", take_certificate },
	{ "pki csr", take_request_file },    { "pki selfsigned", take_certificate_file },
};

static const struct maker *maker_of(const struct command *cmd)
{
	for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
		if (strncmp(cmd->words, makers[i].verb, strlen(makers[i].verb)) == 0)
			return &makers[i];
	}
	return NULL;
}

static bool is_attribute(struct bytes word)
{
	return bytes_find(word, ':') < word.n;
}

/* The operator's words, and *.domain beside each domain where the setting asks for it; wild: memory for those. How many. */
static size_t put_words(const struct command_args *args, bool is_wild, struct buf *wild, struct bytes passed[static 2 * WORDS_MAX])
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < args->n; i++)
		passed[n++] = args->v[i];
	for (size_t i = 1; is_wild && i < args->n; i++) {
		if (!is_attribute(args->v[i]))
			buf_putf(wild, "*.%.*s", BYTES_FMT(args->v[i]));
	}
	for (size_t i = 1; is_wild && !buf_failed(wild) && i < args->n; i++) {
		if (is_attribute(args->v[i]))
			continue;
		passed[n++] = bytes_make(buf_bytes(wild).p + at, args->v[i].n + 2);
		at += args->v[i].n + 2;
	}
	/* The classic "pki selfsigned webadmin" has no more words: the name is the domain then. */
	if (n == 1)
		passed[n++] = args->v[0];
	return n;
}

COMMAND_FN(cmd_certificate_names)
{
	bool is_wild = bytes_eq_str(rows_value(oper_rows(o), SET_FED_WILDCARDS, BYTES_NONE), "on");
	const struct maker *maker = maker_of(cmd);
	struct bytes passed[2 * WORDS_MAX];
	const char *why = "a name, then 1 to 30 domains or attributes";
	struct buf wild;
	char name[64];

	if (args->n > NAMES_MAX + 1 || certificate_name_of(args->v[0], name, &why) < 0) {
		oper_done(o, ERR_SYNTAX, why);
		return;
	}
	buf_init(&wild, 16 << 10);
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = maker->verb, .args = passed,
				 .n_args = put_words(args, is_wild, &wild, passed), .name = name, .record = maker->record };
	relay_start(c, o, &ask);
	buf_fini(&wild);
}

COMMAND_FN(cmd_certificate_generate)
{
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "key generate", .args = args->v, .n_args = args->n };

	(void)cmd;
	if (bytes_eq_str(args->v[0], ACME_ACCOUNT_KEY) || bytes_eq_str(args->v[0], LINK_AUTHORITY_KEY))
		oper_done(o, ERR_DENIED, "gh-pki and gh-link have this key made when it is needed");
	else if (!refuse_in_use(c, o, args->v[0]))
		relay_start(c, o, &ask);
}

COMMAND_FN(cmd_key_delete)
{
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "key delete", .args = args->v, .n_args = args->n };

	(void)cmd;
	if (!refuse_in_use(c, o, args->v[0]))
		relay_start(c, o, &ask);
}

/* ---- files of certificates and keys: gh-keys reads them, as keys may be in them ---- */

/* Remarks to the person, a chain to the candidate. */
static bool take_bundle(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes key = wire_str(&w), value = wire_bytes(&w);
	char text[512];

	if (n == 1 && !wire_failed(&w) && bytes_eq_str(key, "note")) {
		snprintf(text, sizeof text, "%.*s", (int)(value.n > 500 ? 500 : value.n), (const char *)value.p);
		oper_note(o, text);
		return true;
	}
	return name[0] && take_certificate(c, o, name, f);
}

static void bundle_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	(void)c;
	(void)name;
	if (rc == ERR_AUTH)
		oper_need(o, OPER_NEED_OLD_SECRET, o->next_word, "Password of the file: ");
	else
		oper_done(o, rc, text);
}

void certificate_import_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	if (rc == ERR_EXISTS && refuse_in_use(c, o, bytes_of(name)))
		return;
	bundle_done(c, o, name, rc, text);
}

void certificate_ask_bundle(struct conf *c, struct oper *o, struct relay_ask *ask, const struct bytes *own, size_t n_own,
                       const struct command_args *args, size_t first)
{
	struct bytes passed[3 + WORDS_MAX];
	size_t n = 0;

	for (; n < n_own; n++)
		passed[n] = own[n];
	for (size_t i = first; i < args->n; i++)
		passed[n++] = args->v[i];
	o->had_secret = true;
	o->next_word = args->first_word + args->n;
	ask->targets = P(PROG_KEYS);
	ask->args = passed;
	ask->n_args = n;
	ask->record = take_bundle;
	relay_start(c, o, ask);
}

COMMAND_FN(cmd_certificate_import)
{
	struct bytes chain = rows_value(&c->store.running, SET_CERTIFICATE_CHAIN, args->v[0]);
	struct bytes own[] = { args->v[0], certificate_user_of(c, args->v[0]) ? chain : BYTES_NONE, rows_value(oper_rows(o), SET_CERTIFICATE_CHAIN, args->v[0]) };
	struct relay_ask ask = { .verb = "certificate import", .done = certificate_import_done };
	const char *why = "";
	char name[64];
	int rc = certificate_name_of(args->v[0], name, &why);

	(void)cmd;
	ask.name = name;
	if (rc < 0)
		oper_done(o, rc, why);
	else
		certificate_ask_bundle(c, o, &ask, own, 3, args, 1);
}

COMMAND_FN(cmd_certificate_inspect)
{
	struct relay_ask ask = { .verb = "certificate inspect", .done = bundle_done };

	(void)cmd;
	certificate_ask_bundle(c, o, &ask, NULL, 0, args, 0);
}

/* "certificate match <name> <file>...", and "pki match <file>...", where the key is in a file, too. */
COMMAND_FN(cmd_certificate_match)
{
	struct relay_ask ask = { .verb = "certificate match", .done = bundle_done };
	bool is_named = strncmp(cmd->words, "certificate", 11) == 0;

	certificate_ask_bundle(c, o, &ask, is_named ? args->v : &BYTES_NONE, 1, args, is_named);
}

COMMAND_FN(cmd_certificate_verify)
{
	struct relay_ask ask = { .verb = "certificate verify", .done = bundle_done };
	const struct rows *r = oper_rows(o);
	struct buf anchors;

	(void)cmd;
	buf_init(&anchors, BUS_FRAME_MAX / 2); /* the other half: files */
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id != SET_TRUST_ANCHOR)
			continue;
		buf_put_bytes(&anchors, r->v[i].value);
		buf_put_u8(&anchors, '\n');
	}
	struct bytes own[] = { buf_bytes(&anchors) };
	if (buf_failed(&anchors))
		oper_done(o, ERR_LIMIT, "the trust anchors together are over 4 MB");
	else
		certificate_ask_bundle(c, o, &ask, own, 1, args, 0);
	buf_fini(&anchors);
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

static size_t put_certificates(struct oper *o, struct bytes name)
{
	const struct rows *r = oper_rows(o);
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id != SET_CERTIFICATE_CHAIN || (name.n && !bytes_eq(r->v[i].key, name)))
			continue;
		put_certificate(o, &r->v[i]);
		n++;
	}
	return n;
}

COMMAND_FN(cmd_certificate_show)
{
	size_t n = put_certificates(o, args->n ? args->v[0] : BYTES_NONE);

	(void)c;
	(void)cmd;
	oper_done(o, args->n && !n ? ERR_NOT_FOUND : 0, args->n && !n ? "no such certificate" : "");
}

COMMAND_FN(cmd_pki_list)
{
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "show keys" };

	(void)cmd;
	(void)args;
	(void)put_certificates(o, BYTES_NONE);
	relay_start(c, o, &ask);
}

static void remove_done(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	bool is_known = rows_value(oper_rows(o), SET_CERTIFICATE_CHAIN, bytes_of(name)).n > 0;
	char path[96];

	(void)c;
	if (rc == ERR_NOT_FOUND && is_known)
		rc = 0; /* a chain without a key */
	snprintf(path, sizeof path, "certificate %s chain", name);
	if (rc == 0 && is_known && (rc = oper_begin(o)) == 0)
		rc = rows_del(&o->candidate, bytes_of(path)) > 0 ? 0 : ERR_NOT_FOUND;
	oper_done(o, rc, rc ? text : is_known ? "the key is deleted, the chain is out of your candidate: commit" : "the key is deleted");
}

/* Key and chain of a name. */
COMMAND_FN(cmd_pki_remove)
{
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "key delete", .args = args->v, .n_args = args->n, .done = remove_done };
	const char *why = "";
	char name[64];
	int rc = certificate_name_of(args->v[0], name, &why);

	(void)cmd;
	ask.name = name;
	if (rc < 0)
		oper_done(o, rc, why);
	else if (!refuse_in_use(c, o, args->v[0]))
		relay_start(c, o, &ask);
}
