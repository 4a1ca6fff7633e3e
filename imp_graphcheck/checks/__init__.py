"""Pure functions from records to findings: no device, no files, so they run on saved records too."""
