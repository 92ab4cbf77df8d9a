#include "sql.h"

static const char *const steps[] = {
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
	/* 3: application passwords; salt and iterations are those of the account's verifier */
	("CREATE TABLE app_password(user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, label TEXT NOT NULL,"
	 "  created INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0, address TEXT NOT NULL DEFAULT '',"
	 "  PRIMARY KEY(user, label)) WITHOUT ROWID;"
	 "CREATE TABLE app_verifier(user INTEGER NOT NULL, label TEXT NOT NULL, hash INTEGER NOT NULL,"
	 "  stored_key BLOB NOT NULL, server_key BLOB NOT NULL, PRIMARY KEY(user, label, hash),"
	 "  FOREIGN KEY(user, label) REFERENCES app_password(user, label) ON DELETE CASCADE) WITHOUT ROWID;"),
	/* 4: tokens of FAST. client: the id of the program that may use it; label: of the application password that it
	 * stems from, '' the account's; login: the last one that used it */
	("CREATE TABLE fast_token(user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, client TEXT NOT NULL,"
	 "  seed BLOB NOT NULL, kind INTEGER NOT NULL, label TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,"
	 "  expires INTEGER NOT NULL, count INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0,"
	 "  login INTEGER NOT NULL DEFAULT 0, address TEXT NOT NULL DEFAULT '',"
	 "  PRIMARY KEY(user, client, seed)) WITHOUT ROWID;"),
	/* 5: message archives (XEP-0313). id: milliseconds since 1970 << STORE_ARCHIVE_TIME_SHIFT and a number, so ids are in order and
	 * tell the time. No reference to user: an account's thousands of messages go bit by bit, up to its floor. body: the text
	 * once more, for archive_text, which keeps words only. owner: 'u' and the user's number, so that a search reads one
	 * person's words */
	("CREATE TABLE archive(id INTEGER PRIMARY KEY, user INTEGER NOT NULL, peer TEXT NOT NULL, resource TEXT NOT NULL,"
	 "  size INTEGER NOT NULL, body TEXT NOT NULL, stanza BLOB NOT NULL);"
	 "CREATE INDEX archive_of_user ON archive(user, id);"
	 "CREATE INDEX archive_of_peer ON archive(user, peer, id, resource);"
	 "CREATE TABLE archive_user(user INTEGER PRIMARY KEY, messages INTEGER NOT NULL, bytes INTEGER NOT NULL);"
	 "CREATE TABLE archive_floor(user INTEGER PRIMARY KEY, floor INTEGER NOT NULL);"
	 "CREATE VIRTUAL TABLE archive_text USING fts5(body, owner, content='', columnsize=0,"
	 "  tokenize='unicode61 remove_diacritics 2');"
	 "CREATE TRIGGER archive_in AFTER INSERT ON archive BEGIN"
	 "  INSERT INTO archive_user(user,messages,bytes) VALUES(new.user,1,new.size)"
	 "    ON CONFLICT(user) DO UPDATE SET messages=messages+1, bytes=bytes+new.size;"
	 " END;"
	 "CREATE TRIGGER archive_words_in AFTER INSERT ON archive WHEN new.body<>'' BEGIN"
	 "  INSERT INTO archive_text(rowid,body,owner) VALUES(new.id,new.body,'u'||new.user);"
	 " END;"
	 "CREATE TRIGGER archive_out AFTER DELETE ON archive BEGIN"
	 "  UPDATE archive_user SET messages=messages-1, bytes=bytes-old.size WHERE user=old.user;"
	 " END;"
	 "CREATE TRIGGER archive_words_out AFTER DELETE ON archive WHEN old.body<>'' BEGIN"
	 "  INSERT INTO archive_text(archive_text,rowid,body,owner) VALUES('delete',old.id,old.body,'u'||old.user);"
	 " END;"),
	/* 6: nodes of people and what they published (XEP-0163); state: gh-im's. The last one of a node is that with
	 * the highest row */
	("CREATE TABLE pep_node(id INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,"
	 "  name TEXT NOT NULL, state BLOB NOT NULL, UNIQUE(user, name));"
	 "CREATE TABLE pep_item(row INTEGER PRIMARY KEY AUTOINCREMENT,"
	 "  node INTEGER NOT NULL REFERENCES pep_node ON DELETE CASCADE, id TEXT NOT NULL, publisher TEXT NOT NULL,"
	 "  at INTEGER NOT NULL, payload BLOB NOT NULL, UNIQUE(node, id));"
	 "CREATE INDEX pep_item_node ON pep_item(node, row);"
	 "CREATE INDEX contact_jid ON contact(jid);"),
	/* 7: persistent rooms. value: gh-im's own (configuration, subject, card); occupant: XEP-0421 */
	("CREATE TABLE room(id INTEGER PRIMARY KEY AUTOINCREMENT, jid TEXT NOT NULL UNIQUE, value BLOB NOT NULL);"
	 "CREATE TABLE room_affiliate(room INTEGER NOT NULL REFERENCES room ON DELETE CASCADE, jid TEXT NOT NULL,"
	 "  affiliation INTEGER NOT NULL, nick TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(room, jid)) WITHOUT ROWID;"
	 "CREATE TABLE room_past(id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL REFERENCES room ON DELETE CASCADE,"
	 "  sid TEXT NOT NULL, at INTEGER NOT NULL, sender TEXT NOT NULL, occupant TEXT NOT NULL, stanza BLOB NOT NULL,"
	 "  UNIQUE(room, sid));"
	 "CREATE INDEX room_past_order ON room_past(room, id);"),
	/* 8: contacts that groups of the directory give; shared: gh-im's (presence/shared.h), empty: none do */
	"ALTER TABLE contact ADD COLUMN shared BLOB NOT NULL DEFAULT x'';",
};

#define SQL_TEXT(id, text) text,
#define SQL_TEXT_SQLITE(id, sqlite, postgresql) sqlite,
static const char *const texts[SQL_COUNT] = { SQL_TABLE(SQL_TEXT, SQL_TEXT_SQLITE) };

const struct sql_dialect sql_sqlite = { steps, sizeof steps / sizeof steps[0], texts };

const struct sql_dialect *sql_of(enum db_kind kind)
{
	return kind == DB_POSTGRESQL ? &sql_postgresql : &sql_sqlite;
}
