"""The documentation as a site: `python3 run.py docs`.

pages.py       docs/ and what it links to, gathered in one folder that the generator can read
__main__.py    build (Zensical), twins, llms.txt, checks, and a server on loopback
finish.py      what is added to the built pages: a policy that no request may leave, and Markdown twins
docstrings.py  the Python reference as Markdown, for the twins
check.py       links, anchors and foreign origins of the built site
"""
