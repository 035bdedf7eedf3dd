"""Addresses of clusters that cannot be used, and leaving one."""

import gc
import threading
import time
from types import SimpleNamespace

import pytest

from distil.framework.errors import RecipeError, TrainingError
from distil.framework.progress import SILENT
from distil.launch import ray_cluster
from distil.launch.ray_cluster import check_address


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ray://head:10001", "ray job submit"),
        ("127.0.0.1:1", "nothing answers"),
        ("localhost:99999", "nothing answers"),
    ],
)
def test_an_address_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch, address: str, said: str) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(TrainingError, match=f"RAY_ADDRESS={address}") as refused:
        check_address()
    assert said in str(refused.value)


@pytest.mark.parametrize("address", [None, "auto"])
def test_no_address_and_rays_own_words_are_left_to_ray(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    check_address()


@pytest.mark.parametrize("collects", [True, False])
def test_nothing_is_collected_while_ray_goes(monkeypatch: pytest.MonkeyPatch, collects: bool) -> None:
    import ray

    seen: list[bool] = []
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", lambda **settings: SimpleNamespace(dashboard_url=""))
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: seen.append(gc.isenabled()))
    monkeypatch.setattr(ray_cluster, "_announce", lambda *arguments: None)
    monkeypatch.setattr(ray_cluster, "begins_here", lambda: False)
    try:
        if not collects:
            gc.disable()
        with ray_cluster.ray_cluster(SILENT):
            assert gc.isenabled() == collects
        assert seen == [False]
        assert gc.isenabled() == collects
    finally:
        gc.enable()


def test_the_end_of_a_cluster_is_not_taken_for_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private import worker

    looks = threading.Event()

    def dead_processes() -> list[tuple[str, object]]:
        looks.set()
        time.sleep(0.3)  # and the cluster is left meanwhile
        return []

    monkeypatch.setattr(worker, "_global_node", SimpleNamespace(dead_processes=dead_processes))
    with ray_cluster._watched():
        assert looks.wait(120)
    assert "ray" not in [thread.name for thread in threading.enumerate()]  # nobody looks any more


@pytest.mark.parametrize("wanted", [True, False])
def test_a_dashboard_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch, wanted: bool) -> None:
    import ray

    asked: dict[str, object] = {}

    def init(**settings: object) -> SimpleNamespace:
        asked.update(settings)
        return SimpleNamespace(dashboard_url="127.0.0.1:8265" if settings["include_dashboard"] else "")

    said: list[str] = []
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(SILENT, "say", said.append, raising=False)
    with ray_cluster.ray_cluster(SILENT, dashboard=wanted):
        pass
    assert (asked["include_dashboard"], asked["dashboard_host"]) == (wanted, "127.0.0.1")
    assert any("http://127.0.0.1:8265" in line and "asks for the token" in line for line in said) == wanted


def test_another_clusters_dashboard_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setenv("RAY_ADDRESS", "auto")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with (
        pytest.raises(RecipeError, match=r"engine\.dashboard .* RAY_ADDRESS=auto"),
        ray_cluster.ray_cluster(SILENT, True),
    ):
        pass
