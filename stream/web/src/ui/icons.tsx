/** The page's signs. All are drawn in the colour of the text around them. */
import type { ComponentChildren } from "preact";
import { State } from "../store.ts";

function Icon({ children, size = 16 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export const Search = () => (
  <Icon>
    <circle cx="7" cy="7" r="4.5" />
    <path d="m10.5 10.5 3.5 3.5" />
  </Icon>
);
export const Close = () => (
  <Icon>
    <path d="m4 4 8 8m0-8-8 8" />
  </Icon>
);
export const Plus = () => (
  <Icon>
    <path d="M8 3.5v9M3.5 8h9" />
  </Icon>
);
export const Minus = () => (
  <Icon>
    <path d="M3.5 8h9" />
  </Icon>
);
export const Fit = () => (
  <Icon>
    <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" />
    <circle cx="8" cy="8" r="1.2" fill="currentColor" stroke="none" />
  </Icon>
);
export const Target = () => (
  <Icon>
    <circle cx="8" cy="8" r="4.2" />
    <path d="M8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3" />
  </Icon>
);
export const Sun = () => (
  <Icon>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1" />
  </Icon>
);
export const Moon = () => (
  <Icon>
    <path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z" />
  </Icon>
);
export const SignOut = () => (
  <Icon>
    <path d="M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6" />
  </Icon>
);
export const ChevronDown = () => (
  <Icon>
    <path d="m4 6 4 4 4-4" />
  </Icon>
);
export const ChevronUp = () => (
  <Icon>
    <path d="m4 10 4-4 4 4" />
  </Icon>
);
export const Copy = () => (
  <Icon size={14}>
    <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
    <path d="M10.5 5.5v-1a2 2 0 0 0-2-2h-4a2 2 0 0 0-2 2v4a2 2 0 0 0 2 2h1" />
  </Icon>
);
export const Pencil = () => (
  <Icon size={14}>
    <path d="m3 13 .6-2.8L10.8 3l2.2 2.2-7.2 7.2L3 13Z" />
  </Icon>
);
export const Polygon = () => (
  <Icon>
    <path d="m3 5 6-2.5L13.5 7 11 13l-7-.5Z" />
  </Icon>
);
export const Circle = () => (
  <Icon>
    <circle cx="8" cy="8" r="5.5" />
    <circle cx="8" cy="8" r=".6" fill="currentColor" />
  </Icon>
);
export const Corridor = () => (
  <Icon>
    <path d="M2 11.5 6.5 5l3 5L14 4" stroke-width="4" opacity=".3" />
    <path d="M2 11.5 6.5 5l3 5L14 4" />
  </Icon>
);
export const Enter = () => (
  <Icon>
    <path d="M9.5 2.5h4v11h-4M2.5 8h7M7 5.5 9.5 8 7 10.5" />
  </Icon>
);
export const Exit = () => (
  <Icon>
    <path d="M6.5 2.5h-4v11h4M6.5 8h7M11 5.5 13.5 8 11 10.5" />
  </Icon>
);
export const Inside = () => (
  <Icon>
    <rect x="2.5" y="2.5" width="11" height="11" rx="2" />
    <circle cx="8" cy="8" r="1.8" fill="currentColor" stroke="none" />
  </Icon>
);
export const Dwell = () => (
  <Icon>
    <circle cx="8" cy="8" r="5.5" />
    <path d="M8 5v3l2 1.5" />
  </Icon>
);
export const Overspeed = () => (
  <Icon>
    <path d="M8 2.3 14 13H2L8 2.3Z" />
    <path d="M8 6.5v3M8 11.3v.1" />
  </Icon>
);

/** The state's shape, the same as on the map: an arrow, a square, a ring. */
export function StateMark({ state, course }: { state: number; course?: number | undefined }) {
  const turn = state === State.Moving && course !== undefined ? { transform: `rotate(${course}deg)` } : {};
  return (
    <svg class={`mark mark-${state}`} width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true" style={turn}>
      {state === State.Moving && <path d="M0-7 4.8 5.6 0 3-4.8 5.6Z" />}
      {state === State.Stopped && <rect x="-4" y="-4" width="8" height="8" rx="1.2" />}
      {state === State.Silent && <circle r="4" class="hollow" />}
      {state === State.Unplaced && <path d="M-3 0h6" class="hollow" />}
    </svg>
  );
}

export function EventMark({ kind }: { kind: string }) {
  switch (kind) {
    case "enter":
      return <Enter />;
    case "exit":
      return <Exit />;
    case "dwell":
      return <Dwell />;
    case "overspeed":
      return <Overspeed />;
    default:
      return <Inside />;
  }
}

/** The seven stars. */
export function Brand() {
  return (
    <svg width="30" height="20" viewBox="2 6 29 20" aria-hidden="true" class="brand-mark">
      <path
        d="M4.5 9.5 10 11l4.5 3.2 4.8 2.6.8 6.7 7.4-1.6.8-7.4-8.9.9"
        fill="none"
        stroke="currentColor"
        stroke-width="1.1"
        stroke-linejoin="round"
        opacity=".55"
      />
      <g fill="currentColor">
        <circle cx="4.5" cy="9.5" r="1.7" />
        <circle cx="10" cy="11" r="1.7" />
        <circle cx="14.5" cy="14.2" r="1.7" />
        <circle cx="19.3" cy="16.8" r="1.7" />
        <circle cx="20.1" cy="23.5" r="1.7" />
        <circle cx="27.5" cy="21.9" r="1.7" />
        <circle cx="28" cy="14.5" r="1.7" />
      </g>
    </svg>
  );
}
