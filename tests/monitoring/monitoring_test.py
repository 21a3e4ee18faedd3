#!/usr/bin/python3
"""Goal: what every role shows at /metrics keeps Prometheus' conventions, as Debian's parser reads it; the alarms and the dashboard parse
and use only what is shown; each alarm has a summary, a description and its place in the runbook. The checks are first shown to find seeded
offences. Where promtool is installed it looks, too, and proves with made-up series when alarms come and when not (alerts_test.yml). Arguments: STELE_BINARY SOURCE_DIR"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request

import yaml
from prometheus_client.parser import text_string_to_metric_families

WAIT_SECONDS = 90
OTHER_UNITS = ("milliseconds", "millis", "ms", "microseconds", "us", "nanoseconds", "ns", "minutes", "hours", "kb", "mb", "kib", "mib",
               "percent", "pct")
DURATION_WORDS = ("duration", "remaining", "age", "stalled", "notice")
PROMETHEUS_OWN = {"up"}


def parse(text):
    """Name -> family. The parser makes one of every counter's name, with or without _total: check_conventions looks at the text, too."""
    return {family.name + ("_total" if family.type == "counter" else ""): family for family in text_string_to_metric_families(text)}


def check_conventions(text):
    """What is wrong with one exposition, a sentence each."""
    wrong = [] if text.endswith("\n") else ["the last line has no end"]
    described, samples = {"HELP": [], "TYPE": []}, set()
    for line in text.splitlines():
        comment = re.match(r"# (HELP|TYPE) (\S+) (.+)", line)
        if comment:
            kind, name, rest = comment.groups()
            described[kind].append(name)
            if kind == "TYPE" and (rest == "counter") != name.endswith("_total"):
                wrong.append(f"{name}: _total is for counters, all of them, and this is a {rest}")
        elif line.startswith("#") or not line:
            wrong.append(f"a line that says nothing: {line!r}")
        else:
            series = line.rsplit(" ", 1)[0]
            wrong += [f"twice: {series}"] if series in samples else []
            samples.add(series)
    for kind, names in described.items():
        wrong += [f"{name}: {names.count(name)} lines of {kind}" for name in set(names) if names.count(name) != 1]
    for name, family in parse(text).items():
        words = name.split("_")
        if not re.fullmatch(r"stele(_[a-z][a-z0-9]*)+", name):
            wrong.append(f"{name}: the name is not stele_words_in_lower_case")
        if not family.documentation or family.documentation.startswith("The number "):
            wrong.append(f"{name}: nothing says what it means")
        if family.type not in ("counter", "gauge", "histogram"):
            wrong.append(f"{name}: of type {family.type}")
        unit = words[-2] if words[-1] == "total" else words[-1]
        wrong += [f"{name}: {word} is no base unit" for word in words if word in OTHER_UNITS]
        if any(word in DURATION_WORDS for word in words) and unit != "seconds":
            wrong.append(f"{name}: a time that is not in seconds")
        if ("bytes" in words) != (unit == "bytes") or ("seconds" in words) != (unit == "seconds"):
            wrong.append(f"{name}: its unit is not at the end")
        if not family.samples:
            wrong.append(f"{name}: has no samples")
        if family.type == "histogram":
            wrong += check_histogram(family)
    return wrong


def check_histogram(family):
    wrong, series = [], {}
    for sample in family.samples:
        key = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        series.setdefault(key, {}).setdefault(sample.name[len(family.name):], []).append((sample.labels.get("le"), sample.value))
    for key, parts in series.items():
        counts = [value for _, value in parts.get("_bucket", [])]
        bounds = [float(le) for le, _ in parts.get("_bucket", [])]
        if not counts or bounds != sorted(bounds) or counts != sorted(counts) or bounds[-1] != float("inf"):
            wrong.append(f"{family.name}{key}: buckets do not grow up to +Inf")
        elif parts.get("_count") != [(None, counts[-1])] or "_sum" not in parts:
            wrong.append(f"{family.name}{key}: count or sum")
    return wrong


