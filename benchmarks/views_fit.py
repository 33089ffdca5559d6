"""Three views of one moment, and a collection of photos, against one picture, on rendered people.

    python benchmarks/views_fit.py persons=12 seed=93 turn_deg=30

Each person is drawn from the front and from both sides, with the same expression. All ways to fit see the same
pictures and know the lens. Errors are those of the first picture's head; "depth" is that of the face's vertices along
the first camera's axis, "relief" the same after rigid alignment. The collection are three other pictures of the same
person, each with another expression; it is compared by the neutral head alone.
"""

from __future__ import annotations

import math
import statistics
import sys
from dataclasses import replace

import torch
from command_line import read_options
from torch import Tensor
from tqdm import tqdm

from shared.evaluate.faces import FaceMesh, TrueFace, skin_samples
from shared.evaluate.metrics import score_face
from shared.flame.params import FlameParams
from shared.flame.schema import LandmarkEmbedding
from shared.geometry.camera import Camera
from shared.geometry.meshes import align
from shared.images.decode import Frame
from shared.records.tensor_record import stack
from shared.synthetic.motion import seen_from
from shared.synthetic.people import Person
from shared.synthetic.pose.shot import draw_shot
from shared.synthetic.scene.streams import stream
from shared.synthetic.studio import Order, PortraitStudio
from teacher.config import FitRunConfig
from teacher.observation.face import ObservedFace, observe
from teacher.pipeline.observe import evidence_of
from teacher.pipeline.tools import Tools, build_tools
from teacher.runs.views import sharing_of

DEFAULTS = {"persons": "12", "seed": "93", "turn_deg": "30", "size": "384"}
COLUMNS = ("posed L1", "posed L2", "depth", "relief", "neutral L1", "neutral L2")
MOST_YAW_RAD = math.radians(20)  # of the first picture, so that those from the sides still show the face
COLLECTION = "collection of three"


def draw_person(
    studio: PortraitStudio, tools: Tools, config: FitRunConfig, order: Order, turn_rad: float
) -> tuple[list[ObservedFace], list[ObservedFace], FlameParams] | None:
    """Three views of a moment and three photos, with true cameras, and the truth of the first; None if one is lost."""
    model, detector = studio.model, tools.detector()
    shape = Person.draw(order.seed, order.person, model, studio.library).shape

    def photo(index: int, turn: float | None) -> tuple[ObservedFace, FlameParams] | None:
        kind = "posed" if turn is not None or index % 2 else "neutral"
        drawn = draw_shot(
            model, studio.marks, shape, kind, studio.size, stream(order.seed, index, f"view {order.person}")
        )
        shot, T_cam_world = (drawn, drawn.camera.T_cam_world) if turn is None else seen_from(model, drawn, turn)
        picture = studio.portrait(replace(order, index=order.index + index), shot)
        name = f"{order.person}-{index}"
        faces = observe(Frame(picture.image, name, ""), detector, config)
        if not faces:
            return None
        camera = Camera(shot.camera.focal_px, shot.camera.center_px, T_cam_world, shot.camera.size)
        return replace(faces[0], camera=camera, focal_source="given"), drawn.params

    moment = [photo(0, turn) for turn in (0.0, turn_rad, -turn_rad)]
    collection = [photo(index, None) for index in (1, 2, 3)]
    found = [one for one in (*moment, *collection) if one is not None]
    if len(found) < 6:
        return None
    return [face for face, _ in found[:3]], [face for face, _ in found[3:]], found[0][1]


def fits(moment: list[ObservedFace], collection: list[ObservedFace], tools: Tools) -> dict[str, FlameParams]:
    """Parameters of the first picture by way; of the collection only the shape is that of the person."""
    seen = evidence_of([*moment, *collection], tools).evidence.to(tools.device)
    here, photos = seen[:3], seen[3:]
    apart = replace(here.camera, T_cam_world=here.camera.T_cam_world[:1].expand(3, 4, 4))
    fit = tools.fitter.fit_together
    return {
        "one view": tools.fitter.fit(here[:1]).params[0],
        "three, cameras known": fit(here, sharing_of(3, True, True, tools.device)).params[0],
        "three, cameras unknown": fit(replace(here, camera=apart), sharing_of(3, True, False, tools.device)).params[0],
        COLLECTION: fit(photos, sharing_of(3, False, False, tools.device)).params[0],
    }


def errors_mm(
    tools: Tools, found: FlameParams, truth: FlameParams, camera: Camera, samples: LandmarkEmbedding
) -> list[float]:
    """The columns of the table."""
    model, face = tools.model, tools.model.assets.region("face")

    def both(params: FlameParams) -> Tensor:
        neutral = replace(model.neutral_params(), shape=params.shape)
        with torch.no_grad():
            return model(stack([params, neutral])).verts_m

    heads, true = both(found), both(truth)
    row = []
    for head, true_head in zip(heads, true, strict=True):
        truth_face = TrueFace.of_head(true_head, model.assets, samples)
        score = score_face(truth_face, FaceMesh.of_head(head, model.assets)).by_landmarks
        row += [score.l1_mm, score.l2_mm]
    aligned = align(heads[0, face], true[0, face]).apply(heads[0, face])
    ahead = camera.T_cam_world[2, :3]
    depth, relief = (1e3 * float(((one - true[0, face]) @ ahead).abs().mean()) for one in (heads[0, face], aligned))
    return [*row[:2], depth, relief, *row[2:]]


def main(options: dict[str, str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    config = FitRunConfig(batch_size=8)
    tools = build_tools(config, torch.device("cpu"))
    size = int(options["size"])
    studio, samples = PortraitStudio(tools.model, (size, size)), skin_samples(tools.model.assets)
    rows: dict[str, list[list[float]]] = {}
    turn_rad, seed = math.radians(float(options["turn_deg"])), int(options["seed"])
    for person in tqdm(range(int(options["persons"])), desc="people", dynamic_ncols=True):
        drawn = draw_person(studio, tools, config, Order(seed, 10 * person, person, "posed"), turn_rad)
        if drawn is None:
            print(f"person {person}: a face was not found")
            continue
        moment, collection, truth = drawn
        for name, params in fits(moment, collection, tools).items():
            row = errors_mm(tools, params, truth, moment[0].camera, samples)
            rows.setdefault(name, []).append(row)
    if not rows:
        raise SystemExit("no person's pictures all show a face")
    print(f"{'mm, mean of ' + str(len(rows['one view'])):26s}" + "".join(f"{name:>12s}" for name in COLUMNS))
    for name, errors in rows.items():
        means = [statistics.fmean(column) for column in zip(*errors, strict=True)]
        posed = name != COLLECTION
        cells = [f"{mean:12.3f}" if posed or n > 3 else f"{'':12s}" for n, mean in enumerate(means)]
        print(f"{name:26s}" + "".join(cells))


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
