/*
 * The connection that messages go over: where to, whether it stands, and what went over it.
 */

import { el, fresh, refill } from "./dom.js";
import { logView } from "./log_view.js";
import { wordsOf } from "./schema.js";
import { line } from "./socket.js";

const STATES = { closed: "not connected", connecting: "connecting…", open: "connected" };

let log = null;

/**
 * The place for a call's connection: {element, url(), path(), meaning(code), shown()}. There is one log, which goes to
 * the call that is shown.
 */
export function connectionView(call) {
  const id = fresh("server");
  const select = el(
    "select",
    { id },
    call.servers.map((server, place) => el("option", { value: String(place) }, server.pathname ?? server.name)),
  );
  const options = el("div", { class: "fields" });
  const server = () => call.servers[Number(select.value)] ?? call.servers[0];
  let inputs = [];
  const drawOptions = () => {
    inputs = Object.entries(server()?.query?.properties ?? {}).map(([name, schema]) =>
      optionFor(call.document.root, name, schema),
    );
    refill(
      options,
      inputs.map(({ element }) => element),
    );
  };
  select.addEventListener("change", drawOptions);
  drawOptions();

  const path = () => server()?.pathname ?? "/";
  const url = () => {
    const query = inputs
      .filter(({ text }) => text())
      .map(({ name, text }) => `${name}=${encodeURIComponent(text())}`)
      .join("&");
    return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path()}${query ? `?${query}` : ""}`;
  };
  const meaning = (code) => server()?.["x-close-codes"]?.find((one) => one.code === code)?.description;

  const state = el("span", { class: "state", role: "status" });
  const button = el("button", { type: "button" });
  const draw = () => {
    const here = line.state !== "closed";
    state.className = `state ${line.state}`;
    refill(state, STATES[line.state], here ? el("code", {}, ` ${new URL(line.url).pathname}`) : "");
    button.textContent = here ? "Disconnect" : "Connect";
  };
  const place = { url, path, meaning };
  button.addEventListener("click", () => {
    if (line.state === "closed") line.connect(url(), meaning).catch(() => {});
    else line.close();
  });
  line.addEventListener("state", draw);
  draw();
  const element = el(
    "section",
    { class: "result", "aria-label": "Connection" },
    el("div", { class: "row" }, el("h2", {}, "Connection"), state, el("span", { class: "grow" }), button),
    el("div", { class: "row" }, el("label", { for: id }, "at"), select),
    inputs.length ? options : null,
  );
  const shown = () => {
    log ??= logView();
    element.append(log);
  };
  return { ...place, element, shown };
}

/** See that there is a connection to where a call's messages go, with what was chosen for it. */
export async function openFor({ url, meaning }) {
  if (line.state === "open" && line.url === url()) return;
  await line.connect(url(), meaning);
}

function optionFor(root, name, schema) {
  const id = fresh("option");
  const words = wordsOf(root, schema);
  const input = words
    ? el(
        "select",
        { id },
        el("option", { value: "" }, "not sent"),
        words.map((word) => el("option", { value: String(word) }, String(word))),
      )
    : el("input", { id, autocomplete: "off", spellcheck: "false", placeholder: "not sent" });
  const element = el("div", { class: "field" }, el("label", { for: id }, el("code", {}, name)), input);
  return { name, element, text: () => input.value.trim() };
}
