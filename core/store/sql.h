/* sql.h - the schema and every statement of gh-store, by name. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "db/db.h"

/* One text for both engines wherever both understand it (? and ?3; PostgreSQL reserves the word user, so it stands in quotes); else one each:
 * E(id, SQLite's, PostgreSQL's). */
#define SQL_OR_LEAVE "ON CONFLICT DO NOTHING"

/* Pages of an archive: ?1 user, ?2 and ?3 bounds, ?4 limit, ?5 peer, ?6 its resource ('' any), ?7 words. */
#define SQL_ARCHIVE_ALL "\"user\"=?1 AND id>?2 AND id<?3 "
#define SQL_ARCHIVE_PEER SQL_ARCHIVE_ALL "AND peer=?5 AND (?6='' OR resource=?6) "
#define SQL_ARCHIVE_WORDS \
	"archive_text MATCH ?7 AND archive_text.rowid>?2 AND archive_text.rowid<?3 AND \"user\"=?1 " \
	"AND (?5='' OR peer=?5) AND (?6='' OR resource=?6) "
/* In this order: else it may look the words up anew for each row of the archive. */
#define SQL_ARCHIVE_JOIN "FROM archive_text CROSS JOIN archive WHERE archive.id=archive_text.rowid AND "
#define SQL_ARCHIVE_PG_WORDS \
	"FROM archive WHERE words @@ CAST(CAST(?7 AS TEXT) AS TSQUERY) AND " SQL_ARCHIVE_ALL \
	"AND (?5='' OR peer=?5) AND (?6='' OR resource=?6) "
