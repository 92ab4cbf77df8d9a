#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

#include "engine.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "run/disk.h"

#include <stdio.h>
#include <stdlib.h>

enum { RANDOM_BYTES = ENGINE_ID_BYTES - 5, FORMAT_OCTETS = 5, BOOTS_MAX = 2147483646, FILE_BYTES = 1 << 20 };

static const char boots_file[] = "boots", id_file[] = "engine";

static struct {
	uint8_t id[ENGINE_ID_BYTES];
	uint32_t boots;
} own;

struct bytes engine_id(void)
{
	return bytes_make(own.id, sizeof own.id);
}

uint32_t engine_boots(void)
{
	return own.boots;
}

/* ---- what is remembered ---- */

/* RFC 3411 5, SnmpEngineID: the first bit, the enterprise's number, format 5 (octets that the enterprise chooses). Random ones:
 * two boxes never share an engine, nor does a box with what it was before a factory reset. */
static int make_id(int dir_fd)
{
	own.id[0] = 0x80 | ENGINE_ENTERPRISE >> 24;
	own.id[1] = ENGINE_ENTERPRISE >> 16 & 0xff;
	own.id[2] = ENGINE_ENTERPRISE >> 8 & 0xff;
	own.id[3] = ENGINE_ENTERPRISE & 0xff;
	own.id[4] = FORMAT_OCTETS;
	random_bytes(own.id + 5, RANDOM_BYTES);
	return disk_replace(dir_fd, id_file, engine_id());
}

static int read_id(int dir_fd)
{
	struct buf b;
	int rc;

	buf_init(&b, FILE_BYTES);
	rc = disk_read(dir_fd, id_file, &b);
	if (rc == ERR_NOT_FOUND || rc == ERR_LIMIT || (rc == 0 && buf_len(&b) != ENGINE_ID_BYTES))
		rc = make_id(dir_fd);
	else if (rc == 0)
		memcpy(own.id, buf_bytes(&b).p, sizeof own.id);
	buf_fini(&b);
	return rc;
}

/* At the largest number nothing authenticated is taken any more (RFC 3414 2.2.2): then the id has to be another, and also when
 * the number is lost. */
