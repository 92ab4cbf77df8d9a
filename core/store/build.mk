PROGS += gh-store
store_SRCS := core/store/store.c core/store/sql.c core/store/op_account.c core/store/op_user.c \
	core/store/op_message.c core/store/op_watch.c core/store/backup.c
gh-store_SRCS := core/store/main.c $(store_SRCS)
gh-store_LIBS := run db base
gh-store_LD := -levent_core -lseccomp -lsqlite3


UNIT += core/store/store_test
store_test_SRCS := $(store_SRCS)
store_test_LIBS := run db base
store_test_LD := -levent_core -lsqlite3
