"""Loggers of a training besides the CSV file: TensorBoard, MLflow, Weights & Biases."""
