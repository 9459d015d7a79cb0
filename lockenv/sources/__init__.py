"""Where candidates come from: one room for each ecosystem."""
