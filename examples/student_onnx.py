"""A photo to a head mesh with an exported student: numpy, OpenCV and ONNX Runtime, nothing of this project.

python student_onnx.py student.onnx face.jpg head.obj [x y width height of the face, forehead to chin]
"""

import json
import sys

import cv2
import numpy as np
import onnxruntime

model, photo, out, *box = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
crop = json.loads(session.get_modelmeta().custom_metadata_map["pixel3dmm"])["preprocessing"]
picture = cv2.imread(photo)[..., ::-1].astype(np.float32) / 255  # RGB
height, width = picture.shape[:2]
x, y, w, h = map(float, box or (0, 0, width, height))
side = max(w, h) * (crop["margin"] if box else 1)  # without a box, the picture is a crop already
left, top, scale = x + (w - side) / 2, y + (h - side) / 2, crop["size"] / side
if scale < 1:  # blur what a smaller picture cannot hold
    picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
half = scale / 2 - 0.5  # OpenCV counts from the middle of the first pixel, we from its corner
affine = np.array([[scale, 0, half - left * scale], [0, scale, half - top * scale]])
given = {
    "image": cv2.warpAffine(picture, affine, (crop["size"], crop["size"])).transpose(2, 0, 1)[None],
    "landmarks_px": np.zeros((1, 478, 2), np.float32),  # MediaPipe's in pixels of the crop, if you have them
    "has_landmarks": np.zeros(1, bool),
    "blendshapes": np.full((1, 52), np.nan, np.float32),  # the landmarker's, if you have them
    "focal_px": np.float32([1.37 * max(width, height) * scale]),  # a 50 mm lens, where nothing is known
    "center_px": np.float32([[(width / 2 - left) * scale, (height / 2 - top) * scale]]),
}
feeds = {port.name: given[port.name] for port in session.get_inputs()}
verts, faces = session.run(["verts_cam_m", "faces"], feeds)
np.savetxt(out, verts[0] * [1, -1, -1], fmt="v %.6f %.6f %.6f")  # y up, as mesh viewers like it
with open(out, "a") as file:
    np.savetxt(file, faces + 1, fmt="f %d %d %d")
