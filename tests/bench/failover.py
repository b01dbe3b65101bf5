#!/usr/bin/env python3
"""failover.py RESULTS [--write FILE]: the medians of what tests/bench/failover measured, as a table; with
--write between the lines '<!-- failover -->' and '<!-- /failover -->' of FILE."""
import json
import statistics
import sys

COLUMNS = [("manual", "by hand"), ("template", "kubeadm's template"), ("hactls", "hactl")]
ROWS = [  # scenario, which part, whether the holder led etcd, words, goal of hactl in ms
    ("stop", "broken", False, "keepalived stopped cleanly", 200),
    ("api", "broken", False, "API server stopped", 1500),
    ("power", "broken", False, "power cut", 1000),
    ("power", "broken", True, "power cut of the node that leads etcd", 2500),
    ("network", "both", False, "network cut and mended", 1000),
    ("power", "mended", None, "the node returns", 0),
]


def cost(r, part):
    return sum(r[p]["sumMs"] for p in ("broken", "mended") if part in (p, "both"))


def seconds(values):
    if not values:
        return "-"
    return "%.2f s" % (statistics.median(values) / 1000)


def runs(results, configuration):
    n = sum(r["configuration"] == configuration and r["scenario"] == "stop" for r in results)
    return ", one run" if n == 1 else ", median of %d" % n


def table(results):
    lines = ["| the API is gone for | " + " | ".join(words + runs(results, name) for name, words in COLUMNS) + " |",
             "|---|" + "---|" * len(COLUMNS)]
    for scenario, part, leads, words, _ in ROWS:
        cells = []
        for name, _ in COLUMNS:
            cells.append(seconds([cost(r, part) for r in results if r["configuration"] == name and
                                  r["scenario"] == scenario and leads in (None, bool(r["ledEtcd"]))]))
        lines.append("| " + words + " | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(path, text):
    with open(path) as f:
        old = f.read()
    begin, end = "<!-- failover -->\n", "<!-- /failover -->\n"
    head, rest = old.split(begin, 1)
    with open(path, "w") as f:
        f.write(head + begin + text + end + rest.split(end, 1)[1])


def main(argv):
    if len(argv) not in (2, 4) or len(argv) == 4 and argv[2] != "--write":
        sys.exit(__doc__)
    with open(argv[1]) as f:
        results = [json.loads(line) for line in f]
    text = table(results)
    if len(argv) == 4:
        write(argv[3], text)
    else:
        print(text, end="")
        medians = [r["requests"]["medianMs"] for r in results]
        if medians:
            print("an answer usually took %d ms; %d runs" % (statistics.median(medians), len(results)))


main(sys.argv)
