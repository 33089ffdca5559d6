"""Convert a network that Pixel3DMM's authors released (uv.ckpt, normals.ckpt) to a weight file of ours, once.

Nothing inside the file is run. Its licence, CC BY-NC 4.0, stays with the result.
"""

from __future__ import annotations

from pathlib import Path

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from shared.runs.errors import UserError
from teacher.config import PriorConvertConfig

EXAMPLE = """
python teacher/prior_convert.py input=uv.ckpt out=uv.safetensors flame=FLAME2020
python teacher/prior_predict.py weights=uv.safetensors inputs=photos out=runs/uv
python teacher/fit.py input=photo.jpg out=runs/photo flame=FLAME2020 prior=uv.safetensors,normals.safetensors
"""


def main(argv: list[str]) -> int:
    """Parse, read, write, report."""
    config = load_config(PriorConvertConfig, argv, about=__doc__ or "", example=EXAMPLE)
    if Path(config.out).suffix != ".safetensors":
        raise UserError(f"out={config.out}: give a path that ends in .safetensors")
    from shared.flame.assets import load_flame  # after the options, as these take seconds to import
    from teacher.prior.networks.released import SOURCE, read_released
    from teacher.prior.networks.weights import save_prior

    head_id = load_flame(config.flame).head_id
    released = read_released(Path(config.input))
    vit = released.network.config
    made = {**SOURCE, "unused": [*released.no_part, *released.unknown], "assumed": list(released.assumed)}
    path = save_prior(Path(config.out), released.network, "vit", vit, head_id, made)
    print(
        f"{config.input}: {vit.output} by {vit.backbone}, head {vit.width} wide, {vit.layers} blocks, {vit.heads} heads"
    )
    print(f"not part of the network: {len(released.no_part)} keys" + _listed(released.no_part))
    if released.unknown:
        print(f"warning: {len(released.unknown)} keys are unknown and unused" + _listed(released.unknown))
    for assumption in released.assumed:
        print(f"warning: assumed {assumption}")
    print(f"{path}  ({path.stat().st_size / 1e6:.0f} MB)")
    return 0


def _listed(names: tuple[str, ...]) -> str:
    return "".join(f"\n  {name}" for name in names)


if __name__ == "__main__":
    run_entry(main)
