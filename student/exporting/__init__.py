"""Trained students as files that run without this project: ONNX and torch.export."""
