"""A result is one JSON line: `name value unit peer peer_value ratio target met rounds spread costs peer_costs options machine build`.
Here they are made of measures, written, and shown as tables."""

import json
import os
import platform
import statistics
import subprocess


def value_of(measure, unit):
    amount = measure["payload_bytes"] / 1e6 if unit == "MB/s" else measure["operations"]
    return amount / measure["seconds"]


def costs_of(measure):
    """Of one operation: CPU microseconds of who serves it (also those outside of the kernel; and of the caller, when that is another
    process), bytes given to write calls for each byte of keys and values, bytes from the disk; and the peak of resident memory."""
    payload = measure["payload_bytes"]
    costs = {
        "cpu_us_per_op": measure["cpu_seconds"] * 1e6 / measure["operations"],
        "user_cpu_us_per_op": measure["user_cpu_seconds"] * 1e6 / measure["operations"],
        "written_per_byte": measure["written_bytes"] / payload if payload else 0.0,
        "disk_read_per_op": measure["disk_read_bytes"] / measure["operations"],
        "peak_resident_mb": measure["peak_resident_bytes"] / 1e6,
    }
    if measure.get("caller_cpu_seconds"):
        costs["caller_cpu_us_per_op"] = measure["caller_cpu_seconds"] * 1e6 / measure["operations"]
    return costs


def median_costs(measures):
    each = [costs_of(m) for m in measures]
    return {key: round(statistics.median(c.get(key, 0) for c in each), 3) for key in each[0]}


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def compare(name, unit, mine, peer_name, theirs, target, higher_is_better=True):
    """The line of one figure against one peer's, of the same rounds; None when the peer has none."""
    pairs = [(m, t) for m, t in zip(mine, theirs) if t > 0]
    if not pairs:
        return None
    ratios = [m / t for m, t in pairs]
    ratio = statistics.median(ratios)
    met = None if target is None else (ratio >= target if higher_is_better else ratio <= target)
    return {"name": name, "value": round(statistics.median(mine), 3), "unit": unit, "peer": peer_name,
            "peer_value": round(statistics.median(theirs), 3), "ratio": round(ratio, 3), "target": target, "met": met,
            "higher_is_better": higher_is_better, "rounds": len(ratios),
            "spread": {"value": summary(mine), "peer": summary(theirs), "ratio": summary(ratios)}}


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return {"cpu": model, "cores": os.cpu_count(), "memory_mib": memory, "kernel": platform.release(), "load": os.getloadavg()[0]}


def build_of(build_dir):
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return f"{os.path.basename(build_dir.rstrip('/'))} {commit}"


def write_lines(lines, path, common):
    with open(path, "w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps({**line, **common}) + "\n")


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def target_text(line):
    if line["target"] is None:
        return ""
    return ("≥ " if line["higher_is_better"] else "≤ ") + f"{line['target']:g}"


MET = {None: "", True: "yes", False: "NO"}


def show(lines):
    form = "{:<42} {:>10} {:>12} {:>12} {:>7} {:>15} {:>8} {:<4} {:>16} {:>12} {:>12}"
    print(form.format("workload", "peer", "Stele", "peer", "ratio", "(min-max)", "target", "met", "CPU us/op", "written/B", "peak MB"))
    for line in lines:
        spread, mine, theirs = line["spread"]["ratio"], line.get("costs"), line.get("peer_costs")
        pair = lambda key, digits: ":".join(f"{c[key]:.{digits}f}" for c in (mine, theirs) if c and key in c)
        print(form.format(f"{line['name']} {line['unit']}", line["peer"], number(line["value"]), number(line["peer_value"]),
                          f"{line['ratio']:.2f}", f"({spread['min']:.2f}-{spread['max']:.2f})", target_text(line), MET[line["met"]],
                          pair("cpu_us_per_op", 1), pair("written_per_byte", 2), pair("peak_resident_mb", 0)))


def markdown(lines, common):
    """The lines that have a target, as a table for a document."""
    where = common["machine"]
    text = ["| workload | | Stele | peer | | ratio (min – max) | target | met |", "|---|---|---:|---|---:|---:|---:|---|"]
    for line in lines:
        if line["target"] is None:
            continue
        spread = line["spread"]["ratio"]
        text.append(f"| {line['name']} | {line['unit']} | {number(line['value'])} | {line['peer']} | {number(line['peer_value'])} | "
                    f"**{line['ratio']:.2f}** ({spread['min']:.2f} – {spread['max']:.2f}) | {target_text(line)} | {MET[line['met']]} |")
    rounds = sorted({line["rounds"] for line in lines if line["target"] is not None})
    text += ["", f"Medians of {' or '.join(map(str, rounds))} rounds, {common['rows']:,} rows; {where['cpu']}, {where['cores']} cores, "
             f"{where['memory_mib'] >> 10} GiB, Linux {where['kernel']}, load at the start {where['load']:.1f}; build {common['build']}."]
    return "\n".join(text) + "\n"
