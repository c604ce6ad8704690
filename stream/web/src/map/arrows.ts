/**
 * All vehicles in one instanced WebGL 2 draw call: shapes by signed distance, so they are smooth at any size, and positions as whole
 * mercator steps relative to the centre, so they are exact at any zoom. Knows WebGL, but no map library.
 */
import { type Fleet, GLIDE_MS, State } from "../store.ts";
import { type MapTheme, rgb } from "./theme.ts";

/** What the painter needs to know of the view: mercator steps at the centre, pixels per step, the size in CSS pixels. */
export interface Camera {
  x: number;
  y: number;
  perX: number;
  perY: number;
  /** Where the centre is drawn, and the size of the canvas, in CSS pixels. */
  width: number;
  height: number;
}

/** int32 from x, y, to x, y; float32 glide; uint16 course; uint8 state, flags. */
const STRIDE = 24;
const FLAG_SELECTED = 1;
const FLAG_HOVERED = 2;
const FLAG_LATE = 4;

/** Half the side of the square a vehicle is drawn in, in CSS pixels; room for the ring of the selected one included. */
const HALF = 22;

const VERTEX = `#version 300 es
precision highp float;
layout(location=0) in vec2 corner;
layout(location=1) in ivec2 from_;
layout(location=2) in ivec2 to_;
layout(location=3) in float glide;
layout(location=4) in uint course;
layout(location=5) in uint state;
layout(location=6) in uint flags;
uniform ivec2 centre;
uniform vec2 per;
uniform vec2 size;
uniform float now;
uniform float grow;
out vec2 at;
flat out uint kind;
flat out uint marks;
void main() {
  float k = clamp((now - glide) / ${GLIDE_MS.toFixed(1)}, 0.0, 1.0);
  vec2 steps = vec2(from_ - centre) + vec2(to_ - from_) * k;
  vec2 px = steps * per + corner * ${HALF.toFixed(1)};
  gl_Position = vec4(px.x / size.x * 2.0, -px.y / size.y * 2.0, 0.0, 1.0);
  float a = course == 65535u ? 0.0 : radians(float(course) * 0.01);
  vec2 c = corner * ${HALF.toFixed(1)} / grow;
  at = vec2(c.x * cos(a) + c.y * sin(a), -c.x * sin(a) + c.y * cos(a));
  kind = state == ${State.Moving}u && course == 65535u ? 4u : state;
  marks = flags;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec2 at;
flat in uint kind;
flat in uint marks;
uniform vec3 moving;
uniform vec3 stopped;
uniform vec3 silent;
uniform vec3 edge;
uniform vec3 accent;
uniform float pixel;
out vec4 colour;
float arrow(vec2 p) {
  p.x = abs(p.x);
  vec2 tip = vec2(0.0, -9.5), wing = vec2(6.4, 7.5), notch = vec2(0.0, 4.0);
  vec2 e0 = wing - tip, w0 = p - tip, e1 = notch - wing, w1 = p - wing;
  float d0 = length(w0 - e0 * clamp(dot(w0, e0) / dot(e0, e0), 0.0, 1.0));
  float d1 = length(w1 - e1 * clamp(dot(w1, e1) / dot(e1, e1), 0.0, 1.0));
  bool inside = e0.x * w0.y - e0.y * w0.x > 0.0 && e1.x * w1.y - e1.y * w1.x > 0.0;
  return (inside ? -1.0 : 1.0) * min(d0, d1) - 0.6;
}
float square(vec2 p) { vec2 q = abs(p) - 3.4; return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - 1.2; }
float ring(vec2 p) { return abs(length(p) - 4.4) - 1.15; }
vec4 over(vec4 a, vec4 b) { return a + b * (1.0 - a.a); }
float cover(float d) { return clamp(0.5 - d / pixel, 0.0, 1.0); }
void main() {
  float d = kind == 1u ? arrow(at) : kind == 2u ? square(at) : kind == 4u ? length(at) - 5.0 : ring(at);
  vec3 fill = kind == 1u || kind == 4u ? moving : kind == 2u ? stopped : silent;
  float inner = kind == 3u ? length(at) - 4.4 : d;
  vec4 c = vec4(fill, 1.0) * cover(d);
  c = over(c, vec4(edge, 1.0) * cover(kind == 3u ? min(inner, d - 1.4) : d - 1.6) * 0.95);
  if ((marks & ${FLAG_LATE}u) != 0u) c *= 0.42;
  if ((marks & ${FLAG_SELECTED}u) != 0u) {
    float r = length(at);
    c = over(c, vec4(accent, 1.0) * cover(abs(r - 15.5) - 1.25));
    c = over(c, vec4(edge, 1.0) * cover(abs(r - 15.5) - 2.4) * 0.9);
    c = over(c, vec4(accent, 1.0) * cover(r - 15.0) * 0.16);
  } else if ((marks & ${FLAG_HOVERED}u) != 0u) {
    c = over(c, vec4(accent, 1.0) * cover(length(at) - 14.0) * 0.22);
  }
  if (c.a < 0.004) discard;
  colour = c;
}`;

