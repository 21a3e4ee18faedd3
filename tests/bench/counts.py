"""Instruction counts of core paths: measured under callgrind, compared with those on record (counts.json). A count is
instructions per operation, of all threads, in user space. It repeats to a fraction of a percent on a busy machine too, so
it shows a change that no timing would; it says nothing about caches, waits and the kernel."""

import json
import os
import re
import shutil
import subprocess
import tempfile

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counts.json")
SAME, WORSE, BETTER, NEW, GONE = "same", "WORSE", "better", "new", "gone"
# What `verdict` tells the shell.
EXIT_SAME, EXIT_WORSE, EXIT_TO_RECORD, EXIT_OTHER_TOOLS = 0, 1, 3, 4


def compare(recorded, seen, tolerance_percent, own={}):
    """case -> (verdict, change in percent or None), for every case of either. Some have a tolerance of their own."""
    found = {}
    for name in [*recorded, *(n for n in seen if n not in recorded)]:
        if name not in seen:
            found[name] = (GONE, None)
        elif name not in recorded:
            found[name] = (NEW, None)
        else:
            percent = 100.0 * (seen[name] - recorded[name]) / recorded[name]
            found[name] = (SAME if abs(percent) <= own.get(name, tolerance_percent) else WORSE if percent > 0 else BETTER, percent)
    return found


def exit_code(verdicts):
    kinds = {verdict for verdict, _ in verdicts.values()}
    return EXIT_WORSE if WORSE in kinds else EXIT_SAME if kinds <= {SAME} else EXIT_TO_RECORD


def tools(build_dir):
    """What a count depends on besides the source."""
    with open(os.path.join(build_dir, "CMakeCache.txt"), encoding="utf-8") as cache:
        entries = dict(re.findall(r"^(CMAKE_CXX_COMPILER|CMAKE_CXX_FLAGS):[A-Z]+=(.*)$", cache.read(), re.M))
    first_line = lambda words: subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return {"compiler": first_line([entries["CMAKE_CXX_COMPILER"], "--version"]), "flags": entries["CMAKE_CXX_FLAGS"],
            "valgrind": first_line(["valgrind", "--version"])}


def count(binary, case, operations, keep):
    """Instructions per operation; callgrind's own output is left in the directory `keep`, if any, for callgrind_annotate."""
    # In memory: how a disk answers must not decide how often a thread waits.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as directory:
        out = os.path.join(directory, "callgrind.out")
        done = subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", binary, case,
                               str(operations), os.path.join(directory, "data")], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: {case} failed under valgrind:\n{done.stderr[-2000:]}")
        with open(out, encoding="utf-8") as text:
            total = re.search(r"^totals: (\d+)", text.read(), re.M)
        if keep:
            os.makedirs(keep, exist_ok=True)
            shutil.copy(out, os.path.join(keep, f"{case}.callgrind"))
    return int(total.group(1)) / operations


def listed(binary):
    """(name, operations, what one is) of each case."""
    out = subprocess.run([binary], capture_output=True, text=True, check=True).stdout
    return [(name, int(operations), what) for name, operations, what in (line.split("\t") for line in out.splitlines())]


def measure(binary, cases, rounds, keep=None):
    """case -> (median count, spread in percent over the rounds)."""
    seen = {}
    for name, operations, _ in cases:
        each = sorted(count(binary, name, operations, keep) for _ in range(rounds))
        middle = each[len(each) // 2]
        seen[name] = (middle, 100.0 * (each[-1] - each[0]) / middle)
    return seen


def load_record(path=RECORD):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def run(binary, build_dir, args):
    """The exit code of ./dev bench counts."""
    if shutil.which("valgrind") is None:
        raise SystemExit("bench: valgrind is not installed (./dev setup)")
    cases = [c for c in listed(binary) if not args.cases or c[0] in args.cases.split(",")]
    seen, recorded, with_tools = measure(binary, cases, args.rounds or 1, args.keep), load_record(), tools(build_dir)
    if args.record:
        new = {"tolerance_percent": (recorded or {"tolerance_percent": 3.0})["tolerance_percent"], "tools": with_tools, "cases": {}}
        new["cases"] = dict(recorded["cases"]) if recorded and recorded["tools"] == with_tools and args.cases else {}
        for name, operations, what in cases:
            known = recorded["cases"].get(name, {}) if recorded else {}
            new["cases"][name] = {**known, "instructions": round(seen[name][0], 1), "operation": what}
        with open(RECORD, "w", encoding="utf-8") as file:
            file.write(json.dumps(new, indent=1) + "\n")
        recorded = new
    before = {n: c["instructions"] for n, c in recorded["cases"].items() if not args.cases or n in seen} if recorded else {}
    own = {n: c["tolerance_percent"] for n, c in recorded["cases"].items() if "tolerance_percent" in c} if recorded else {}
    verdicts = compare(before, {name: value for name, (value, _) in seen.items()}, recorded["tolerance_percent"] if recorded else 0, own)
    show(verdicts, before, seen)
    if recorded and recorded["tools"] != with_tools:
        print(f"not to be compared: the record is of {recorded['tools']}, this is {with_tools}")
        return EXIT_OTHER_TOOLS
    code = exit_code(verdicts)
    if code == EXIT_TO_RECORD:
        print("an improvement, or a case that is not on record: ./dev bench counts --record, and commit tests/bench/counts.json")
    return code


def show(verdicts, before, seen):
    form = "{:<18} {:>12} {:>12} {:>9} {:>8}  {}"
    print(form.format("path", "recorded", "now", "change", "spread", "verdict"))
    for name, (verdict, percent) in verdicts.items():
        now = seen.get(name)
        print(form.format(name, f"{before[name]:,.0f}" if name in before else "-", f"{now[0]:,.0f}" if now else "-",
                          f"{percent:+.2f} %" if percent is not None else "-", f"{now[1]:.2f} %" if now else "-", verdict))
