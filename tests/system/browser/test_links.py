"""An `<img>` and a download open by link in a real browser, until the session ends, wherever that happens."""

from urllib.parse import urlsplit

import httpx2

from tests.system.browser.conftest import Stage, Stages, sign_up, until_page
from tests.system.browser.engines.interface import Page
from tools.services.patience import until
from tools.services.ports import free_port

SHOW = """async (path) => {
  const image = new Image();
  const { linkTo } = await import("/auth/gatepass.js");
  image.src = await linkTo(stage.session, path);
  document.body.append(image);
  return image.decode().then(() => [true, image.src], () => [false, image.src]);
}"""
SHOW_AGAIN = """async (url) => {
  const image = new Image();
  image.src = url;
  return image.decode().then(() => true, () => false);
}"""
DOWNLOAD = """async (path) => {
  const anchor = document.createElement("a");
  const { linkTo } = await import("/auth/gatepass.js");
  anchor.href = await linkTo(stage.session, path);
  document.body.append(anchor);
  anchor.click();
}"""


def test_an_image_and_a_download_open_by_link_until_the_session_ends_on_another_server(
    stage: Stage, tab: Page, stages: Stages
) -> None:
    other = free_port()
    public = ("--public-port", str(urlsplit(stage.url).port), *stage.options)
    stages.start(other, *public, "--folder", stage.folder)
    sign_up(tab)
    shown, url = tab.evaluate(SHOW, "/files/7?size=large")
    assert shown
    tab.evaluate(DOWNLOAD, "/files/7?download=1")
    until(lambda: stage.proxy.count("/files/7", status=200) == 2, "the download")
    elsewhere = url.replace(stage.url, f"http://localhost:{other}")
    directly = url.replace(stage.url, stage.direct_url)
    part = httpx2.get(directly, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.text, part.headers["referrer-policy"]) == (206, "<svg", "no-referrer")
    assert httpx2.get(elsewhere).status_code == 200, "each server of the gate opens it"

    token = tab.evaluate("stage.session.token().then(({ value }) => value)")
    headers = {"Authorization": f"Bearer {token}", "Gatepass-Client": "1"}
    assert httpx2.post(f"http://localhost:{other}/auth/logout", headers=headers).status_code == 204
    assert httpx2.get(elsewhere).status_code == 401
    until(lambda: httpx2.get(directly).status_code == 401, "the news of the sign-out")
    tab.goto(stage.url)  # a document shows the images that it has had without asking
    until_page(tab, "window.stage")
    assert not tab.evaluate(SHOW_AGAIN, url)
