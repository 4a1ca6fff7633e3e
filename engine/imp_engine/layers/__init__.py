"""The building blocks of the models. Each knows which checkpoint tensors fill it."""
