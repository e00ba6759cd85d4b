/*
 * Regular expressions to state machines: parse into a tree, the tree into an NFA, the NFA into a DFA
 * whose equal columns are merged. Only what POSIX (extended) and ECMAScript read alike is accepted:
 * literals, \. escapes, \d, ., [classes], (groups), |, *, +, ?, {m,n}, ^ first and $ last. A
 * character outside ASCII counts as one where a class is negated or for a dot.
 */
#include "schemas/generate.h"

#include "base/alloc.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STATES_MAX = 4096, REPEAT_MAX = 1000 };

enum tree_op {
	EMPTY,
	SET, /* one byte of a set */
	CAT,
	ALT,
	REPEAT, /* min to max times; max -1: no limit */
};

struct tree {
	enum tree_op op;
	bool set[256];
	struct tree *a, *b;
	int min, max;
};

struct parser {
	const char *at, *pattern, *where;
};

static struct tree *new_tree(enum tree_op op, struct tree *a, struct tree *b)
{
	struct tree *tree = xcalloc(1, sizeof(*tree));

	tree->op = op;
	tree->a = a;
	tree->b = b;
	return tree;
}

static struct tree *new_range(int from, int to)
{
	struct tree *tree = new_tree(SET, NULL, NULL);

	memset(tree->set + from, true, (size_t)(to - from + 1));
	return tree;
}

/* Any character beyond ASCII, in UTF-8. */
static struct tree *beyond_ascii(void)
{
	struct tree *two = new_tree(CAT, new_range(0xc2, 0xdf), new_range(0x80, 0xbf));
	struct tree *three = new_tree(CAT, new_range(0xe0, 0xef),
		new_tree(CAT, new_range(0x80, 0xbf), new_range(0x80, 0xbf)));
	struct tree *four = new_tree(CAT, new_range(0xf0, 0xf4), new_tree(CAT, new_range(0x80, 0xbf),
		new_tree(CAT, new_range(0x80, 0xbf), new_range(0x80, 0xbf))));

	return new_tree(ALT, two, new_tree(ALT, three, four));
}

static struct tree *negate(struct tree *set)
{
	for (int i = 0; i < 128; i++)
		set->set[i] = !set->set[i];
	return new_tree(ALT, set, beyond_ascii());
}

static struct tree *repeat(struct tree *tree, int min, int max)
{
	struct tree *all = new_tree(REPEAT, tree, NULL);

	all->min = min;
	all->max = max;
	return all;
}

static struct tree *parse_alternatives(struct parser *p);

/* A step may have gone one byte over the end. */
static void refuse(const struct parser *p, const char *why)
{
	const char *end = p->pattern + strlen(p->pattern);

	die(p->where, "", "pattern \"%s\", at \"%s\": %s", p->pattern, p->at < end ? p->at : end,
		why);
}

/* After a backslash. */
static void parse_escape(struct parser *p, bool *set)
{
	unsigned char c = (unsigned char)*p->at++;

	if (c == 'd')
		memset(set + '0', true, 10);
	else if (c == 'n')
		set['\n'] = true;
	else if (c == 't')
		set['\t'] = true;
	else if (ispunct(c))
		set[c] = true;
	else
		refuse(p, "this escape is not supported");
}

static struct tree *parse_class(struct parser *p)
{
	struct tree *tree = new_tree(SET, NULL, NULL);
	bool negated = *p->at == '^';

	p->at += negated;
	for (bool first = true; first || *p->at != ']'; first = false) {
		unsigned char from = (unsigned char)*p->at++;

		if (from == 0 || from >= 128 || (from == '[' && *p->at == ':') ||
			(first && from == ']'))
			refuse(p, "this class is not supported");
		if (from == '\\') {
			parse_escape(p, tree->set);
		} else if (p->at[0] == '-' && p->at[1] != ']') {
			unsigned char to = (unsigned char)p->at[1];

			if (to < from || to >= 128 || to == '\\')
				refuse(p, "this range is not supported");
			memset(tree->set + from, true, (size_t)(to - from + 1));
			p->at += 2;
		} else {
			tree->set[from] = true;
		}
	}
	p->at++;
	return negated ? negate(tree) : tree;
}

static struct tree *parse_atom(struct parser *p)
{
	struct tree *tree;
	unsigned char c = (unsigned char)*p->at++;

