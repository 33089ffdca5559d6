"""What goes into an exported student and what comes out of it: names, shapes, units."""

from __future__ import annotations

from dataclasses import dataclass

from student.config import StudentNetworkConfig

SCHEMA = "pixel3dmm-distill/student-onnx/1"
ENTRY = "pixel3dmm"  # of the file's metadata, one JSON


@dataclass(frozen=True)
class Port:
    """One input or output."""

    name: str
    shape: tuple[str | int, ...]  # B = batch, S = side of the crop in pixels
    meaning: str  # with unit and frame


def input_ports(config: StudentNetworkConfig) -> tuple[Port, ...]:
    """What a network of these options takes, in order; what it does not look at is not asked for."""
    size = config.size
    picture = Port("image", ("B", 3, size, size), "the crop, float32 RGB in [0, 1]")
    marks = (
        Port("landmarks_px", ("B", 478, 2), f"MediaPipe's landmarks, pixels of a crop of {size}; zeros without any"),
        Port("has_landmarks", ("B",), "bool, whether there are landmarks"),
    )
    units = (
        Port(
            "blendshapes", ("B", 52), "the landmarker's blendshapes, by ARKit's names in docs/export.md; NaN if unknown"
        ),
    )
    camera = (
        Port("focal_px", ("B",), f"focal length, pixels of a crop of {size}"),
        Port("center_px", ("B", 2), f"principal point of the whole picture, pixels of a crop of {size}"),
    )
    return (
        *((picture,) if config.backbone != "none" else ()),
        *(marks if config.landmarks else ()),
        *(units if config.blendshapes else ()),
        *camera,
    )


# What the network itself predicts, as in `student.network.records.StudentOutput`; the others follow from it.
PREDICTED = (
    Port("told_shape", ("B", "D"), "shape along shape_directions"),
    Port("told_expression", ("B", "d"), "expression along expression_directions"),
    Port("eyelids", ("B", 2), "closure of the subject's left and right lid, 1 shut"),
    Port("neck", ("B", 3), "axis-angle, radians"),
    Port("jaw", ("B", 3), "axis-angle, radians"),
    Port("eyes", ("B", 2, 3), "axis-angle, radians, subject's left first"),
    Port("R_sight_face", ("B", 3, 3), "from the face's axes to those of the line of sight through the anchor"),
    Port("anchor_px", ("B", 2), "where the anchor is in the crop"),
    Port("log_scale", ("B",), "log of pixels of the crop per metre at the anchor's depth"),
    Port("log_std", ("B", "D+d+3"), "log of the expected error of told_shape, told_expression and jaw"),
)
HEAD = (
    Port("shape", ("B", "S"), "FLAME shape codes, standard deviations"),
    Port("expression", ("B", "E"), "FLAME expression codes, standard deviations"),
    Port("global_rot", ("B", 3), "axis-angle, radians; world with y up, the camera at its origin looking along -z"),
    Port("translation", ("B", 3), "metres, the same world"),
    Port("verts_cam_m", ("B", "V", 3), "posed mesh in metres; camera frame: x right, y down, z forward"),
    Port(
        "mesh_landmarks_px", ("B", 478, 2), "MediaPipe's points on that mesh, pixels of the crop; zeros where unknown"
    ),
)
CONSTANT = (
    Port("faces", ("F", 3), "triangles of the mesh, counter-clockwise seen from outside"),
    Port("shape_directions", ("S", "D"), "shape = shape_directions @ told_shape"),
    Port("expression_directions", ("E", "d"), "expression = expression_directions @ told_expression"),
    Port("anchor_m", (3,), "the point of the unposed head that anchor_px shows"),
)
OUTPUTS = (*PREDICTED, *HEAD, *CONSTANT)
