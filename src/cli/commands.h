/* Every command, each in the file of its name; and the options that several of them share. */
#ifndef DEVENV_CLI_COMMANDS_H
#define DEVENV_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command command_init, command_validate, command_lock, command_plan, command_apply, command_watch,
	command_destroy, command_refresh, command_status, command_list, command_show,
	command_outputs, command_history, command_graph, command_start, command_stop, command_restart, command_logs,
	command_exec, command_forward, command_scale, command_backup, command_restore, command_secret_list, command_secret_rotate, command_import, command_taint, command_untaint, command_forget, command_approve,
	command_audit_verify, command_sync, command_sync_now, command_sync_list, command_sync_status,
	command_sync_suspend, command_sync_resume, command_sync_unit, command_config_show, command_config_schema, command_completion,
	command_version, command_help, command_complete_words, command_man, command_markdown;

/* Which part of the graph; for commands that plan. */
#define OPTIONS_SELECT                                                                             \
	{.name = "target", .kind = OPTION_TEXT, .argument = "ADDRESS", .repeatable = true,         \
		.complete = COMPLETE_ADDRESS,                                                      \
		.help = "Only this resource and what it needs (to destroy: what needs it); nothing else " \
			"is deleted"},          \
	{.name = "exclude", .kind = OPTION_TEXT, .argument = "ADDRESS", .repeatable = true,        \
		.complete = COMPLETE_ADDRESS,                                                      \
		.help = "Neither this resource nor what needs it (to destroy: what it needs)"}

/* Releases what a plan holds. */
#define OPTIONS_ALLOW                                                                              \
	{.name = "allow-data-loss", .kind = OPTION_TEXT, .argument = "ADDRESS", .repeatable = true, \
		.complete = COMPLETE_RECORDED,                                                     \
		.help = "Let this resource go although data is lost with it"},                     \
	{.name = "allow-delete", .kind = OPTION_NUMBER, .argument = "N",                           \
		.help = "Let up to N resources go although they are more than half"}

#define OPTION_LOCKED                                                                              \
	{.name = "locked", .kind = OPTION_FLAG,                                                    \
		.help = "Fail when the lock file would change; nothing is looked up"}

#define OPTION_MANIFESTS                                                                           \
	{.name = "show-manifests", .kind = OPTION_FLAG,                                            \
		.help = "Also what becomes of the objects of each chart, as it renders them"}

#define OPTION_FORCE_CONFLICTS                                                                     \
	{.name = "force-conflicts", .kind = OPTION_FLAG,                                           \
		.help = "Take over fields of Kubernetes objects that others set"}

#define OPTION_REFRESH                                                                             \
	{.name = "refresh", .kind = OPTION_FLAG, .fallback = "true", .also = "full",               \
		.help = "Look at reality first; --refresh=false takes what is recorded for true, "     \
			"--refresh=full also asks what is slow to answer (Terraform)"}

/* For commands that act. */
#define OPTION_YES                                                                                 \
	{.name = "yes", .alias = "auto-approve", .letter = 'y', .kind = OPTION_FLAG,               \
		.help = "Do not ask; what loses data is held all the same"}
#define OPTION_STOP_TIMEOUT                                                                        \
	{.name = "timeout", .alias = "stop-timeout", .letter = 't', .kind = OPTION_DURATION,       \
		.argument = "DURATION", .env = "DEVENV_STOP_TIMEOUT",                              \
		.help = "What is stopped gets this long before it is killed, instead of what the manifest " \
			"says; pods keep their own time"}
#define OPTION_LOCK_TIMEOUT                                                                        \
	{.name = "lock-timeout", .kind = OPTION_DURATION, .argument = "DURATION", .fallback = "0s", \
		.help = "Wait this long for another run of the environment to end"}
#define OPTIONS_RUN                                                                                \
	{.name = "parallelism", .kind = OPTION_NUMBER, .argument = "N", .fallback = "10",          \
		.least = 1,                                                                        \
		.help = "At most N actions at once"},                                              \
	OPTION_LOCK_TIMEOUT,                                                                       \
	{.name = "fail-fast", .kind = OPTION_FLAG,                                                 \
		.help = "Start nothing new after the first failure"}

#endif
