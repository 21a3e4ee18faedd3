#!/usr/bin/env python3
"""The house rules that a machine can check. Run without arguments at the repository's root: prints one line a finding and
exits 1 if there is any. `tidy.py --self-test` proves that each rule finds its own seeded offence.

A line may carry `tidy: allow <why>` in a comment: the banned-call rules then pass over it."""

import os
import re
import subprocess
import sys
import tempfile

# From the bottom up; an include may only reach a folder that stands before the including one.
LAYERS = """common/base common/bytes common/time common/fault common/obs common/store common/net common/testing
schema/model schema/wire schema/convert locker locker/embedded locker/zk client/routing client client/cli/webtable client/cli/ycsb client/cli client/cli/testing
tabletserver/filter tabletserver/storage/filter tabletserver/storage/cache tabletserver/storage/iterator tabletserver/storage/memtable
tabletserver/storage/log tabletserver/storage/sstable tabletserver/storage/index tabletserver/storage/manifest
tabletserver/storage/compaction tabletserver/storage tabletserver/tablet tabletserver/rpc master deploy tests""".split()

LINE_LIMITS = [(r"_test\.cc$", 1200), (r"\.h$", 300), (r"\.cc$", 800), (r"^dev$", 150)]
DOC_LIMITS = {
    "README.md": 100, "ARCHITECTURE.md": 250, "CONTRIBUTING.md": 150, "deploy/README.md": 150,
    "tests/README.md": 60, "tests/bench/README.md": 70, "schema/wire/README.md": 80, "master/procedures/STATES.md": 120, "tabletserver/README.md": 80,
    "tabletserver/storage/log/FORMAT.md": 100, "tabletserver/storage/sstable/FORMAT.md": 150,
    "tabletserver/storage/manifest/FORMAT.md": 80,
}
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100

# (pattern, what to use instead, folders where it is at home)
BANNED = [
    (r"\bclock_gettime\b|\bgettimeofday\b|_clock::now\b", "Clock (common/time)", ["common/time"]),
    (r"\b(std::)?rand\(\)|\bsrand\(|random_device|\bmt19937", "an injected random source", ["common/base", "common/testing", "tests"]),
    (r"sleep_for|sleep_until|\busleep\(|\bnanosleep\(", "a condition variable or a manual clock", []),
    (r"\bfopen\(|std::[io]?fstream|[^_:\w]::?open\(|\bstd::rename\b|[^\w.>:]rename\(", "Fs or BlobStore (common/store)",
     ["common/store", "common/testing", "tests", "client/cli", "deploy"]),
    (r"catch \(\.\.\.\)", "a named exception at the folder's edge", []),
    (r"std::mutex\b|std::lock_guard|std::unique_lock|absl::Mutex|std::condition_variable", "Mutex (common/base)", ["common/base"]),
    (r"\bexit\(|\babort\(", "a Status, or CHECK", ["common/base", "common/testing", "deploy/bin", "tests", "client/cli"]),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b", "an issue", []),
    (r"co_await|co_return|co_yield", "callbacks (gcc 12 miscompiles some coroutines)", []),
    (r"#include <(boost/asio|boost/beast)", "common/net", ["common/net"]),
    (r"#include [<\"](capnp|kj)/", "schema/convert", ["schema/wire", "schema/convert"]),
    (r"zookeeper/zookeeper\.h", "locker/zk", ["locker/zk"]),
    (r"gmock", "gtest alone (gmock costs 2 s a file)", []),
]
BAD_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|misc|types|manager)(_test)?\.(h|cc)$")
FOREIGN_WORDS = re.compile(r"/work/|/tmp/bash|\bsandbox\b|\bAI assistant\b|language model", re.I)
CONTROL = re.compile(r"^\s*(if|for|while|switch|else|do|namespace|class|struct|enum|union|try|extern|TEST|TEST_P|TEST_F|}|return\b.*[({]$)\b")


def layer_of(path):
    """The longest layer that is a folder of path, or None."""
    best = None
    for i, layer in enumerate(LAYERS):
        if path.startswith(layer + "/") and (best is None or len(layer) > len(LAYERS[best])):
            best = i
    return best


