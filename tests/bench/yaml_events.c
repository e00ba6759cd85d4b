/* yaml-events FILE: libyaml's events of a file and nothing else; the floor for everything that reads it. */
#include <stdio.h>
#include <yaml.h>

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	yaml_parser_t parser;
	yaml_event_t event;
	size_t n = 0;
	int type;

	if (!file || !yaml_parser_initialize(&parser))
		return 2;
	yaml_parser_set_input_file(&parser, file);
	do {
		if (!yaml_parser_parse(&parser, &event))
			return 1;
		type = event.type;
		yaml_event_delete(&event);
		n++;
	} while (type != YAML_STREAM_END_EVENT);
	yaml_parser_delete(&parser);
	fclose(file);
	printf("%zu events\n", n);
	return 0;
}