def uses(expression):
    """(metric, labels that are matched) of a PromQL expression."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    found = re.findall(r"\b(stele_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?", bare)
    return [(name, re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels)) for name, labels in found]


def labels_of(families):
    """Name of each series -> labels that it has; cell, job and instance come with the scrape."""
    known = {}
    for family in families:
        for sample in family.samples:
            known.setdefault(sample.name, {"cell", "job", "instance"}).update(sample.labels)
    return known


def check_expression(where, expression, known):
    wrong = []
    if expression.count("(") != expression.count(")") or not uses(expression):
        wrong.append(f"{where}: {expression}")
    for name, labels in uses(expression):
        if name not in PROMETHEUS_OWN and name not in known:
            wrong.append(f"{where}: no server shows {name}")
        wrong += [f"{where}: {name} has no label {label}" for label in labels if name in known and label not in known[name]]
    return wrong


def anchors(markdown):
    return {re.sub(r"[^\w\- ]", "", m.group(1).strip().lower()).replace(" ", "-") for m in re.finditer(r"^#+ (.*)$", markdown, re.M)}


def check_alerts(text, runbook, known):
    wrong, names = [], []
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            name = rule.get("alert", "")
            names.append(name)
            wrong += check_expression(name, rule.get("expr", ""), known)
            if not re.fullmatch(r"Stele[A-Z][A-Za-z]*", name) or names.count(name) > 1:
                wrong.append(f"{name}: its name")
            if rule.get("labels", {}).get("severity") not in ("page", "ticket"):
                wrong.append(f"{name}: its severity")
            notes = rule.get("annotations", {})
            wrong += [f"{name}: no {note}" for note in ("summary", "description", "runbook_url") if len(notes.get(note, "")) < 10]
            if notes.get("runbook_url") != f"file:///usr/share/doc/stele/README.md#{name.lower()}" or name.lower() not in anchors(runbook):
                wrong.append(f"{name}: the runbook has no such place as {notes.get('runbook_url')}")
    wrong += [f"{place}: the runbook knows an alarm that there is not" for place in anchors(runbook)
              if re.match(r"stele[a-z]+$", place) and place not in [n.lower() for n in names]]
    return wrong


def check_dashboard(text, known):
    wrong, ids, places = [], [], []
    for panel in json.loads(text)["panels"]:
        where = f"panel {panel['title']!r}"
        ids.append(panel["id"])
        at = panel["gridPos"]
        places += [(panel["title"], x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        if panel["type"] == "row":
            continue
        if not panel.get("description") or not panel["targets"]:
            wrong.append(f"{where}: no description or nothing shown")
        for target in panel["targets"]:
            wrong += check_expression(where, target["expr"], known)
            if "_seconds" in target["expr"] and "_bytes" in target["expr"]:
                wrong.append(f"{where}: bytes and seconds in one expression")
    if len(ids) != len(set(ids)) or len(places) != len({(x, y) for _, x, y in places}) or max(x for _, x, _ in places) > 23:
        wrong.append("panels with one number, in one place or beyond the edge")
    return wrong


def find_seeded_offences():
    """Each check, shown something wrong, says so."""
    good = '# HELP stele_a_bytes An a.\n# TYPE stele_a_bytes gauge\nstele_a_bytes{server="x"} 1\n'
    assert check_conventions(good) == []
    for text in (good.replace("gauge", "counter"), good.replace("a_bytes", "bytes_a"), good.replace("a_bytes", "a_ms"), good[:-1],
                 good.replace("# HELP stele_a_bytes An a.\n", ""), good + good, good.replace("stele_a", "a"),
                 good.replace("An a.", "The number a of a server."), good.replace("a_bytes", "a_age"), good.replace("gauge", "untyped"),
                 good.replace("a_bytes", "a_total")):
        assert check_conventions(text), text
    histogram = ('# HELP stele_t_seconds T.\n# TYPE stele_t_seconds histogram\nstele_t_seconds_bucket{le="1"} 2\n'
                 'stele_t_seconds_bucket{le="+Inf"} 3\nstele_t_seconds_sum 4\nstele_t_seconds_count 3\n')
    assert check_conventions(histogram) == []
    for text in (histogram.replace('"} 2', '"} 4'), histogram.replace("count 3", "count 2"), histogram.replace("+Inf", "2")):
        assert check_conventions(text), text
    known = labels_of(parse(good).values())
    rule = {"alert": "SteleA", "expr": 'stele_a_bytes{server="y"} > 1', "labels": {"severity": "page"},
            "annotations": {"summary": "a summary", "description": "a description",
                            "runbook_url": "file:///usr/share/doc/stele/README.md#stelea"}}
    rule["annotations"]["summary"] += " of it"
    def alerts(**changes):
        return yaml.safe_dump({"groups": [{"name": "g", "rules": [rule | changes]}]})
    assert check_alerts(alerts(), "### SteleA", known) == []
    for text, book in ((alerts(expr="stele_b > 1"), "### SteleA"), (alerts(expr='stele_a_bytes{table="x"}'), "### SteleA"),
                       (alerts(expr="(stele_a_bytes"), "### SteleA"), (alerts(), "### SteleB"), (alerts(labels={}), "### SteleA"),
                       (alerts(annotations={}), "### SteleA"), (alerts(), "### SteleA\n### SteleGone"), (alerts(expr="1 > 0"), "### SteleA")):
        assert check_alerts(text, book, known), (text, book)
    panel = {"id": 1, "type": "stat", "title": "t", "description": "d", "gridPos": {"x": 0, "y": 0, "w": 1, "h": 1},
             "targets": [{"expr": "stele_a_bytes"}]}
    assert check_dashboard(json.dumps({"panels": [panel]}), known) == []
    for panels in ([panel, panel], [panel | {"targets": [{"expr": "stele_b"}]}], [panel | {"description": ""}]):
        assert check_dashboard(json.dumps({"panels": panels}), known), panels


class Cell:
    """A local cell, and one of processes: two masters and a tablet server over ZooKeeper."""

    def __init__(self, stele, home):
        self.stele, self.home, self.children = stele, home, []

    def start(self, name, words, ready):
        out = open(f"{self.home}/{name}.out", "wb")
        child = subprocess.Popen(words, stdout=out, stderr=open(f"{self.home}/{name}.err", "wb"))
        self.children.append(child)
        tail = subprocess.run(["timeout", str(WAIT_SECONDS), "bash", "-c", f'tail -n +1 --pid={child.pid} -f "$0" | grep -m1 "$1"',
                               out.name, ready], capture_output=True, text=True)
        if not tail.stdout:
            sys.exit(f"FAILED: {name}: no {ready}: " + open(f"{self.home}/{name}.err", encoding="utf-8", errors="replace").read()[-2000:])
        return tail.stdout

    def role(self, name, *flags, ready="^READY"):
        return self.start(name, [self.stele, *flags], ready)

    def verb(self, cell, *words):
        subprocess.run([self.stele, *words, "--cell", cell, "--timeout-ms", "60000"], check=True, stdout=subprocess.DEVNULL)

    def end(self):
        for child in reversed(self.children):
            child.kill()
            child.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), answer.headers
        return answer.read().decode()


def work(cell, address):
    cell.verb(address, "table", "create", "t", "--family", "f")
    for i in range(20):
        cell.verb(address, "set", "t", f"row-{i}", "f:q", "x" * 1000)
    cell.verb(address, "read", "t", "row-1")
    cell.verb(address, "flush", "t")


def expositions(cell, home):
    """The text of each role."""
    ready = cell.role("local", "local", "--data", f"{home}/local", "--rpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    work(cell, re.search(r"rpc=(\S+)", ready).group(1))
    texts = {"local": get(re.search(r"http=(\S+)", ready).group(1))}
    port = free_port()
    with open(f"{home}/zoo.cfg", "w", encoding="utf-8") as config:
        config.write(f"tickTime=500\ndataDir={home}/zk\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n")
    cell.children.append(subprocess.Popen(["java", "-Xmx128m", "-XX:+UseSerialGC", "-cp", "/usr/share/java/zookeeper.jar",
                                           "org.apache.zookeeper.server.quorum.QuorumPeerMain", f"{home}/zoo.cfg"],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    locker = ["--locker", f"zk://127.0.0.1:{port}/stele", "--zookeeper-tick-ms", "500"]
    standby_http = free_port()
    def master(name, http, ready):
        return cell.role(name, "master", "--listen", "127.0.0.1:0", "--http", http, *locker, ready=ready)
    active = master("master", "127.0.0.1:0", "^READY")
    master("standby", f"127.0.0.1:{standby_http}", "^STANDBY")
    server = cell.role("ts", "tabletserver", "--id", "ts-1", "--data-dir", f"{home}/cell", "--http", "127.0.0.1:0", *locker)
    work(cell, re.search(r"rpc=(\S+)", active).group(1))
    texts["master"] = get(re.search(r"http=(\S+)", active).group(1))
    texts["standby"] = get(f"127.0.0.1:{standby_http}")
    texts["tabletserver"] = get(re.search(r"http=(\S+)", server).group(1))
    return texts


def value(text, name, **labels):
    return sum(s.value for f in parse(text).values() for s in f.samples if s.name == name and labels.items() <= s.labels.items())


def check_values(texts):
    """What was done is what is shown."""
    expected = [("local", "stele_ready", 1), ("master", "stele_ready", 1), ("standby", "stele_ready", 0), ("tabletserver", "stele_ready", 1),
                ("local", "stele_master_active", 1), ("master", "stele_master_active", 1), ("standby", "stele_master_active", 0),
                ("master", "stele_tablets_not_serving", 0), ("local", "stele_tablets_broken", 0)]
    wrong = [f"{role}: {name} is not {want}" for role, name, want in expected if value(texts[role], name) != want]
    for role in ("local", "tabletserver"):
        if value(texts[role], "stele_request_duration_seconds_count", kind="write") < 20:
            wrong.append(f"{role}: 20 rows were written, and are not counted")
        if not 0 < value(texts[role], "stele_request_duration_seconds_sum", kind="write") < WAIT_SECONDS * 20:
            wrong.append(f"{role}: the time of the writes")
        if not 0 < value(texts[role], "stele_lease_remaining_seconds") <= value(texts[role], "stele_recovery_notice_seconds"):
            wrong.append(f"{role}: the lease")
    if value(texts["master"], "stele_servers", state="live") != 1:
        wrong.append("master: not one live server")
    return wrong


def promtool(texts, source):
    """What promtool says against it; without promtool nothing, and that is said."""
    wrong = []
    if not shutil.which("promtool"):
        print("monitoring_test: no promtool here (./dev setup): alerts_test.yml was not run")
    else:
        calls = [(["check", "metrics"], text) for text in texts.values()]
        calls += [(["check", "rules", f"{source}/deploy/monitoring/alerts.yml"], "")]
        calls += [(["test", "rules", f"{source}/tests/monitoring/alerts_test.yml"], "")]
        for words, text in calls:
            done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True)
            wrong += [f"promtool {words}: {done.stdout}{done.stderr}"] if done.returncode else []
    return wrong


def main():
    stele, source = os.path.realpath(sys.argv[1]), sys.argv[2]
    find_seeded_offences()
    with tempfile.TemporaryDirectory(prefix="stele-monitoring-") as home:
        cell = Cell(stele, home)
        try:
            texts = expositions(cell, home)
        finally:
            cell.end()
        wrong = [f"{role}: {what}" for role, text in texts.items() for what in check_conventions(text)] + check_values(texts)
        known = labels_of(family for text in texts.values() for family in parse(text).values())
        read = lambda path: open(f"{source}/deploy/{path}", encoding="utf-8").read()
        wrong += check_alerts(read("monitoring/alerts.yml"), read("README.md"), known)
        wrong += check_dashboard(read("monitoring/dashboard.json"), known)
        wrong += promtool(texts, source)
    for what in wrong:
        print("FAILED:", what)
    print(f"monitoring_test: {len(known)} series of {len(texts)} processes, {len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
