# SPDX-License-Identifier: Apache-2.0
"""Every command of the program `nessie` (pynessie) against a running server: nessie.py URL FIRN NESSIE HOME.

The last line is "N passed, N failed"."""

import json
import os
import subprocess
import sys
import traceback

URL, FIRN, NESSIE, HOME = sys.argv[1:5]  # HOME: the program keeps its configuration there
ENV = dict(os.environ, HOME=HOME, NESSIEDIR=HOME, XDG_CONFIG_HOME=HOME, LC_ALL="C.UTF-8")


def nessie(*args, json_out=False, stdin=None, ok=True):
    command = [NESSIE, "--endpoint", URL + "/nessie/api/v1"] + (["--json"] if json_out else []) + list(args)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=ENV)
    assert (done.returncode == 0) == ok, (args, done.returncode, done.stdout[-800:], done.stderr[-800:])
    if not json_out:
        return done.stdout + done.stderr
    return json.loads(done.stdout)


def firn(*args):
    done = subprocess.run([FIRN, *args, "--server", URL], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sql(text, branch="main"):
    answer = json.loads(firn("sql", "--branch", branch, "-c", text, "--format", "json"))
    return [tuple(row.values()) for row in answer] if isinstance(answer, list) else []


def head(name):
    refs = nessie("branch", "-l", json_out=True) + nessie("tag", "-l", json_out=True)
    return next(r["hash"] for r in refs if r["name"] == name)


def configuration():
    assert "main" in nessie("remote", "show"), nessie("remote", "show")
    nessie("remote", "add", URL + "/nessie/api/v1")
    nessie("remote", "set-head", "main")
    assert URL in nessie("config", "--get", "endpoint")
    assert "endpoint" in nessie("config", "-l")


def branches_and_tags():
    assert [r["name"] for r in nessie("branch", "-l", json_out=True)] == ["main"]
    sql("CREATE SCHEMA ns")
    sql("CREATE TABLE ns.t (id BIGINT, name VARCHAR)")
    before = head("main")
    sql("INSERT INTO ns.t VALUES (1, 'one')")
    nessie("branch", "dev", "main")
    nessie("branch", "-o", before, "old", "main")
    assert head("dev") == head("main") and head("old") == before
    nessie("tag", "v1", "main")
    nessie("tag", "-o", before, "v0", "main")
    assert head("v0") == before
    nessie("branch", "-o", head("main"), "-f", "old", "main")
    assert head("old") == head("main")
    nessie("tag", "-f", "v0", "main")
    assert head("v0") == head("main")
    assert "dev" in nessie("branch", "-x") and "v1" in nessie("tag", "-x")
    assert "has moved" in nessie("branch", "-d", "-o", before, "old", ok=False)
    nessie("branch", "-d", "old")
    nessie("tag", "-d", "v0")
    assert "already exists" in nessie("branch", "dev", "main", ok=False)
    assert "does not exist" in nessie("branch", "x", "nowhere", ok=False)
    assert {r["name"] for r in nessie("branch", "-l", json_out=True)} == {"main", "dev"}


def logs():
    all_of = nessie("log", json_out=True)
    assert len(all_of) == 4, all_of
    assert len(nessie("log", "-n", "2", json_out=True)) == 2
    assert nessie("log", "--author", "nobody", json_out=True) == []
    assert len(nessie("log", "--since", "2001-01-01T00:00:00+00:00", json_out=True)) == 4
    assert nessie("log", "--until", "2001-01-01T00:00:00+00:00", json_out=True) == []
    assert len(nessie("log", "--filter", "commit.message.startsWith('create')", json_out=True)) == 3
    rows = nessie("log", "--filter", "operations.exists(op, op.name == 't' && op.type == 'PUT')", json_out=True)
    assert len(rows) == 2, rows
    full = nessie("log", "-x", json_out=True)
    assert full[0]["operations"][0]["content"]["type"] == "ICEBERG_TABLE", full[0]
    assert full[0]["parentCommitHash"] == all_of[1]["hash"]
    ranged = nessie("log", "-r", all_of[2]["hash"] + ".." + all_of[1]["hash"], json_out=True)
    assert [c["hash"] for c in ranged][0] == all_of[1]["hash"], ranged
    assert all_of[0]["hash"] in nessie("log", "main")
    nessie("log", "--filter", "commit.author.matches('x')", ok=False)
    nessie("log", "nowhere", ok=False)


def contents():
    listed = nessie("content", "list", "-r", "main", json_out=True)
    assert [(e["type"], e["name"]["elements"]) for e in listed] == [
        ("NAMESPACE", ["ns"]),
        ("ICEBERG_TABLE", ["ns", "t"]),
    ], listed
    assert len(nessie("content", "list", "-t", "ICEBERG_TABLE", json_out=True)) == 1
    assert len(nessie("content", "list", "--filter", "entry.namespace.startsWith('ns')", json_out=True)) == 1
    table = nessie("content", "view", "ns.t", json_out=True)[0]
    shown = json.loads(firn("table", "show", "ns.t", "--json"))
    assert table["metadataLocation"] == shown["metadata_location"], table
    assert "metadata-location" in nessie("content", "view", "ns.t")
    nessie("content", "view", "ns.none", ok=False)


def commits_of_content():
    sql("INSERT INTO ns.t VALUES (2, 'two')", "dev")
    new = nessie("content", "view", "-r", "dev", "ns.t", json_out=True)[0]
    nessie("branch", "try", "main")
    put = ["content", "commit", "-i", "-m", "by hand", "--author", "me <me@example.com>", "-r", "try"]
    nessie(*put, "-c", head("try"), "ns.t", stdin=json.dumps(new))
    assert sql("SELECT count(*) FROM ns.t", "try") == [(2,)]
    assert nessie("log", "-n", "1", "--author", "me <me@example.com>", "try", json_out=True)[0]["message"] == "by hand"
    wrong = dict(new, metadataLocation=new["metadataLocation"].replace("metadata.json", "none.json"))
    assert "Bad Request" in nessie(*put, "-c", head("try"), "ns.t", stdin=json.dumps(wrong), ok=False)
    assert "no namespace" in nessie(*put, "-c", head("try"), "other.t", stdin=json.dumps(dict(new, id=None)), ok=False)
    space = {"type": "NAMESPACE", "id": None, "elements": ["made"]}
    nessie(*put, "-c", head("try"), "made", stdin=json.dumps(space))
    assert ("made",) in sql("SHOW SCHEMAS", "try"), sql("SHOW SCHEMAS", "try")
    nessie("content", "commit", "-R", "-m", "gone", "-r", "try", "-c", head("try"), "ns.t", "made")
    assert [e["name"]["elements"] for e in nessie("content", "list", "-r", "try", json_out=True)] == [["ns"]]
    nessie("content", "commit", "-R", "-m", "gone", "-r", "try", "-c", head("try"), "ns.t", ok=False)
    nessie("branch", "-d", "try")


def differences():
    rows = nessie("diff", "main", "dev", json_out=True)
    rows = rows["diffs"] if isinstance(rows, dict) else rows
    assert [r["key"]["elements"] for r in rows] == [["ns", "t"]], rows
    assert rows[0]["from"]["metadataLocation"] != rows[0]["to"]["metadataLocation"]
    assert "ContentKey" not in nessie("diff", "main", "main")
    assert "ContentKey: ns.t" in nessie("diff", "main@" + head("main"), "dev@" + head("dev"))


def merges():
    sql("INSERT INTO ns.t VALUES (3, 'three')")
    text = nessie("merge", "-f", "-b", "main", "dev")
    assert "Merged dev onto main" in text, text
    assert sorted(sql("SELECT id FROM ns.t")) == [(1,), (2,), (3,)]
    assert "Nothing merged" in nessie("merge", "-c", head("main"), "dev")
    sql("CREATE TABLE ns.clash (a BIGINT)", "dev")
    sql("CREATE TABLE ns.clash (b BIGINT)")
    text = nessie("merge", "-f", "dev", ok=False)
    assert "ns.clash" in text and "created on both sides" in text, text
    sql("DROP TABLE ns.clash", "dev")


def picks():
    sql("INSERT INTO ns.t VALUES (4, 'four')", "dev")
    first = head("dev")
    sql("INSERT INTO ns.t VALUES (5, 'five')", "dev")
    nessie("cherry-pick", "-c", head("main"), "-b", "main", "-s", "dev", head("dev"))
    assert sorted(sql("SELECT id FROM ns.t")) == [(1,), (2,), (3,), (5,)]
    nessie("cherry-pick", "-f", "-s", "dev", first)
    assert sorted(sql("SELECT id FROM ns.t")) == [(1,), (2,), (3,), (4,), (5,)]
    nessie("cherry-pick", "-f", "-s", "dev", "0123456789abcdef", ok=False)


def conditions():
    """-c: what is done only where the reference still is."""
    old, now = nessie("log", "-n", "2", json_out=True)[1]["hash"], head("main")
    nessie("branch", "cond", "main")
    assert "has moved" in nessie("branch", "-f", "-c", old, "cond", "main", ok=False)
    nessie("branch", "-f", "-c", now, "cond", "main")
    assert "does not exist" in nessie("branch", "-f", "-c", "0" * 63 + "1", "cond", "main", ok=False)
    nessie("branch", "-d", "-o", now, "cond")  # -d has no use for -c
    nessie("tag", "cond", "main")
    nessie("tag", "-f", "-c", now, "cond", "main")
    assert "has moved" in nessie("tag", "-d", "-o", old, "cond", ok=False)
    nessie("tag", "-d", "-o", now, "cond")
    nessie("merge", "-c", "0" * 63 + "1", "dev", ok=False)


def the_rest_of_the_options():
    nessie("config", "--add", "ref", "dev")
    assert "dev" in nessie("config", "--get", "ref")
    nessie("config", "--unset", "ref")
    assert "True" in nessie("config", "--type", "bool", "--get", "verify")
    assert nessie("--version").startswith("nessie")
    assert "* main" in nessie("-v", "branch") and "* main" in nessie("--auth-token", "of no use", "branch")
    assert nessie("log", "--committer", "nobody", json_out=True) == []
    assert "author" in nessie("log", "-n", "1").lower()
    nessie("branch", "same", "main")
    same = nessie("content", "view", "-r", "same", "ns.t", json_out=True)[0]
    commit = ["content", "commit", "-i", "-m", "unchanged", "-r", "same", "-c", head("same"), "-s", "ns.t"]
    nessie(*commit, stdin=json.dumps(same))
    assert nessie("content", "view", "-r", "same", "ns.t", json_out=True)[0] == same
    sql("INSERT INTO ns.t VALUES (77, 'merged as it was')", "same")
    before = head("same")
    sql("INSERT INTO ns.t VALUES (78, 'not merged')", "same")
    nessie("merge", "-f", "-b", "main", "-o", before, "same")
    assert [r for r in sorted(sql("SELECT id FROM ns.t")) if r[0] > 70] == [(77,)]
    nessie("branch", "-d", "same")


CASES = [
    configuration,
    branches_and_tags,
    logs,
    contents,
    commits_of_content,
    differences,
    merges,
    picks,
    conditions,
    the_rest_of_the_options,
]
passed = failed = 0
for case in CASES:
    try:
        case()
        passed += 1
        print(f"ok {case.__name__}", flush=True)
    except Exception:
        failed += 1
        print(f"FAILED {case.__name__}\n{traceback.format_exc()[-3000:]}", flush=True)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
