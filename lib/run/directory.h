/* run/directory.h - numbers that gh-im and gh-dir share about people of an LDAP directory (messages DIR_* of run/msg.def). */
#ifndef RUN_DIRECTORY_H
#define RUN_DIRECTORY_H

/* What DIR_CHANGE asks for. Accounts without a note of the directory are this box's own, and none of these touches them (B-LDP-04). */
enum directory_change {
	DIRECTORY_ADD,    /* a new account */
	DIRECTORY_UPDATE, /* what the directory says of it; it may log in (again) */
	DIRECTORY_GONE,   /* the directory has the person no more: nobody logs in, all else stays */
	DIRECTORY_REMOVE, /* an account that is gone is deleted */
	DIRECTORY_CHANGE_COUNT
};

/* What is told of a person (DIR_LOOK, DIR_FOUND): the row of settings `directory attribute-*` of each. */
enum directory_field {
	DIRECTORY_USER, DIRECTORY_FIRST, DIRECTORY_LAST, DIRECTORY_NAME, DIRECTORY_MAIL, DIRECTORY_TITLE, DIRECTORY_DEPARTMENT,
	DIRECTORY_ORGANISATION, DIRECTORY_PHONE, DIRECTORY_MOBILE,
	DIRECTORY_FIELD_COUNT
};
/* Of one answer; bytes of a value that is searched for, and of one that is told. */
enum { DIRECTORY_RESULTS_MAX = 500, DIRECTORY_WORD_MAX = 128, DIRECTORY_TEXT_MAX = 255 };

/* DIR_ROSTER: the digest that says that nothing is in it (0: not known), contacts, and groups of one. */
enum { DIRECTORY_ROSTER_NONE = 1, DIRECTORY_ROSTER_MAX = 1000, DIRECTORY_ROSTER_GROUPS = 20 };

/* People in one DIR_KNOWN_PAGE. */
enum { DIRECTORY_PAGE = 500 };

#endif
