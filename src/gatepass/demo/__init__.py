"""The demo: a page on which a person sees sessions work, and levers to try to break them.

Nothing here is for production, and nothing outside imports it but the command line: the routes that expire a
pass, lose an answer or play a thief exist in `gatepass demo` alone.
"""

from gatepass.demo.app import demo_app
from gatepass.demo.serve import serve_demo

__all__ = ["demo_app", "serve_demo"]