def strip(line):
    """The line without string literals and without its comment, so that words in them do not count."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line) if "#include" not in line else line
    return line.split("//")[0]


def declared_dependencies(root):
    """Folder -> (targets of DEPS, targets of tests besides) and target -> folder, read from the CMakeLists files."""
    deps, folder_of = {}, {}
    for directory, _, names in os.walk(root):
        if "CMakeLists.txt" not in names or "/build" in directory:
            continue
        folder = os.path.relpath(directory, root)
        with open(os.path.join(directory, "CMakeLists.txt"), encoding="utf-8") as f:
            text = re.sub(r"#.*", "", f.read())
        direct, for_tests = set(), set()
        for call in re.finditer(r"(stele_module|stele_test|add_executable|add_library|target_link_libraries)\s*\(([^)]*)\)", text):
            words = call.group(2).split()
            if call.group(1) == "stele_module":
                folder_of[words[0]] = folder
            section = "DEPS" if call.group(1) == "target_link_libraries" else None
            for word in words[1:]:
                if word.isupper() or word == "PRIVATE_DEPS":
                    section = word
                elif section in ("DEPS", "PRIVATE_DEPS", "PUBLIC", "PRIVATE", "INTERFACE") and call.group(1) != "stele_test":
                    direct.add(word)
                elif section in ("TEST_DEPS", "DEPS"):
                    for_tests.add(word)
        if direct or for_tests or folder in folder_of.values():
            deps[folder] = (direct, for_tests)
    return deps, folder_of


def sdk_headers(paths):
    """Name of a public header below include/stele -> the folder whose header it is."""
    found = {}
    for path in paths:
        match = re.match(r"(.*)/include/stele/([^/]+\.h)$", path)
        if match:
            found[match.group(2)] = match.group(1)
    return found


def check_includes(path, lines, deps, folder_of, sdk, report):
    in_sdk = os.path.basename(path) in sdk and path.endswith("/include/stele/" + os.path.basename(path))
    folder = sdk[os.path.basename(path)] if in_sdk else os.path.dirname(path)
    mine = layer_of(path)
    direct, for_tests = deps.get(folder, (None, None))
    for number, line in enumerate(lines, 1):
        match = re.match(r'#include "([^"]+)/([^"/]+)"', line)
        if not match or match.group(1) == folder:
            continue
        other = match.group(1)
        if other == "stele":
            other = sdk.get(match.group(2), "stele")
        elif in_sdk and other.split("/")[0] != "absl":
            report(path, number, f"a public header includes {match.group(1)}, which is not installed")
        if other == folder:
            continue
        theirs = layer_of(other + "/")
        is_test = path.endswith("_test.cc") or folder.startswith("tests")
        if mine is not None and theirs is not None and theirs > mine and not is_test:
            report(path, number, f"includes upward: {other} stands above {folder}")
        if LAYERS and mine is not None and {"master", "tabletserver"} == {folder.split("/")[0], other.split("/")[0]} and not is_test:
            report(path, number, "master and tabletserver never include each other")
        if direct is not None and other in folder_of.values():
            allowed = {folder_of[t] for t in direct | (for_tests if is_test else set()) if t in folder_of}
            if other not in allowed:
                report(path, number, f"includes {other}, which is not in the link list of {folder}")


def check_functions(path, lines, report):
    stack_start = None
    for number, line in enumerate(lines, 1):
        if stack_start is None:
            if line.rstrip().endswith("{") and "(" in "".join(lines[max(0, number - 6):number]) and not CONTROL.match(line):
                indent = len(line) - len(line.lstrip())
                head = "".join(lines[max(0, number - 4):number])
                if indent <= 4 and ")" in head and not line.lstrip().startswith(("struct", "class", "namespace", "//")):
                    # a continuation line of a signature is indented deeper than the function's closing brace
                    start = number
                    while start > 1 and lines[start - 1].strip() and (len(lines[start - 1]) - len(lines[start - 1].lstrip())) > 3 \
                            and not lines[start - 2].rstrip().endswith((";", "}", "{")):
                        start -= 1
                    indent = len(lines[start - 1]) - len(lines[start - 1].lstrip())
                    stack_start = (start, indent)
        else:
            start, indent = stack_start
            if re.match(r"^\s{%d}\}" % indent, line) and number > start:
                if number - start + 1 > MAX_FUNCTION_LINES:
                    report(path, start, f"function of {number - start + 1} lines (limit {MAX_FUNCTION_LINES})")
                stack_start = None


def check_source(path, text, deps, folder_of, sdk, report):
    lines = text.splitlines()
    if BAD_NAMES.search(os.path.basename(path)):
        report(path, 1, "a file name that says nothing (util, helper, misc, types, manager)")
    for pattern, limit in LINE_LIMITS:
        if re.search(pattern, path):
            if len(lines) > limit:
                report(path, limit, f"{len(lines)} lines (limit {limit})")
            break
    if path.endswith(".h") and "#pragma once" not in text:
        report(path, 1, "no #pragma once")
    if path.endswith(".h") and not text.startswith("//"):
        report(path, 1, "a header's first lines say what it is")
    for number, line in enumerate(lines, 1):
        if len(line) > 130 or (len(line) > MAX_COLUMNS and not line.lstrip().startswith(("//", "#")) and '"' not in line):
            report(path, number, f"{len(line)} columns (limit {MAX_COLUMNS})")
        if FOREIGN_WORDS.search(line):
            report(path, number, "a word that does not belong to the project")
        if "tidy: allow" in line:
            continue
        code = strip(line)
        for pattern, instead, homes in BANNED:
            subject = line if "TODO" in pattern else code
            if re.search(pattern, subject) and not any(path.startswith(h + "/") for h in homes):
                report(path, number, f"banned: {re.search(pattern, subject).group(0).strip()} (use {instead})")
    check_includes(path, lines, deps, folder_of, sdk, report)
    check_functions(path, lines, report)


def check_document(path, text, report):
    limit = DOC_LIMITS.get(path)
    if limit is None:
        limit = 120 if "/design/" in path else 40 if os.path.basename(path) == "README.md" else 150
    if len(text.splitlines()) > limit:
        report(path, limit, f"{len(text.splitlines())} lines (limit {limit})")
    for number, line in enumerate(text.splitlines(), 1):
        if FOREIGN_WORDS.search(line):
            report(path, number, "a word that does not belong to the project")


def run(root):
    """All findings as strings."""
    findings = []

    def report(path, line, what):
        findings.append(f"{path}:{line}: {what}")

    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    deps, folder_of = declared_dependencies(root)
    paths = sorted(set(listed.stdout.split("\n")))
    sdk = sdk_headers(paths)
    for path in paths:
        full = os.path.join(root, path)
        if not path or not os.path.isfile(full) or path.startswith("tests/tidy/"):
            continue
        if path.endswith((".h", ".cc", ".md")) or path == "dev":
            with open(full, encoding="utf-8") as f:
                text = f.read()
            if path.endswith(".md"):
                check_document(path, text, report)
            else:
                if path != "dev":
                    check_source(path, text, deps, folder_of, sdk, report)
                elif len(text.splitlines()) > 150:
                    report(path, 150, "dev is over 150 lines")
    return findings


def self_test():
    """Seeds one offence a rule into a scratch repository and expects its finding, and none for clean files."""
    clean = "// Clean.\n#pragma once\n"
    cases = {
        "common/base/up.h": ("// Up.\n#pragma once\n#include \"client/x.h\"\n", "includes upward"),
        "common/base/clock.cc": ("int64_t f() { return std::chrono::steady_clock::now(); }\n", "banned"),
        "common/base/nap.cc": ("void f() { std::this_thread::sleep_for(x); }\n", "banned"),
        "client/file.cc": ("std::ifstream f;\n", "banned"),
        "client/swallow.cc": ("void f() {\n  try {\n  } catch (...) {\n  }\n}\n", "banned"),
        "common/base/later.cc": ("// TO" + "DO: later\n", "banned"),
        "common/base/long.h": ("// L.\n#pragma once\n" + "int a;\n" * 300, "limit 300"),
        "common/base/function.cc": ("void F() {\n" + "  g();\n" * 70 + "}\n", "function of 72"),
        "common/base/wide.cc": ("int " + "a" * 110 + ";\n", "columns"),
        "common/base/string_util.h": (clean, "says nothing"),
        "common/base/nopragma.h": ("// N.\n", "pragma"),
        "master/cross.cc": ('#include "tabletserver/tablet/x.h"\n', "never include each other"),
        "locker/unlinked.cc": ('#include "common/bytes/x.h"\n', "not in the link list"),
        "client/include/stele/face.h": ("// F.\n#pragma once\n#include \"common/base/x.h\"\n", "not installed"),
        "locker/sdk.cc": ('#include "stele/face.h"\n', "includes upward: client"),
        "README.md": ("x\n" * 101, "limit 100"),
    }
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["git", "init", "-q", root], check=True)
        for folder, deps in {"common/base": "", "common/bytes": "common_base", "locker": "common_base"}.items():
            os.makedirs(os.path.join(root, folder), exist_ok=True)
            with open(os.path.join(root, folder, "CMakeLists.txt"), "w", encoding="utf-8") as f:
                f.write(f"stele_module({folder.replace('/', '_')} SOURCES a.cc DEPS {deps})\n")
        for path, (text, _) in list(cases.items()) + [("common/base/clean.h", (clean, ""))]:
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        findings = run(root)
    missed = [p for p, (_, what) in cases.items() if not any(x.startswith(p + ":") and what in x for x in findings)]
    wrong = [x for x in findings if "clean.h" in x]
    for path in missed:
        print(f"self-test: the offence in {path} was not found")
    for finding in wrong:
        print(f"self-test: clean file reported: {finding}")
    return 1 if missed or wrong else 0


def main():
    if "--self-test" in sys.argv:
        return self_test()
    findings = run(os.getcwd())
    print("\n".join(findings) if findings else "tidy: clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
