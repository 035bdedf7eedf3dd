"""How the workers of a training by Ray Train learn where they meet. They join the group themselves: as Ray has them do it, its
store would listen at all addresses of the machine."""

import os
from typing import Any

import ray.train
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend

from framework.training.process_group import free_port


class _Backend(_TorchBackend):  # type: ignore[misc]  # which leaves the group when the workers end
    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """See Backend."""
        worker_group.execute(_tell, worker_group.execute_single(0, _address))


class Meeting(TorchConfig):  # type: ignore[misc]
    """See TorchConfig."""

    @property
    def backend_cls(self) -> type[_Backend]:
        """See BackendConfig."""
        return _Backend


def _address() -> dict[str, str]:
    host = ray.util.get_node_ip_address()
    return {"MASTER_ADDR": host, "MASTER_PORT": str(free_port(host))}


def _tell(address: dict[str, str]) -> None:
    os.environ.update(address, LOCAL_RANK=str(ray.train.get_context().get_local_rank()))
