"""The end of a failed deployment fits one screen, and says what failed, what was undone, what is owed and what to type next."""

from __future__ import annotations

from fraisier.errors import HealthCheckFailed
from fraisier.evidence import Failure
from fraisier.show.ending import story
from fraisier.vocabulary import Kind, Status, Target
from fraisier.work import DeploymentResult

OLD, NEW = "20261122T060000Z-e88b8c555600-a1b2c3", "20261122T070000Z-0123456789ab-d4e5f6"
FAILURE = Failure(
    host="h2",
    phase="health",
    task="Wait until the service is healthy",
    message="http://127.0.0.1:8000/health answered 500 instead of 200 for 5 s; the service's last lines:\nTraceback\nKeyError: 'x'",
    stderr="curl: (22) The requested URL returned error: 500 " + "x" * 200,
    log=tuple(f"line {number} of the service's journal, and that is a long one: {'y' * 60}" for number in range(20)),
)


def result(**more: object) -> DeploymentResult:
    error = HealthCheckFailed(str(FAILURE))
    given: dict[str, object] = {
        "id": "12345678-aaaa-4bbb-8ccc-123456789abc",
        "target": Target("my_api", "production"),
        "kind": Kind.DEPLOY,
        "status": Status.ROLLED_BACK,
        "old_version": "e88b8c5556" + "0" * 30,
        "new_version": "0123456789" + "a" * 30,
        "duration_seconds": 23.4,
        "error": error,
        "compensation": "every host is back on what it had before, the schema is at '0001' again",
        "hosts": {"h1": OLD, "h2": OLD},
        "untouched": ["h3"],
        "failures": [FAILURE],
    }
    return DeploymentResult(**{**given, **more})  # type: ignore[arg-type]


def lines(found: DeploymentResult) -> list[str]:
    texts = [line.text for line in story(found)]
    assert all(len(text) <= 80 for text in texts), texts
    assert len(texts) <= 24, texts
    return texts


def test_everything_about_a_failed_fleet_deployment_fits_one_screen() -> None:
    texts = lines(result())
    whole = "\n".join(texts)
    assert texts[0].startswith("h2: health: http://127.0.0.1:8000/health answered 500")
    assert "    curl: (22) The requested URL returned error: 500" in whole
    assert [text for text in texts if text.startswith("    | line 19")], "the journal ends with its newest line"
    assert (
        "rolled_back in 23" in whole
        and "e88b8c5556" in whole
        and "schema is at '0001' again" in whole.replace("\n  ", " ")
    )
    assert f"  undone     h1, h2: {OLD}" in texts
    assert "  untouched  h3" in texts
    assert "  next       fraisier logs 12345678" in texts
    assert "owed" not in whole


def test_what_is_owed_comes_with_what_to_type() -> None:
    texts = lines(
        result(
            status=Status.ROLLBACK_FAILED,
            compensation=f"h2 does not answer and owes {OLD}",
            owed={"h2": OLD},
            hosts={"h1": OLD},
        )
    )
    assert f"  owed       h2: {OLD}" in texts
    following = " ".join(texts[texts.index(f"  owed       h2: {OLD}") + 1 :])
    assert "fraisier resume my_api production" in following and "fraisier status --live my_api production" in following


def test_many_hosts_that_fail_do_not_fill_the_screen() -> None:
    failures = [Failure(f"web{number}", "restart", "Restart", "it did not start") for number in range(40)]
    texts = lines(
        result(error=HealthCheckFailed("web0: restart: it did not start (and 39 more hosts)"), failures=failures)
    )
    assert texts[3].startswith("... and on web10, web11")


def test_success_is_one_sentence_and_a_tolerated_failure_is_owed() -> None:
    good = {"status": Status.SUCCESS, "error": None, "failures": [], "compensation": "", "release_id": NEW}
    assert lines(result(**good)) == [
        "success in 23.4 s: my_api/production runs 0123456789 (release",
        f"  {NEW})",
    ]
    texts = lines(result(**good, owed={"h2": NEW}, warnings=["h2: health: it answered 500"]))
    assert texts[0] == "warning: h2: health: it answered 500"
    assert f"  owed       h2: {NEW}" in texts and "  next       fraisier resume my_api production" in texts
