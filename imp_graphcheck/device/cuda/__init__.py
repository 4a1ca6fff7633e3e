"""An NVIDIA GPU, through torch.cuda and the driver.

`torch` does the work; `cuda-bindings`, where it is installed, reads graphs in full. Without it the driver library
itself still gives their shape (`libcuda`).
"""
