/**
 * The live connection: one WebSocket that is opened again after every break, with growing pauses and jitter, and that asks again for
 * what the page looks at. Events resume after the last one seen, so a break loses none.
 */
import { decodeFrame, decodeText, encodeRequest, type Message, type Request } from "./wire.ts";

/** The part of WebSocket that is used, so that tests can stand in for it. */
export interface Socket {
  binaryType: string;
  readonly readyState: number;
  onopen: ((e: Event) => void) | null;
  onmessage: ((e: MessageEvent) => void) | null;
  onclose: ((e: CloseEvent) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** Time and chance, so that tests can stand in for them. */
export interface Timers {
  set(fn: () => void, ms: number): number;
  clear(id: number): void;
  now(): number;
  random(): number;
}

/** The browser's own. */
export const browserTimers: Timers = {
  set: (fn, ms) => window.setTimeout(fn, ms),
  clear: (id) => window.clearTimeout(id),
  now: () => Date.now(),
  random: () => Math.random(),
};

export type Link =
  | { state: "connecting"; attempt: number }
  | { state: "online" }
  | { state: "waiting"; attempt: number; until: number; code: number; reason: string }
  | { state: "stopped" };

export interface Listener {
  /** A new stream begins: what the last one told about the view no longer counts. */
  began(): void;
  message(m: Message): void;
  link(l: Link): void;
  /** A message that does not follow the format. It is dropped whole. */
  malformed(error: unknown): void;
  /** What to resume events after. */
  cursor(): string;
}

/** Pauses: half a second, doubling, at most 30 s, each multiplied by a random factor from 0.5 to 1. */
export const FIRST_PAUSE_MS = 500;
export const MAX_PAUSE_MS = 30_000;
/** A connection that lived this long was a good one: the next pause begins small again. */
export const GOOD_MS = 10_000;

const OPEN = 1;

export class Connection {
  private socket: Socket | null = null;
  private timer: number | null = null;
  private attempt = 0;
  private openedAt = 0;
  private running = false;
  private view: Extract<Request, { op: "view" }> | null = null;
  private followed = "";

  constructor(
    private readonly open: () => Socket,
    private readonly timers: Timers,
    private readonly listener: Listener,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.attempt = 0;
    this.connect();
  }

  stop(): void {
    this.running = false;
    this.cancel();
    this.drop();
    this.listener.link({ state: "stopped" });
  }

  /** Tries at once, for when the network is back or the person asks. */
  retry(): void {
    if (!this.running || this.socket) return;
    this.cancel();
    this.connect();
  }

  /** Gives the connection up for dead, for when the network is gone: a socket may take minutes to notice. */
  lost(): void {
    if (!this.running || !this.socket) return;
    this.drop();
    this.pause(1006, "offline");
  }

  /** Says what is looked at. */
  look(view: Extract<Request, { op: "view" }>): void {
    this.view = view;
    this.send(view);
  }

  /** Asks for one unit's positions wherever it is; "" for none. */
  follow(unit: string): void {
    if (unit === this.followed) return;
    this.followed = unit;
    this.send({ op: "follow", unit });
  }

  private send(r: Request): void {
    if (this.socket?.readyState === OPEN) this.socket.send(encodeRequest(r));
  }

  private connect(): void {
    this.attempt++;
    this.listener.link({ state: "connecting", attempt: this.attempt });
    const s = this.open();
    this.socket = s;
    s.binaryType = "arraybuffer";
    s.onopen = () => {
      this.openedAt = this.timers.now();
      this.listener.began();
      this.send({ op: "events", after: this.listener.cursor() });
      if (this.view) this.send(this.view);
      if (this.followed) this.send({ op: "follow", unit: this.followed });
      this.listener.link({ state: "online" });
    };
    s.onmessage = (e) => this.receive(e.data);
    s.onclose = (e) => {
      if (this.socket !== s) return;
      this.socket = null;
      if (this.openedAt > 0 && this.timers.now() - this.openedAt >= GOOD_MS) this.attempt = 0;
      this.openedAt = 0;
      if (this.running) this.pause(e.code, e.reason);
    };
  }

  private receive(data: unknown): void {
    let m: Message | null;
    try {
      if (data instanceof ArrayBuffer) m = decodeFrame(data);
      else if (typeof data === "string") m = decodeText(data);
      else throw new Error("message is neither text nor binary");
    } catch (error) {
      this.listener.malformed(error);
      return;
    }
    if (m) this.listener.message(m);
  }

  private pause(code: number, reason: string): void {
    const full = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.attempt, 10));
    const ms = Math.round(full * (0.5 + this.timers.random() / 2));
    this.listener.link({ state: "waiting", attempt: this.attempt, until: this.timers.now() + ms, code, reason });
    this.timer = this.timers.set(() => {
      this.timer = null;
      this.connect();
    }, ms);
  }

  private cancel(): void {
    if (this.timer !== null) this.timers.clear(this.timer);
    this.timer = null;
  }

  private drop(): void {
    const s = this.socket;
    this.socket = null;
    this.openedAt = 0;
    if (!s) return;
    s.onopen = s.onmessage = s.onclose = null;
    s.close(1000, "");
  }
}
