"""The demo: a page that shows sessions at work, with controls that try to break them.

Never for production. Only the command line imports it: the routes that expire a pass, lose a response or play a thief
exist only in `gatepass demo`.
"""

from gatepass.demo.app import demo_app
from gatepass.demo.serve import serve_demo

__all__ = ["demo_app", "serve_demo"]
