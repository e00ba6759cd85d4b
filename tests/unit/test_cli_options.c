/* Command lines: options in all their spellings, variables, mistakes; the table itself is sound. */
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct args args;
static struct error err;

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

/* Splits at spaces. */
static int parse_with(const char *line, const char *const *env)
{
	const char *argv[32];
	int argc = 0;
	char *text = arena_strdup(&arena, line), *save = NULL;

	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	err = (struct error)ERROR_INIT;
	return args_parse(&args, &arena, argc, argv, env, &err);
}

static int parse(const char *line)
{
	return parse_with(line, NULL);
}

static void assert_refused(const char *line, const char *why)
{
	assert_int_equal(parse(line), -1);
	assert_string_equal(err.msg, why);
}

static void test_long_options(void **state)
{
	(void)state;
	assert_int_equal(parse("plan --out a.plan --target x.a --target=x.b --json"), 0);
	assert_string_equal(args.command->name, "plan");
	assert_string_equal(args_text(&args, "out"), "a.plan");
	assert_string_equal(args_list(&args, "target")[0], "x.a");
	assert_string_equal(args_list(&args, "target")[1], "x.b");
	assert_null(args_list(&args, "target")[2]);
	assert_true(args_flag(&args, "json"));
	assert_null(args_list(&args, "exclude"));
}

static void test_one_dash_is_as_good_as_two(void **state)
{
	(void)state;
	assert_int_equal(parse("apply -auto-approve -var a=b -parallelism=3 -target x.y"), 0);
	assert_true(args_flag(&args, "yes"));
	assert_string_equal(args_list(&args, "var")[0], "a=b");
	assert_int_equal(args_number(&args, "parallelism"), 3);
	assert_string_equal(args_list(&args, "target")[0], "x.y");
}

static void test_letters(void **state)
{
	(void)state;
	assert_int_equal(parse("-C /tmp -qv apply -y -estaging"), 0);
	assert_string_equal(args_text(&args, "chdir"), "/tmp");
	assert_true(args_flag(&args, "quiet"));
	assert_true(args_flag(&args, "verbose"));
	assert_true(args_flag(&args, "yes"));
	assert_string_equal(args_text(&args, "environment"), "staging");
	assert_int_equal(parse("apply -e=staging"), 0);
	assert_string_equal(args_text(&args, "environment"), "staging");
}

static void test_a_letter_of_the_command_shadows_a_global_one(void **state)
{
	(void)state;
	assert_int_equal(parse("-f a.yml logs -f"), 0);
	assert_string_equal(args_list(&args, "file")[0], "a.yml");
	assert_true(args_flag(&args, "follow"));
}

static void test_flags_can_be_negated(void **state)
{
	(void)state;
	assert_int_equal(parse("plan"), 0);
	assert_true(args_flag(&args, "refresh"));
	assert_int_equal(parse("plan --refresh=false"), 0);
	assert_false(args_flag(&args, "refresh"));
	assert_int_equal(parse("plan --no-refresh"), 0);
	assert_false(args_flag(&args, "refresh"));
	assert_int_equal(parse("plan --no-color"), 0);
	assert_true(args_flag(&args, "no-color"));
	assert_refused("plan --refresh=maybe", "--refresh: \"maybe\" is neither true, false nor full");
}

static void test_two_dashes_end_options(void **state)
{
	(void)state;
	assert_int_equal(parse("status -- --json -q"), 0);
	assert_false(args_flag(&args, "json"));
	assert_string_equal(args_positional(&args, 0), "--json");
	assert_string_equal(args_positional(&args, 1), "-q");
	assert_null(args_positional(&args, 2));
}

static void test_what_exec_runs_is_passed_on(void **state)
{
	(void)state;
	assert_int_equal(parse("exec api ls -l --json -- x"), 0);
	assert_false(args_flag(&args, "json"));
	assert_int_equal(args.n_positional, 6);
	assert_string_equal(args.positional[2], "-l");
	assert_string_equal(args.positional[4], "--");
	assert_int_equal(parse("exec api -- sh -c x"), 0);
	assert_string_equal(args.positional[1], "sh");
	assert_int_equal(parse("exec --no-tty api sh"), 0);
	assert_false(args_flag(&args, "tty"));
}

static void test_commands_of_two_words_and_aliases(void **state)
{
	(void)state;
	assert_int_equal(parse("config show --origin"), 0);
	assert_string_equal(args.command->name, "config show");
	assert_int_equal(parse("up"), 0);
	assert_string_equal(args.command->name, "apply");
	assert_int_equal(parse("down"), 0);
	assert_string_equal(args.command->name, "destroy");
	assert_int_equal(parse("ps"), 0);
	assert_string_equal(args.command->name, "status");
	assert_int_equal(parse("config"), 0);
	assert_null(args.command);
	assert_string_equal(args.group, "config");
}

