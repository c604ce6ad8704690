import { describe, expect, test } from "vitest";
import { CheckError } from "./check.ts";
import {
  boundsOf,
  type Fence,
  formField,
  fromFeature,
  insertVertex,
  missing,
  moveVertex,
  newFenceId,
  outline,
  removeVertex,
  type Shape,
  simple,
  toFeature,
  vertices,
} from "./fence.ts";
import type { Point } from "./geo.ts";

const SQUARE: Point[] = [
  [120, 36],
  [120.1, 36],
  [120.1, 36.1],
  [120, 36.1],
];
const polygon: Shape = { type: "polygon", polygons: [[SQUARE]] };
const circle: Shape = { type: "circle", center: [120.3, 36], radiusM: 500 };
const corridor: Shape = {
  type: "corridor",
  line: [
    [120, 36],
    [120.2, 36.1],
  ],
  widthM: 300,
};
const holed: Shape = {
  type: "polygon",
  polygons: [
    [
      SQUARE,
      [
        [120.02, 36.02],
        [120.04, 36.02],
        [120.03, 36.04],
      ],
    ],
  ],
};
const parts: Shape = {
  type: "polygon",
  polygons: [
    [SQUARE],
    [
      [
        [121, 36],
        [121.1, 36],
        [121, 36.1],
      ],
    ],
  ],
};

function fence(shape: Shape, more: Partial<Fence> = {}): Fence {
  return { id: "gate-1", name: "Gate 1", kind: "gate", shape, speedLimitMps: 0, dwellS: 0, revision: 3, ...more };
}

describe("feature and back", () => {
  test.each([
    ["polygon", polygon, "Polygon"],
    ["polygon with a hole", holed, "Polygon"],
    ["two parts", parts, "MultiPolygon"],
    ["circle", circle, "Point"],
    ["corridor", corridor, "LineString"],
  ] as const)("%s", (_, shape, type) => {
    const f = fence(shape, { speedLimitMps: 8.333, dwellS: 900 });
    const feature = toFeature(f);
    expect(feature.geometry.type).toBe(type);
    const told = { ...feature, properties: { ...feature.properties, revision: 3 } };
    expect(fromFeature(JSON.parse(JSON.stringify(told)))).toEqual(f);
  });
  test("rings are closed on the way out", () => {
    const ring = (toFeature(fence(polygon)).geometry.coordinates as Point[][])[0]!;
    expect(ring.length).toBe(5);
    expect(ring[4]).toEqual(ring[0]);
  });
  test("no rule is told as no property, never as 0", () => {
    expect(toFeature(fence(polygon, { name: "" })).properties).toEqual({ kind: "gate" });
  });
  test("a kind of the future is taken for a zone", () => {
    expect(fromFeature({ ...toFeature(fence(polygon)), properties: { kind: "moon" } }).kind).toBe("zone");
  });
  test.each([
    [{}, "id"],
    [{ id: "x" }, "geometry"],
    [{ id: "x", geometry: { type: "Polygon", coordinates: [[[0, 91]]] } }, "geometry.coordinates[0][0][1]"],
    [{ id: "x", geometry: { type: "Point", coordinates: [0, 0] } }, "properties.radius_m"],
    [{ id: "x", geometry: { type: "Hexagon" } }, "geometry.type"],
  ])("%j is refused", (feature, path) => {
    expect(() => fromFeature(feature)).toThrow(CheckError);
    expect(() => fromFeature(feature)).toThrow(path);
  });
});

describe("vertices", () => {
  test("move one and leave the rest", () => {
    const s = moveVertex(holed, [0, 1, 2], [120.05, 36.05]);
    expect(vertices(s).map((v) => v.point)[6]).toEqual([120.05, 36.05]);
    expect(vertices(s).length).toBe(vertices(holed).length);
    expect(vertices(holed)[6]!.point).toEqual([120.03, 36.04]);
  });
  test("insert half way, and across the end of a ring", () => {
    const s = insertVertex(polygon, [0, 0, 3]);
    expect(vertices(s)[4]!.point).toEqual([120, 36.05]);
  });
  test("insert beyond the end of a line", () => {
    const s = insertVertex(corridor, [0, 0, 1]);
    expect(vertices(s)[2]!.point[0]).toBeCloseTo(120.4);
  });
  test("remove, but never below what the shape needs", () => {
    let s: Shape = polygon;
    for (let i = 0; i < 9; i++) s = removeVertex(s, [0, 0, 0]);
    expect(vertices(s).length).toBe(3);
    expect(vertices(removeVertex(corridor, [0, 0, 0])).length).toBe(2);
    expect(removeVertex(circle, [0, 0, 0])).toEqual(circle);
    expect(insertVertex(circle, [0, 0, 0])).toEqual(circle);
  });
  test("the centre of a circle is its one vertex", () => {
    expect(moveVertex(circle, [0, 0, 0], [1, 2])).toEqual({ ...circle, center: [1, 2] });
  });
});

test("what is missing is named", () => {
  expect(missing(fence(polygon))).toBeNull();
  expect(missing(fence({ type: "polygon", polygons: [[[]]] }))).toBe("vertices");
  expect(missing(fence({ ...circle, radiusM: 0 } as Shape))).toBe("radius");
  expect(missing(fence({ ...corridor, widthM: 0 } as Shape))).toBe("width");
  expect(missing(fence({ type: "corridor", line: [[0, 0]], widthM: 5 }))).toBe("vertices");
});

test("only one ring can be dragged on the map", () => {
  expect([simple(polygon), simple(holed), simple(parts), simple(circle), simple(corridor)]).toEqual([true, false, false, true, true]);
});

test("outlines are closed, and lie in their bounds", () => {
  for (const s of [polygon, circle, parts, corridor]) {
    const b = boundsOf(s)!;
    const points = JSON.stringify(outline(s).coordinates)
      .match(/-?[\d.]+,-?[\d.]+/g)!
      .map((p) => p.split(",").map(Number) as Point);
    for (const [x, y] of points) {
      expect(x).toBeGreaterThanOrEqual(b.w - 1e-4);
      expect(x).toBeLessThanOrEqual(b.e + 1e-4);
      expect(y).toBeGreaterThanOrEqual(b.s - 1e-4);
      expect(y).toBeLessThanOrEqual(b.n + 1e-4);
    }
  }
});

test.each([
  ["properties.radius_m", "radius"],
  ["properties.width_m", "width"],
  ["properties.speed_limit_mps", "speed"],
  ["properties.dwell_s", "dwell"],
  ["properties.name", "name"],
  ["properties.kind", "kind"],
  ["geometry.coordinates[0][3]", "shape"],
  ["", "shape"],
])("a refusal of %j is shown at the field %s", (field, at) => {
  expect(formField(field)).toBe(at);
});

test("new ids say the kind and are allowed as ids", () => {
  let n = 0;
  const id = newFenceId("gate", () => (n += 0.1) % 1);
  expect(id).toMatch(/^gate-[a-z2-9]{8}$/);
});
