"""The saved facts. Nothing in here imports torch, a device, or any other room."""