static void test_what_people_type_who_come_from_compose(void **state)
{
	(void)state;
	assert_int_equal(parse("up -d --build --wait --remove-orphans api db"), 0);
	assert_int_equal(args.n_positional, 2);
	assert_int_equal(parse("up -dy"), 0);
	assert_true(args_flag(&args, "yes"));
	assert_int_equal(parse("down -v --remove-orphans"), 0);
	assert_true(args_flag(&args, "volumes"));
	assert_false(args_flag(&args, "verbose"));
	assert_int_equal(parse("destroy -v"), 0);
	assert_false(args_flag(&args, "volumes"));
	assert_true(args_flag(&args, "verbose"));
	assert_int_equal(parse("ps -a --all"), 0);
	assert_int_equal(args.n_positional, 0);
	assert_int_equal(parse("logs -f --tail 5 api"), 0);
	assert_true(args_flag(&args, "follow"));
	assert_int_equal(parse("exec -T api sh"), 0);
	assert_false(args_flag(&args, "tty"));
	assert_int_equal(parse("exec -it api sh"), 0);
	assert_true(args_flag(&args, "tty"));
	assert_refused("plan -d", "unknown option -d; see `devenv plan --help`");
	assert_refused("down --detach", "unknown option --detach; see `devenv destroy --help`");
}

static void test_mistakes_name_the_nearest(void **state)
{
	(void)state;
	assert_refused("plna", "unknown command \"plna\"; did you mean `devenv plan`?");
	assert_refused("config shwo", "unknown command \"config shwo\"; did you mean `devenv config show`?");
	assert_refused("port", "unknown command \"port\"; did you mean `devenv port-forward`?");
	assert_refused("zzzzzz", "unknown command \"zzzzzz\"; see `devenv help`");
	assert_refused("plan --tarjet x", "unknown option --tarjet; did you mean --target?");
	assert_refused("plan --qqqqqqqqq", "unknown option --qqqqqqqqq; see `devenv plan --help`");
	assert_refused("plan -Z", "unknown option -Z; see `devenv plan --help`");
	assert_refused("graph --format dott", "--format: unknown value \"dott\"; did you mean \"dot\"?");
	assert_refused("show", "`devenv show` needs ADDRESS; see `devenv show --help`");
	assert_refused("plan x", "`devenv plan` takes no argument \"x\"");
	assert_refused("plan --out", "--out needs a value: FILE");
	assert_refused("apply --parallelism many", "--parallelism: \"many\" is not a whole number");
	assert_refused("apply --parallelism -1", "--parallelism: \"-1\" is not a whole number");
	assert_refused("apply --lock-timeout soon",
		"--lock-timeout: \"soon\" is not a duration such as 30s, 5m or 1h30m");
}

static void test_help_needs_no_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("show --help"), 0);
	assert_true(args.help);
	assert_int_equal(parse("-h"), 0);
	assert_true(args.help);
	assert_null(args.command);
	assert_int_equal(parse("--version"), 0);
	assert_true(args.version);
}

static void test_variables(void **state)
{
	static const char *const env[] = {"DEVENV_PARALLELISM=4", "DEVENV_YES=1", "DEVENV_ENVIRONMENT=e",
		"DEVENV_TARGET=x.a\nx.b", "DEVENV_LOCK_TIMEOUT=1m", "DEVENV_REFRESH=false",
		"DEVENV_JSON=", NULL};

	(void)state;
	assert_int_equal(parse_with("apply", env), 0);
	assert_int_equal(args_number(&args, "parallelism"), 4);
	assert_true(args_flag(&args, "yes"));
	assert_string_equal(args_text(&args, "environment"), "e");
	assert_string_equal(args_list(&args, "target")[1], "x.b");
	assert_int_equal(args_duration(&args, "lock-timeout"), 60000);
	assert_false(args_flag(&args, "refresh"));
	assert_false(args_flag(&args, "json"));
	/* The command line wins; a repeatable option is not mixed from both. */
	assert_int_equal(parse_with("apply --parallelism 2 --yes=false --target x.c", env), 0);
	assert_int_equal(args_number(&args, "parallelism"), 2);
	assert_false(args_flag(&args, "yes"));
	assert_string_equal(args_list(&args, "target")[0], "x.c");
	assert_null(args_list(&args, "target")[1]);
	/* A variable for an option that the command does not have is of no interest. */
	assert_int_equal(parse_with("validate", env), 0);
}

static void test_a_bad_variable_is_named(void **state)
{
	static const char *const env[] = {"DEVENV_PARALLELISM=x", NULL};

	(void)state;
	assert_int_equal(parse_with("apply", env), -1);
	assert_string_equal(err.msg, "DEVENV_PARALLELISM: \"x\" is not a whole number");
}

