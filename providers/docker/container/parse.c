/*
 * The small languages inside a container's keys, each read by hand: they are short, and a message
 * that says what is wrong is worth more than a pattern. What is read is exactly what Compose reads,
 * unless docs/docker.md says otherwise.
 */
#include "providers/docker/container/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const size_units[] = {"b", "k", "m", "g", "t", "p"};

/* Digits with at most one point: strtod alone would take exponents and hexadecimal, too. */
static const char *decimal(const char *text, double *number)
{
	size_t whole = strspn(text, "0123456789"), len = whole;
	char digits[32];

	if (text[len] == '.')
		len += 1 + strspn(text + len + 1, "0123456789");
	if (len == 0 || (whole == 0 && len == 1) || len >= sizeof(digits))
		return NULL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	*number = strtod(digits, NULL);
	return text + len;
}

int64_t size_parse(const char *text)
{
	double number, factor = 1;
	const char *end = decimal(text, &number);

	if (!end)
		return -1;
	if (*end == ' ' && end[1])
		end++;
	if (*end) {
		size_t unit = 0;

		while (unit < ARRAY_SIZE(size_units) &&
			tolower((unsigned char)*end) != *size_units[unit])
			unit++;
		if (unit == ARRAY_SIZE(size_units))
			return -1;
		for (size_t i = 0; i < unit; i++)
			factor *= 1024;
		end++;
		if (unit && tolower((unsigned char)*end) == 'i')
			end++;
		if (unit && tolower((unsigned char)*end) == 'b')
			end++;
	}
	if (*end || number * factor >= 9e18)
		return -1;
	return (int64_t)(number * factor);
}

int64_t cpus_parse(const char *text)
{
	double number;
	const char *end = decimal(text, &number);

	if (!end)
		return -1;
	if (*end == 'm' && !end[1])
		number /= 1000;
	else if (*end)
		return -1;
	if (number > 1e6)
		return -1;
	return (int64_t)llround(number * 1e9);
}

/* Reads what stands between quotes; returns the place after the closing one, NULL when it is missing. */
static const char *quoted(const char *c, char quote, struct strbuf *word)
{
	for (; *c; c++) {
		if (*c == quote)
			return c + 1;
		if (quote == '"' && *c == '\\' && c[1] && strchr("\"\\$`\n", c[1])) {
			if (*++c == '\n')
				continue;
		}
		strbuf_addch(word, *c);
	}
	return NULL;
}

const char *words_split(const char *text, struct arena *arena, struct value *out)
{
	cleanup_strbuf struct strbuf word = STRBUF_INIT;
	struct value_builder words;
	const char *c = text;

	builder_init(&words, arena);
	for (;;) {
		bool any = false; /* '' is a word, too */

		while (*c && isspace((unsigned char)*c))
			c++;
		if (!*c)
			break;
		strbuf_reset(&word);
		while (*c && !isspace((unsigned char)*c)) {
			any = true;
			if (*c == '\'' || *c == '"') {
				c = quoted(c + 1, *c, &word);
				if (!c)
					return "a quote is not closed";
			} else if (*c == '\\') {
				if (!*++c)
					return "it ends with a backslash";
				strbuf_addch(&word, *c++);
			} else {
				strbuf_addch(&word, *c++);
			}
		}
		if (any)
			builder_push(&words, value_strn(arena, word.text, word.len));
	}
	*out = builder_list(&words);
	return NULL;
}

bool image_is_fixed(const char *reference)
{
	size_t hex = strspn(reference, "0123456789abcdef");

	return !strncmp(reference, "sha256:", 7) || strchr(reference, '@') ||
	       (hex == 64 && !reference[hex]);
}

const char *image_normal(const char *reference, struct arena *arena)
{
	static const char *const prefixes[] = {"docker.io/", "index.docker.io/", "library/"};
	const char *slash;

	if (image_is_fixed(reference) && !strchr(reference, '@'))
		return reference;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(reference, prefixes[i], strlen(prefixes[i])))
			reference += strlen(prefixes[i]);
	if (strchr(reference, '@'))
		return reference;
	slash = strrchr(reference, '/');
	if (!strchr(slash ? slash : reference, ':'))
		return arena_printf(arena, "%s:latest", reference);
	return reference;
}

const char *port_protocol(const char *text)
{
	static const char *const known[] = {"tcp", "udp", "sctp"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcasecmp(text, known[i]))
			return known[i];
	return NULL;
}

/* Reads a port number at `text`; returns the place after it, NULL when there is none. */
static const char *one_port(const char *text, int *port)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 5)
		return NULL;
	*port = atoi(text);
	return *port >= 1 && *port <= 65535 ? text + digits : NULL;
}

