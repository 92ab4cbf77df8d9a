access_ENGINE := gateway/access/stream.c gateway/access/features.c gateway/access/login.c \
	gateway/access/bind.c gateway/access/session.c
