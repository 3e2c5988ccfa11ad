import copy
import re
from html import unescape
from typing import Any

import pytest
from chart_frames import HOSTILE

from dashboards.reports.uplift_page import KEYS, report_page
from tabkit.errors import SchemaError
from tabkit.uplift.decision import trust
from tabkit.uplift.summary import checks

SHARES = [k / 20 for k in range(1, 21)]


def interval(value: float | None, wide: float = 0.01, **more: Any) -> dict[str, Any]:
    low, high = (None, None) if value is None else (value - wide, value + wide)
    return {"value": value, "low": low, "high": high, "se": None if value is None else wide / 2, **more}


def ranking(value: float) -> dict[str, Any]:
    return interval(value, 0.0012 if value else 0.0, undefined=0)


def curve(average: float, bend: float) -> dict[str, Any]:
    gain = [average * s + bend * s * (1 - s) for s in SHARES]
    toc = [bend * (1 - s) for s in SHARES]
    sides = {
        f"{name}_{end}": [v + way for v in each]
        for name, each in (("gain", gain), ("toc", toc))
        for end, way in (("low", -0.01), ("high", 0.01))
    }
    return {"share": SHARES, "gain": gain, "toc": toc, **sides}


def segment(name: str, rows: int, effect: float | None) -> dict[str, Any]:
    seen = interval(effect, 0.02)
    return {"segment": name, "rows": rows, "share": rows / 1000, "predicted": effect, "observed": seen["value"],
            "low": seen["low"], "high": seen["high"], "baseline": None if effect is None else 0.105}  # fmt: skip


def arm(name: str, word: str = "usable", why: str = "it lies above zero") -> dict[str, Any]:
    effect = {"arm": name, "p": 0.001, "level": 0.95}
    return {
        "arm": name,
        "effect": interval(0.0451, 0.0063, method="aipw", **effect),
        "difference": interval(0.0499, 0.0063, method="difference", **effect),
        "qini": ranking(0.008), "autoc": ranking(0.023), "response": ranking(0.0058),
        "against_response": ranking(0.0022),
        "classical": {"qini_normalised": 0.066, "uplift_auc_normalised": 0.03, "uplift_at_30": 0.0807},
        "groups": {
            "share": [0.5, 0.5], "predicted": [0.01, 0.08], "observed": [0.012, 0.07], "se": [0.01, 0.01],
            "low": [-0.008, 0.05], "high": [0.032, 0.09], "difference": 0.058, "difference_se": 0.01,
            "difference_low": 0.03, "difference_high": 0.08,
        },
        "line": {"average": 0.045, "average_se": 0.005, "slope": 1.29, "slope_se": 0.2, "slope_low": 0.87,
                 "slope_high": 1.71, "p_slope": 1e-9},
        "curve": curve(0.045, 0.05), "response_curve": curve(0.045, 0.03),
        "segments": [segment("persuadables", 600, 0.06), segment("sure things", 200, 0.01),
                     segment("lost causes", 198, 0.012), segment("sleeping dogs", 2, -0.02)],
        "verdict": {"word": word, "why": why},
    }  # fmt: skip


def constant(name: str) -> dict[str, Any]:
    """What an arm looks like to which one effect is predicted for all."""
    nothing = dict.fromkeys(("slope", "slope_se", "slope_low", "slope_high", "p_slope"))
    groups = {key: value[:1] for key, value in arm(name)["groups"].items() if isinstance(value, list)}
    return arm(name, "average only") | {
        "qini": ranking(0.0), "autoc": ranking(0.0), "curve": curve(0.045, 0.0),
        "groups": {**groups, "difference": 0.0, "difference_se": 0.0, "difference_low": 0.0, "difference_high": 0.0},
        "line": {"average": 0.045, "average_se": 0.005, **nothing},
        "segments": [segment("persuadables", 1000, 0.045)] + [segment(n, 0, None) for n in ("sure things",
                     "lost causes", "sleeping dogs")],
    }  # fmt: skip


def policy(name: str, gain: float | None) -> dict[str, Any]:
    level = {"treated": 0.6, "level": 0.95}
    value = interval(0.1858, 0.008, **level)
    return {"policy": name, "doubly_robust": value, "weighted": value,
            "gain": None if gain is None else interval(gain, 0.012, **level)}  # fmt: skip


