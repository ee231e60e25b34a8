"""The version of this Limbeck."""

VERSION = "0.1.0"
