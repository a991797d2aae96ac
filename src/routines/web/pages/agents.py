"""Agents: the list, hiring, one with its keys and heartbeats, pausing and dismissing.

How an agent is started is `heartbeat`'s.
"""

from __future__ import annotations

from fastapi import APIRouter

from routines.web.page import PageRoute

router = APIRouter(route_class=PageRoute)
