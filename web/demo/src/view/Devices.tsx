/** The devices on which the account is signed in, each with a button to revoke it. */

import { useAct, useStore } from "../store";
import { type Device, loadDevices, revokeDevice } from "../store/devices";
import { PromiseChip } from "./PromiseChip";

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function Devices() {
  const dispatch = useAct();
  const { items, error } = useStore((state) => state.devices);
  return (
    <section className="panel" aria-labelledby="devices-title">
      <div className="panel-top">
        <div>
          <h2 id="devices-title">Your devices</h2>
          <p className="aside">
            One card each. A revoked one is refused at the next call. <PromiseChip id="P4" />
          </p>
        </div>
        <button type="button" className="button quiet small" onClick={() => void dispatch(loadDevices())}>
          Reload<span className="hidden"> the list of devices</span>
        </button>
      </div>
      {error !== null && (
        <p className="fault" role="alert">
          {error}
        </p>
      )}
      <ul className="list">
        {items.map((device) => (
          <DeviceRow key={device.id} device={device} />
        ))}
      </ul>
    </section>
  );
}

function DeviceRow({ device }: { device: Device }) {
  const dispatch = useAct();
  const since = moment.format(device.created_at * 1000);
  return (
    <li>
      <div className="grow">
        <p className="device-name">
          {device.client}
          {device.current && <span className="badge">This device</span>}
        </p>
        <p className="aside">
          Signed in {since}
          {device.address !== "" && `, from ${device.address}`} · <span className="code">{device.id.slice(0, 8)}</span>
        </p>
      </div>
      <button
        type="button"
        className="button quiet small"
        aria-label={`Revoke ${device.client}, signed in ${since}${device.current ? ", this device" : ""}`}
        onClick={() => void dispatch(revokeDevice(device.id))}
      >
        Revoke
      </button>
    </li>
  );
}
