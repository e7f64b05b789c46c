"""The metrics are those that are promised, by name and by label; and the docs tell of each, and of no other."""

import json
import re

import pytest
import yaml

from lumi_box.metrics import families
from lumi_box.shipped import shipped

DOCS = shipped("templates").parent / "docs"
PROMISED = """
    lumibox_build_info lumibox_http_requests_total{method,route,status} lumibox_http_request_duration_seconds
    lumibox_jobs{kind,status} lumibox_jobs_finished_total{kind,provider,outcome}
    lumibox_job_duration_seconds{kind,outcome} lumibox_oldest_queued_seconds{kind} lumibox_dead_letter_jobs
    lumibox_provider_requests_total{provider,operation,outcome}
    lumibox_provider_request_duration_seconds{provider,operation} lumibox_provider_spend_total{provider,currency}
    lumibox_sse_connections lumibox_storage_bytes lumibox_orphan_objects lumibox_sweep_last_success_timestamp_seconds
    lumibox_backup_last_success_timestamp_seconds
"""
SUFFIXES = r"(_bucket|_sum|_count)$"


def told():
    return {each.name: each for each in families.ALL}


def test_names_and_labels_are_those_of_the_contract():
    found = {f"{each.name}{{{','.join(each.labels)}}}" if each.labels else each.name for each in families.ALL}
    assert found - {"lumibox_build_info{version}"} == set(PROMISED.split()) - {"lumibox_build_info"}


def test_counters_end_in_total_and_histograms_have_bounds_in_order():
    for each in families.ALL:
        assert each.name.endswith("_total") == (each.kind == families.COUNTER)
        assert bool(each.bounds) == (each.kind == families.HISTOGRAM)
        assert list(each.bounds) == sorted(each.bounds)


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, "0.5"), (0.5, "0.5"), (0.501, "1"), (3600, "3600"), (4000, "+Inf")]
)
def test_a_time_falls_into_the_first_bucket_that_holds_it(seconds, bucket):
    assert families.bucket(families.JOB_SECONDS, seconds) == bucket


def names_in(text):
    return {re.sub(SUFFIXES, "", name) if name not in told() else name for name in re.findall(r"lumibox_\w+", text)}


def read(name):
    return (DOCS / "monitoring" / name).read_text(encoding="utf-8")


def test_the_docs_tell_of_each_metric_with_its_labels_and_of_no_other():
    text = (DOCS / "monitoring.md").read_text(encoding="utf-8")
    assert names_in(text) == set(told())
    for each in families.ALL:
        labels = f"{{{','.join(each.labels)}}}" if each.labels else ""
        assert f"`{each.name}{labels}`" in text


@pytest.mark.parametrize("name", ["alerts.yml", "grafana.json"])
def test_alerts_and_dashboard_use_metrics_and_labels_that_exist(name):
    text = read(name)
    assert len(names_in(text)) > 10
    assert names_in(text) <= set(told())
    for metric, matchers in re.findall(r"(lumibox_\w+)\{([^}]*)\}", text.replace('\\"', '"')):
        known = told()[re.sub(SUFFIXES, "", metric) if metric not in told() else metric]
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) <= {*known.labels, "job", "instance"}, metric
    grouped = set(re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", text))
    every = {label for each in families.ALL for label in each.labels}
    assert {label.strip() for group in grouped for label in group.split(",")} <= every | {"le", "job", "instance"}


def test_every_alert_says_what_it_means_and_what_to_do():
    rules = [rule for group in yaml.safe_load(read("alerts.yml"))["groups"] for rule in group["rules"]]
    assert len(rules) >= 10
    assert len({rule["alert"] for rule in rules}) == len(rules)
    document = (DOCS / "monitoring.md").read_text(encoding="utf-8")
    for rule in rules:
        assert rule["alert"] in document
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_dashboard_is_whole():
    board = json.loads(read("grafana.json"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["title"] and panel["targets"]
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    used = names_in(json.dumps(board))
    assert set(told()) - used <= {"lumibox_build_info"}
