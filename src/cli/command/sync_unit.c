/* devenv sync install-unit: a unit for systemd on stdout. Nothing is installed. */
#include "cli/commands.h"
#include "cli/sync.h"

#include "base/fs.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

/*
 * KillMode=process: what the manifest runs detached is no part of the loop and outlives it. User, also for
 * root: without it there is no HOME, which ssh, docker and helm want. No UMask: what a commit makes must be
 * what it makes by hand; what is private in the home says so itself. LimitCORE: memory holds secrets, and
 * the watchdog ends by SIGABRT.
 */
static const char unit_text[] =
	"[Unit]\n"
	"Description=Follow git remotes and apply what is pushed (devenv sync)\n"
	"Wants=network-online.target\n"
	"After=network-online.target docker.service\n"
	"\n"
	"[Service]\n"
	"Type=notify\n"
	"NotifyAccess=main\n"
	"User=%s\n"
	"Environment=DEVENV_HOME=%s\n"
	"ExecStart=%s sync%s\n"
	"ExecReload=/bin/kill -HUP $MAINPID\n"
	"Restart=on-failure\n"
	"RestartSec=10s\n"
	"WatchdogSec=2min\n"
	"TimeoutStartSec=infinity\n"
	"TimeoutStopSec=15min\n"
	"KillMode=process\n"
	"NoNewPrivileges=yes\n"
	"RestrictSUIDSGID=yes\n"
	"LockPersonality=yes\n"
	"ProtectClock=yes\n"
	"ProtectHostname=yes\n"
	"ProtectKernelLogs=yes\n"
	"ProtectKernelModules=yes\n"
	"ProtectKernelTunables=yes\n"
	"ProtectControlGroups=yes\n"
	"RestrictRealtime=yes\n"
	"LimitCORE=0:infinity\n"
	"ProtectSystem=yes\n"
	"SystemCallArchitectures=native\n"
	"SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap\n"
	"SystemCallErrorNumber=EPERM\n"
	"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
	"CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_BOOT CAP_SYSLOG CAP_SYS_PACCT "
	"CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE "
	"CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_SYS_TTY_CONFIG\n"
	"\n"
	"[Install]\n"
	"WantedBy=multi-user.target\n";

/* A unit's words are parted by blanks, and "%" and "$" mean something in them. */
static int check_word(const char *word, struct error *err)
{
	if (!strpbrk(word, " \t\n%\"'\\$"))
		return 0;
	return error_set(err, ERROR_INVALID, "a unit cannot name %s: a blank, quote, \"%%\" or \"$\" is in it",
		word);
}

/* What `devenv sync` is to be told, with files by their whole names: a unit runs in no folder of ours. */
static int add_options(struct cli *cli, struct strbuf *out, struct error *err)
{
	static const struct { const char *name; bool file; } passed[] = {
		{"config", true}, {"listen", false}, {"listen-secret-file", true}};
	char here[4096] = "/";

	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		const char *text = args_text(&cli->args, passed[i].name);

		if (!text)
			continue;
		if (passed[i].file && *text != '/' && !getcwd(here, sizeof(here)))
			return error_errno(err, "find the current folder");
		if (passed[i].file)
			text = fs_normalise(&cli->arena, fs_join(&cli->arena, here, text));
		if (check_word(text, err) < 0)
			return -1;
		strbuf_addf(out, " --%s %s", passed[i].name, text);
	}
	return 0;
}

static int run_unit(struct cli *cli)
{
	cleanup_strbuf struct strbuf options = STRBUF_INIT;
	struct error err = ERROR_INIT;
	const struct passwd *user = getpwuid(geteuid());
	const char *home;
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[len > 0 ? len : 0] = '\0';
	if (!user)
		return cli_fail(cli, (error_set(&err, ERROR_NOT_FOUND,
			"user %u has no name; a unit names its user", geteuid()), &err));
	if (session_home(cli, &home, &err) < 0)
		return cli_fail(cli, &err);
	if (check_word(user->pw_name, &err) < 0 || check_word(home, &err) < 0 ||
		check_word(self, &err) < 0 || add_options(cli, &options, &err) < 0)
		return cli_fail(cli, &err);
	stream_add(&cli->out, unit_text, user->pw_name, home, self, options.len ? options.text : "");
	return EXIT_OK;
}

const struct command command_sync_unit = {
	.name = "sync install-unit",
	.group = "Follow",
	.summary = "Print a systemd unit that follows what the machine's file lists",
	.description =
		"A hardened service for this program, this user and this home. Stopping it ends the loop and leaves "
		"running what the manifests run (KillMode=process); what they start inherits the "
		"restrictions, e.g. no setuid programs, and nothing is written below /usr and /boot.",
	.raw = true,
	.options = (const struct option[]){
		{.name = "config", .kind = OPTION_TEXT, .argument = "FILE", .complete = COMPLETE_FILE,
			.env = "DEVENV_SYNC_CONFIG", .help = "As for `devenv sync`"},
		{.name = "listen", .kind = OPTION_TEXT, .argument = "ADDRESS", .env = "DEVENV_SYNC_LISTEN",
			.help = "As for `devenv sync`"},
		{.name = "listen-secret-file", .kind = OPTION_TEXT, .argument = "FILE",
			.complete = COMPLETE_FILE, .env = "DEVENV_SYNC_LISTEN_SECRET_FILE",
			.help = "As for `devenv sync`"},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Install it", "devenv sync install-unit > /etc/systemd/system/devenv-sync.service"},
		{"One that takes push events",
			"devenv sync install-unit --listen 127.0.0.1:9000 --listen-secret-file /etc/devenv/secret"},
		{NULL, NULL}},
	.run = run_unit,
};
