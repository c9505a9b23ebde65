"""Rendered camera videos with known truth: the demo's shop, its shoppers, its two cameras.

`script` plans what happens, `scene` says where things stand, and the two views draw the same
plan. Nobody in the pictures exists: the actors' faces are averages of many (see NOTICE).
"""

from aeras.lab.render.production import RenderedDemo, render_demo
from aeras.lab.render.scene import demo_layout

__all__ = ["RenderedDemo", "demo_layout", "render_demo"]
