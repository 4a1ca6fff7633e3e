from .ops import clip