def report(*arms: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = [found["arm"] for found in arms]
    return {
        "design": "randomised", "kind": "binary", "rows": {"none": 5000} | dict.fromkeys(names, 4000),
        "held_out": 2000, "arms": list(arms),
        "policies": [policy("model", None), policy("treat none", 0.08), policy("treat all: " + names[0], -0.001)],
        "sample_ratio": {"rows": [5000] + [4000] * len(names), "expected": None, "p": None},
        "balance": [{"arm": names[0], "column": "age", "level": None, "without": 40.0, "given": 41.0, "smd": -0.02,
                     "p": 0.4},
                    {"arm": names[0], "column": HOSTILE, "level": HOSTILE, "without": None, "given": None, "smd": 0.0,
                     "p": 1.0}],
        "overlap": None,
        "placebos": [{"name": "placebo treatment", "arm": "none", "value": -0.0028, "se": 0.0065, "p": 0.67,
                      "passed": True}],
        "drift": [{"arm": name, "effect_fit": 0.04, "effect_holdout": 0.05, "z": 0.4, "predicted_fit": 0.04,
                   "predicted_holdout": 0.04} for name in names],
        "propensities": [], **more,
    }  # fmt: skip


def observed(*arms: dict[str, Any], **more: Any) -> dict[str, Any]:
    edges = [k / 40 for k in range(41)]
    found = report(*[{**each, "classical": {}} for each in arms], design="observational", kind="number")
    found["balance"] = [{**row, "smd": 0.4, "smd_weighted": 0.03} for row in found["balance"]]
    found["overlap"] = {"trim": 0.05, "trimmed": 90, "rows": 9000, "lowest": 0.02, "highest": 0.9,
                        "effective": [3000.0] * (len(arms) + 1)}  # fmt: skip
    found["propensities"] = [
        {"arm": each["arm"], "edges": edges, "given": list(range(40)), "others": list(range(40, 0, -1))}
        for each in arms
    ]
    return {**found, **more}


def shown(data: dict[str, Any], **more: Any) -> str:
    return report_page(data, **{"title": "Mails", **more})


def row(html: str, name: str) -> list[str]:
    lines = [line for line in re.findall(r"<tr>.*?</tr>", html) if 'scope="row"' in line]
    lines = [line for line in lines if text(line.split("</th>")[0]) == name]
    return [text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", lines[0])]


def text(html: str) -> str:
    return unescape(re.sub(r"<.*?>", "", html)).replace("\u00a0", " ")


def blank(data: Any) -> Any:
    """Return the data with None in place of every number of what was measured."""
    if isinstance(data, dict):
        return {key: value if key in ("undefined", "level", "share", "rows") else blank(value)
                for key, value in data.items()}  # fmt: skip
    if isinstance(data, list):
        return [blank(value) for value in data]
    return None if isinstance(data, float) else data


def test_all_text_is_escaped_and_nothing_is_loaded_or_run() -> None:
    hostile = observed(arm(HOSTILE, why=HOSTILE), constant(HOSTILE + "2"))
    hostile["policies"].append(policy(f"column {HOSTILE}", 0.0))
    hostile["placebos"].append({"name": HOSTILE, "arm": HOSTILE, "value": 1.0, "se": 0.1, "p": 0.0, "passed": False})
    hostile["sample_ratio"] |= {"expected": [0.3, 0.3, 0.4], "p": 1e-9}
    html = shown(hostile, title=HOSTILE, facts=[(HOSTILE, HOSTILE)], notes=[HOSTILE])
    assert "<script" not in html
    assert "</script" not in html
    assert "<img" not in html
    assert html.count("&lt;/script&gt;&lt;img") >= 20
    assert not re.findall(r"(?:\ssrc=|href=|url\(|@import)", html)
    assert "default-src 'none'" in html


def test_the_head_says_the_verdict_of_one_arm_and_of_each_of_several() -> None:
    one, two = shown(report(arm("mail"))), shown(report(arm("mail"), constant("call")))
    assert '<p class="verdict">Ranking usable.</p>' in one
    assert "only: treat all or none.</p>" in two
    assert "It lies above zero." in one


def test_effects_of_binary_outcomes_are_points_and_others_have_no_unit() -> None:
    html = shown(report(arm("mail")))
    assert row(html, "Average effect, doubly robust")[:3] == [
        "Average effect, doubly robust", "+4.5 points", "+3.9 to +5.1"
    ]  # fmt: skip
    assert row(html, "Qini")[1:3] == ["+0.80 points", "+0.68 to +0.92"]
    assert row(html, "Calibration slope")[1:3] == ["1.29", "0.87–1.71"]
    assert "scikit-uplift" in row(html, "Qini coefficient")[3]
    assert row(html, "Uplift at 30%")[1] == "+8.07 points"
    number = shown(observed(arm("mail")))
    assert row(number, "Average effect, doubly robust")[1:3] == ["+0.045", "+0.039 to +0.051"]
    assert "points" not in text(number.split("</style>")[1])
    assert "Qini coefficient" not in number


def test_the_difference_in_means_is_called_biased_where_chance_did_not_decide() -> None:
    assert "biased" in row(shown(observed(arm("mail"))), "Difference in means")[3]
    assert "biased" not in row(shown(report(arm("mail"))), "Difference in means")[3]


def test_an_arm_has_three_pictures_and_one_without_a_ranking_only_the_first() -> None:
    ranked, flat = shown(report(arm("mail"))), shown(report(constant("mail")))
    assert ranked.count("<svg") == 4  # with that of balance
    assert flat.count("<svg") == 2
    assert "effects are equal here" in flat
    assert "Calibration slope" not in flat
    assert row(flat, "Qini")[1:3] == ["0 points", ""]  # an interval without width is not drawn
    assert shown(observed(arm("mail"))).count("<svg") == 5


def test_policies_have_their_values_and_bold_where_the_model_surely_differs() -> None:
    html = shown(report(arm("mail")))
    assert row(html, "this model") == ["this model", "18.6% (17.8–19.4%)", "18.6%", "60%", ""]
    assert row(html, "treat none")[4] == "+8.0 points (+6.8 to +9.2)"
    bold = re.findall(r"<strong>(.*?)</strong>", html)
    assert [text(found) for found in bold] == ["+8.0 points (+6.8 to +9.2)"]


def test_segments_show_what_was_seen_unless_of_a_handful() -> None:
    html = shown(report(arm("mail"), constant("call")))
    assert row(html, "persuadables") == ["persuadables", "60%", "+6.0", "+6.0 (+4.0 to +8.0)", "10.5%"]
    assert row(html, "sleeping dogs") == ["sleeping dogs", "2 units", "-2.0", "n/a", "10.5%"]
    assert "<h2>Segments: call</h2>" in html


def test_tables_of_segments_stand_side_by_side_only_where_they_have_room() -> None:
    def beside(data: dict[str, Any]) -> bool:
        return '<div class="pair"><section><h2>Segments' in shown(data)

    assert beside(report(arm("mail"), arm("call")))
    assert not beside(report(arm("mail")))
    dear = observed(arm("mail"), arm("call"))
    for found in dear["arms"][0]["segments"]:
        found |= {key: found[key] * 1e7 for key in ("predicted", "observed", "low", "high", "baseline")}
    assert not beside(dear)


def test_checks_pass_or_fail_in_plain_words() -> None:
    html = shown(report(arm("mail")))
    assert row(html, "Sample ratio")[1:] == ["not checked", "No planned shares were given: nothing to check."]
    assert row(html, "Balance of columns")[1] == "pass"
    assert row(html, "Placebo treatment")[1:] == [
        "pass", "Half of none, drawn by chance, against the other half: -0.3 points, error 0.65 (p = 0.67)."
    ]  # fmt: skip
    assert row(html, "Drift: mail")[1] == "pass"
    assert "Overlap" not in html
    assert 'role="alert"' not in html
    assert "FAIL" not in html


def test_a_sample_ratio_mismatch_is_said_loudly() -> None:
    html = shown(report(arm("mail"), sample_ratio={"rows": [5000, 4000], "expected": [0.5, 0.5], "p": 1e-9}))
    assert 'role="alert"' in html
    assert "not use these effects" in text(html)
    [_, result, words] = row(html, "Sample ratio")
    assert result == "FAIL"
    assert "none 55.56%, planned 50.00%; mail 44.44%, planned 50.00% (p < 0.0001)." in words
    fine = shown(report(arm("mail"), sample_ratio={"rows": [5000, 4950], "expected": [0.5, 0.5], "p": 0.6}))
    assert row(fine, "Sample ratio")[1] == "pass"
    assert 'role="alert"' not in fine


def test_a_placebo_with_an_effect_is_said_loudly() -> None:
    failed = {"name": "age", "arm": "mail", "value": 1.57, "se": 0.35, "p": 1e-6, "passed": False}
    html = shown(report(arm("mail"), placebos=[failed]))
    assert "be none: on 'age'." in text(html)
    assert row(html, "Placebo: age")[1:] == [
        "FAIL", "Effect of mail on what it cannot change: +1.57, error 0.35 (p < 0.0001)."
    ]  # fmt: skip


def test_imbalance_drift_and_too_little_overlap_fail() -> None:
    data = observed(arm("mail"))
    assert [row(shown(data), name)[1] for name in ("Balance of columns", "Overlap", "Drift: mail")] == ["pass"] * 3
    data["balance"][0]["smd_weighted"] = -0.2
    data["overlap"]["trimmed"] = 3000
    data["drift"][0]["z"] = -3.5
    html = shown(data)
    assert [row(html, name)[1] for name in ("Balance of columns", "Overlap", "Drift: mail")] == ["FAIL"] * 3
    chosen = report(arm("mail"))
    chosen["balance"][0]["p"] = 1e-9
    assert row(shown(chosen), "Balance of columns")[1] == "FAIL"


@pytest.mark.parametrize(("beyond", "result"), [(0.0, "pass"), (1e-3, "FAIL")])
def test_at_a_limit_the_page_and_the_summary_say_the_same(beyond: float, result: str) -> None:
    data = observed(arm("mail"))
    data["balance"][0]["smd_weighted"] = 0.1 + beyond
    data["overlap"] |= {"trimmed": 100 + round(1000 * beyond), "rows": 1000}
    data["drift"][0]["z"] = -3.0 - beyond
    html, found = shown(data), checks(data)
    names = {"Balance of columns": "balance", "Overlap": "overlap", "Drift: mail": "drift"}
    assert {row(html, name)[1] for name in names} == {result}
    assert {found[name]["passed"] for name in names.values()} == {result == "pass"}


def test_what_checks_find_stands_above_all_figures_and_in_the_title() -> None:
    data = observed(arm("mail"))
    assert 'role="alert"' not in shown(data)
    data["drift"][0]["z"] = -3.5
    html = shown(data)
    assert '<p class="verdict">Ranking usable, with reservations.</p>' in html
    assert "#009e73" not in html.split("<table")[0]  # no green
    assert html.index('role="alert"') < html.index("<table")
    assert "Read with reservations" in text(html)
    data["overlap"] |= {"trimmed": 7000}
    assert "use these effects. 7,000" in text(shown(data))
    assert "9,000 units (78" in text(shown(data))


@pytest.mark.parametrize("trimmed", [3000, 7000])
def test_too_little_overlap_is_said_once(trimmed: int) -> None:
    data = observed(arm("mail"), arm("call"))
    data["overlap"]["trimmed"] = trimmed
    broken = trust.broken(trust.findings(data))
    for found in data["arms"] if broken else []:
        found["verdict"] = {"word": "none", "why": broken}
    words = text(shown(data))
    assert words.count("no counterpart") == words.count("says nothing of the rest") == 1
    assert "selection" not in words
    assert "units that were trimmed" not in words
    assert (words.count("Nothing can be believed") == 2) is bool(broken)


def test_shares_sum_to_a_hundred() -> None:
    odd = arm("mail")
    for found, part in zip(odd["segments"], [0.445, 0.335, 0.115, 0.105], strict=True):
        found |= {"share": part, "rows": round(2000 * part)}
    ratio = {"rows": [52_945, 47_055], "expected": [0.5, 0.5], "p": 0.6}
    html = shown(report(odd, sample_ratio=ratio))
    sizes = [row(html, found["segment"])[1] for found in odd["segments"]]
    assert sum(int(size.rstrip("%")) for size in sizes) == 100, sizes
    assert "none 52.95%, planned 50.00%; mail 47.05%" in row(html, "Sample ratio")[2]


def test_the_page_tells_on_whom_effects_rest() -> None:
    found = arm("mail")
    found["on_treated"] = {"effect": found["effect"], "units": 120, "of": 150, "controls": 77.0}
    basis = {"whom": "kept", "units": {"none": 90, "mail": 55}, "effective": {"none": 40.0, "mail": 30.0}}
    html = shown(observed(found, basis={**basis, "held_out": 58}))
    assert "145 units that were not trimmed" in row(html, "Average effect, doubly robust")[3]
    assert row(html, "Units that effects rest on")[1] == "145 of 9,000"
    assert row(html, "Held-out units that verdicts rest on")[1] == "58 of 2,000"
    assert "120 of 150" in row(html, "Effect on the treated")[3]
    assert "as good as 77" in row(html, "Effect on the treated")[3]


def test_where_no_response_model_could_be_fitted_the_page_says_so() -> None:
    found = arm("mail") | {"response": None, "against_response": None, "response_curve": None}
    html = shown(report(found))
    assert "model could be fitted" in row(html, "Qini of the response model")[3]
    assert "Qini less the response model" not in html
    assert "by expected outcome" not in text(html).split("What policies are worth")[0]


def test_strong_features_are_a_question_at_the_head() -> None:
    html = shown(report(arm("mail"), strength={"r2": 0.9, "auc": None, "alone": [["last year", 0.88]]}, kind="number"))
    assert "sure. Features" in text(html)
    assert '<p class="verdict">Ranking usable.</p>' in html
    assert row(html, "What tells the outcome")[1] == "note"


def test_overlap_tells_who_was_trimmed_and_what_is_left() -> None:
    [_, result, words] = row(shown(observed(arm("mail"))), "Overlap")
    assert result == "pass"
    assert "90 of 9,000 units (1.0%)" in words
    assert "none 3,000 of 5,000, mail 3,000 of 4,000" in words


def test_the_limits_are_those_of_the_design() -> None:
    seen, chance = shown(observed(arm("mail"))), shown(report(arm("mail"), arm("call")))
    assert "no unmeasured confounding" in seen
    assert "trimmed" in seen.split("Limits and notes")[1]
    assert "no unmeasured confounding" not in chance
    assert "all arms together" in chance
    assert "all arms together" not in seen


def test_facts_and_notes_of_the_caller_follow_those_of_the_report() -> None:
    html = shown(report(arm("mail")), facts=[("Learner", "dr")], notes=["One shop."])
    assert row(html, "Arm: none (control)")[1] == "5,000"
    assert row(html, "Held out")[1] == "2,000 (22%)"
    assert row(html, "Learner")[1] == "dr"
    assert "<li>One shop.</li>" in html


def test_resamples_left_out_are_told() -> None:
    data = report(arm("mail"))
    data["arms"][0]["qini"]["undefined"] = 12
    assert "Up to 12 resamples" in shown(data)


@pytest.mark.parametrize("count", [3, 6])
@pytest.mark.parametrize("make", [report, observed])
def test_many_arms(make, count: int) -> None:
    html = shown(make(*(arm(f"arm {k}") if k % 2 else constant(f"arm {k}") for k in range(count))))
    assert html.count("<h2>Segments: arm") == count
    assert html.count(">Drift: arm") == count


@pytest.mark.parametrize("make", [report, observed])
def test_nothing_that_may_be_none_breaks_the_page(make) -> None:
    data = make(arm("mail"), constant("call"))
    empty = copy.deepcopy(data)
    for name in ("arms", "policies", "drift"):
        empty[name] = blank(data[name])
    empty["placebos"] = [{**data["placebos"][0], "value": None, "se": None, "p": None}]
    for found in empty["arms"]:
        for name in ("curve", "response_curve"):
            found[name] |= dict.fromkeys(("gain_low", "gain_high", "toc_low", "toc_high"))
    html = shown(empty)
    assert "None" not in text(html.split("</style>")[1])
    assert "nan" not in text(html.split("</style>")[1])
    assert row(html, "Average effect, doubly robust")[1] == "n/a"


@pytest.mark.parametrize("make", [report, observed])
def test_a_report_without_checks_or_policies(make) -> None:
    html = shown(make(arm("mail"), balance=[], placebos=[], drift=[], policies=[], propensities=[]))
    assert row(html, "Balance of columns")[1] == "not checked"
    assert "What policies are worth" not in html
    assert html.count("<svg") == 3


def test_missing_parts_are_listed() -> None:
    data = report(arm("mail"))
    assert set(data) == set(KEYS)
    with pytest.raises(SchemaError, match="lacks policies, drift"):
        shown({key: value for key, value in data.items() if key not in ("policies", "drift")})
