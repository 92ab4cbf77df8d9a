#include "room/rooms_impl.h"

/* A field of new rooms: its default (a number, or NONE for `fixed`), and whether owners may change it (0: always). */
enum { FIXED = -1, ALWAYS = -1 };

static const struct row {
	uint8_t field;
	int setting, owner;
	uint32_t fixed;
	bool is_inverse; /* the setting says the opposite */
} rows[] = {
	/* what            default from                 owners may                     or always */
	{ ROOM_NAME,         FIXED,                       ALWAYS,                         0, false },
	{ ROOM_DESC,         FIXED,                       ALWAYS,                         0, false },
	{ ROOM_LANG,         FIXED,                       ALWAYS,                         0, false },
	{ ROOM_SECRET,       FIXED,                       ALWAYS,                         0, false },
	{ ROOM_HAS_PASSWORD, FIXED,                       ALWAYS,                         0, false },
	{ ROOM_PERSISTENT,   FIXED,                       ALWAYS,                         0, false },
	{ ROOM_BROADCAST,    FIXED,                       ALWAYS,                         7, false },
	{ ROOM_PUBLIC,       SET_IM_ROOM_PUBLIC,          ALWAYS,                         0, false },
	{ ROOM_MEMBERS_ONLY, SET_IM_ROOM_MEMBERS_ONLY,    SET_IM_ROOM_OWNER_MEMBERS_ONLY, 0, false }, /* D-ROM-02 */
	{ ROOM_OPEN,         SET_IM_ROOM_REGISTER,        SET_IM_ROOM_OWNER_REGISTER,     0, false }, /* D-ROM-05 */
	{ ROOM_WHOIS,        SET_IM_ROOM_ANONYMOUS,       SET_IM_ROOM_OWNER_ANONYMOUS,    0, true },  /* D-ROM-08 */
	{ ROOM_MODERATED,    SET_IM_ROOM_MODERATED,       SET_IM_ROOM_OWNER_MODERATED,    0, false }, /* D-ROM-17 */
	{ ROOM_MAX_USERS,    SET_IM_ROOM_OCCUPANTS,       SET_IM_ROOM_OWNER_OCCUPANTS,    0, false }, /* D-ROM-13 */
	{ ROOM_HISTORY,      SET_IM_ROOM_HISTORY,         SET_IM_ROOM_OWNER_HISTORY,      0, false }, /* D-ROM-19 */
	{ ROOM_PM,           SET_IM_ROOM_PRIVATE,         SET_IM_ROOM_OWNER_PRIVATE,      0, false }, /* D-ROM-14 */
	{ ROOM_SUBJECT,      SET_IM_ROOM_SUBJECT,         SET_IM_ROOM_OWNER_SUBJECT,      0, true },  /* D-ROM-15 */
	{ ROOM_INVITES,      FIXED,                       SET_IM_ROOM_OWNER_INVITE,       1, false }, /* D-ROM-10 */
};
_Static_assert(sizeof rows / sizeof rows[0] == ROOM_FIELD_COUNT, "each field of a room");

static uint32_t value_of(const struct settings *s, const struct row *r)
{
	if (r->setting == FIXED)
		return r->fixed;
	enum setting_type type = setting_row((enum setting)r->setting)->type;
	uint32_t v = type == SETTING_INT    ? (uint32_t)settings_int(s, (enum setting)r->setting)
		     : type == SETTING_ENUM ? settings_enum(s, (enum setting)r->setting)
					    : settings_bool(s, (enum setting)r->setting);
	return r->is_inverse ? !v : v;
}

static uint32_t number(const struct settings *s, enum setting id)
{
	return (uint32_t)settings_int(s, id);
}

void rooms_read_rules(const struct settings *s, struct room_rules *out)
{
	*out = (struct room_rules){
		.rooms_max = number(s, SET_IM_ROOM_MAX),
		.persistent_max = number(s, SET_IM_ROOM_PERSISTENT_MAX),
		.rooms_user = number(s, SET_IM_ROOM_PER_USER),
		.rooms_client = number(s, SET_IM_ROOM_ENTERED),
		.occupants_max = number(s, SET_IM_ROOM_OCCUPANTS_MAX),
		.affiliates_max = number(s, SET_IM_ROOM_AFFILIATIONS),
		.nick_max = number(s, SET_IM_ROOM_NICK_BYTES),
		.subject_max = number(s, SET_IM_ROOM_SUBJECT_BYTES),
		.message_max = number(s, SET_IM_ROOM_MESSAGE_BYTES),
		.rate = number(s, SET_IM_ROOM_RATE),
		.history_max = number(s, SET_IM_ROOM_HISTORY_MAX),
		.silence_s = number(s, SET_IM_PARTNER_SILENCE),
		.invite_role = (uint8_t)(settings_enum(s, SET_IM_ROOM_INVITE) + 1),
		.has_persistent = settings_bool(s, SET_IM_ROOM_PERSISTENT),
		.has_old_clients = settings_bool(s, SET_IM_ROOM_OLD_CLIENTS),
		.has_archive = settings_bool(s, SET_IM_ARCHIVE) && settings_bool(s, SET_IM_ROOM_ARCHIVE),
		.has_search = settings_bool(s, SET_IM_ARCHIVE_SEARCH),
		.hides_details = !settings_bool(s, SET_IM_PRESENCE),
		.strips_xhtml = settings_bool(s, SET_IM_ROOM_PLAIN_TEXT),
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		out->v[rows[i].field] = value_of(s, &rows[i]);
		out->owner_may[rows[i].field] = rows[i].owner == ALWAYS || settings_bool(s, (enum setting)rows[i].owner);
	}
}