static int next_boots(int dir_fd)
{
	uint64_t boots = 0;
	struct buf b;
	int rc;

	buf_init(&b, FILE_BYTES);
	rc = disk_read(dir_fd, boots_file, &b);
	bool is_damaged = rc == ERR_LIMIT || (rc == 0 && bytes_to_u64(buf_bytes(&b), BOOTS_MAX, &boots) < 0);
	if (is_damaged || boots == BOOTS_MAX) {
		rc = make_id(dir_fd); /* what managers know of the old one is of no use */
		boots = 0;
	} else if (rc == ERR_NOT_FOUND) {
		rc = 0;
	}
	own.boots = (uint32_t)boots + 1;
	buf_clear(&b);
	buf_putf(&b, "%u", own.boots);
	rc = rc ? rc : disk_replace(dir_fd, boots_file, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

/* ---- the library ---- */

static void line_of(char *out, size_t room, const char *word)
{
	char hex[2 * ENGINE_ID_BYTES + 1];

	text_hex(engine_id(), hex);
	snprintf(out, room, "%s 0x%s", word, hex);
}

static int on_library_line(int major, int minor, void *data, void *arg)
{
	const struct snmp_log_message *m = data;

	(void)major, (void)minor, (void)arg;
	log_debug("snmp.library", LOG_STR("text", m ? m->msg : ""));
	return 0;
}

/* Nothing is read from files or the environment, nothing is written to them. */
static void be_alone(void)
{
	static const int off[] = { NETSNMP_DS_LIB_DONT_READ_CONFIGS, NETSNMP_DS_LIB_DONT_PERSIST_STATE, NETSNMP_DS_LIB_DISABLE_CONFIG_LOAD,
		                   NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD, NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE };

	for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
		netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, off[i], 1);
	setenv("MIBS", "", 1);
	setenv("MIBDIRS", "", 1);
	snmp_disable_log();
	snmp_enable_calllog();
	snmp_register_callback(SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_LOGGING, on_library_line, NULL);
}

int engine_start(int dir_fd)
{
	static char lines[3][128];
	int rc = read_id(dir_fd);

	rc = rc ? rc : next_boots(dir_fd);
	if (rc)
		return rc;
	be_alone();
	line_of(lines[0], sizeof lines[0], "exactEngineID");
	line_of(lines[1], sizeof lines[1], "oldEngineID");
	snprintf(lines[2], sizeof lines[2], "engineBoots %u", own.boots - 1); /* the library adds one */
	for (size_t i = 0; i < 3; i++)
		netsnmp_config(lines[i]);
	init_snmp("gh-snmp");
	size_t n;
	u_char *id = snmpv3_generate_engineID(&n);
	bool is_right = id && bytes_eq(bytes_make(id, n), engine_id()) && snmpv3_local_snmpEngineBoots() == own.boots;
	free(id);
	return is_right ? 0 : ERR_SYS;
}

/* ---- users ---- */

struct protocol {
	const oid *name;
	size_t n;
	size_t key_bytes; /* of privacy */
};

static struct protocol auth_of(const struct settings *s, struct bytes user)
{
	switch (settings_enum_at(s, SET_SNMP_USER_AUTH, user)) {
	case 2:
		return (struct protocol){ usmHMAC384SHA512AuthProtocol, OID_LENGTH(usmHMAC384SHA512AuthProtocol), 0 };
	case 1:
		return (struct protocol){ usmHMAC256SHA384AuthProtocol, OID_LENGTH(usmHMAC256SHA384AuthProtocol), 0 };
	default:
		return (struct protocol){ usmHMAC192SHA256AuthProtocol, OID_LENGTH(usmHMAC192SHA256AuthProtocol), 0 };
	}
}

static struct protocol privacy_of(const struct settings *s, struct bytes user)
{
	if (settings_enum_at(s, SET_SNMP_USER_PRIVACY, user) == 1)
		return (struct protocol){ usmAES256PrivProtocol, OID_LENGTH(usmAES256PrivProtocol), 32 };
	return (struct protocol){ usmAESPrivProtocol, OID_LENGTH(usmAESPrivProtocol), 16 };
}

static bool set_protocol(oid **name, size_t *n, const struct protocol *p)
{
	free(*name);
	*name = snmp_duplicate_objid(p->name, p->n);
	*n = *name ? p->n : 0;
	return *name != NULL;
}

/* Password to key of this engine (RFC 3414 A.2). wanted: bytes of it that are used; 0: all. */
static bool set_key(u_char **key, size_t *n, const struct protocol *hash, struct bytes secret, struct bytes id, size_t wanted)
{
	uint8_t general[USM_AUTH_KU_LEN], local[USM_AUTH_KU_LEN];
	size_t n_general = sizeof general, n_local = sizeof local;
	bool is_made = generate_Ku(hash->name, (u_int)hash->n, secret.p, secret.n, general, &n_general) == SNMPERR_SUCCESS &&
	               generate_kul(hash->name, (u_int)hash->n, id.p, id.n, general, n_general, local, &n_local) == SNMPERR_SUCCESS &&
	               n_local >= wanted;

	*n = wanted ? wanted : n_local;
	*key = is_made ? malloc(*n) : NULL;
	if (*key)
		memcpy(*key, local, *n);
	secret_wipe(general, sizeof general);
	secret_wipe(local, sizeof local);
	return *key != NULL;
}

static char *text_of(struct bytes b)
{
	return strndup((const char *)b.p, b.n);
}

static bool fill(struct usmUser *u, const struct settings *s, struct bytes name, struct bytes id)
{
	struct protocol auth = auth_of(s, name), privacy = privacy_of(s, name);
	struct bytes secret = settings_text_at(s, SET_SNMP_USER_PRIVACY_SECRET, name);

	u->name = text_of(name);
	u->secName = text_of(name);
	u->engineID = malloc(id.n);
	if (!u->name || !u->secName || !u->engineID)
		return false;
	memcpy(u->engineID, id.p, id.n);
	u->engineIDLen = id.n;
	if (!set_protocol(&u->authProtocol, &u->authProtocolLen, &auth) ||
	    !set_key(&u->authKey, &u->authKeyLen, &auth, settings_text_at(s, SET_SNMP_USER_AUTH_SECRET, name), id, 0))
		return false;
	u->userStatus = 1;      /* RFC 2579 RowStatus: active */
	u->userStorageType = 2; /* StorageType: volatile */
	return !secret.n || (set_protocol(&u->privProtocol, &u->privProtocolLen, &privacy) &&
	                     set_key(&u->privKey, &u->privKeyLen, &auth, secret, id, privacy.key_bytes));
}

void engine_user_gone(struct bytes name, struct bytes id)
{
	char *text = text_of(name);
	struct usmUser *u = text ? usm_get_user(id.p, id.n, text) : NULL;

	free(text);
	if (!u)
		return;
	(void)usm_remove_user(u); /* it is in the list */
	(void)usm_free_user(u);   /* wipes its keys */
}

int engine_user_at(const struct settings *s, struct bytes name, struct bytes id)
{
	if (name.n == 0 || name.n > ENGINE_NAME_MAX || settings_text_at(s, SET_SNMP_USER_AUTH_SECRET, name).n == 0)
		return ERR_NOT_FOUND;
	struct usmUser *u = usm_create_user();
	if (!u || !fill(u, s, name, id)) {
		if (u)
			(void)usm_free_user(u);
		return ERR_SYS;
	}
	engine_user_gone(name, id);
	return usm_add_user(u) ? 0 : ERR_SYS;
}

bool engine_user_differs(const struct settings *s, const struct settings *before, struct bytes name)
{
	return !before || settings_enum_at(s, SET_SNMP_USER_AUTH, name) != settings_enum_at(before, SET_SNMP_USER_AUTH, name) ||
	       settings_enum_at(s, SET_SNMP_USER_PRIVACY, name) != settings_enum_at(before, SET_SNMP_USER_PRIVACY, name) ||
	       !secret_eq(settings_text_at(s, SET_SNMP_USER_AUTH_SECRET, name), settings_text_at(before, SET_SNMP_USER_AUTH_SECRET, name)) ||
	       !secret_eq(settings_text_at(s, SET_SNMP_USER_PRIVACY_SECRET, name),
	                  settings_text_at(before, SET_SNMP_USER_PRIVACY_SECRET, name));
}

int engine_apply(const struct settings *s, const struct settings *before)
{
	struct bytes name;
	size_t n = 0;

	for (size_t at = 0; before && settings_next_key(before, SET_SNMP_USER_AUTH_SECRET, &at, &name);)
		if (settings_text_at(s, SET_SNMP_USER_AUTH_SECRET, name).n == 0)
			engine_user_gone(name, engine_id());
	for (size_t at = 0; settings_next_key(s, SET_SNMP_USER_AUTH_SECRET, &at, &name);) {
		if (++n > ENGINE_USERS_MAX)
			return ERR_LIMIT;
		int rc = engine_user_differs(s, before, name) ? engine_user_at(s, name, engine_id()) : 0;
		if (rc < 0 && rc != ERR_NOT_FOUND)
			log_error("snmp.user.failed", LOG_BYTES("user", name), LOG_STR("why", err_text(rc)));
	}
	return 0;
}
