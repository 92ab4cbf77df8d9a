LIBS += run
lib_run_SRCS := lib/run/prog.c lib/run/msg.c lib/run/stats.c lib/run/loop.c lib/run/loop_poll.c \
	lib/run/loop_fake.c lib/run/loop_libevent.c lib/run/bus_frame.c lib/run/bus_send.c lib/run/bus.c

UNIT += lib/run/loop_test lib/run/bus_test
loop_test_LIBS := run base
loop_test_LD := -levent_core
bus_test_LIBS := run base
bus_test_LD := -levent_core
