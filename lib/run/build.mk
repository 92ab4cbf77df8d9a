LIBS += run
lib_run_SRCS += lib/run/prog.c lib/run/msg.c lib/run/service.c lib/run/stats.c
lib_run_SRCS += lib/run/loop.c lib/run/loop_libevent.c lib/run/loop_memory.c lib/run/loop_poll.c lib/run/loop_fake.c
lib_run_SRCS += lib/run/bus.c lib/run/bus_send.c lib/run/bus_frame.c
lib_run_SRCS += lib/run/proc.c lib/run/proc_settings.c lib/run/proc_command.c lib/run/proc_folder.c
lib_run_SRCS += lib/run/settings.c lib/run/settings_rows.c lib/run/settings_check.c \
	lib/run/settings_host.c lib/run/settings_value.c lib/run/settings_text.c lib/run/words.c
lib_run_SRCS += lib/run/peer_policy.c
lib_run_SRCS += lib/run/fence.c lib/run/fence_landlock.c lib/run/fence_filter.c lib/run/fence_probe.c
UNIT += lib/run/loop_test lib/run/bus_test lib/run/fence_test lib/run/settings_test lib/run/peer_policy_test
loop_test_LIBS := run base
loop_test_LD := -levent_core
bus_test_LIBS := run base
bus_test_LD := -levent_core
fence_test_LIBS := run base
fence_test_LD := -lseccomp
settings_test_LIBS := run base
peer_policy_test_LIBS := run base