static void test_a_number_or_one_word_and_what_to_write_instead(void **state)
{
	(void)state;
	assert_int_equal(parse("logs --tail all"), 0);
	assert_int_equal(args_number(&args, "tail"), -1);
	assert_int_equal(parse("logs --tail 3"), 0);
	assert_int_equal(args_number(&args, "tail"), 3);
	assert_refused("logs --tail most", "--tail: \"most\" is neither a whole number nor all");
	assert_refused("apply --pull=always", "--pull: write `pull: always` to the service in the manifest");
	assert_refused("up -dV", "-V: with --force-recreate anonymous volumes are new anyway");
}

static void check_option(const struct command *command, const struct option *option)
{
	char env[64];

	assert_non_null(option->help);
	assert_int_equal(strncmp(option_env(option, env), "DEVENV_", 7), 0);
	/* --var region=x is DEVENV_VAR_region: no option may look like a variable of the manifest. */
	assert_int_not_equal(strncmp(option_env(option, env), "DEVENV_VAR_", 11), 0);
	assert_true(option->kind == OPTION_FLAG ? !option->argument : option->argument != NULL);
	assert_true(option->help[strlen(option->help) - 1] != '.');
	assert_ptr_equal(option_find(command, option->name), option);
	if (option->letter)
		assert_ptr_equal(option_find_letter(command, option->letter_as, option->letter), option);
	/* But for exec -e, --env, of Compose: what names no variable is refused there. */
	if (command && option_find(NULL, option->name) && strcmp(command->name, "exec") != 0)
		fail_msg("%s --%s shadows a global option", command->name, option->name);
}

/* What is refused cannot be an option, or nobody would ever read what to write instead. */
static void check_refused(const struct command *command)
{
	for (const struct refusal *one = command->refused; one && one->word; one++) {
		bool is_long = one->word[1] == '-';

		assert_null(is_long ? option_find(command, one->word + 2)
				    : option_find_letter(command, NULL, one->word[1]));
		assert_false(option_accepted(command, one->word));
		assert_string_equal(option_instead(command, one->word), one->instead);
	}
}

static void test_the_table_is_sound(void **state)
{
	(void)state;
	for (const struct option *o = global_options; o->name; o++)
		check_option(NULL, o);
	for (const struct command *const *c = command_table; *c; c++) {
		assert_ptr_equal(command_find((*c)->name), *c);
		assert_non_null((*c)->run);
		check_refused(*c);
		assert_non_null((*c)->summary);
		if (!(*c)->group)
			continue;
		assert_true(isupper((unsigned char)(*c)->summary[0]));
		if (!(*c)->examples || !(*c)->examples->command)
			fail_msg("%s has no examples", (*c)->name);
		for (const struct option *o = (*c)->options; o && o->name; o++)
			check_option(*c, o);
	}
}

/* Each example in the help is a command line that the program accepts. */
static void test_examples_parse(void **state)
{
	(void)state;
	for (const struct command *const *c = command_table; *c; c++) {
		for (const struct example *e = (*c)->examples; e && e->command; e++) {
			char *text = arena_strdup(&arena, e->command), *cut;

			if (strncmp(text, "devenv ", 7) != 0)
				continue;
			for (cut = text; *cut && !strchr("|>&", *cut); cut++)
				if (*cut == '\'')
					*cut = '"';
			*cut = '\0';
			if (parse(text + 7) < 0)
				fail_msg("%s: %s", e->command, err.msg);
			assert_non_null(args.command);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_long_options, teardown),
		cmocka_unit_test_teardown(test_one_dash_is_as_good_as_two, teardown),
		cmocka_unit_test_teardown(test_letters, teardown),
		cmocka_unit_test_teardown(test_a_letter_of_the_command_shadows_a_global_one, teardown),
		cmocka_unit_test_teardown(test_flags_can_be_negated, teardown),
		cmocka_unit_test_teardown(test_two_dashes_end_options, teardown),
		cmocka_unit_test_teardown(test_what_exec_runs_is_passed_on, teardown),
		cmocka_unit_test_teardown(test_commands_of_two_words_and_aliases, teardown),
		cmocka_unit_test_teardown(test_what_people_type_who_come_from_compose, teardown),
		cmocka_unit_test_teardown(test_mistakes_name_the_nearest, teardown),
		cmocka_unit_test_teardown(test_help_needs_no_arguments, teardown),
		cmocka_unit_test_teardown(test_variables, teardown),
		cmocka_unit_test_teardown(test_a_bad_variable_is_named, teardown),
		cmocka_unit_test_teardown(test_a_number_or_one_word_and_what_to_write_instead, teardown),
		cmocka_unit_test_teardown(test_the_table_is_sound, teardown),
		cmocka_unit_test_teardown(test_examples_parse, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
