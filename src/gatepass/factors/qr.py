"""The QR code of an otpauth URI, as SVG. Needs the extra `totp`; without it a page shows the secret as text."""

import io

from gatepass.core.secret import Secret

try:
    import segno
except ModuleNotFoundError as missing:
    if missing.name != "segno":
        raise  # a defect of one that is installed
    # A person can type the secret.
    segno = None  # type: ignore[assignment]


def svg_of(uri: Secret) -> Secret | None:
    """An <svg> element that scales to its place, black on white also on a dark page; None without the extra.

    It has no script and no style, so it may stand in a page under any Content-Security-Policy, or in a data: URI.
    """
    if segno is None:
        return None
    drawn = io.BytesIO()
    segno.make(uri.reveal(), error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, omitsize=True, svgclass=None, lineclass=None, light="#fff", nl=False
    )
    return Secret(drawn.getvalue().decode())
