"""The risk gate: what may be lost is decided before anything is touched, and is shown in the plan and where it is refused."""

from __future__ import annotations

from tests.acceptance.world import World

REFUSED = 12
DROP = '\n    op.execute("DROP TABLE first")'


def test_what_takes_data_away_is_refused_before_anything_is_touched_and_goes_where_it_is_allowed(world: World) -> None:
    world.deploy()
    first, releases = world.git("rev-parse", "HEAD"), len(list((world.production.app / "releases").iterdir()))
    world.release(2, more=DROP)
    text = world.fraisier("plan", "my_api", "production", COLUMNS="80").stdout
    assert "  0002 is irreversible (must be approved): drops table first\n" in text
    result = world.deploy(expect=REFUSED)
    assert (result["status"], result["error"]["code"]) == ("failed", "MigrationsRefused")
    assert "migration 0002 is irreversible: drops table first (must be approved)" in result["error"]["message"]
    world.assert_serving(first, "v1", schema="0001")
    assert len(list((world.production.app / "releases").iterdir())) == releases, "not even fetched"
    world.write_config(("        branch: main\n", "        branch: main\n        risk: {irreversible: apply}\n"))
    assert world.deploy()["status"] == "success"
    assert world.production.schema() == "0002"


def test_a_first_deployment_is_judged_once_its_release_is_built(world: World) -> None:
    """What is pending can be told only by what the build brings; then nothing is switched, and the database is left alone."""
    world.edit(
        "migrations/versions/0001.py", "def upgrade() -> None:\n", "def upgrade() -> None:\n    op.execute('no sql')\n"
    )
    world.commit("a migration that nobody can read")
    result = world.deploy(expect=REFUSED)
    assert "0001 is unknown" in result["error"]["message"]
    assert (world.production.current(), world.production.schema()) == ("", "")
