LIBS += db
lib_db_SRCS := lib/db/db.c lib/db/sqlite.c
UNIT += lib/db/db_test
db_test_LIBS := db base
db_test_LD := -lsqlite3
