import { useEffect, useRef } from "preact/hooks";
import type { App } from "../app.ts";
import type { Key } from "../i18n/index.ts";
import { Close } from "./icons.tsx";

const KEYS: [string[], Key][] = [
  [["/"], "help.search"],
  [["↑", "↓"], "help.move"],
  [["Enter"], "help.enter"],
  [["F"], "help.follow"],
  [["A"], "help.all"],
  [["Esc"], "help.esc"],
];

/** The keys the page knows. */
export function Help({ app }: { app: App }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (app.helpOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [app.helpOpen]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-label={app.t("help.title")}
      onClose={() => app.setHelp(false)}
      onClick={(e) => e.target === dialog.current && app.setHelp(false)}
    >
      <header>
        <h2>{app.t("help.title")}</h2>
        <button type="button" class="quiet icon" aria-label={app.t("unit.close")} onClick={() => app.setHelp(false)}>
          <Close />
        </button>
      </header>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{app.t(what)}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