#define SQL_ARCHIVE_TABLE(X, E) \
	E(SQL_ARCHIVE_ADD, "INSERT INTO archive(id,\"user\",peer,resource,size,body,stanza) VALUES(?,?,?,?,?,?,?) " SQL_OR_LEAVE, \
	  "INSERT INTO archive(id,\"user\",peer,resource,size,body,stanza,words) VALUES(?1,?2,?3,?4,?5,?6,?7," \
	  "CAST(CAST(?8 AS TEXT) AS TSVECTOR)) " SQL_OR_LEAVE) \
	X(SQL_ARCHIVE_HAS, "SELECT 1 FROM archive WHERE id=? AND \"user\"=?") \
	X(SQL_ARCHIVE_ONE, "SELECT id,stanza FROM archive WHERE id=? AND \"user\"=?") \
	X(SQL_ARCHIVE_WHOLE, "SELECT peer,resource,stanza FROM archive WHERE id=? AND \"user\"=?") \
	X(SQL_ARCHIVE_DEL_ONE, "DELETE FROM archive WHERE id=? AND \"user\"=?") \
	X(SQL_ARCHIVE_UP, "SELECT id,stanza FROM archive WHERE " SQL_ARCHIVE_ALL "ORDER BY id LIMIT ?4") \
	X(SQL_ARCHIVE_DOWN, "SELECT id,stanza FROM archive WHERE " SQL_ARCHIVE_ALL "ORDER BY id DESC LIMIT ?4") \
	X(SQL_ARCHIVE_COUNT, "SELECT count(*) FROM (SELECT id FROM archive WHERE " SQL_ARCHIVE_ALL "LIMIT ?4) found") \
	X(SQL_ARCHIVE_PEER_UP, "SELECT id,stanza FROM archive WHERE " SQL_ARCHIVE_PEER "ORDER BY id LIMIT ?4") \
	X(SQL_ARCHIVE_PEER_DOWN, "SELECT id,stanza FROM archive WHERE " SQL_ARCHIVE_PEER "ORDER BY id DESC LIMIT ?4") \
	X(SQL_ARCHIVE_PEER_COUNT, "SELECT count(*) FROM (SELECT id FROM archive WHERE " SQL_ARCHIVE_PEER "LIMIT ?4) found") \
	E(SQL_ARCHIVE_WORDS_UP, "SELECT archive.id,stanza " SQL_ARCHIVE_JOIN SQL_ARCHIVE_WORDS \
				"ORDER BY archive_text.rowid LIMIT ?4", \
	  "SELECT id,stanza " SQL_ARCHIVE_PG_WORDS "ORDER BY id LIMIT ?4") \
	E(SQL_ARCHIVE_WORDS_DOWN, "SELECT archive.id,stanza " SQL_ARCHIVE_JOIN SQL_ARCHIVE_WORDS \
				  "ORDER BY archive_text.rowid DESC LIMIT ?4", \
	  "SELECT id,stanza " SQL_ARCHIVE_PG_WORDS "ORDER BY id DESC LIMIT ?4") \
	E(SQL_ARCHIVE_WORDS_COUNT, "SELECT count(*) FROM (SELECT archive.id " SQL_ARCHIVE_JOIN \
				   SQL_ARCHIVE_WORDS "LIMIT ?4)", \
	  "SELECT count(*) FROM (SELECT id " SQL_ARCHIVE_PG_WORDS "LIMIT ?4) found") \
	X(SQL_ARCHIVE_SIZE, "SELECT messages,bytes FROM archive_user WHERE \"user\"=?") \
	X(SQL_ARCHIVE_SIZES, "SELECT CAST(coalesce(sum(messages),0) AS BIGINT),CAST(coalesce(sum(bytes),0) AS BIGINT) FROM archive_user") \
	X(SQL_ARCHIVE_FIRST, "SELECT id FROM archive ORDER BY id LIMIT 1") \
	X(SQL_ARCHIVE_LAST, "SELECT id FROM archive ORDER BY id DESC LIMIT 1") \
	X(SQL_ARCHIVE_DEL_UPTO, "DELETE FROM archive WHERE id IN (SELECT id FROM archive WHERE \"user\"=? AND id<=? " \
				"ORDER BY id LIMIT ?)") \
	X(SQL_ARCHIVE_DEL_OLD, "DELETE FROM archive WHERE id IN (SELECT id FROM archive WHERE id<? ORDER BY id LIMIT ?)") \
	X(SQL_ARCHIVE_FLOOR, "SELECT floor FROM archive_floor WHERE \"user\"=?") \
	X(SQL_ARCHIVE_FLOOR_ANY, "SELECT \"user\",floor FROM archive_floor LIMIT 1") \
	X(SQL_ARCHIVE_FLOOR_PUT, "INSERT INTO archive_floor(\"user\",floor) VALUES(?,?) ON CONFLICT(\"user\") DO UPDATE SET " \
			"floor=excluded.floor") \
	X(SQL_ARCHIVE_FLOOR_DEL, "DELETE FROM archive_floor WHERE \"user\"=?") \
	X(SQL_ARCHIVE_USER_DEL, "DELETE FROM archive_user WHERE \"user\"=? AND messages=0")

#define SQL_CONTACT_LIST_TEXT(JOIN) \
	"SELECT \"user\".jid,c.jid,c.bits,c.name,c.groups,c.shared FROM \"user\" " JOIN " contact c ON " \
			    "c.\"user\"=\"user\".id WHERE (?1='' OR \"user\".domain=?1) AND (?2='' OR \"user\".jid=?2) AND \"user\".jid>=?3 AND " \
			    "(\"user\".jid>?3 OR c.jid>?4) ORDER BY \"user\".jid,c.jid LIMIT ?5"
#define SQL_BLOB_ALL_TEXT(JOIN) \
	"SELECT \"user\".jid,blob.value FROM \"user\" " JOIN " blob ON blob.\"user\"=\"user\".id AND blob.key=?1 " \
			"WHERE \"user\".jid>?2 ORDER BY \"user\".jid LIMIT ?3"
