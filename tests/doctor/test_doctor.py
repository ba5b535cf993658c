"""What the doctor finds and says, with BigQuery, without it, and with half of it; and that it bills nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import grpc
import pyarrow as pa
import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.doctor import Diagnosis, Examined, examine
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles import storage_read
from tests.doubles.rest import Answer, error, serving

TOKEN = "ya29.a-very-secret-token"
EMAIL = "somebody@example.com"
TABLES = "/bigquery/v2/projects/p/datasets/d/tables"


def states(found):
    return {finding.name: finding.state for finding in found.findings}


def finding(found, name):
    return next(one for one in found.findings if one.name == name)


@pytest.fixture
def server():
    with serving() as running:
        running.on("GET", TABLES, {"kind": "bigquery#tableList", "tables": [r.table()]})
        running.on("GET", r.TABLE, r.table())
        running.on("GET", r.POLICIES, {})
        running.on("GET", "/bigquery/v2/projects/p/datasets", {"kind": "bigquery#datasetList"})
        running.on("POST", r.JOBS, dry_run())
        yield running


def dry_run():
    told = r.job(totalBytesProcessed="0", statementType="SELECT")
    return {**told, "configuration": {"dryRun": True, "query": {"query": "SELECT 1"}}}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    import google.api_core.retry.retry_unary as unary

    monkeypatch.setattr(unary.time, "sleep", lambda _: None)


@pytest.fixture
def storage():
    with storage_read.serving(storage_read.StorageRead(pa.table({"a": [1]}))) as running:
        yield running


@pytest.fixture
def real(server, storage, tmp_path):
    """A client on the real client's code, as far as a scripted server goes."""
    from google.oauth2.credentials import Credentials

    def make(endpoint=server.url, project="p", **settings):
        credentials = Credentials(TOKEN, account=EMAIL)
        how = {"credentials": credentials, "emulated": False, "read_endpoint": storage.address}
        warehouse = BigQueryWarehouse(project, endpoint=endpoint, **how)
        return BigPato(warehouse=warehouse, dataset="d", directory=str(tmp_path / "tier"), **settings)

    return make


def test_with_all_in_order_all_is_well_and_nothing_is_billed(client, warehouse):
    found = examine(client)
    assert found.well
    assert set(states(found).values()) == {"ok"}
    assert (client.savings().bigquery, warehouse.jobs) == (0, [])
    assert found.lines()[-1] == "All is well."


def test_a_disk_that_may_not_be_looked_at_leaves_the_rest(client, monkeypatch):
    def refused(_path):
        raise PermissionError("/secret")

    monkeypatch.setattr("shutil.disk_usage", refused)
    found = examine(client)
    assert finding(found, "disk").said == "bigpato-magic failed to look (PermissionError)"
    assert states(found)["BigQuery"] == "ok"


@pytest.mark.parametrize(
    ("answer", "says", "remedy"),
    [
        (error(403, "accessDenied", "Access Denied: no bigquery.jobs.create"), "jobs.create", "ask for the permission"),
        (error(403, "accessNotConfigured", "BigQuery API has not been used"), "has not been used", "enable the API"),
        (error(401, "authError", "Invalid credentials"), "credentials were refused", "gcloud auth"),
        (error(403, "quotaExceeded", "Quota exceeded: your project"), "Quota exceeded", "quota of the project"),
    ],
    ids=["403", "API off", "401", "quota"],
)  # fmt: skip
def test_what_bigquery_refuses_is_said_with_what_to_do(real, server, answer, says, remedy):
    server.on("POST", r.JOBS, answer)
    found = examine(real())
    wrong = finding(found, "BigQuery")
    assert (wrong.state, says in wrong.said, remedy in wrong.remedy) == ("wrong", True, True)
    assert finding(found, "dataset") == Examined("dataset", "skipped", "without BigQuery nobody can tell")
    assert not found.well


def test_a_dataset_that_may_not_be_listed_leaves_the_rest(real, server):
    server.on("GET", TABLES, error(403, "accessDenied", "Access Denied: Dataset p:d"))
    found = states(examine(real()))
    assert (found["BigQuery"], found["dataset"], found["location"]) == ("ok", "wrong", "ok")


def test_a_location_that_is_not_the_datasets_is_seen(real):
    wrong = finding(examine(real(location="US")), "location")
    assert (wrong.state, wrong.said) == ("wrong", "BigPato.location is US, d is in EU")
    assert finding(examine(real(location="eu")), "location").state == "ok"


def test_a_project_that_nobody_names_is_seen(real, monkeypatch):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    wrong = finding(examine(real(project=None)), "project")
    assert (wrong.state, "BigPato.project" in wrong.remedy) == ("wrong", True)


def test_without_a_network_it_ends_and_says_so(real):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    found = examine(real(endpoint=nobody))
    wrong = finding(found, "BigQuery")
    assert (wrong.state, wrong.said) == ("wrong", "BigQuery cannot be reached: there is no connection.")
    assert states(found)["local store"] == "ok"


def test_without_credentials_the_machine_is_looked_at_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    found = examine(BigPato(project="p", directory=str(tmp_path / "tier")))
    assert finding(found, "credentials").state == "wrong"
    assert [states(found)[name] for name in ("versions", "disk", "project")] == ["ok", "ok", "skipped"]


def test_a_store_that_cannot_be_used_is_one_of_the_findings(real, tmp_path):
    (tmp_path / "tier").write_text("a file")
    found = examine(real())
    assert states(found)["local store"] == "wrong"
    assert states(found)["BigQuery"] == "ok"


def test_storage_read_is_tried_by_a_session_that_nothing_is_read_from(real, storage):
    assert finding(examine(real()), "transfers").said == "tables come by Storage Read"
    assert (len(storage.sessions), storage.reads) == (1, [])
    storage.refuse_with = grpc.StatusCode.PERMISSION_DENIED
    storage.refuse_saying = lambda _: "bigquery.readsessions.create is missing"
    wrong = finding(examine(real()), "transfers")
    assert (wrong.state, "readsessions.create" in wrong.said) == ("wrong", True)


def test_its_report_names_nobody_and_holds_no_secret(real, server):
    server.on("POST", r.JOBS, error(403, "accessDenied", f"User {EMAIL} with {TOKEN} may not"))
    found = examine(real())
    assert EMAIL in "\n".join(found.lines())
    told = found.json()
    assert EMAIL not in told
    assert "ya29" not in told
    assert [one["name"] for one in json.loads(told)] == [one.name for one in found.findings]


def test_a_finding_that_is_wrong_says_what_to_do_below_it():
    found = Diagnosis(
        (Examined("a", "ok", "fine"), Examined("b", "wrong", "broken", "mend it"), Examined("c", "skipped", "no"))
    )
    assert found.lines() == ["✓ a: fine", "✗ b: broken", "    → mend it", "– c: no", "1 of 3 need you."]


def test_the_command_line_tells_its_verdict_by_its_status(tmp_path):
    command = [sys.executable, "-m", "bigpato_magic", "doctor", "--json", "--key", str(tmp_path / "none.json")]
    done = subprocess.run(
        [*command, "--directory", str(tmp_path / "tier")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, json.loads(done.stdout)[0]["name"]) == (1, "versions")


def test_an_answer_that_is_not_bigquerys_is_no_verdict_on_the_rest(real, server):
    server.on("POST", r.JOBS, Answer(b"<html>login</html>", 200))
    assert finding(examine(real()), "BigQuery").state == "wrong"
