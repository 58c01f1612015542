#!/usr/bin/env python3
"""Print the table of held-out figures of CARD.md from the report of the fit.

The tables of the evaluation are written by `vouch evaluate tables EVALUATION.json --card CARD.md`.

usage: tables.py FIT_REPORT.json
"""
import json
import sys


def held_out(report):
    print("| system | set | EER % | Cllr | minCllr |\n|---|---|---|---|---|")
    for system in ("plain", "full"):
        sets = {"5-fold": report[system]["cross_validated"]}
        sets |= {f"unseen {name}": f for name, f in report[system]["unseen_data_sets"].items()}
        for name, f in sets.items():
            print(f"| {system} | {name} | {100 * f['eer']:.2f} | {f['cllr']:.3f} | {f['min_cllr']:.3f} |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as fit:
        held_out(json.load(fit))
