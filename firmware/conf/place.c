#include "place.h"

#include "account.h"
#include "base/err.h"
#include "proto/jid.h"
#include "run/prog.h"

#include <arpa/inet.h>
#include <stdio.h>

static int check_word(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "an empty word";
	*out = in;
	return in.n > 0 ? 0 : ERR_SYNTAX;
}

static int check_any(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	(void)why;
	*out = in;
	return 0;
}

static int check_domain(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	*why = "not a domain";
	return jid_parse_domain(in, a, out);
}

static int check_jid(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	struct jid j;

	*why = "not an address like name@domain";
	int rc = jid_parse(in, a, &j);
	if (rc < 0)
		return rc;
	if (j.local_n == 0)
		return ERR_SYNTAX;
	*out = j.full;
	return 0;
}

static int check_number(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	uint64_t n;

	(void)a;
	*why = "not a number";
	*out = in;
	return bytes_to_u64(in, UINT32_MAX, &n);
}

static int check_port(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	uint64_t n;

	(void)a;
	*why = "not a port: 1 to 65535";
	*out = in;
	return bytes_to_u64(in, 65535, &n) == 0 && n > 0 ? 0 : ERR_RANGE;
}

/* Most bits of a prefix of that address; 0: it is none. */
static unsigned bits_of(struct bytes address)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr raw;

	if (address.n >= sizeof text)
		return 0;
	snprintf(text, sizeof text, "%.*s", BYTES_FMT(address));
	return inet_pton(AF_INET, text, &raw) == 1 ? 32 : inet_pton(AF_INET6, text, &raw) == 1 ? 128 : 0;
}

static int check_prefixed(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	size_t n = bytes_find(in, '/');
	unsigned most = bits_of(bytes_make(in.p, n));
	uint64_t bits;

	(void)a;
	*why = "not an address and its prefix, like 192.0.2.1/24";
	*out = in;
	return most && bytes_to_u64(bytes_skip(in, n + 1), most, &bits) == 0 ? 0 : ERR_SYNTAX;
}

static int check_gateway(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "not a numeric address";
	*out = in;
	return bits_of(in) ? 0 : ERR_SYNTAX;
}

static const char *const key_types[] = { "ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096" };

static const char *const scopes[] = { "all", "settings" };

static const char *const dns_types[] = { "a", "aaaa", "srv", "naptr", "tlsa" };
static const char *const levels[] = { "admin", "crypto", "audit", "appadmin", "api", "auditor", "operator" };

const char *place_choice(enum place p, size_t i)
{
	if (p == PLACE_KEY_TYPE)
		return i < sizeof key_types / sizeof key_types[0] ? key_types[i] : NULL;
	if (p == PLACE_SCOPE)
		return i < sizeof scopes / sizeof scopes[0] ? scopes[i] : NULL;
	if (p == PLACE_DNS_TYPE)
		return i < sizeof dns_types / sizeof dns_types[0] ? dns_types[i] : NULL;
	if (p == PLACE_OPER_ROLE)
		return i < OPER_ROLE_COUNT ? account_role_name((enum oper_role)i) : NULL;
	if (p == PLACE_LEVEL)
		return i < sizeof levels / sizeof levels[0] ? levels[i] : NULL;
	if (p == PLACE_PROGRAM)
		return i + 1 < PROG_COUNT ? prog_name((enum prog)(i + 1)) : NULL;
	return NULL;
}

static int check_choice(enum place p, struct bytes in, struct bytes *out)
{
	const char *word;

	for (size_t i = 0; (word = place_choice(p, i)); i++) {
		if (bytes_eq_str(in, word)) {
			*out = in;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

static int check_program(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "not a program";
	return check_choice(PLACE_PROGRAM, in, out);
}

static int check_key_type(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "one of ecdsa-p256 ecdsa-p384 ed25519 rsa-2048 rsa-3072 rsa-4096";
	return check_choice(PLACE_KEY_TYPE, in, out);
}

static int check_scope(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "one of all settings";
	return check_choice(PLACE_SCOPE, in, out);
}

static int check_dns_type(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "one of a aaaa srv naptr tlsa";
	return check_choice(PLACE_DNS_TYPE, in, out);
}

static int check_oper_role(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "one of auditor operator admin crypto api";
	return check_choice(PLACE_OPER_ROLE, in, out);
}

static int check_level(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "one of admin crypto audit appadmin api, for an operator; a user has an address like name@domain";
	return check_choice(PLACE_LEVEL, in, out);
}

static int check_account(struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	(void)a;
	*why = "not an operator's name";
	*out = in;
	return in.n > 0 && bytes_find(in, '@') == in.n ? 0 : ERR_SYNTAX; /* a user's address has one; commands say what else is wrong */
}

static const struct {
	const char *name;
	enum place place;
	int (*check)(struct bytes in, struct arena *a, struct bytes *out, const char **why);
} places[] = {
	{ "domain", PLACE_DOMAIN, check_domain },      { "jid", PLACE_JID, check_jid },
	{ "user", PLACE_JID, check_jid },              { "minutes", PLACE_NUMBER, check_number },
	{ "seconds", PLACE_NUMBER, check_number },     { "generation", PLACE_NUMBER, check_number },
	{ "own-domain", PLACE_DOMAIN, check_domain },  { "verifier", PLACE_VERIFIER, check_word },
	{ "password", PLACE_SECRET, check_word },      { "privacy-password", PLACE_SECRET, check_word },
	{ "community", PLACE_VERIFIER, check_word },      { "file", PLACE_FILE, check_any },
	{ "setting", PLACE_SETTING, check_any },       { "program", PLACE_PROGRAM, check_program },
	{ "key-type", PLACE_KEY_TYPE, check_key_type }, { "role", PLACE_OPER_ROLE, check_oper_role },
	{ "old-password", PLACE_OLD_SECRET, check_word }, { "backup-password", PLACE_OLD_SECRET, check_word },
	{ "dns-type", PLACE_DNS_TYPE, check_dns_type },
	{ "scope", PLACE_SCOPE, check_scope },           { "level", PLACE_LEVEL, check_level },
	{ "account", PLACE_ACCOUNT, check_account },   { "port", PLACE_PORT, check_port },
	{ "address/prefix", PLACE_PREFIXED, check_prefixed }, { "gateway", PLACE_GATEWAY, check_gateway },
	{ "server", PLACE_GATEWAY, check_gateway },
	{ "dns-type", PLACE_DNS_TYPE, check_dns_type },
	{ "backup-file", PLACE_STREAM, check_word },   { "upgrade-file", PLACE_STREAM, check_word },
	{ "contacts-file", PLACE_STREAM, check_word }, { "users-file", PLACE_STREAM, check_word },
};

enum place place_of(struct bytes text)
{
	if (text.n < 2)
		return PLACE_WORD;
	struct bytes name = bytes_make(text.p + 1, bytes_find(text, *text.p == '<' ? '>' : ']') - 1);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (bytes_eq_str(name, places[i].name))
			return places[i].place;
	}
	return PLACE_WORD;
}

int place_check(enum place p, struct bytes in, struct arena *a, struct bytes *out, const char **why)
{
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (places[i].place == p)
			return places[i].check(in, a, out, why);
	}
	return check_word(in, a, out, why);
}
