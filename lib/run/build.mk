LIBS += run
lib_run_SRCS += lib/run/settings.c lib/run/settings_rows.c lib/run/settings_check.c \
	lib/run/settings_host.c lib/run/settings_value.c lib/run/settings_text.c
UNIT += lib/run/settings_test
settings_test_LIBS := run base
