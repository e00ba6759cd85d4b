#!/usr/bin/python3
"""Do an editor and devenv judge alike?

Lets an independent validator (python3-jsonschema) judge the manifests of samples.txt by the files in
schemas/, and checks that it says good and bad as the samples do; test_schema checks the same of
devenv. Exit status 77: the validator is not installed.
"""

import json
import pathlib
import re
import sys

try:
    import jsonschema
    import ruamel.yaml
except ImportError as missing:
    print(f"SKIPPED: {missing} (Debian: python3-jsonschema python3-ruamel.yaml)")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent / "schemas"
BASE = "https://example.invalid/"


def load_schemas():
    """All files by the address that relative references lead to."""
    return {
        BASE + path.relative_to(SCHEMAS).as_posix(): json.loads(path.read_text())
        for path in sorted(SCHEMAS.rglob("*.json"))
    }


def load_samples():
    """Title, manifest, and the lines at which devenv says something."""
    text = (HERE / "samples.txt").read_text()
    for block in re.split(r"^=== ", text, flags=re.M)[1:]:
        head, _, body = block.partition("\n")
        verdict, _, title = head.partition(" ")
        manifest, *said = re.split(r"^---\n", body, flags=re.M)
        lines = [int(line) for line in re.findall(r"^(\d+):", "".join(said), flags=re.M)]
        assert (verdict == "bad") == bool(lines), title
        yield title, manifest, lines


def plain(value):
    """What the YAML library made, as JSON would have it."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def items_alone(manifest, lines):
    """Each item of each list of spec as a manifest of its own, and whether devenv says something in
    its lines. One mistake then cannot hide that another is judged differently."""
    spec = manifest.get("spec") if isinstance(manifest, dict) else None
    for key, items in (spec if isinstance(spec, dict) else {}).items():
        if not isinstance(items, list):
            continue
        starts = [items.lc.data[i][0] + 1 for i in range(len(items))]
        following = spec.lc.data.values()
        ends = starts[1:] + [min([at[0] + 1 for at in following if at[0] + 1 > starts[-1]], default=1 << 30)]
        for item, start, end in zip(items, starts, ends):
            alone = dict(plain(manifest), spec={key: [plain(item)]})
            yield alone, any(start <= line < end for line in lines)


def main():
    schemas = load_schemas()
    root = schemas[BASE + "config.schema.json"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    resolver = jsonschema.RefResolver(BASE + "config.schema.json", root, store=schemas)
    validator = jsonschema.Draft202012Validator(root, resolver=resolver)
    yaml = ruamel.yaml.YAML()  # YAML 1.2, with places
    wrong = n = 0

    for title, text, lines in load_samples():
        manifest = yaml.load(text)
        judged = [(plain(manifest), bool(lines)), *items_alone(manifest, lines)]
        for i, (value, bad) in enumerate(judged):
            errors = list(validator.iter_errors(value))
            n += 1
            if bad == bool(errors):
                continue
            wrong += 1
            print(f"{title}{f', item {i}' if i else ''}: devenv says {'bad' if bad else 'good'},"
                  " jsonschema does not")
            for error in errors:
                print(f"  {error.json_path}: {error.message}")
    print(f"{n - wrong} of {n} manifests and items are judged alike")
    return wrong > 0 or n == 0


if __name__ == "__main__":
    sys.exit(main())