const char *port_range_parse(const char *text, int *first, int *last)
{
	const char *end = one_port(text, first);

	if (!end)
		return "a port is a number from 1 to 65535";
	*last = *first;
	if (*end == '-') {
		end = one_port(end + 1, last);
		if (!end)
			return "a port is a number from 1 to 65535";
		if (*last < *first)
			return "the range ends before it begins";
	}
	return *end ? "a port is a number or a range as 3000-3005" : NULL;
}

static bool is_address(const char *text)
{
	struct in6_addr six;
	struct in_addr four;

	return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1;
}

const char *port_check(const struct port *port)
{
	int many = port->last - port->first, host_many = port->host_last - port->host_first;

	if (*port->ip && !is_address(port->ip))
		return "what stands before the two ports is no IP address";
	/* A range of the host for one port of the container: the engine takes one that is free. */
	if (port->host_first && many != host_many && many != 0)
		return "the two ranges differ in length";
	return NULL;
}

/* Cuts "127.0.0.1:" or "[::1]:" off the front. NULL when an address in brackets does not end. */
static char *cut_ip(char *text, struct arena *arena, struct port *out)
{
	char *colon;

	out->ip = "";
	if (*text == '[') {
		char *end = strstr(text, "]:");

		if (!end)
			return NULL;
		out->ip = arena_strndup(arena, text + 1, (size_t)(end - text - 1));
		return end + 2;
	}
	colon = strchr(text, ':');
	if (!colon || !strchr(colon + 1, ':'))
		return text;
	/* An IPv6 address without brackets is told apart by its many colons. */
	colon = strrchr(text, ':');
	*colon = '\0';
	char *before = strrchr(text, ':');
	*colon = ':';
	out->ip = arena_strndup(arena, text, (size_t)(before - text));
	return before + 1;
}

const char *port_parse(const char *text, struct arena *arena, struct port *out)
{
	char *copy = arena_strdup(arena, text), *slash = strchr(copy, '/'), *colon;
	const char *wrong;

	*out = (struct port){.protocol = "tcp"};
	if (slash) {
		*slash = '\0';
		out->protocol = port_protocol(slash + 1);
		if (!out->protocol)
			return "the protocol is tcp, udp or sctp";
	}
	copy = cut_ip(copy, arena, out);
	if (!copy)
		return "the address in brackets does not end";
	colon = strchr(copy, ':');
	if (colon) {
		*colon = '\0';
		if (*copy) {
			wrong = port_range_parse(copy, &out->host_first, &out->host_last);
			if (wrong)
				return wrong;
		}
		copy = colon + 1;
	}
	wrong = port_range_parse(copy, &out->first, &out->last);
	return wrong ? wrong : port_check(out);
}

bool mount_is_path(const char *source)
{
	return *source == '/' || *source == '.' || *source == '~';
}

static const char *const propagations[] = {"private", "rprivate", "shared", "rshared", "slave",
	"rslave"};

static const char *mount_option(struct mount_text *mount, const char *option)
{
	if (!strcmp(option, "ro"))
		mount->read_only = true;
	else if (!strcmp(option, "nocopy"))
		mount->no_copy = true;
	else if (!strcmp(option, "z") || !strcmp(option, "Z"))
		mount->unsupported = option;
	else if (strcmp(option, "rw") && strcmp(option, "cached") && strcmp(option, "delegated") &&
		strcmp(option, "consistent")) {
		for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
			if (!strcmp(option, propagations[i])) {
				mount->propagation = propagations[i];
				return NULL;
			}
		return "the options after the target are ro, rw, nocopy and a propagation";
	}
	return NULL;
}

const char *mount_parse(const char *text, struct arena *arena, struct mount_text *out)
{
	char *copy = arena_strdup(arena, text), *target = strchr(copy, ':'), *options = NULL, *save;

	*out = (struct mount_text){.source = ""};
	if (!target) {
		target = copy;
	} else {
		*target++ = '\0';
		out->source = copy;
		options = strchr(target, ':');
		if (options)
			*options++ = '\0';
		if (!*copy)
			return "there is nothing before the colon";
	}
	out->target = target;
	if (*target != '/')
		return "the target is an absolute path inside the container";
	for (char *option = options ? strtok_r(options, ",", &save) : NULL; option;
		option = strtok_r(NULL, ",", &save)) {
		const char *wrong = mount_option(out, option);

		if (wrong)
			return wrong;
	}
	return NULL;
}
