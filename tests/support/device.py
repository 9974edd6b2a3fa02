"""A browser that binds its sessions to a device: what Chromium does by itself, around the smallest client."""

from collections.abc import Iterable
from typing import Any

from gatepass.testing.virtual_device import DeviceRequest, VirtualDevice
from gatepass.wire.asgi import ASGIApp
from tests.support.asgi import CLIENT, Answer, call
from tests.support.browser import Browser

DEVICE = "__Host-gatepass-device"


class DeviceBrowser(Browser):
    """A profile on one device. `device_answers` are the answers to what it sent by itself."""

    def __init__(self, app: ASGIApp, *, device: VirtualDevice | None = None, **facts: Any) -> None:
        super().__init__(app, **facts)
        self.device = device or VirtualDevice()
        self.device_answers: list[Answer] = []

    def copy(self) -> Browser:
        """The whole profile on another machine: jar and binding key, but not the device."""
        return self.clone(key=self.key)

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Iterable[tuple[str, str]] = (),
        lose: bool = False,
    ) -> Answer:
        url = self.origin + self.mount + path
        while (waiting := self.device.refresh_for(url, self.jar)) is not None:
            await self.by_itself(waiting)
        sent = [*headers, *self.device.skip_header()]
        answer = await super().send(method, path, body=body, headers=sent, lose=lose)
        registration = None if lose else self.device.registration_for(url, answer.headers)
        if registration is not None:
            await self.start(registration)
        return answer

    async def start(self, request: DeviceRequest) -> Answer:
        answer = await self.post(request)
        self.device.registered(request, answer.status, answer.body)
        return answer

    async def by_itself(self, request: DeviceRequest) -> Answer:
        answer = await self.post(request)
        self.device.refreshed(request, answer.status, answer.headers, answer.body)
        return answer

    async def post(self, request: DeviceRequest) -> Answer:
        """Send what the browser sends by itself, with the jar."""
        jar = ("cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items()))
        path = request.url.removeprefix(self.origin)
        answer = await call(self.app, "POST", path, headers=[*request.headers, jar], client=(self.address, CLIENT[1]))
        self.device_answers.append(answer)
        self.absorb(answer)
        return answer

    def expire_device_cookie(self) -> None:
        """As Max-Age does."""
        self.jar.pop(DEVICE, None)