export class Arrows {
  private gl: WebGL2RenderingContext | null = null;
  private program: WebGLProgram | null = null;
  private vao: WebGLVertexArrayObject | null = null;
  private buffer: WebGLBuffer | null = null;
  private room = 0;
  private bytes = new ArrayBuffer(0);
  private count = 0;
  private uniform: Record<string, WebGLUniformLocation | null> = {};
  private stale = true;
  selected = -1;
  hovered = -1;

  constructor(private readonly fleet: Fleet) {}

  setUp(gl: WebGL2RenderingContext): void {
    this.gl = gl;
    this.program = link(gl);
    for (const name of ["centre", "per", "size", "now", "grow", "moving", "stopped", "silent", "edge", "accent", "pixel"])
      this.uniform[name] = gl.getUniformLocation(this.program, name);
    this.vao = gl.createVertexArray();
    gl.bindVertexArray(this.vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    this.buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    for (let i = 1; i <= 6; i++) {
      gl.enableVertexAttribArray(i);
      gl.vertexAttribDivisor(i, 1);
    }
    gl.vertexAttribIPointer(1, 2, gl.INT, STRIDE, 0);
    gl.vertexAttribIPointer(2, 2, gl.INT, STRIDE, 8);
    gl.vertexAttribPointer(3, 1, gl.FLOAT, false, STRIDE, 16);
    gl.vertexAttribIPointer(4, 1, gl.UNSIGNED_SHORT, STRIDE, 20);
    gl.vertexAttribIPointer(5, 1, gl.UNSIGNED_BYTE, STRIDE, 22);
    gl.vertexAttribIPointer(6, 1, gl.UNSIGNED_BYTE, STRIDE, 23);
    gl.bindVertexArray(null);
    this.room = 0;
    this.stale = true;
  }

  /** The fleet, the selection or the hovered one changed: the next draw packs again. */
  touch(): void {
    this.stale = true;
  }

  /** Draws into the bound framebuffer. now is page milliseconds. */
  draw(camera: Camera, theme: MapTheme, now: number, dpr: number): void {
    const gl = this.gl;
    if (!gl || !this.program) return;
    if (this.stale) this.pack();
    this.stale = false;
    if (this.count === 0) return;
    const u = this.uniform;
    gl.useProgram(this.program);
    gl.bindVertexArray(this.vao);
    gl.uniform2i(u["centre"]!, camera.x, camera.y);
    gl.uniform2f(u["per"]!, camera.perX, camera.perY);
    gl.uniform2f(u["size"]!, camera.width, camera.height);
    gl.uniform1f(u["now"]!, now);
    const grow = this.count > 20_000 ? 0.6 : this.count > 4000 ? 0.8 : 1;
    gl.uniform1f(u["grow"]!, grow);
    gl.uniform1f(u["pixel"]!, 1.2 / dpr / grow);
    for (const name of ["moving", "stopped", "silent", "edge", "accent"] as const) gl.uniform3fv(u[name]!, rgb(theme[name]));
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.disable(gl.CULL_FACE);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.count);
    gl.bindVertexArray(null);
  }

  /** Packs the drawn rows: silent below, then stopped, moving above, the hovered and the selected one on top. */
  private pack(): void {
    const gl = this.gl!;
    const f = this.fleet;
    if (this.bytes.byteLength < f.size * STRIDE) this.bytes = new ArrayBuffer(Math.max(1024, f.lat.length) * STRIDE);
    const i32 = new Int32Array(this.bytes);
    const f32 = new Float32Array(this.bytes);
    const u16 = new Uint16Array(this.bytes);
    const u8 = new Uint8Array(this.bytes);
    let n = 0;
    const put = (r: number, flags: number) => {
      const w = n * 6;
      i32[w] = f.fromX[r]!;
      i32[w + 1] = f.fromY[r]!;
      i32[w + 2] = f.toX[r]!;
      i32[w + 3] = f.toY[r]!;
      f32[w + 4] = f.glide[r]!;
      u16[n * 12 + 10] = f.course[r]!;
      u8[n * 24 + 22] = f.state[r]!;
      u8[n * 24 + 23] = f.late[r] ? flags | FLAG_LATE : flags;
      n++;
    };
    for (const s of [State.Silent, State.Stopped, State.Moving])
      for (let r = 0; r < f.size; r++) if (f.state[r] === s && r !== this.selected && r !== this.hovered && f.drawn(r)) put(r, 0);
    if (this.hovered >= 0 && this.hovered !== this.selected && f.drawn(this.hovered)) put(this.hovered, FLAG_HOVERED);
    if (this.selected >= 0 && f.time[this.selected]! > 0) put(this.selected, FLAG_SELECTED);
    this.count = n;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    if (this.room < this.bytes.byteLength) {
      this.room = this.bytes.byteLength;
      gl.bufferData(gl.ARRAY_BUFFER, this.room, gl.DYNAMIC_DRAW);
    }
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, u8, 0, n * STRIDE);
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(`arrows: shader: ${gl.getShaderInfoLog(shader) ?? ""}`);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`arrows: program: ${gl.getProgramInfoLog(program) ?? ""}`);
  return program;
}
