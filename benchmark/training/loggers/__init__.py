"""Where losses go besides the CSV file: TensorBoard, MLflow, Weights & Biases."""
