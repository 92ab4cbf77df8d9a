PROGS += gh-publish
gh-publish_SRCS := $(addprefix core/publish/,main.c config.c target.c exchange.c exchange_ask.c exchange_answer.c commands.c)
gh-publish_LIBS := net run proto base
gh-publish_LD := -levent_core -lseccomp -lssl -lcrypto -lcares -lresolv $(proto_LD)

UNIT += core/publish/exchange_test
exchange_test_SRCS := $(addprefix core/publish/,exchange.c exchange_ask.c exchange_answer.c)
exchange_test_LIBS := net run proto base
exchange_test_LD := -levent_core -lssl -lcrypto -lcares -lresolv $(proto_LD)
