#include "sql.h"

const char *const sql_steps[] = {
	/* 0: the first schema */
	"CREATE TABLE box(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE user(id INTEGER PRIMARY KEY AUTOINCREMENT, jid TEXT NOT NULL UNIQUE, domain TEXT NOT NULL,"
	"  created INTEGER NOT NULL, roster_version INTEGER NOT NULL);"
	"CREATE INDEX user_domain ON user(domain, jid);"
	"CREATE TABLE verifier(user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, hash INTEGER NOT NULL,"
	"  iterations INTEGER NOT NULL, salt BLOB NOT NULL, stored_key BLOB NOT NULL, server_key BLOB NOT NULL,"
	"  PRIMARY KEY(user, hash)) WITHOUT ROWID;"
	"CREATE TABLE contact(user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, jid TEXT NOT NULL,"
	"  bits INTEGER NOT NULL, name TEXT NOT NULL, groups BLOB NOT NULL, request BLOB NOT NULL,"
	"  PRIMARY KEY(user, jid)) WITHOUT ROWID;"
	"CREATE TABLE block(user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, jid TEXT NOT NULL,"
	"  PRIMARY KEY(user, jid)) WITHOUT ROWID;"
	"CREATE TABLE blob(user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, key TEXT NOT NULL,"
	"  value BLOB NOT NULL, PRIMARY KEY(user, key)) WITHOUT ROWID;"
	"CREATE TABLE offline(id INTEGER PRIMARY KEY AUTOINCREMENT, uid INTEGER NOT NULL UNIQUE,"
	"  user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, at INTEGER NOT NULL, envelope BLOB NOT NULL);"
	"CREATE INDEX offline_user ON offline(user, id);"
	"CREATE TABLE journal(id INTEGER PRIMARY KEY AUTOINCREMENT, uid INTEGER NOT NULL UNIQUE,"
	"  at INTEGER NOT NULL, jid TEXT NOT NULL, envelope BLOB NOT NULL);",
	/* 1: from which other domain a waiting message came; '' from here */
	("ALTER TABLE offline ADD COLUMN sender TEXT NOT NULL DEFAULT '';"
	 "CREATE INDEX offline_sender ON offline(sender) WHERE sender<>'';"),
	/* 2: presence subscriptions between SIP and XMPP; the value is gh-xlate's */
	"CREATE TABLE watch(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
};
const unsigned sql_n_steps = sizeof sql_steps / sizeof sql_steps[0];

#define SQL_TEXT(id, text) text,
const char *const sql_texts[SQL_COUNT] = { SQL_TABLE(SQL_TEXT) };
#undef SQL_TEXT
