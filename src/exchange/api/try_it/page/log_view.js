/*
 * What went over the WebSocket, newest first: one line each, laid out when it is opened. Paused, messages are kept and
 * not drawn.
 */

import { copier, el, opening, refill } from "./dom.js";
import { coloured } from "./json_text.js";
import { line } from "./socket.js";

const SIGNS = { sent: "↑", came: "↓", note: "·" };
const WORDS = { sent: "sent", came: "received", note: "note" };
const MOST_DRAWN = 500;
const SHORT = 240;

/** The list with its buttons. */
export function logView() {
  const list = el("ol", { class: "log", reversed: true });
  const told = el("span", { class: "faint" });
  const pause = el("button", { type: "button", class: "quiet", "aria-pressed": "false" }, "Pause");
  const clear = el("button", { type: "button", class: "quiet" }, "Clear");
  let paused = false;
  let drawn = 0;

  const draw = () => {
    const fresh = line.kept.filter(({ number }) => number > drawn);
    told.textContent =
      paused && fresh.length ? `paused; ${fresh.length} not shown` : `${line.kept.length} kept of ${line.count}`;
    if (!line.kept.length) refill(list);
    if (paused) return;
    list.prepend(...fresh.map(row).reverse());
    while (list.childElementCount > MOST_DRAWN) list.lastElementChild.remove();
    drawn = line.count;
  };
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
    draw();
  });
  clear.addEventListener("click", () => {
    drawn = line.count;
    line.clear();
  });
  line.addEventListener("messages", draw);
  draw();
  return el(
    "section",
    { class: "messages", "aria-label": "Messages" },
    el("div", { class: "row" }, el("h2", {}, "Messages"), told, el("span", { class: "grow" }), pause, clear),
    list,
  );
}

function row({ way, text, at }) {
  const time = at.toISOString().slice(11, 23);
  const head = [
    el("span", { class: `way ${way}`, title: WORDS[way] }, SIGNS[way], el("span", { class: "hidden" }, WORDS[way])),
    el("time", { datetime: at.toISOString(), class: "faint" }, time),
  ];
  if (way === "note") return el("li", { class: "note" }, head, el("span", {}, text));
  const short = text.length > SHORT ? `${text.slice(0, SHORT)}…` : text;
  return el(
    "li",
    {},
    opening([head, el("code", {}, short)], () => [
      el("pre", { class: "code", tabindex: "0", "aria-label": "Message" }, coloured(text)),
      copier("Copy", () => text),
    ]),
  );
}
