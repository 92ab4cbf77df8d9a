PROGS += gh-publish
gh-publish_SRCS := $(addprefix core/publish/,main.c config.c target.c exchange.c exchange_ask.c exchange_answer.c commands.c)
gh-publish_LIBS := net run proto base
gh-publish_LD := -levent_core -lseccomp -lssl -lcrypto -lcares -lresolv $(proto_LD)
