/*
 * What an unquoted scalar means: the core schema of YAML 1.2, decided by the first character,
 * because nearly every scalar is a string and most of them show it at once. See yaml.h for the
 * deviations.
 */
#include "model/yaml.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const struct value *value, const char *a, const char *b, const char *c)
{
	size_t len = strlen(a);

	return value->len == len && (memcmp(value->text, a, len) == 0 ||
		memcmp(value->text, b, len) == 0 || memcmp(value->text, c, len) == 0);
}

static void set_bool(struct value *value, bool boolean)
{
	value->kind = VALUE_BOOL;
	value->boolean = boolean;
}

static void set_real(struct value *value, double real)
{
	value->kind = VALUE_REAL;
	value->real = real;
}

/* "0x1f" and "0o17"; too large for 64 bits stays a string. */
static void resolve_based(struct value *value, int base)
{
	const char *digits = value->text + 2;
	uint64_t number = 0;

	if (!*digits)
		return;
	for (; *digits; digits++) {
		int digit = isdigit((unsigned char)*digits) ? *digits - '0'
			    : isxdigit((unsigned char)*digits)
				    ? tolower((unsigned char)*digits) - 'a' + 10
				    : 99;

		if (digit >= base || number > (uint64_t)INT64_MAX / (unsigned)base)
			return;
		number = number * (unsigned)base + (unsigned)digit;
		if (number > INT64_MAX)
			return;
	}
	value->kind = VALUE_INT;
	value->integer = (int64_t)number;
}

static size_t digits_at(const char *text)
{
	size_t n = 0;

	while (isdigit((unsigned char)text[n]))
		n++;
	return n;
}

/* ".5", "1.", "1.5e-3" from `at`: true when nothing else follows. */
static bool is_real(const char *at)
{
	size_t whole = digits_at(at), part = 0;

	at += whole;
	if (*at == '.') {
		part = digits_at(++at);
		at += part;
	}
	if (!whole && !part)
		return false;
	if (*at == 'e' || *at == 'E') {
		size_t exponent;

		at++;
		at += *at == '+' || *at == '-';
		exponent = digits_at(at);
		if (!exponent)
			return false;
		at += exponent;
	}
	return !*at;
}

static void resolve_number(struct value *value)
{
	const char *at = value->text;
	bool negative = *at == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, number = 0;
	bool fits = true;

	at += *at == '-' || *at == '+';
	if (*at == '.' && is_one_of(&(struct value){.text = at, .len = (uint32_t)strlen(at)},
				  ".inf", ".Inf", ".INF")) {
		set_real(value, negative ? -INFINITY : INFINITY);
		return;
	}
	if (*at == '0' && isdigit((unsigned char)at[1]))
		return;
	for (const char *digit = at;; digit++) {
		if (!*digit && digit > at)
			break;
		if (!isdigit((unsigned char)*digit)) {
			if (is_real(at))
				set_real(value, strtod(value->text, NULL));
			return;
		}
		fits = fits && number <= (limit - (unsigned)(*digit - '0')) / 10;
		number = number * 10 + (unsigned)(*digit - '0');
	}
	if (!fits) {
		set_real(value, strtod(value->text, NULL));
		return;
	}
	value->kind = VALUE_INT;
	value->integer = negative ? (int64_t)(0 - number) : (int64_t)number;
}

void yaml_resolve(struct value *value)
{
	const char *text = value->text;

	value->kind = VALUE_STRING;
	if (memchr(text, '\0', value->len))
		return;
	switch (*text) {
	case '\0':
		value->kind = VALUE_NULL;
		break;
	case '~':
		if (value->len == 1)
			value->kind = VALUE_NULL;
		break;
	case 'n':
	case 'N':
		if (is_one_of(value, "null", "Null", "NULL"))
			value->kind = VALUE_NULL;
		break;
	case 't':
	case 'T':
		if (is_one_of(value, "true", "True", "TRUE"))
			set_bool(value, true);
		break;
	case 'f':
	case 'F':
		if (is_one_of(value, "false", "False", "FALSE"))
			set_bool(value, false);
		break;
	case '.':
		if (is_one_of(value, ".nan", ".NaN", ".NAN"))
			set_real(value, NAN);
		else
			resolve_number(value);
		break;
	case '0':
		if (text[1] == 'x') {
			resolve_based(value, 16);
			break;
		}
		if (text[1] == 'o') {
			resolve_based(value, 8);
			break;
		}
		resolve_number(value);
		break;
	case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
	case '-':
	case '+':
		resolve_number(value);
		break;
	}
}
