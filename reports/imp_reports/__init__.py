"""Renderers: records in, pages out."""
