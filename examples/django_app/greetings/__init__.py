"""The one application of the example project."""
