/*
 * An answer as it came: status and what it means, time, headers, body laid out with every digit as it was sent, and the
 * request as a line for a shell.
 */

import { copier, el, opening, refill } from "./dom.js";
import { coloured } from "./json_text.js";
import { curl } from "./request.js";
import { meaning } from "./sending.js";

const NOTABLE = /^(retry-after|x-mbx-|x-exchange-|www-authenticate|allow)/i;

/** A place for answers: {element, show(request, answer), busy(), request(request)}. */
export function resultPlace() {
  const status = el("p", { class: "status", role: "status" }, "Nothing was sent yet.");
  const rest = el("div", {});
  const element = el("section", { class: "result", "aria-label": "Answer" }, el("h2", {}, "Answer"), status, rest);
  return {
    element,
    busy: () => refill(status, "Sent; waiting for the answer…"),
    request: (request) => {
      refill(status, "Not sent; this is the call.");
      refill(rest, drawRequest(request));
    },
    show: (request, answer) => {
      refill(status, ...statusLine(answer));
      refill(rest, answer.failed ? null : drawAnswer(answer), request ? drawRequest(request) : null);
    },
  };
}

function statusLine(answer) {
  const time = el("span", { class: "faint" }, `${answer.ms < 10 ? answer.ms.toFixed(1) : Math.round(answer.ms)} ms`);
  if (answer.failed) return [el("strong", { class: "bad" }, answer.failed), time];
  const good = answer.status < 400;
  return [
    el("strong", { class: good ? "good" : "bad" }, `${answer.status} ${answer.reason}`),
    time,
    el("span", { class: "faint" }, `${answer.size.toLocaleString("en")} bytes`),
    good ? null : el("span", { class: "meaning" }, meaning(answer.status, answer.headers)),
  ];
}

function drawAnswer({ headers, text }) {
  const notable = headers.filter(([name]) => NOTABLE.test(name));
  const others = headers.filter(([name]) => !NOTABLE.test(name));
  const body = el("pre", { class: "code body", tabindex: "0", "aria-label": "Body" }, coloured(text));
  return [
    notable.length ? headerTable(notable) : null,
    text
      ? el(
          "div",
          { class: "row" },
          el("span", { class: "faint" }, "Body"),
          el("span", { class: "grow" }),
          copier("Copy body", () => text),
        )
      : el("p", { class: "faint" }, "No body."),
    text ? body : null,
    opening(`All other headers (${others.length})`, () => headerTable(others)),
  ];
}

function headerTable(headers) {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "Headers" },
    el(
      "table",
      {},
      el(
        "tbody",
        {},
        headers.map(([name, text]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, text))),
      ),
    ),
  );
}

function drawRequest(request) {
  const line = curl(request);
  return el(
    "div",
    { class: "request" },
    el("h3", {}, "Request"),
    el(
      "pre",
      { class: "code", tabindex: "0", "aria-label": "Request" },
      el("strong", {}, request.method),
      ` ${request.url}`,
    ),
    request.headers.length ? headerTable(request.headers) : null,
    request.body === null
      ? null
      : el("pre", { class: "code", tabindex: "0", "aria-label": "Body of the request" }, coloured(request.body)),
    el(
      "div",
      { class: "row" },
      el("span", { class: "faint" }, "The same with curl"),
      el("span", { class: "grow" }),
      copier("Copy curl", () => line),
    ),
    el("pre", { class: "code curl", tabindex: "0", "aria-label": "curl" }, line),
  );
}
