"""When a person signed in at the provider, as the session keeps it: NumericDate may have a fraction (RFC 7519 §2)."""

from tests.support.gates import GateHarness
from tests.support.person import Person
from tests.support.provider import Provider


async def test_a_time_with_a_fraction_is_the_time_of_the_sign_in(at: GateHarness) -> None:
    with Provider(at.clock.now) as provider:
        at.gate.oidc("acme", **provider.options)
        person = Person(at.gate.asgi)
        provider.claims = lambda claims: {**claims, "auth_time": at.clock.now() - 3600 + 0.5}
        assert (await person.sign_in_at(provider)).one("location") == "/"
        (session,) = at.memory.rows().values()
        assert session.authenticated_at == at.clock.now() - 3600
