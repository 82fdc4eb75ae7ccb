/*
 * A call over HTTP: what it is, fields for what it takes, what it answers, and a button that sends it.
 */

import { credentials } from "./credentials.js";
import { el, fresh, opening, prose, refill } from "./dom.js";
import { fieldsFor, jsonEditor } from "./fields.js";
import { MADE, askers, build, signsParameters } from "./request.js";
import { resultPlace } from "./result_view.js";
import { drawSchema } from "./schema_view.js";
import { send } from "./sending.js";
import { heading } from "./heading.js";

const PLACES = [
  ["path", "Path"],
  ["query", "Parameters"],
  ["header", "Headers"],
];
const AS = { token: "the token", key: "the key", nobody: "nobody" };
const BODILESS = new Set(["GET", "HEAD"]);

/** The drawing of a call. `refreshCall()` describes how a token is renewed. */
export function restView(call, refreshCall) {
  const { root } = call.document;
  const result = resultPlace();
  const parts = PLACES.map(([place, title]) => [title, fieldsIn(root, call, place)]).filter(([, fields]) => fields);
  const editor = call.body && jsonEditor(root, call.body.schema, "Body, as JSON", call.body.example);
  const as = askingAs(call);
  const form = formChoice(call);
  let running = null;

  const request = () =>
    build(
      call,
      {
        values: parts.flatMap(([, fields]) => fields.values()),
        body: editor ? editor.text() : null,
        as: as.value(),
        form: form.value(),
      },
      { key: credentials.key, token: () => credentials.currentToken(refreshCall()) },
    );

  const attempt = async (then) => {
    try {
      await then(await request());
    } catch (error) {
      result.show(null, { failed: error.message, ms: 0 });
    }
  };
  const button = el("button", { type: "submit", class: "main" }, "Send");
  const submit = async (event) => {
    event.preventDefault();
    if (running) {
      running.abort();
      return;
    }
    running = new AbortController();
    button.textContent = "Stop";
    result.busy();
    await attempt(async (made) => result.show(made, await send(made, running.signal)));
    running = null;
    button.textContent = "Send";
  };
  const show = el("button", { type: "button", class: "quiet", onclick: () => attempt(result.request) }, "Show as curl");

  return el(
    "article",
    { class: "call" },
    el(
      "div",
      { class: "said" },
      heading(call),
      demands(call),
      el(
        "form",
        { autocomplete: "off", novalidate: true, onsubmit: submit },
        parts.map(([title, fields]) => el("fieldset", {}, el("legend", {}, title), fields.element)),
        editor?.element,
        el("div", { class: "row send" }, button, show, as.element, form.element),
      ),
    ),
    result.element,
    answers(call),
  );
}

function fieldsIn(root, call, place) {
  const found = call.parameters.filter((parameter) => parameter.in === place && !MADE.has(parameter.name));
  const signed = signsParameters(call);
  const hint = ({ name }) => (signed && name === "timestamp" ? "the time of sending" : "");
  const shown = found.map((parameter) =>
    signed && parameter.name === "timestamp" ? { ...parameter, required: false } : parameter,
  );
  shown.sort((left, right) => Number(Boolean(right.required)) - Number(Boolean(left.required)));
  return found.length ? fieldsFor(root, shown, hint) : null;
}

function demands(call) {
  if (!call.security.length) return null;
  const ways = call.security.map((scheme) => Object.keys(scheme).map((name) => call.document.schemes[name]));
  const told = ways.map((schemes) => (schemes.some(({ scheme }) => scheme === "bearer") ? "a token" : "an API key"));
  return el(
    "p",
    { class: "demands" },
    `Needs ${told.join(" or ")}${signsParameters(call) ? ", and a signature, which is made when it is sent" : ""}.`,
  );
}

/** Who asks: a choice that follows what is held. */
function askingAs(call) {
  if (!call.security.length) return { element: null, value: () => "nobody" };
  const id = fresh("as");
  const select = el("select", { id });
  const draw = () => {
    const before = select.value;
    const choices = askers(call, credentials);
    refill(
      select,
      choices.map((one) => el("option", { value: one }, AS[one])),
    );
    select.value = choices.includes(before) && before !== "nobody" ? before : choices[0];
  };
  credentials.addEventListener("change", draw);
  draw();
  return {
    element: el("span", { class: "choice" }, el("label", { for: id }, "as"), select),
    value: () => select.value,
  };
}

/** Where parameters go, for calls that take them either way. */
function formChoice(call) {
  if (!signsParameters(call) || BODILESS.has(call.method)) return { element: null, value: () => false };
  const id = fresh("form");
  const select = el(
    "select",
    { id },
    el("option", { value: "form" }, "as a form"),
    el("option", { value: "query" }, "in the address"),
  );
  if (call.method === "DELETE") select.value = "query";
  return {
    element: el("span", { class: "choice" }, el("label", { for: id }, "parameters"), select),
    value: () => select.value === "form",
  };
}

function answers(call) {
  const { root } = call.document;
  const good = call.answers.filter(({ status }) => Number(status) < 400);
  const refusals = call.answers.filter(({ status }) => !(Number(status) < 400));
  return el(
    "section",
    { class: "answers", "aria-label": "What it answers" },
    el("h2", {}, "Answers"),
    good.map((answer) =>
      opening(
        [
          el("strong", { class: "good" }, answer.status),
          " ",
          answer.media,
          answer.headers.length
            ? el("span", { class: "faint" }, " · ", answer.headers.map(([name]) => name).join(", "))
            : "",
        ],
        () => [
          answer.headers.map(([name, header]) =>
            el("p", {}, el("code", {}, name), " ", prose(header.description ?? "")),
          ),
          answer.schema ? drawSchema(root, answer.schema) : null,
        ],
        { open: true },
      ),
    ),
    refusals.length
      ? opening(`Refusals (${refusals.map(({ status }) => status).join(", ")})`, () =>
          el(
            "div",
            { class: "scroll", tabindex: "0", role: "group", "aria-label": "Refusals" },
            el(
              "table",
              { class: "refusals" },
              el(
                "tbody",
                {},
                refusals.map(({ status, description }) =>
                  el(
                    "tr",
                    {},
                    el("th", { scope: "row" }, status),
                    el(
                      "td",
                      {},
                      description.split(/,\s*/).map((code) => [el("code", {}, code), " "]),
                    ),
                  ),
                ),
              ),
            ),
          ),
        )
      : null,
  );
}
