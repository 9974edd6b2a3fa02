"""The browsers in which the tests of this folder run, behind one interface.

chromium   by Playwright, whose `Page` and `BrowserContext` the interface is a part of
firefox    Debian's firefox-esr, by WebDriver BiDi
webkit     WebKitGTK's MiniBrowser (webkit2gtk-driver, xvfb), by WebDriver
"""
