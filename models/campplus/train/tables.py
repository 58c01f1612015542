#!/usr/bin/env python3
"""Print the tables of CARD.md from what the program measured.

usage: tables.py FIT_REPORT.json EVALUATION.json
"""
import json
import sys


def rate(figures):
    low, high = figures["eer_interval"]["low"], figures["eer_interval"]["high"]
    return f"{100 * figures['figures']['eer']:.2f} [{100 * low:.1f}, {100 * high:.1f}]"


def held_out(report):
    print("| system | set | EER % | Cllr | minCllr |\n|---|---|---|---|---|")
    for system in ("plain", "full"):
        sets = {"5-fold": report[system]["cross_validated"]}
        sets |= {f"unseen {name}": f for name, f in report[system]["unseen_data_sets"].items()}
        for name, f in sets.items():
            print(f"| {system} | {name} | {100 * f['eer']:.2f} | {f['cllr']:.3f} | {f['min_cllr']:.3f} |")


def evaluation(rows):
    print("| set | condition | speakers | targets / non-targets | EER % plain | EER % full | ratio full/plain "
          "| Cllr-minCllr plain | full | FA % | miss % | false rejects % |")
    print("|---" * 12 + "|")
    for r in rows:
        ratio, at = r["eer_ratio"], r["full"]["at_thresholds"]
        text = "-"
        if ratio and ratio["ratio"] is not None:
            low, high = (ratio["interval"] or {}).get("low"), (ratio["interval"] or {}).get("high")
            show = lambda x: "-" if x is None else f"{x:.2f}"
            text = f"{ratio['ratio']:.2f} [{show(low)}, {show(high)}]"
        print(f"| {r['corpus']} | {r['condition']} | {r['speakers']} | {r['targets']} / {r['non_targets']} "
              f"| {rate(r['plain'])} | {rate(r['full'])} | {text} | {r['plain']['calibration_loss']:.3f} "
              f"| {r['full']['calibration_loss']:.3f} | {100 * at['false_accepts']:.2f} "
              f"| {100 * at['targets_not_accepted']:.1f} | {100 * at['false_rejects']:.2f} |")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as fit, open(sys.argv[2]) as done:
        held_out(json.load(fit))
        print()
        evaluation([r for r in json.load(done)["rows"] if r["group"] == "all"])
