/** The icons of the page. All are decorative: the text beside them says the same. */

import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const Lock = () => (
  <Icon>
    <rect x="5" y="11" width="14" height="9" rx="2" />
    <path d="M8 11V8a4 4 0 0 1 8 0v3M12 15v2" />
  </Icon>
);

export const Ticket = () => (
  <Icon>
    <path d="M4 7h16v3.2a1.9 1.9 0 0 0 0 3.6V17H4v-3.2a1.9 1.9 0 0 0 0-3.6Z" />
    <path d="M14.5 8.5v1M14.5 11.5v1M14.5 14.5v1" />
  </Icon>
);

export const Guard = () => (
  <Icon>
    <path d="M12 3l7 3v5.5c0 4.2-2.9 7.4-7 9.5-4.1-2.1-7-5.3-7-9.5V6Z" />
    <path d="M9 12l2.2 2.2L15.2 10" />
  </Icon>
);

export const Renew = () => (
  <Icon>
    <path d="M19 12a7 7 0 1 1-2.1-5M19 4v4h-4" />
  </Icon>
);

export const Broken = () => (
  <Icon>
    <path d="M3 7h8l-1.5 3 3 2.5-2 4.5H3ZM15 7h6v10h-8l2-4.5-2.5-2.5Z" />
  </Icon>
);

export const Dial = () => (
  <Icon>
    <rect x="3.5" y="4" width="17" height="15" rx="2" />
    <circle cx="12" cy="11.5" r="4" />
    <path d="M12 9.5v2l1.4 1M6.5 19v1.5M17.5 19v1.5" />
  </Icon>
);

export const Key = () => (
  <Icon>
    <circle cx="8" cy="15" r="4" />
    <path d="M11 12l8-8M16 7l2.5 2.5M13.5 9.5l1.5 1.5" />
  </Icon>
);

export const Phone = () => (
  <Icon>
    <rect x="7" y="3" width="10" height="18" rx="2" />
    <path d="M11 18h2M10 8.5l1.5 1.5L14.5 7" />
  </Icon>
);
