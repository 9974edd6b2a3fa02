"""`GET /gatepass.js`: the browser client in one file, served so that it is fetched once and never stale for long."""

import gzip
from pathlib import Path

import pytest

from gatepass.server.endpoints import browser_client as served
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.gates import GateHarness, open_gate

TEXT = b"export const createSession = 1;\n" * 40


@pytest.fixture
async def script(at: GateHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that this test's gate serves."""
    file = tmp_path / "gatepass.js"
    file.write_bytes(TEXT)
    monkeypatch.setattr(served, "FILE", file)
    return file


async def get(at: GateHarness, *headers: tuple[str, str]) -> Answer:
    return await call(at.gate.asgi, "GET", "/gatepass.js", headers=headers)


async def test_it_is_a_script_for_every_browser_and_nothing_sniffs_it(at: GateHarness, script: Path) -> None:
    answer = await get(at)
    assert (answer.status, answer.body) == (200, TEXT)
    assert answer.one("content-type") == "text/javascript; charset=utf-8"
    assert answer.one("x-content-type-options") == "nosniff"
    assert answer.one("cache-control") == "public, max-age=300"
    assert answer.cookies == []


async def test_whoever_has_it_already_is_told_so_without_a_body(at: GateHarness, script: Path) -> None:
    tag = (await get(at)).one("etag")
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await get(at, ("if-none-match", known))
        assert (answer.status, answer.body, answer.one("etag")) == (304, b"", tag)
        assert answer.get("content-length") is None, "zero would be a lie about the file (RFC 9110 §8.6)"
        assert answer.one("cache-control") == "public, max-age=300"
    assert (await get(at, ("if-none-match", '"other"'))).status == 200


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "GZIP , deflate", "gzip;q=1.0"])
async def test_it_goes_compressed_to_whoever_accepts_that_under_a_tag_of_its_own(
    at: GateHarness, script: Path, accepted: str
) -> None:
    answer = await get(at, ("accept-encoding", accepted))
    assert answer.one("content-encoding") == "gzip"
    assert gzip.decompress(answer.body) == TEXT
    assert answer.one("vary") == "Accept-Encoding"
    assert answer.one("etag") != (await get(at)).one("etag")
    known = ("if-none-match", answer.one("etag"))
    assert (await get(at, ("accept-encoding", accepted), known)).status == 304
    assert (await get(at, known)).status == 200, "the other encoding is not what this browser has"


@pytest.mark.parametrize("accepted", ["gzip;q=0", "gzip; q=0.000", "br", "x-gzip2", ""])
async def test_it_goes_as_it_is_to_everybody_else(at: GateHarness, script: Path, accepted: str) -> None:
    answer = await get(at, ("accept-encoding", accepted))
    assert answer.get("content-encoding") is None
    assert answer.body == TEXT


async def test_pages_of_an_allowed_origin_may_import_it_and_others_may_not() -> None:
    async with open_gate(browsers=Browsers(origins=["https://app.example"])) as at:
        allowed = await get(at, ("origin", "https://app.example"))
        foreign = await get(at, ("origin", "https://evil.example"))
    assert allowed.one("access-control-allow-origin") == "https://app.example"
    assert foreign.get("access-control-allow-origin") is None
    assert "Origin" in foreign.all("vary"), "no cache may hand one origin's answer to another"


async def test_an_installation_without_it_says_what_to_do_and_finds_it_once_it_is_built(
    at: GateHarness, script: Path
) -> None:
    script.unlink()
    answer = await get(at)
    assert answer.status == 404
    assert "built without the browser client" in answer.json()["detail"]
    script.write_bytes(TEXT)
    assert (await get(at)).body == TEXT


def test_the_built_file_has_what_a_page_needs_and_no_import_of_anything_else() -> None:
    if not served.FILE.is_file():
        pytest.fail("the browser client is not built; run: python3 run.py test")
    text = served.FILE.read_text()
    exported = text.rpartition("export{")[2].partition("}")[0]
    names = {entry.rpartition(" as ")[2] for entry in exported.split(",")}
    assert {"createSession", "createClient", "GatepassError", "onErrors", "retry", "createLoading", "log"} <= names
    assert "import{" not in text
    assert "import(" not in text