	switch (c) {
	case '(':
		if (*p->at == '?') {
			if (p->at[1] != ':')
				refuse(p, "this group is not supported");
			p->at += 2;
		}
		tree = parse_alternatives(p);
		if (*p->at++ != ')')
			refuse(p, "a \")\" is missing");
		return tree;
	case '[':
		return parse_class(p);
	case '.':
		tree = new_tree(SET, NULL, NULL);
		tree->set['\n'] = tree->set['\r'] = true;
		return negate(tree);
	case '\\':
		tree = new_tree(SET, NULL, NULL);
		parse_escape(p, tree->set);
		return tree;
	case '^': case '$': case '*': case '+': case '?': case '{': case '}': case ']':
		p->at--;
		refuse(p, "this is not supported here; escape it to mean itself");
		return NULL;
	default:
		return new_range(c, c);
	}
}

static struct tree *parse_counts(struct parser *p, struct tree *tree)
{
	char *end;
	long min, max;

	min = max = strtol(p->at, &end, 10);
	if (end == p->at)
		refuse(p, "{m}, {m,} or {m,n} is expected");
	if (*end == ',') {
		p->at = end + 1;
		max = *p->at == '}' ? -1 : strtol(p->at, &end, 10);
		if (max == -1)
			end++;
	}
	p->at = end;
	if (*p->at++ != '}' || min < 0 || min > REPEAT_MAX || max > REPEAT_MAX ||
		(max >= 0 && max < min))
		refuse(p, "these counts are not supported");
	return repeat(tree, (int)min, (int)max);
}

static struct tree *parse_piece(struct parser *p)
{
	struct tree *tree = parse_atom(p);

	for (;;) {
		char c = *p->at;

		if (c != '*' && c != '+' && c != '?' && c != '{')
			return tree;
		p->at++;
		if (c == '{')
			tree = parse_counts(p, tree);
		else
			tree = repeat(tree, c == '+', c == '?' ? 1 : -1);
		if (*p->at == '?')
			refuse(p, "lazy repetition is not supported");
	}
}

static bool at_end_anchor(const struct parser *p)
{
	return p->at[0] == '$' && p->at[1] == 0;
}

static struct tree *parse_sequence(struct parser *p)
{
	struct tree *tree = new_tree(EMPTY, NULL, NULL);

	while (*p->at && *p->at != '|' && *p->at != ')' && !at_end_anchor(p))
		tree = new_tree(CAT, tree, parse_piece(p));
	return tree;
}

static struct tree *parse_alternatives(struct parser *p)
{
	struct tree *tree = parse_sequence(p);

	while (*p->at == '|') {
		p->at++;
		tree = new_tree(ALT, tree, parse_sequence(p));
	}
	return tree;
}

static struct tree *parse(struct parser *p)
{
	bool start = *p->at == '^', end;
	struct tree *tree;

	p->at += start;
	tree = parse_alternatives(p);
	end = at_end_anchor(p);
	p->at += end;
	if (*p->at)
		refuse(p, "unexpected");
	if ((start || end) && tree->op == ALT)
		refuse(p, "^ and $ beside | need parentheses: ^(a|b)$");
	if (!start)
		tree = new_tree(CAT, repeat(new_range(0, 255), 0, -1), tree);
	if (!end)
		tree = new_tree(CAT, tree, repeat(new_range(0, 255), 0, -1));
	return tree;
}

/* Every machine ends here when it grows beyond what a pattern of a schema can need. */
static void want_room(const struct parser *p, size_t states)
{
	if (states >= STATES_MAX)
		refuse(p, "too many states");
}

/* The NFA. A state without a set is a fork (two ways without input), or the end. */
struct nfa {
	const struct parser *parser;
	struct nfa_state {
		const bool *set;
		int out, other; /* -1: none */
	} *states;
	size_t n, cap;
};

static int new_state(struct nfa *nfa, const bool *set, int out, int other)
{
	want_room(nfa->parser, nfa->n);
	VEC_GROW(nfa->states, nfa->n, nfa->cap);
	nfa->states[nfa->n] = (struct nfa_state){.set = set, .out = out, .other = other};
	return (int)nfa->n++;
}

/* Built from its end: the state at which `tree` starts, when `next` follows it. */
static int build(struct nfa *nfa, const struct tree *tree, int next)
{
	int fork;

	switch (tree->op) {
	case EMPTY:
		return next;
	case SET:
		return new_state(nfa, tree->set, next, -1);
	case CAT:
		return build(nfa, tree->a, build(nfa, tree->b, next));
	case ALT:
		fork = build(nfa, tree->a, next);
		return new_state(nfa, NULL, fork, build(nfa, tree->b, next));
	case REPEAT:
		if (tree->max < 0) {
			fork = new_state(nfa, NULL, -1, next);
			int body = build(nfa, tree->a, fork);

			nfa->states[fork].out = body;
			next = fork;
		}
		for (int i = tree->min; i < tree->max; i++)
			next = new_state(nfa, NULL, build(nfa, tree->a, next), next);
		for (int i = 0; i < tree->min; i++)
			next = build(nfa, tree->a, next);
		return next;
	}
	return next;
}

