"""Parts for the tests of applications and of stores.

    tokens     headers of a caller who is signed in, without a store and without a password
    gates      a gate in memory and a caller without a token, for the tests of an application
    browsers   a session for a context of Playwright, by the testing endpoint
    plugin     fixtures of pytest; it is loaded wherever Gatepass is installed, and imports nothing of it
    battery    the contract of a store as tests; `records` makes the rows that they use
    machine    a Hypothesis machine that compares a store with the reference
    clock      time, randomness and password hashing that a test controls
    faults     a proxy that loses requests and answers
    soft_token an authenticator of passkeys and its browser, in memory
    totp       the codes of an authenticator app
    mail_code  the code in a mail
    virtual_device   the browser's half of device-bound sessions, in memory

`gatepass.testing.battery` and `gatepass.testing.machine` must be imported by name, as they need pytest and Hypothesis:
`pip install 'gatepass[testing]'`. The rest needs neither. The names are imported at their first use, so that the plugin
delays no run of pytest, and hides no line of the package from a measurement of coverage.
"""

from gatepass._lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "gatepass.testing.browsers": ["sign_in_browser", "sign_in_browser_async"],
        "gatepass.testing.clock": ["FastHasher", "ManualClock", "PredictableEntropy"],
        "gatepass.testing.faults": ["FaultProxy"],
        "gatepass.testing.mail_codes": ["mail_code"],
        "gatepass.testing.gates": ["fake_principal", "memory_gate"],
        "gatepass.testing.soft_token": ["SoftToken"],
        "gatepass.testing.tokens": ["account_id_of", "sign_in"],
        "gatepass.testing.totp": ["totp_code"],
        "gatepass.testing.virtual_device": ["VirtualDevice"],
    },
)
