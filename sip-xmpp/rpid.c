#include "pidf.h"

static const struct {
	const char *name;
	enum pres_show show;
} activities[] = {
	/* PRE-S08 */
	{ "busy", PRES_DND }, { "on-the-phone", PRES_DND }, { "meeting", PRES_DND }, { "appointment", PRES_DND },
	{ "presentation", PRES_DND }, { "performance", PRES_DND },
	/* PRE-S10 */
	{ "vacation", PRES_XA }, { "permanent-absence", PRES_XA }, { "travel", PRES_XA }, { "holiday", PRES_XA },
	/* PRE-S09 */
	{ "away", PRES_AWAY }, { "breakfast", PRES_AWAY }, { "lunch", PRES_AWAY }, { "dinner", PRES_AWAY },
	{ "meal", PRES_AWAY }, { "in-transit", PRES_AWAY }, { "steering", PRES_AWAY }, { "shopping", PRES_AWAY },
	{ "spectator", PRES_AWAY }, { "tv", PRES_AWAY }, { "playing", PRES_AWAY }, { "sleeping", PRES_AWAY },
	{ "worship", PRES_AWAY },
};

/* COMPAT: Lync, OCS (all versions) say it in a note (PRE-S18). */
static const struct {
	const char *note;
	enum pres_show show;
} notes[] = {
	{ "busy", PRES_DND }, { "in a call", PRES_DND }, { "in a meeting", PRES_DND }, { "do not disturb", PRES_DND },
	{ "away", PRES_AWAY }, { "be right back", PRES_AWAY }, { "off work", PRES_AWAY },
};

bool rpid_show(struct bytes activity, enum pres_show *out)
{
	for (size_t i = 0; i < sizeof activities / sizeof activities[0]; i++) {
		if (bytes_eq_str(activity, activities[i].name)) {
			*out = activities[i].show;
			return true;
		}
	}
	return false;
}

const char *rpid_of_show(enum pres_show s)
{
	static const char *const names[] = { "", "", "away", "away", "busy" };
	_Static_assert(sizeof names / sizeof names[0] == PRES_SHOW_COUNT, "an activity for each");

	return names[s];
}

enum pres_show rpid_show_of_note(struct bytes note)
{
	for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
		if (bytes_eq_nocase(note, bytes_of(notes[i].note)))
			return notes[i].show;
	return PRES_NO_SHOW;
}
