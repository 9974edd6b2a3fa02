"""The project with a real gate in memory, up to the mailed link."""

from queue import SimpleQueue
from typing import Any

from django.test import Client, TestCase, override_settings

from gatepass import Mail, Policy
from gatepass.ports import Message
from gatepass.testing import memory_gate

ANN = {"email": "ann@example.com", "password": "seven green bottles"}
PAGE = {"Gatepass-Client": "1"}  # the header of every call to /auth, as the browser client sends it


class Postbox:
    """Takes mail in the place of a mail server."""

    def __init__(self) -> None:
        self.messages: SimpleQueue[Message] = SimpleQueue()

    async def send(self, message: Message) -> None:
        self.messages.put(message)


class NotesTest(TestCase):
    def setUp(self) -> None:
        self.postbox = Postbox()
        gate = memory_gate(policy=Policy(registration="verify"), mail=Mail(self.postbox))
        self.enterContext(override_settings(GATEPASS=gate))
        self.client = Client(enforce_csrf_checks=True)  # made after the setting: it has the middleware of this gate

    def post(self, path: str, body: object, **headers: str) -> Any:
        return self.client.post(path, body, content_type="application/json", headers={**PAGE, **headers})

    def bearer(self) -> dict[str, str]:
        """Register, follow the link, and sign in."""
        assert self.post("/auth/register", ANN).status_code == 202
        token = self.postbox.messages.get(timeout=60).text.partition("#token=")[2].split()[0]
        made = self.post("/auth/verify", {"token": token, "password": ANN["password"]})
        return {"Authorization": f"Bearer {made.json()['access_token']}"}

    def test_notes_need_a_sign_in(self) -> None:
        refused = self.client.get("/api/notes")
        self.assertEqual((refused.status_code, refused.json()["code"]), (401, "token-required"))

    def test_people_see_their_own_notes(self) -> None:
        bearer = self.bearer()
        self.assertEqual(self.post("/api/notes", {"text": "milk"}, **bearer).status_code, 201)
        listed = self.client.get("/api/notes", headers=bearer).json()
        self.assertEqual([note["text"] for note in listed], ["milk"])

    def test_mailed_links_lead_to_a_page(self) -> None:
        for path in ("/", "/verify", "/reset"):
            self.assertContains(self.client.get(path), "<h1>Notes</h1>")
