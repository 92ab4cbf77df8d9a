LIBS += db
lib_db_SRCS := lib/db/db.c lib/db/sqlite.c lib/db/postgresql.c lib/db/postgresql_dial.c lib/db/postgresql_open.c
$(O)/obj/lib/db/%.o: CPPFLAGS += -I/usr/include/postgresql
UNIT += lib/db/db_test
db_test_LIBS := db base
db_test_LD := -lsqlite3 -lpq
