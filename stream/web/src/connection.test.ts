import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { Connection, FIRST_PAUSE_MS, GOOD_MS, type Link, MAX_PAUSE_MS, type Socket } from "./connection.ts";
import type { Message } from "./wire.ts";

/** A socket that does what the test says. */
class FakeSocket implements Socket {
  binaryType = "";
  readyState = 0;
  onopen: ((e: Event) => void) | null = null;
  onmessage: ((e: MessageEvent) => void) | null = null;
  onclose: ((e: CloseEvent) => void) | null = null;
  sent: string[] = [];
  closed = false;
  send(data: string) {
    this.sent.push(data);
  }
  close() {
    this.closed = true;
  }
  opens() {
    this.readyState = 1;
    this.onopen?.({} as Event);
  }
  says(data: unknown) {
    this.onmessage?.({ data } as MessageEvent);
  }
  breaks(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" } as CloseEvent);
  }
}

/** Time that passes when the test says so. */
class FakeTimers {
  at = 1_000_000;
  chance = 1;
  private next = 1;
  readonly waiting = new Map<number, { at: number; fn: () => void }>();
  set(fn: () => void, ms: number) {
    this.waiting.set(this.next, { at: this.at + ms, fn });
    return this.next++;
  }
  clear(id: number) {
    this.waiting.delete(id);
  }
  now() {
    return this.at;
  }
  random() {
    return this.chance;
  }
  pass(ms: number) {
    this.at += ms;
    for (const [id, w] of [...this.waiting])
      if (w.at <= this.at) {
        this.waiting.delete(id);
        w.fn();
      }
  }
}

let sockets: FakeSocket[];
let timers: FakeTimers;
let links: Link[];
let messages: Message[];
let malformed: unknown[];
let began: number;
let cursor: string;
let c: Connection;
const socket = () => sockets[sockets.length - 1]!;
const link = () => links[links.length - 1]!;

beforeEach(() => {
  sockets = [];
  timers = new FakeTimers();
  links = [];
  messages = [];
  malformed = [];
  began = 0;
  cursor = "";
  c = new Connection(
    () => {
      sockets.push(new FakeSocket());
      return socket();
    },
    timers,
    {
      began: () => void began++,
      message: (m) => void messages.push(m),
      link: (l) => void links.push(l),
      malformed: (e) => void malformed.push(e),
      cursor: () => cursor,
    },
  );
});

const VIEW = { op: "view", bbox: [120, 35, 121, 37] as [number, number, number, number], zoom: 9 } as const;

test("asks for events and the view as soon as it is open", () => {
  c.look(VIEW);
  c.follow("truck-7");
  c.start();
  expect(socket().sent).toEqual([]);
  socket().opens();
  expect(socket().sent.map((s) => JSON.parse(s) as unknown)).toEqual([
    { op: "events", after: "" },
    VIEW,
    { op: "follow", unit: "truck-7" },
  ]);
  expect([began, link().state, socket().binaryType]).toEqual([1, "online", "arraybuffer"]);
});

test("asks again after a break, for the events after the last one seen", () => {
  c.start();
  socket().opens();
  c.look(VIEW);
  cursor = "41";
  socket().breaks();
  timers.pass(MAX_PAUSE_MS);
  expect(sockets.length).toBe(2);
  socket().opens();
  expect(socket().sent.map((s) => JSON.parse(s) as unknown)).toEqual([{ op: "events", after: "41" }, VIEW]);
  expect(began).toBe(2);
});

test("pauses double up to the limit, and begin again after a good connection", () => {
  c.start();
  const pauses: number[] = [];
  for (let i = 0; i < 9; i++) {
    socket().breaks();
    const l = link();
    if (l.state !== "waiting") throw new Error(`link is ${l.state}`);
    pauses.push(l.until - timers.now());
    timers.pass(l.until - timers.now());
  }
  expect(pauses.slice(0, 4)).toEqual([FIRST_PAUSE_MS * 2, FIRST_PAUSE_MS * 4, FIRST_PAUSE_MS * 8, FIRST_PAUSE_MS * 16]);
  expect(Math.max(...pauses)).toBe(MAX_PAUSE_MS);
  socket().opens();
  timers.pass(GOOD_MS);
  socket().breaks();
  const l = link();
  expect(l.state === "waiting" && l.until - timers.now()).toBe(FIRST_PAUSE_MS);
});

test("jitter spreads a pause over its upper half", () => {
  timers.chance = 0;
  c.start();
  socket().breaks();
  const l = link();
  expect(l.state === "waiting" && l.until - timers.now()).toBe(FIRST_PAUSE_MS);
});

describe("messages", () => {
  test("are checked and told; those of the future are passed over; broken ones are dropped and told as such", () => {
    c.start();
    socket().opens();
    socket().says('{"type":"snapshot_end"}');
    socket().says('{"type":"weather"}');
    socket().says('{"type":"gone"}');
    socket().says(new ArrayBuffer(3));
    socket().says(new Blob([]));
    expect([messages.map((m) => m.type), malformed.length]).toEqual([["snapshot_end"], 3]);
  });
  test("binary ones too", () => {
    const { frames } = JSON.parse(readFileSync(new URL("../../../testdata/stream/live-frames.json", import.meta.url), "utf8")) as {
      frames: { hex: string }[];
    };
    c.start();
    socket().opens();
    const b = Buffer.from(frames[0]!.hex, "hex");
    socket().says(b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength));
    expect(messages.map((m) => m.type)).toEqual(["positions"]);
  });
});

test("a socket given up for dead cannot speak again, and is replaced at once when the network is back", () => {
  c.start();
  socket().opens();
  const dead = socket();
  c.lost();
  expect([dead.closed, link().state]).toEqual([true, "waiting"]);
  dead.says('{"type":"snapshot_end"}');
  dead.breaks();
  expect([messages.length, timers.waiting.size]).toEqual([0, 1]);
  c.retry();
  expect([sockets.length, timers.waiting.size, link().state]).toEqual([2, 0, "connecting"]);
  c.retry();
  expect(sockets.length).toBe(2);
});

test("stopped is stopped", () => {
  c.start();
  socket().opens();
  c.stop();
  timers.pass(MAX_PAUSE_MS * 2);
  expect([sockets.length, socket().closed, link().state, timers.waiting.size]).toEqual([1, true, "stopped", 0]);
  c.look(VIEW);
  expect(socket().sent.length).toBe(1);
});
