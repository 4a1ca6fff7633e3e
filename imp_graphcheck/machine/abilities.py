"""From the facts of a machine to what will work on it, and what to do about what will not."""

from imp_graphcheck.record.machine import Ability, Driver, Torch

CUDA_EXTRA = "pip install 'imp-graphcheck[cuda]'"


def abilities_of(torch: Torch, driver: Driver, packages: dict[str, str | None]) -> tuple[Ability, ...]:
    """One row for each thing a user may want to do."""
    cuda = _on_cuda(torch, driver)
    return (_on_sim(torch), cuda, _reading_graphs(cuda, packages))


def _on_sim(torch: Torch) -> Ability:
    name = "capture --device sim"
    if torch.problem:
        return _no_torch(name, torch)
    if torch.sim:
        return Ability(name=name, works=False, because=torch.sim, remedy="install torch 2.11 or newer")
    return Ability(name=name, works=True)


def _on_cuda(torch: Torch, driver: Driver) -> Ability:
    name = "capture --device cuda"
    if torch.problem:
        return _no_torch(name, torch)
    if driver.problem:
        remedy = "on a machine with an NVIDIA GPU install its driver; elsewhere use --device sim"
        return Ability(name=name, works=False, because=driver.problem, remedy=remedy)
    if not driver.gpus:
        remedy = "make a GPU visible to this machine or container; elsewhere use --device sim"
        return Ability(name=name, works=False, because="the driver sees no GPU", remedy=remedy)
    if torch.built_for_cuda is None:
        because = f"torch {torch.version} is built without CUDA"
        return Ability(name=name, works=False, because=because, remedy="install a CUDA build of torch")
    if torch.cuda:
        because = f"{torch.cuda} It is built for CUDA {torch.built_for_cuda}; the driver goes up to {driver.cuda_version}."
        remedy = "update the driver, or check CUDA_VISIBLE_DEVICES"
        return Ability(name=name, works=False, because=because, remedy=remedy)
    return Ability(name=name, works=True)


def _reading_graphs(cuda: Ability, packages: dict[str, str | None]) -> Ability:
    name = "nodes of captured graphs on cuda"
    if not cuda.works:
        return Ability(
            name=name, works=False, because="capture --device cuda does not work", remedy="as above"
        )
    if packages.get("cuda-bindings") is None:
        return Ability(name=name, works=False, because="cuda-bindings is not installed", remedy=CUDA_EXTRA)
    return Ability(name=name, works=True)


def _no_torch(name: str, torch: Torch) -> Ability:
    remedy = "install torch again; `python -c 'import torch'` must work"
    return Ability(name=name, works=False, because=f"torch cannot be used: {torch.problem}", remedy=remedy)
