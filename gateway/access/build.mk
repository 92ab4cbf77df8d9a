access_ENGINE := gateway/access/stream.c gateway/access/features.c gateway/access/login.c \
	gateway/access/bind.c gateway/access/session.c
UNIT += gateway/access/c2s_stream_test
c2s_stream_test_SRCS := $(access_ENGINE)
c2s_stream_test_LIBS := proto base
c2s_stream_test_LD := $(proto_LD)
