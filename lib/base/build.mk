LIBS += base
lib_base_SRCS := lib/base/err.c lib/base/bytes.c lib/base/buf.c lib/base/arena.c lib/base/wire.c \
	lib/base/map.c lib/base/random.c lib/base/text.c lib/base/stamp.c lib/base/secret.c lib/base/rate.c lib/base/log.c lib/base/fsm.c
UNIT += lib/base/base_test
base_test_LIBS := base
