import { useState } from "preact/hooks";
import type { App } from "../app.ts";
import { Brand } from "./icons.tsx";

/** Asks for the token that the operator was given. */
export function SignIn({ app }: { app: App }) {
  const { t } = app;
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const token = String(new FormData(e.currentTarget as HTMLFormElement).get("token") ?? "").trim();
    if (!token) return;
    setBusy(true);
    const wrong = await app.signIn(token);
    setBusy(false);
    setProblem(wrong === "" ? "" : wrong === "wrong" ? t("sign.wrong") : t("sign.unreachable", { reason: wrong }));
  };
  return (
    <main class="sign">
      <form onSubmit={(e) => void submit(e)}>
        <p class="brand">
          <Brand /> Dipper
        </p>
        <h2>{t("sign.title")}</h2>
        <label>
          <span>{t("sign.token")}</span>
          <input
            name="token"
            type="password"
            autocomplete="current-password"
            autofocus
            required
            aria-describedby="sign-hint"
            aria-invalid={problem !== ""}
          />
        </label>
        <p id="sign-hint" class="hint">
          {t("sign.hint")}
        </p>
        {problem && (
          <p class="refusal" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? t("sign.busy") : t("sign.go")}
        </button>
      </form>
    </main>
  );
}

/** Says that the service cannot be reached, before anything could be loaded. */
export function Unreachable({ app }: { app: App }) {
  const { t } = app;
  return (
    <main class="sign">
      <div class="empty" role="alert">
        <p>{t("error.load", { reason: app.failure })}</p>
        <button type="button" class="primary" onClick={() => app.retry()}>
          {t("error.retry")}
        </button>
      </div>
    </main>
  );
}
