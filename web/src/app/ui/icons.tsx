import type { ReactNode } from 'react';

function icon(shape: ReactNode) {
  return function Icon() {
    return (
      <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        {shape}
      </svg>
    );
  };
}

export const BackIcon = icon(<path d="M15 5l-7 7 7 7" />);
export const SendIcon = icon(<path d="M5 12l15-7-6 15-3-6.5z M11 13.5L20 5" />);
export const ImageIcon = icon(
  <>
    <rect x="3.5" y="4.5" width="17" height="15" rx="3" />
    <circle cx="9" cy="10" r="1.6" />
    <path d="M4 17l4.5-4 3.5 3 3.5-3.5L20 16.5" />
  </>,
);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.5" />
    <path d="M16 16l4.5 4.5" />
  </>,
);
export const ComposeIcon = icon(
  <path d="M12 5H7a3 3 0 00-3 3v9a3 3 0 003 3h9a3 3 0 003-3v-5 M10 14l1-3.5L18.5 3a1.8 1.8 0 012.5 2.5L13.5 13z" />,
);
export const CloseIcon = icon(<path d="M6 6l12 12M18 6L6 18" />);
export const DownIcon = icon(<path d="M12 5v13M6 12.5l6 6 6-6" />);
export const EyeIcon = icon(
  <>
    <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z" />
    <circle cx="12" cy="12" r="2.8" />
  </>,
);
export const EyeOffIcon = icon(
  <path d="M4 4l16 16 M9.5 5.9A9 9 0 0112 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 01-3 3.7 M6 7.5A16 16 0 002.5 12S6 18.5 12 18.5a9 9 0 004-1" />,
);
export const ClockIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 7v5.5l3.5 2" />
  </>,
);
export const CheckIcon = icon(<path d="M5 12.5l4.5 4.5L19 7.5" />);
export const AlertIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 7.5v5.5M12 16v.3" />
  </>,
);
export const UserIcon = icon(
  <>
    <circle cx="12" cy="8.5" r="4" />
    <path d="M4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5" />
  </>,
);
export const LeaveIcon = icon(<path d="M14 5H8a3 3 0 00-3 3v8a3 3 0 003 3h6 M11 12h9.5M17 8.5l3.5 3.5-3.5 3.5" />);
export const ChatIcon = icon(<path d="M4 12a8 7.5 0 118 7.5c-1.5 0-2.8-.3-4-.9L4.5 20l1-3.5A7 7 0 014 12z" />);
