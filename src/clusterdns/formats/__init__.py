"""Parsers of the text and binary formats that DNS and Kubernetes use: pure."""
