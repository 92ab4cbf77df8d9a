PROGS += gh-store
store_SRCS := core/store/store.c core/store/sql.c core/store/sql_postgresql.c core/store/words.c core/store/op_account.c core/store/op_user.c \
	core/store/op_message.c core/store/op_watch.c core/store/op_app.c core/store/op_fast.c core/store/op_archive.c \
	core/store/op_archive_keep.c core/store/op_pep.c core/store/op_room.c core/store/backup.c
gh-store_SRCS := $(addprefix core/store/,main.c commands.c hold.c server.c server_trust.c) $(store_SRCS)
gh-store_LIBS := net run db proto base
gh-store_LD := -levent_core -lseccomp -lsqlite3 -lpq -lssl -lcrypto -lcares -lresolv $(proto_LD)


UNIT += core/store/store_test
store_test_SRCS := $(store_SRCS) lib/db/postgresql_fixture.c
store_test_LIBS := run db base
store_test_LD := -levent_core -lsqlite3 -lpq -licuuc
UNIT += core/store/archive_store_test
archive_store_test_SRCS := $(store_SRCS) lib/db/postgresql_fixture.c
archive_store_test_LIBS := run db base
archive_store_test_LD := -levent_core -lsqlite3 -lpq -licuuc
UNIT += core/store/words_test
words_test_SRCS := core/store/words.c
words_test_LIBS := base
words_test_LD := -licuuc
