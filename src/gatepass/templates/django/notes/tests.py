"""The project from outside: clients that sign in as people do, over WSGI and without a network.

python manage.py test --settings project.test_settings
"""

import itertools

from django.core.wsgi import get_wsgi_application
from django.test import TestCase
from gatepass.client import Client
from httpx2 import WSGITransport

PASSWORD = "seven green bottles"
_numbers = itertools.count()


class NotesTest(TestCase):
    """The gate lives as long as the process, so every person is a new one."""

    def setUp(self) -> None:
        """A person who has just signed up."""
        self.ann = self.sign_up()

    def sign_up(self) -> Client:
        """A client with a session."""
        client = self.open_client()
        client.sign_up(f"person{next(_numbers)}@example.com", PASSWORD)
        return client

    def open_client(self) -> Client:
        """A client without a session."""
        client = Client("http://localhost", transport=WSGITransport(get_wsgi_application()))
        self.addCleanup(client.close)
        return client

    def test_without_a_session_there_are_no_notes(self) -> None:
        self.assertEqual(self.open_client().get("/api/notes").status_code, 401)

    def test_a_note_is_added_listed_and_deleted(self) -> None:
        note = self.ann.post("/api/notes", json={"text": "water the hedge"}).json()
        self.assertEqual(self.ann.get("/api/notes").json(), [note])
        self.assertEqual(self.ann.delete(f"/api/notes/{note['id']}").status_code, 204)
        self.assertEqual(self.ann.get("/api/notes").json(), [])

    def test_what_is_no_note_is_refused(self) -> None:
        wrong: list[object] = [{"text": "  "}, {"text": 7}, {}, []]
        for body in wrong:
            self.assertEqual(self.ann.post("/api/notes", json=body).status_code, 422)

    def test_nobody_sees_or_deletes_the_notes_of_another_account(self) -> None:
        note = self.ann.post("/api/notes", json={"text": "mine"}).json()
        ben = self.sign_up()
        self.assertEqual(ben.get("/api/notes").json(), [])
        self.assertEqual(ben.delete(f"/api/notes/{note['id']}").status_code, 404)

    def test_who_signs_out_is_out(self) -> None:
        self.ann.sign_out()
        self.assertEqual(self.ann.get("/api/notes").status_code, 401)
