/*
 * Raw mode, and the size of the terminal. SIGWINCH is blocked and read from a signalfd: a blocked
 * signal is kept although nobody handles it.
 */
#include "cli/raw.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int start(struct raw *raw, struct error *err)
{
	struct termios mode;
	sigset_t resize;

	if (tcgetattr(raw->fd, &raw->before) < 0)
		return error_errno(err, "cannot ask the terminal how it is set");
	mode = raw->before;
	cfmakeraw(&mode);
	if (tcsetattr(raw->fd, TCSADRAIN, &mode) < 0)
		return error_errno(err, "cannot set the terminal");
	sigemptyset(&resize);
	sigaddset(&resize, SIGWINCH);
	sigprocmask(SIG_BLOCK, &resize, &raw->mask);
	raw->terminal.resized = signalfd(-1, &resize, SFD_CLOEXEC | SFD_NONBLOCK);
	raw->on = true;
	return 0;
}

static int stop(struct raw *raw)
{
	tcsetattr(raw->fd, TCSADRAIN, &raw->before);
	if (raw->terminal.resized >= 0)
		close(raw->terminal.resized);
	raw->terminal.resized = -1;
	sigprocmask(SIG_SETMASK, &raw->mask, NULL);
	raw->on = false;
	return 0;
}

static int set_raw(struct exec_terminal *terminal, bool on, struct error *err)
{
	struct raw *raw = (struct raw *)terminal;

	if (raw->on == on)
		return 0;
	return on ? start(raw, err) : stop(raw);
}

static void get_size(struct exec_terminal *terminal, unsigned *rows, unsigned *columns)
{
	struct raw *raw = (struct raw *)terminal;
	struct signalfd_siginfo ignored;
	struct winsize size = {0};

	while (terminal->resized >= 0 && read(terminal->resized, &ignored, sizeof(ignored)) > 0)
		;
	ioctl(raw->fd, TIOCGWINSZ, &size);
	*rows = size.ws_row;
	*columns = size.ws_col;
}

void raw_init(struct raw *raw, int fd)
{
	*raw = (struct raw){.fd = fd,
		.terminal = {.raw = set_raw, .size = get_size, .resized = -1}};
}
