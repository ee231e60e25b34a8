"""Flows between the lake and files: datasets go out, files come in, on demand or by a schedule."""

from limbeck.flow.landingzone import LandingZone
from limbeck.flow.model import Metrics, Resource, Run, Runner
from limbeck.flow.resources import Resources
from limbeck.flow.service import FlowService

__all__ = ["FlowService", "LandingZone", "Metrics", "Resource", "Resources", "Run", "Runner"]
