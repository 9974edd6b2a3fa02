/** The server's QR code as a part of the page: as an image it would be a data: address, which the page's policy refuses. */

import { useEffect, useRef } from "react";

export function QrCode({ svg }: { svg: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const drawn = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    place.current?.replaceChildren(document.importNode(drawn, true));
  }, [svg]);
  return <div ref={place} className="qr" role="img" aria-label="QR code of the secret below" />;
}
