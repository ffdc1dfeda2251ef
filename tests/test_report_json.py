"""The JSON contract: every key and its type, written down here once more by hand.

Knows the contract. A change of this file is a change of what CI scripts rely on.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

import sample
from poolaudit.facts import Span
from poolaudit.report import Problem, Report
from poolaudit.report import json as contract
from poolaudit.rule import Related
from sample import CLEAN, EMPTY, LAMBDA, LOAD, RUN

INT, STR, BOOL, FLOAT, NONE = int, str, bool, (int, float), type(None)


def one_of(*values: str) -> set[str]:
    return set(values)


PROBLEM = {"code": STR, "message": STR, "line": INT, "column": INT, "cell": (INT, NONE)}
NAMED = {"name": STR, "message": STR}
TRACE = {
    "question": STR, "answer": one_of("yes", "no", "unknown"), "because": STR, "path": STR, "line": (INT, NONE),
    "cell": (INT, NONE),
}  # fmt: skip
VERDICT = one_of("keep-executor", "use-executor", "keep-pool", "use-pool", "either", "leave", "undecided")
DECISION = {
    "verdict": VERDICT, "strength": one_of("must", "should", "may"), "reason": STR, "trace": [TRACE],
    "not_known": [STR], "would_flip": [STR],
}  # fmt: skip
MIGRATION = {
    "to": one_of("executor", "pool"), "status": one_of("ready", "caveats", "blocked", "none"), "caveats": [NAMED],
    "blockers": [{"name": STR, "path": STR, "line": INT, "message": STR, "unlock": STR}],
}  # fmt: skip
STATE = one_of("break", "change", "unaffected")
REASON = {
    "state": one_of("break", "change"), "code": STR, "topic": STR, "because": STR, "methods": [one_of("forkserver", "spawn")],
    "path": STR, "line": (INT, NONE), "cell": (INT, NONE),
}  # fmt: skip
READY = {"forkserver": STATE, "spawn": STATE, "reasons": [REASON]}
SITE = {
    "line": INT, "column": INT, "end_line": INT, "end_column": INT, "cell": (INT, NONE), "api": STR, "family": STR,
    "kind": one_of("pool", "executor", "unknown"),
    "workers": one_of("process", "thread", "interpreter", "unknown"), "worker_count": (STR, NONE),
    "binding": one_of("with", "name", "attribute", "returned", "argument", "chained", "stack", "other"),
    "lifetime": one_of("with", "closed", "unclosed", "escapes", "unknown"),
    "operations": [{"method": STR, "line": INT, "column": INT, "cell": (INT, NONE)}],
    "decision": (DECISION, NONE), "readiness": (READY, NONE), "migration": (MIGRATION, NONE),
}  # fmt: skip
FIX = {
    "applicability": one_of("safe", "unsafe"), "title": STR, "caveats": [NAMED],
    "edits": [{"start": INT, "end": INT, "replacement": STR, "cell": (INT, NONE)}],
}  # fmt: skip
FINDING = {
    "code": STR, "name": STR, "severity": one_of("error", "warning", "info"), "confidence": one_of("certain", "likely"),
    "message": STR,
    "line": INT, "column": INT, "end_line": INT, "end_column": INT, "cell": (INT, NONE), "site": (INT, NONE), "url": (STR, NONE),
    "suppressed": BOOL, "baselined": BOOL,
    "related": [{"path": STR, "line": INT, "column": INT, "message": STR, "cell": (INT, NONE)}],
    "fix": (FIX, NONE),
}  # fmt: skip
SUMMARY = {
    "files_scanned": INT, "candidates": INT, "sites": INT, "findings": INT, "baselined": INT, "problems": INT, "seconds": FLOAT,
    "verdicts": dict.fromkeys(VERDICT, INT), "readiness": dict.fromkeys(STATE, INT),
    "readiness_spawn": (dict.fromkeys(STATE, INT), NONE),
    "readiness_reasons": [{"state": one_of("break", "change"), "code": STR, "topic": STR, "pools": INT}],
    "fixable": {"safe": INT, "unsafe": INT},
}  # fmt: skip
REPORT = {
    "schema_version": INT, "tool": {"name": STR, "version": STR}, "target_versions": [STR],
    "files": [{"path": STR, "problems": [PROBLEM], "sites": [SITE], "findings": [FINDING]}],
    "problems": [{**PROBLEM, "path": STR}], "summary": SUMMARY,
}  # fmt: skip


def violations(value: Any, schema: Any, where: str = "$") -> list[str]:
    """Where `value` is not what `schema` says: a dict has exactly these keys, a list only such items, a tuple is a choice."""
    if isinstance(schema, tuple):
        tries = [violations(value, each, where) for each in schema]
        return [] if [] in tries else min(tries, key=len)
    if isinstance(schema, dict):
        if not isinstance(value, dict) or value.keys() != schema.keys():
            return [f"{where}: {sorted(value) if isinstance(value, dict) else value!r} instead of {sorted(schema)}"]
        return [each for key in schema for each in violations(value[key], schema[key], f"{where}.{key}")]
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [each for number, item in enumerate(value) for each in violations(item, schema[0], f"{where}[{number}]")]
    if isinstance(schema, set):
        return [] if value in schema else [f"{where}: {value!r} is none of {sorted(schema)}"]
    right = isinstance(value, schema) and (schema is bool or not isinstance(value, bool))
    return [] if right else [f"{where}: {value!r} is no {schema.__name__}"]


def rendered(report: Report) -> Any:
    return json.loads(contract.render(report))


WITH_PROBLEM = EMPTY._replace(problems=(Problem("PA001", "no such folder", "gone"),))


@pytest.mark.parametrize("report", [RUN, CLEAN, EMPTY, WITH_PROBLEM])
def test_every_key_and_type(report: Report) -> None:
    assert violations(rendered(report), REPORT) == []


def test_the_sample_exercises_the_contract() -> None:
    """Every list of the contract has an item in RUN: an empty list would prove nothing."""
    run = rendered(RUN)
    site, finding = run["files"][1]["sites"][0], run["files"][1]["findings"]
    lists = [
        run["files"][0]["problems"],
        site["operations"],
        site["decision"]["trace"],
        site["readiness"]["reasons"],
        run["summary"]["readiness_reasons"],
        finding[1]["related"],
        finding[1]["fix"]["caveats"],
    ]
    assert all(lists)
    assert {finding[2]["suppressed"], finding[1]["suppressed"]} == {True, False}


def test_a_wrong_type_would_be_seen() -> None:
    run = rendered(RUN)
    run["summary"]["sites"] = "2"
    run["files"][1]["findings"][0]["more"] = 1
    assert len(violations(run, REPORT)) == 2


def test_migration_records_meet_the_contract() -> None:
    """Migrations are null until plans exist; their shape stands already."""
    import msgspec

    blocker = contract.BlockerRecord("imap-generator-argument", "a.py", 3, "rows is a generator", "rows = list(rows)")
    record = contract.MigrationRecord("executor", "blocked", [contract.NamedRecord("a", "b")], [blocker])
    assert violations(msgspec.to_builtins(record), MIGRATION) == []


def test_places_count_from_one_in_code_points() -> None:
    source = "é = '\U0001f600'; pool = Pool(8)\n"
    where = Span(source.index("Pool"), source.index("Pool") + 7)
    found = LAMBDA._replace(finding=replace(LAMBDA.finding, where=where), fix=None)
    file = LOAD._replace(facts=sample.facts(text=source), decisions=(), readiness=(), findings=(found,))
    finding = rendered(RUN._replace(files=(file,)))["files"][0]["findings"][0]
    assert (finding["line"], finding["column"], finding["end_line"], finding["end_column"]) == (1, 17, 1, 24)


def test_related_place_in_another_file() -> None:
    found = LAMBDA._replace(finding=replace(LAMBDA.finding, related=(Related(Span(5, 6, "other.py"), "there"),)))
    facts = replace(LOAD.facts, other_texts={"other.py": "one\ntwo\n"})
    related = rendered(RUN._replace(files=(LOAD._replace(facts=facts, findings=(found,)),)))["files"][0]["findings"][0]["related"]
    assert related == [{"path": "other.py", "line": 2, "column": 2, "message": "there", "cell": None}]


def test_summary_counts_what_is_not_suppressed() -> None:
    summary = rendered(RUN)["summary"]
    assert (summary["sites"], summary["findings"], summary["problems"]) == (2, 2, 1)
    assert summary["verdicts"]["keep-pool"] == summary["verdicts"]["either"] == 1
    assert summary["readiness"] == {"break": 1, "change": 0, "unaffected": 1}
    assert summary["fixable"] == {"safe": 1, "unsafe": 1}


def test_file_names_that_are_not_utf8() -> None:
    name = b"caf\xe9.py".decode("utf-8", "surrogateescape")
    assert rendered(RUN._replace(files=(LOAD._replace(path=name),)))["files"][0]["path"] == "caf\ufffd.py"