/* The DFA. Its states are sets of NFA states, a byte each. */
struct dfa {
	struct nfa nfa;
	uint8_t **sets;
	uint16_t (*next)[256];
	size_t n, cap;
};

static void close_over(const struct nfa *nfa, uint8_t *set, int state)
{
	while (state >= 0 && !set[state]) {
		set[state] = 1;
		if (nfa->states[state].set)
			return;
		close_over(nfa, set, nfa->states[state].other);
		state = nfa->states[state].out;
	}
}

/* Takes over `set`. */
static uint16_t dfa_state(struct dfa *dfa, uint8_t *set)
{
	for (size_t i = 0; i < dfa->n; i++) {
		if (!memcmp(dfa->sets[i], set, dfa->nfa.n)) {
			free(set);
			return (uint16_t)i;
		}
	}
	want_room(dfa->nfa.parser, dfa->n);
	dfa->sets[dfa->n] = set;
	return (uint16_t)dfa->n++;
}

static void dfa_build(struct dfa *dfa, const struct tree *tree)
{
	int end = new_state(&dfa->nfa, NULL, -1, -1);
	int start = build(&dfa->nfa, tree, end);

	dfa->sets = xcalloc(STATES_MAX, sizeof(*dfa->sets));
	dfa->next = xcalloc(STATES_MAX, sizeof(*dfa->next));
	uint8_t *first = xcalloc(dfa->nfa.n, 1);

	close_over(&dfa->nfa, first, start);
	dfa_state(dfa, xcalloc(dfa->nfa.n, 1));
	dfa_state(dfa, first);
	for (size_t i = 1; i < dfa->n; i++) {
		for (int byte = 0; byte < 256; byte++) {
			uint8_t *set = xcalloc(dfa->nfa.n, 1);

			for (size_t j = 0; j < dfa->nfa.n; j++) {
				const struct nfa_state *state = &dfa->nfa.states[j];

				if (dfa->sets[i][j] && state->set && state->set[byte])
					close_over(&dfa->nfa, set, state->out);
			}
			dfa->next[i][byte] = dfa_state(dfa, set);
		}
	}
}

/* Bytes with equal columns share a class; returns how many there are. */
static unsigned merge_columns(const struct dfa *dfa, uint8_t classes[256], uint8_t of[256])
{
	unsigned n = 0;

	for (int byte = 0; byte < 256; byte++) {
		unsigned class = 0;

		for (; class < n; class++) {
			size_t i = 0;

			while (i < dfa->n && dfa->next[i][byte] == dfa->next[i][of[class]])
				i++;
			if (i == dfa->n)
				break;
		}
		if (class == n)
			of[n++] = (uint8_t)byte;
		classes[byte] = (uint8_t)class;
	}
	return n;
}

static void emit_number(struct strbuf *out, size_t i, unsigned number)
{
	strbuf_addf(out, "%s%u,", i % 24 ? " " : "\n\t", number);
}

void pattern_emit(struct strbuf *out, const char *name, const char *pattern, const char *where)
{
	struct parser p = {.at = pattern, .pattern = pattern, .where = where};
	uint8_t classes[256], of[256];
	struct dfa dfa = {.nfa.parser = &p};

	dfa_build(&dfa, parse(&p));
	unsigned n = merge_columns(&dfa, classes, of);

	strbuf_addf(out, "static const uint8_t %s_classes[256] = {", name);
	for (size_t i = 0; i < 256; i++)
		emit_number(out, i, classes[i]);
	strbuf_addf(out, "\n};\nstatic const uint16_t %s_next[] = {", name);
	for (size_t i = 0; i < dfa.n * n; i++)
		emit_number(out, i, dfa.next[i / n][of[i % n]]);
	strbuf_addf(out, "\n};\nstatic const uint8_t %s_accepting[] = {", name);
	for (size_t i = 0; i < dfa.n; i++)
		emit_number(out, i, dfa.sets[i][0]); /* state 0 of the NFA is its end */
	strbuf_addf(out, "\n};\nstatic const struct pattern %s = {\n\t.text = ", name);
	emit_string(out, pattern);
	strbuf_addf(out, ",\n\t.classes = %s_classes,\n\t.next = %s_next,\n\t.accepting = "
		"%s_accepting,\n\t.n_classes = %u,\n};\n", name, name, name, n);
	/* Trees and machines are small and go with the process. */
}
