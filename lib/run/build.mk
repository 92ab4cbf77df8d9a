LIBS += run
lib_run_SRCS += lib/run/clock.c lib/run/drain.c lib/run/drain_command.c
lib_run_SRCS += lib/run/alarm.c lib/run/metrics.c
lib_run_SRCS += lib/run/prog.c lib/run/msg.c lib/run/service.c lib/run/stats.c
lib_run_SRCS += lib/run/loop.c lib/run/loop_libevent.c lib/run/loop_memory.c lib/run/loop_poll.c lib/run/loop_fake.c lib/run/pace.c lib/run/pacer.c
lib_run_SRCS += lib/run/bus.c lib/run/bus_send.c lib/run/bus_frame.c
lib_run_SRCS += lib/run/proc.c lib/run/proc_settings.c lib/run/proc_command.c lib/run/proc_folder.c lib/run/proc_helper.c
lib_run_SRCS += lib/run/settings.c lib/run/settings_rows.c lib/run/settings_check.c \
	lib/run/settings_host.c lib/run/settings_dns.c lib/run/settings_value.c lib/run/settings_text.c lib/run/words.c
lib_run_SRCS += lib/run/peer_policy.c lib/run/debug_domains.c lib/run/tap.c lib/run/oper_user.c lib/run/acceptor.c lib/run/disk.c lib/run/tpm.c lib/run/files_limit.c
lib_run_SRCS += lib/run/platform.c lib/run/machine.c lib/run/log_watch.c lib/run/proc_debug.c lib/run/zone.c
lib_run_SRCS += lib/run/fence.c lib/run/fence_landlock.c lib/run/fence_filter.c lib/run/fence_probe.c lib/run/fence_shell.c lib/run/fence_foreign.c
lib_run_SRCS += lib/run/foreign.c lib/run/foreign_pair.c lib/run/foreign_confine.c
UNIT += lib/run/loop_test lib/run/bus_test lib/run/fence_test lib/run/settings_test lib/run/peer_policy_test lib/run/debug_domains_test lib/run/alarm_test lib/run/metrics_test lib/run/log_watch_test
UNIT += lib/run/acceptor_test lib/run/zone_test
zone_test_LIBS := run base
acceptor_test_LIBS := run base
acceptor_test_LD := -levent_core
loop_test_LIBS := run base
loop_test_LD := -levent_core
bus_test_LIBS := run base
bus_test_LD := -levent_core
fence_test_LIBS := run base
fence_test_LD := -lseccomp
settings_test_LIBS := run base
peer_policy_test_LIBS := run base
debug_domains_test_LIBS := run base
alarm_test_LIBS := run base
metrics_test_LIBS := run base
log_watch_test_LIBS := run base

UNIT += lib/run/pace_test
pace_test_LIBS := run base

UNIT += lib/run/drain_test
drain_test_LIBS := run base
drain_test_LD := -levent_core

UNIT += lib/run/clock_test
clock_test_LIBS := run base
