PROGS += ghsh
ghsh_SRCS := firmware/shell/ghsh.c firmware/shell/client.c firmware/shell/ask.c firmware/shell/table.c \
	firmware/shell/page.c firmware/shell/secret_input.c firmware/shell/login.c firmware/shell/greet.c firmware/shell/files.c firmware/shell/names.c firmware/shell/edit.c firmware/shell/guard.c
ghsh_LIBS := run base
ghsh_LD := -ljansson -ledit -lseccomp
UNIT += firmware/shell/page_test
page_test_SRCS := firmware/shell/page.c
page_test_LIBS := base
