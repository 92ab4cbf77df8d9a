access_ENGINE := gateway/access/stream.c gateway/access/features.c gateway/access/login.c gateway/access/fast.c \
	gateway/access/bind.c gateway/access/session.c
access_DOOR := $(access_ENGINE) gateway/access/door.c gateway/access/conn.c gateway/access/actions.c \
	gateway/access/core.c gateway/access/handed.c gateway/access/listen.c gateway/access/config.c \
	gateway/access/slots.c gateway/access/deliver.c gateway/access/drain.c gateway/access/ban.c

PROGS += gh-access
gh-access_SRCS := gateway/access/main.c gateway/access/commands.c $(access_DOOR)
gh-access_LIBS := net run proto base
gh-access_LD := -levent_core -lseccomp -lssl -lcares $(proto_LD)

UNIT += gateway/access/c2s_stream_test gateway/access/c2s_door_test
c2s_stream_test_SRCS := $(access_ENGINE)
c2s_stream_test_LIBS := proto base
c2s_stream_test_LD := $(proto_LD)
c2s_door_test_SRCS := $(access_DOOR)
c2s_door_test_LIBS := net run proto base
c2s_door_test_LD := -levent_core -lssl -lcares $(proto_LD)
