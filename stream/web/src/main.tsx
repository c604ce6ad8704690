/** Puts the parts together: the state, the panels, and the map, which is loaded beside them. */
import { render } from "preact";
import { App } from "./app.ts";
import baseUrl from "./basemap/base.bin?url";
import { age } from "./format.ts";
import type { MapHandle } from "./ui/page.tsx";
import { Page } from "./ui/page.tsx";
import "./style.css";

const app = new App();

async function makeMap(container: HTMLElement, canvas: HTMLCanvasElement): Promise<MapHandle> {
  const [{ FleetMap }, { places }] = await Promise.all([import("./map/map.ts"), import("./map/places.ts")]);
  const map = new FleetMap(container, canvas, app.fleet, app.theme, app.openingView, {
    moved: (view, box, settled) => app.moved(view, box, settled),
    picked: (row, fence) => {
      if (row >= 0) app.select(app.fleet.id[row]!, false);
      else if (fence) {
        app.setTab("fences");
        app.fences.mark(fence, false);
      } else app.select("", false);
    },
    grabbed: () => app.grabbed(),
    counted: (n) => app.counted(n),
    drawn: (shape) => app.fences.drawn(shape),
  });
  map.age = (row) => age(app.now() - app.fleet.time[row]!, app.t);
  let spoken = "";
  const name = () => {
    if (spoken === app.language) return;
    spoken = app.language;
    map.setSpots(places(app.language));
  };
  name();
  app.subscribe(name);
  map.loadBase(baseUrl).catch((e: unknown) => console.warn(e));
  return map;
}

render(<Page app={app} makeMap={makeMap} />, document.getElementById("app")!);
void app.start();
