#!/usr/bin/env python3
"""Prints how the house stands, and refuses what the catalogue forbids: a finding's code that is compared outside the
catalogue and the rule that raises it, and a code that no test raises."""
import re
import statistics
import sys
from pathlib import Path

import citations
import tree

CODE = re.compile(r'\.code = "([a-z0-9-]+)"')
COMPARED = re.compile(r'(?:[=!]=\s*|\b(?:starts_with|ends_with|contains|find|among)\([^;\n"]*)"([a-z0-9]+-[a-z0-9-]*)"')
PRODUCT = ("agent/", "alerts/", "checks/", "config/")
CATALOGUE = "checks/judge/catalogue/"
RULES = ("checks/judge/rules/", "checks/judge/senders/", "agent/remember/past")  # each raises what it asks for


def sources(root):
    return {name: path.read_text(errors="replace") for name, path in tree.files(root) if name.endswith((".cc", ".h"))}


def codes(texts):
    return {code for name, text in texts.items() if name.startswith(CATALOGUE) for code in CODE.findall(text)}


def comparisons(texts, known):
    """What compares a code, or the beginning of some, though it neither is the catalogue nor raises it."""
    for name, text in texts.items():
        if not name.startswith(PRODUCT) or name.startswith(CATALOGUE):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for word in COMPARED.findall(line):
                of_a_code = word in known or (word.endswith("-") and any(code.startswith(word) for code in known))
                if of_a_code and not (name.startswith(RULES) and raises(text, word)):
                    yield f"{name}:{number}: compares a finding's code with \"{word}\": ask the catalogue for a column"


def raises(text, word):
    return "raise(change.code" in text or word.endswith("-") or text.count(f'"{word}"') > 1 or f'"{word}", &' in text


def without_test(texts, known):
    tests = "".join(text for name, text in texts.items()
                    if name.startswith("tests/") and not name.endswith("catalogue_test.cc"))
    mentioned = set(re.findall(r'"([a-z0-9-]+)[" ]', tests))
    return sorted(known - mentioned)


def complaints(root):
    texts = sources(root)
    known = codes(texts)
    ours = {name: text.count("\n") for name, text in texts.items() if name.startswith(PRODUCT)}
    compared = list(comparisons(texts, known))
    untested = without_test(texts, known)
    unresolved = list(citations.complaints(root))      # which citations.py refuses
    print(f"C++ files outside tests: {len(ours)}")
    print(f"median lines: {statistics.median(ours.values()):.0f}")
    print(f"files under 40 lines: {sum(lines < 40 for lines in ours.values())}")
    print(f"comparisons with codes outside the catalogue: {len(compared)}")
    print(f"unresolved citations: {len(unresolved)}")
    print(f"codes without a test: {len(untested)} of {len(known)}")
    yield from compared
    for code in untested:
        yield f"{CATALOGUE}: \"{code}\" is raised by no test"


if __name__ == "__main__":
    sys.exit(tree.report(complaints(sys.argv[1])))
