/* sql.h - the schema and every statement of gh-store, by name. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

/* Step i brings user_version from i to i + 1. A step that has shipped never changes. */
extern const char *const sql_steps[];
extern const unsigned sql_n_steps;

/* Users hang together by number, so that a deletion takes everything along (foreign keys). */
#define SQL_TABLE(X)                                                                               \
	X(SQL_BEGIN_OP, "SAVEPOINT op")                                                            \
	X(SQL_END_OP, "RELEASE op")                                                                \
	X(SQL_UNDO_OP, "ROLLBACK TO op")                                                           \
	X(SQL_SECRET_GET, "SELECT value FROM box WHERE name='secret'")                             \
	X(SQL_SECRET_PUT, "INSERT INTO box(name,value) VALUES('secret',?)")                        \
	X(SQL_USER_ID, "SELECT id FROM user WHERE jid=?")                                          \
	X(SQL_USER_ADD, "INSERT INTO user(jid,domain,created,roster_version) VALUES(?,?,?,?)")     \
	X(SQL_USER_DEL, "DELETE FROM user WHERE jid=?")                                            \
	X(SQL_USER_LIST, "SELECT jid,created FROM user WHERE (?1='' OR domain=?1) AND jid>?2 "     \
			 "ORDER BY jid LIMIT ?3")                                                  \
	X(SQL_USER_VERSION, "SELECT id,roster_version FROM user WHERE jid=?")                      \
	X(SQL_USER_SET_VERSION, "UPDATE user SET roster_version=?2 WHERE id=?1 AND roster_version<?2") \
	X(SQL_VERIFIER_PUT, "REPLACE INTO verifier(user,hash,iterations,salt,stored_key,server_key) " \
			    "VALUES(?,?,?,?,?,?)")                                                 \
	X(SQL_VERIFIER_DEL, "DELETE FROM verifier WHERE user=?")                                   \
	X(SQL_VERIFIER_GET, "SELECT iterations,salt,stored_key,server_key FROM verifier "          \
			    "JOIN user ON user.id=verifier.user WHERE jid=? AND hash=?")           \
	X(SQL_CONTACT_ALL, "SELECT jid,bits,name,groups,request FROM contact WHERE user=?")        \
	X(SQL_CONTACT_PUT, "REPLACE INTO contact(user,jid,bits,name,groups,request) VALUES(?,?,?,?,?,?)") \
	X(SQL_CONTACT_DEL, "DELETE FROM contact WHERE user=? AND jid=?")                           \
	X(SQL_BLOCK_ALL, "SELECT jid FROM block WHERE user=?")                                     \
	X(SQL_BLOCK_ADD, "INSERT OR IGNORE INTO block(user,jid) VALUES(?,?)")                      \
	X(SQL_BLOCK_DEL, "DELETE FROM block WHERE user=? AND jid=?")                               \
	X(SQL_BLOCK_CLEAR, "DELETE FROM block WHERE user=?")                                       \
	X(SQL_BLOB_GET, "SELECT value FROM blob JOIN user ON user.id=blob.user "                   \
			"WHERE user.jid=? AND key=?")                                              \
	X(SQL_BLOB_PUT, "REPLACE INTO blob(user,key,value) VALUES(?,?,?)")                         \
	X(SQL_BLOB_DEL, "DELETE FROM blob WHERE user=? AND key=?")                                 \
	X(SQL_OFFLINE_TOTAL, "SELECT count(*) FROM offline")                                       \
	X(SQL_OFFLINE_COUNT, "SELECT count(*) FROM offline WHERE user=?")                          \
	X(SQL_OFFLINE_SENDER, "SELECT count(*) FROM offline WHERE sender=? AND sender<>''")        \
	X(SQL_OFFLINE_HAS, "SELECT 1 FROM offline WHERE uid=?")                                    \
	X(SQL_OFFLINE_ADD, "INSERT OR IGNORE INTO offline(uid,user,at,envelope,sender) "           \
			   "VALUES(?,?,?,?,?)")                                                    \
	X(SQL_OFFLINE_PAGE, "SELECT offline.id,at,envelope FROM offline JOIN user ON "             \
			    "user.id=offline.user WHERE jid=? AND offline.id>? ORDER BY offline.id LIMIT ?") \
	X(SQL_OFFLINE_DROP, "DELETE FROM offline WHERE id=?")                                      \
	X(SQL_JOURNAL_ADD, "INSERT OR IGNORE INTO journal(uid,at,jid,envelope) VALUES(?,?,?,?)")   \
	X(SQL_JOURNAL_DROP, "DELETE FROM journal WHERE uid=?")                                     \
	X(SQL_JOURNAL_TO_OFFLINE, "INSERT OR IGNORE INTO offline(uid,user,at,envelope) "           \
				  "SELECT uid,user.id,at,envelope FROM journal "                   \
				  "JOIN user ON user.jid=journal.jid ORDER BY journal.id")         \
	X(SQL_JOURNAL_CLEAR_LOCAL, "DELETE FROM journal WHERE jid<>''")                            \
	X(SQL_JOURNAL_REMOTE, "SELECT uid,at,envelope FROM journal ORDER BY id")                   \
	X(SQL_WATCH_PUT, "REPLACE INTO watch(key,value) VALUES(?,?)")                              \
	X(SQL_WATCH_DEL, "DELETE FROM watch WHERE key=?")                                          \
	X(SQL_WATCH_LIST, "SELECT key,value FROM watch WHERE key>? ORDER BY key LIMIT ?")

#define SQL_MEMBER(id, text) id,
enum sql { SQL_TABLE(SQL_MEMBER) SQL_COUNT };
#undef SQL_MEMBER
extern const char *const sql_texts[SQL_COUNT];

#endif
