#include "rights.h"

enum { READ = 1, OPERATE = 2, KEYS = 4, ADMIN = 8, COMPLY = 16 };

static const unsigned rights_of[] = {
	[OPER_AUDITOR] = READ,
	[OPER_OPERATOR] = READ | OPERATE,
	[OPER_ADMIN] = READ | OPERATE | KEYS | ADMIN | COMPLY,
	[OPER_CRYPTO] = READ | KEYS,
	[OPER_API] = READ | OPERATE,
	[OPER_COMPLIANCE] = READ | COMPLY,
};
_Static_assert(sizeof rights_of / sizeof rights_of[0] == OPER_ROLE_COUNT, "one row a role");

/* Any one of them is enough. */
static const unsigned needed_by[] = {
	[OPER_AUDITOR] = READ, [OPER_OPERATOR] = OPERATE, [OPER_ADMIN] = ADMIN,
	[OPER_CRYPTO] = KEYS,  [OPER_API] = OPERATE,      [OPER_COMPLIANCE] = COMPLY,
	[OPER_CHANGER] = OPERATE | KEYS | ADMIN | COMPLY,
};

/* Settings that others than the admin may change. A '*' stands for any one word; what is below a path has its right. */
static const struct {
	const char *path;
	enum oper_role role;
} settings[] = {
	{ "log level", OPER_OPERATOR },
	{ "log debug", OPER_OPERATOR },
	{ "turn drain", OPER_OPERATOR },
	{ "turn drain-deadline", OPER_OPERATOR },
	{ "turn drain-threshold", OPER_OPERATOR },
	{ "certificate", OPER_CRYPTO },
	{ "domain * certificate", OPER_CRYPTO },
	{ "domain * second-certificate", OPER_CRYPTO },
	{ "domain * federation-certificate", OPER_CRYPTO },
	{ "trust", OPER_CRYPTO },
	{ "acme directory", OPER_CRYPTO },
	{ "acme contact", OPER_CRYPTO },
	{ "acme terms-agreed", OPER_CRYPTO },
	{ "acme challenge", OPER_CRYPTO },
	{ "acme external-account", OPER_CRYPTO },
	{ "federation peer * pin", OPER_CRYPTO },
	{ "federation peer * authority", OPER_CRYPTO },
	{ "sip peer * pin", OPER_CRYPTO },
	{ "compliance hold", OPER_COMPLIANCE },
	{ "sip peer * authority", OPER_CRYPTO },
};

bool rights_may(enum oper_role role, unsigned needed)
{
	return role < OPER_ROLE_COUNT && needed <= OPER_CHANGER && (rights_of[role] & needed_by[needed]) != 0;
}

bool rights_includes(enum oper_role more, enum oper_role less)
{
	return more < OPER_ROLE_COUNT && less < OPER_ROLE_COUNT && (rights_of[less] & ~rights_of[more]) == 0;
}

static bool is_below(struct bytes path, struct bytes pattern)
{
	while (pattern.n > 0) {
		struct bytes want = bytes_make(pattern.p, bytes_find(pattern, ' '));
		struct bytes got = bytes_make(path.p, bytes_find(path, ' '));
		if (got.n == 0 || (!bytes_eq_str(want, "*") && !bytes_eq(want, got)))
			return false;
		pattern = bytes_skip(pattern, want.n + 1);
		path = bytes_skip(path, got.n + 1);
	}
	return true;
}

enum oper_role rights_setting(struct bytes path)
{
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		if (is_below(path, bytes_of(settings[i].path)))
			return settings[i].role;
	}
	return OPER_ADMIN;
}