/* Only beside one of SHA-1 with that salt; application passwords without the hash would be hidden by it. */
#define SQL_VERIFIER_ADD_TEXT(HASH, STORED, SERVER) \
	"INSERT INTO verifier(\"user\",hash,iterations,salt,stored_key,server_key) " \
	"SELECT \"user\"," HASH ",iterations,salt," STORED "," SERVER " FROM verifier JOIN \"user\" ON \"user\".id=verifier.\"user\" " \
	"WHERE jid=?1 AND hash=0 AND salt=?2 AND NOT EXISTS(SELECT 1 FROM app_password p WHERE p.\"user\"=\"user\".id) " SQL_OR_LEAVE
#define SQL_CONTACT_REQUEST_ONLY_TEXT(EMPTY) \
	"UPDATE contact SET bits=?3,name='',groups=" EMPTY ",shared=" EMPTY " WHERE \"user\"=?1 AND jid=?2"

/* Users hang together by number, so that a deletion takes everything along (foreign keys). */
#define SQL_TABLE(X, E) \
	X(SQL_BEGIN_OP, "SAVEPOINT op") \
	X(SQL_END_OP, "RELEASE op") \
	X(SQL_UNDO_OP, "ROLLBACK TO op") \
	X(SQL_SECRET_GET, "SELECT value FROM box WHERE name='secret'") \
	X(SQL_SECRET_PUT, "INSERT INTO box(name,value) VALUES('secret',?)") \
	X(SQL_USER_ID, "SELECT id FROM \"user\" WHERE jid=?") \
	X(SQL_USER_ADD, "INSERT INTO \"user\"(jid,domain,created,roster_version) VALUES(?,?,?,?) RETURNING id") \
	X(SQL_USER_DEL, "DELETE FROM \"user\" WHERE jid=?") \
	X(SQL_USER_LIST, "SELECT jid,created,EXISTS(SELECT 1 FROM blob WHERE blob.\"user\"=\"user\".id AND key='disabled')," \
			 "EXISTS(SELECT 1 FROM verifier WHERE verifier.\"user\"=\"user\".id AND hash=1) FROM \"user\" " \
			 "WHERE (?1='' OR domain=?1) AND jid>?2 " \
			 "ORDER BY jid LIMIT ?3") \
	X(SQL_USER_VERSION, "SELECT id,roster_version FROM \"user\" WHERE jid=?") \
	X(SQL_USER_SET_VERSION, "UPDATE \"user\" SET roster_version=?2 WHERE id=?1 AND roster_version<?2") \
	X(SQL_VERIFIER_PUT, "INSERT INTO verifier(\"user\",hash,iterations,salt,stored_key,server_key) " \
			    "VALUES(?,?,?,?,?,?) ON CONFLICT(\"user\",hash) DO UPDATE SET " \
			"iterations=excluded.iterations,salt=excluded.salt,stored_key=excluded.stored_key,server_key=excluded.server_key") \
	E(SQL_VERIFIER_ADD, SQL_VERIFIER_ADD_TEXT("?3", "?4", "?5"), \
	  SQL_VERIFIER_ADD_TEXT("CAST(?3 AS BIGINT)", "CAST(?4 AS BYTEA)", "CAST(?5 AS BYTEA)")) \
	X(SQL_VERIFIER_DEL, "DELETE FROM verifier WHERE \"user\"=?") \
	X(SQL_VERIFIER_GET, "SELECT iterations,salt,stored_key,server_key FROM verifier " \
			    "JOIN \"user\" ON \"user\".id=verifier.\"user\" WHERE jid=? AND hash=?") \
	X(SQL_CONTACT_ALL, "SELECT jid,bits,name,groups,request,shared FROM contact WHERE \"user\"=?") \
	X(SQL_CONTACT_PUT, "INSERT INTO contact(\"user\",jid,bits,name,groups,request,shared) VALUES(?,?,?,?,?,?,?) ON CONFLICT(\"user\",jid) DO UPDATE SET " \
			"bits=excluded.bits,name=excluded.name,groups=excluded.groups,request=excluded.request,shared=excluded.shared") \
	X(SQL_CONTACT_DEL, "DELETE FROM contact WHERE \"user\"=? AND jid=?") \
	E(SQL_CONTACT_REQUEST_ONLY, SQL_CONTACT_REQUEST_ONLY_TEXT("x''"), SQL_CONTACT_REQUEST_ONLY_TEXT("''")) \
	E(SQL_CONTACT_LIST, SQL_CONTACT_LIST_TEXT("CROSS JOIN"), SQL_CONTACT_LIST_TEXT("JOIN")) \
	X(SQL_CONTACT_OWNERS, "SELECT \"user\".jid FROM contact c JOIN \"user\" ON \"user\".id=c.\"user\" WHERE c.jid=?1 AND \"user\".jid>?2 " \
			      "ORDER BY \"user\".jid LIMIT ?3") \
	X(SQL_BLOCK_ALL, "SELECT jid FROM block WHERE \"user\"=?") \
	X(SQL_BLOCK_ADD, "INSERT INTO block(\"user\",jid) VALUES(?,?) " SQL_OR_LEAVE) \
	X(SQL_BLOCK_DEL, "DELETE FROM block WHERE \"user\"=? AND jid=?") \
	X(SQL_BLOCK_CLEAR, "DELETE FROM block WHERE \"user\"=?") \
	X(SQL_BLOB_GET, "SELECT value FROM blob JOIN \"user\" ON \"user\".id=blob.\"user\" " \
			"WHERE \"user\".jid=? AND key=?") \
	X(SQL_BLOB_LIST, "SELECT key,value FROM blob JOIN \"user\" ON \"user\".id=blob.\"user\" WHERE \"user\".jid=?1 AND " \
			 "substr(key,1,length(CAST(?2 AS TEXT)))=CAST(?2 AS TEXT) ORDER BY key") \
	X(SQL_BLOB_PUT, "INSERT INTO blob(\"user\",key,value) VALUES(?,?,?) ON CONFLICT(\"user\",key) DO UPDATE SET " \
			"value=excluded.value") \
	X(SQL_BLOB_DEL, "DELETE FROM blob WHERE \"user\"=? AND key=?") \
	X(SQL_BLOB_HAS, "SELECT 1 FROM blob WHERE \"user\"=? AND key=?") \
	E(SQL_BLOB_ALL, SQL_BLOB_ALL_TEXT("CROSS JOIN"), SQL_BLOB_ALL_TEXT("JOIN")) \
	X(SQL_NOTICE_PUT, "INSERT INTO box(name,value) VALUES('notice '||CAST(? AS TEXT),?) ON CONFLICT(name) DO UPDATE SET " \
			"value=excluded.value") \
	X(SQL_NOTICE_DEL, "DELETE FROM box WHERE name='notice '||CAST(? AS TEXT)") \
	X(SQL_NOTICE_ALL, "SELECT substr(name,8),value FROM box WHERE name>'notice ' AND name<'notice!'") \
	X(SQL_OFFLINE_TOTAL, "SELECT count(*) FROM offline") \
	X(SQL_OFFLINE_COUNT, "SELECT count(*) FROM offline WHERE \"user\"=?") \
	X(SQL_OFFLINE_SENDER, "SELECT count(*) FROM offline WHERE sender=? AND sender<>''") \
	X(SQL_OFFLINE_HAS, "SELECT 1 FROM offline WHERE uid=?") \
	X(SQL_OFFLINE_ADD, "INSERT INTO offline(uid,\"user\",at,envelope,sender) " \
			   "VALUES(?,?,?,?,?) " SQL_OR_LEAVE) \
	X(SQL_OFFLINE_PAGE, "SELECT offline.id,at,envelope FROM offline JOIN \"user\" ON " \
			    "\"user\".id=offline.\"user\" WHERE jid=? AND offline.id>? ORDER BY offline.id LIMIT ?") \
	X(SQL_OFFLINE_DROP, "DELETE FROM offline WHERE id=?") \
	X(SQL_JOURNAL_ADD, "INSERT INTO journal(uid,at,jid,envelope) VALUES(?,?,?,?) " SQL_OR_LEAVE) \
	X(SQL_JOURNAL_DROP, "DELETE FROM journal WHERE uid=?") \
	X(SQL_JOURNAL_TO_OFFLINE, "INSERT INTO offline(uid,\"user\",at,envelope) " \
				  "SELECT uid,\"user\".id,at,envelope FROM journal " \
				  "JOIN \"user\" ON \"user\".jid=journal.jid WHERE true ORDER BY journal.id " SQL_OR_LEAVE) \
	X(SQL_JOURNAL_CLEAR_LOCAL, "DELETE FROM journal WHERE jid<>''") \
	X(SQL_JOURNAL_REMOTE, "SELECT uid,at,envelope FROM journal ORDER BY id") \
	X(SQL_WATCH_PUT, "INSERT INTO watch(key,value) VALUES(?,?) ON CONFLICT(key) DO UPDATE SET " \
			"value=excluded.value") \
	X(SQL_WATCH_DEL, "DELETE FROM watch WHERE key=?") \
	X(SQL_WATCH_LIST, "SELECT key,value FROM watch WHERE key>? ORDER BY key LIMIT ?") \
	X(SQL_APP_COUNT, "SELECT count(*) FROM app_password WHERE \"user\"=?") \
	X(SQL_APP_ADD, "INSERT INTO app_password(\"user\",label,created) VALUES(?,?,?) " SQL_OR_LEAVE) \
	X(SQL_APP_VERIFIER_ADD, "INSERT INTO app_verifier(\"user\",label,hash,stored_key,server_key) " \
				"VALUES(?,?,?,?,?)") \
	X(SQL_APP_HAS_KEY, "SELECT 1 FROM app_verifier WHERE \"user\"=? AND label=? AND hash=? AND stored_key=?") \
	X(SQL_APP_HAS_SALT, "SELECT 1 FROM verifier WHERE \"user\"=? AND hash=? AND salt=?") \
	X(SQL_APP_DEL, "DELETE FROM app_password WHERE \"user\"=? AND label=?") \
	X(SQL_APP_CLEAR, "DELETE FROM app_password WHERE \"user\"=?") \
	X(SQL_APP_LIST, "SELECT label,created,used,address FROM app_password WHERE \"user\"=? ORDER BY label") \
	X(SQL_APP_USED, "UPDATE app_password SET used=?3,address=?4 WHERE \"user\"=?1 AND label=?2") \
	X(SQL_APP_KEYS, "SELECT stored_key,server_key,label FROM app_verifier JOIN \"user\" ON " \
			"\"user\".id=app_verifier.\"user\" WHERE jid=? AND hash=? ORDER BY label") \
	X(SQL_APP_HAS, "SELECT 1 FROM app_password WHERE \"user\"=? AND label=?") \
	X(SQL_FAST_GET, "SELECT seed,kind,label,created,expires FROM fast_token WHERE \"user\"=? AND client=? " \
			"ORDER BY created LIMIT 2") \
	X(SQL_FAST_HAS, "SELECT 1 FROM fast_token WHERE \"user\"=? AND client=? AND seed=?") \
	X(SQL_FAST_EXPIRED, "DELETE FROM fast_token WHERE \"user\"=? AND expires<=?") \
	/* What a client may still hold: the token that it used last, or the newest. */ \
	X(SQL_FAST_KEEP_ONE, "DELETE FROM fast_token WHERE \"user\"=?1 AND client=?2 AND seed<>?3 AND seed NOT IN " \
			     "(SELECT seed FROM fast_token WHERE \"user\"=?1 AND client=?2 AND seed<>?3 " \
			     "ORDER BY used DESC,created DESC LIMIT 1)") \
	X(SQL_FAST_ADD, "INSERT INTO fast_token(\"user\",client,seed,kind,label,name,created,expires) " \
			"VALUES(?,?,?,?,?,?,?,?) " SQL_OR_LEAVE) \
	/* The clients used longest ago make room. */ \
	X(SQL_FAST_ROOM, "DELETE FROM fast_token WHERE \"user\"=?1 AND client NOT IN (SELECT client FROM fast_token " \
			 "WHERE \"user\"=?1 GROUP BY client ORDER BY max(CASE WHEN used>created THEN used ELSE created END) DESC,client LIMIT ?2)") \
	X(SQL_FAST_LAST, "SELECT count,login FROM fast_token WHERE \"user\"=? AND client=? AND seed=?") \
	X(SQL_FAST_USED, "UPDATE fast_token SET count=?4,login=?5,used=?6,address=?7 WHERE \"user\"=?1 AND client=?2 " \
			 "AND seed=?3") \
	X(SQL_FAST_OLDER, "DELETE FROM fast_token WHERE \"user\"=?1 AND client=?2 AND created<(SELECT created FROM " \
			  "fast_token WHERE \"user\"=?1 AND client=?2 AND seed=?3)") \
	X(SQL_FAST_LIST, "SELECT client,max(name),max(label),min(created),max(used),max(address),max(expires) FROM fast_token " \
			 "WHERE \"user\"=?1 GROUP BY client ORDER BY client") \
	X(SQL_FAST_DEL, "DELETE FROM fast_token WHERE \"user\"=?1 AND (?2='' OR client=?2)") \
	X(SQL_FAST_DEL_LABEL, "DELETE FROM fast_token WHERE \"user\"=? AND label=?") \
	X(SQL_FAST_CLEAR, "DELETE FROM fast_token WHERE \"user\"=?") \
	X(SQL_PEP_NODES, "SELECT name,state,(SELECT id FROM pep_item WHERE node=pep_node.id ORDER BY row DESC LIMIT 1) " \
			 "FROM pep_node WHERE \"user\"=? ORDER BY id") \
	X(SQL_PEP_NODE_ADD, "INSERT INTO pep_node(\"user\",name,state) VALUES(?,?,?) " SQL_OR_LEAVE) \
	X(SQL_PEP_NODE_SET, "UPDATE pep_node SET state=?2 WHERE id=?1") \
	X(SQL_PEP_NODE_ID, "SELECT id FROM pep_node WHERE \"user\"=? AND name=?") \
	X(SQL_PEP_NODE_DEL, "DELETE FROM pep_node WHERE id=?") \
	X(SQL_PEP_ITEM_DEL, "DELETE FROM pep_item WHERE node=? AND id=?") \
	X(SQL_PEP_ITEM_ADD, "INSERT INTO pep_item(node,id,publisher,at,payload) VALUES(?,?,?,?,?)") \
	X(SQL_PEP_TRIM, "DELETE FROM pep_item WHERE node=?1 AND row<=(SELECT row FROM pep_item WHERE node=?1 " \
			"ORDER BY row DESC LIMIT 1 OFFSET ?2)") \
	X(SQL_PEP_PURGE, "DELETE FROM pep_item WHERE node=?") \
	X(SQL_PEP_COUNT, "SELECT count(*),count(CASE WHEN row<?2 THEN 1 END) FROM pep_item WHERE node=?1") \
	X(SQL_PEP_ROW, "SELECT row FROM pep_item WHERE node=? AND id=?") \
	X(SQL_PEP_AFTER, "SELECT row,id,publisher,at,payload FROM pep_item WHERE node=? AND row>? ORDER BY row LIMIT ?") \
	X(SQL_PEP_BEFORE, "SELECT row,id,publisher,at,payload FROM pep_item WHERE node=? AND row<? ORDER BY row DESC " \
			  "LIMIT ?") \
	/* Nodes of an account with their newest items: its own; and of those whose presence it sees. */ \
	X(SQL_PEP_LAST_OWN, "SELECT \"user\".jid,n.name,n.state,substr(n.state,1,0),i.id,i.publisher,i.at,i.payload FROM \"user\" " \
			    "JOIN pep_node n ON n.\"user\"=\"user\".id JOIN pep_item i ON i.row=(SELECT max(row) FROM " \
			    "pep_item WHERE node=n.id) WHERE \"user\".jid=?") \
	X(SQL_PEP_LAST, "SELECT \"user\".jid,n.name,n.state,c.groups,i.id,i.publisher,i.at,i.payload FROM contact c " \
			"JOIN \"user\" ON \"user\".id=c.\"user\" JOIN pep_node n ON n.\"user\"=c.\"user\" JOIN pep_item i ON " \
			"i.row=(SELECT max(row) FROM pep_item WHERE node=n.id) WHERE c.jid=?1 AND (c.bits&?2)<>0 AND " \
			"(?3='' OR \"user\".jid=?3) AND NOT EXISTS(SELECT 1 FROM block b WHERE b.\"user\"=c.\"user\" AND " \
			"b.jid IN (?1,?4,?5,?6))") \
	X(SQL_ROOM_ID, "SELECT id FROM room WHERE jid=?") \
	X(SQL_ROOM_PUT, "INSERT INTO room(jid,value) VALUES(?1,?2) ON CONFLICT(jid) DO UPDATE SET value=?2") \
	X(SQL_ROOM_DEL, "DELETE FROM room WHERE jid=?") \
	X(SQL_ROOM_LIST, "SELECT id,jid,value FROM room WHERE jid>? ORDER BY jid LIMIT ?") \
	X(SQL_ROOM_AFFILIATE_PUT, "INSERT INTO room_affiliate(room,jid,affiliation,nick,reason) VALUES(?,?,?,?,?) ON CONFLICT(room,jid) DO UPDATE SET " \
			"affiliation=excluded.affiliation,nick=excluded.nick,reason=excluded.reason") \
	X(SQL_ROOM_AFFILIATE_DEL, "DELETE FROM room_affiliate WHERE room=? AND jid=?") \
	X(SQL_ROOM_AFFILIATE_ALL, "SELECT jid,affiliation,nick,reason FROM room_affiliate WHERE room=?") \
	X(SQL_ROOM_PAST_PUT, "INSERT INTO room_past(room,sid,at,sender,occupant,stanza) VALUES(?1,?2,?3,?4,?5,?6) " \
			     "ON CONFLICT(room,sid) DO UPDATE SET stanza=?6") \
	X(SQL_ROOM_PAST_ROOM, "DELETE FROM room_past WHERE room=?1 AND id<=(SELECT id FROM room_past WHERE room=?1 " \
			      "ORDER BY id DESC LIMIT 1 OFFSET ?2)") \
	X(SQL_ROOM_PAST_ALL, "SELECT at,sid,sender,occupant,stanza FROM room_past WHERE room=? ORDER BY id") \
	SQL_ARCHIVE_TABLE(X, E)

#define SQL_MEMBER(id, text) id,
#define SQL_MEMBER_EACH(id, sqlite, postgresql) id,
enum sql { SQL_TABLE(SQL_MEMBER, SQL_MEMBER_EACH) SQL_COUNT };
#undef SQL_MEMBER
#undef SQL_MEMBER_EACH

/* What gh-store has for an engine: its schema, and its statements by enum sql. Step i brings a database of version i to i + 1. A step
 * that has shipped never changes. One that the version before could not go on after begins with DB_BREAKS: then an upgrade that falls
 * back has no people's data, so it waits for a release that all boxes have passed. What changes tables changes them in both. */
struct sql_dialect {
	const char *const *steps;
	size_t n_steps;
	const char *const *texts;
};
extern const struct sql_dialect sql_sqlite, sql_postgresql;
const struct sql_dialect *sql_of(enum db_kind kind);

#endif
