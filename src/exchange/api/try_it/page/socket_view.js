/*
 * A message that is sent over a WebSocket, or a stream that is subscribed to.
 *
 * What is sent begins from its schema. Where the schema has a place for a signature, key, time and signature are put in
 * at sending. A stream is subscribed to by the message of its own document whose method is SUBSCRIBE.
 */

import { connectionView, openFor } from "./connection_view.js";
import { credentials } from "./credentials.js";
import { el, fresh, opening, prose, refill } from "./dom.js";
import { fieldsFor, jsonEditor } from "./fields.js";
import { heading, linkTo } from "./heading.js";
import { compact, made, member, parse, put } from "./json_text.js";
import { plain } from "./schema.js";
import { drawSchema } from "./schema_view.js";
import { signAuth, signParams, stamp } from "./signing.js";
import { line } from "./socket.js";
import { methodOf } from "./documents.js";

let lastId = 0;

/** The drawing of a message or stream. `refreshCall()` describes how a token is renewed. */
export function socketView(call, refreshCall) {
  const connection = connectionView(call);
  const inside = call.kind === "ask" ? asking(call, connection, refreshCall) : telling(call, connection);
  return el(
    "article",
    { class: "call", onshown: connection.shown },
    el("div", { class: "said" }, heading(call), inside),
    connection.element,
    told(call),
  );
}

function asking(call, connection, refreshCall) {
  const { root } = call.document;
  const [message] = call.messages;
  const editor = jsonEditor(root, message?.payload ?? {}, "Message, as JSON", message?.example);
  const as = signing(call, message);
  const problem = el("p", { class: "problem", role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    problem.textContent = "";
    try {
      await openFor(connection);
      line.send(await as.signed(editor.text(), connection, refreshCall));
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  return el(
    "form",
    { autocomplete: "off", novalidate: true, onsubmit: submit },
    editor.element,
    el("div", { class: "row send" }, el("button", { type: "submit", class: "main" }, "Send"), as.element),
    problem,
  );
}

/** Who signs a message; gives {element, signed(text, connection)}. */
function signing(call, message) {
  const { root } = call.document;
  const params = plain(root, plain(root, message?.payload).properties?.params);
  const signs = Boolean(params.properties?.signature);
  const authenticates = methodOf(root, message) === "AUTH";
  const id = fresh("signs");
  const select = el("select", { id });
  const draw = () => {
    const choices = [];
    if (authenticates && credentials.token) choices.push(["token", "params are the token"]);
    if (authenticates && credentials.key) choices.push(["key", "params are signed with the key"]);
    if (signs && credentials.key) choices.push(["key", "signed with the key"]);
    if (signs) choices.push(["session", "with the time alone, once logged on"]);
    choices.push(["nobody", "as it stands"]);
    const before = select.value;
    refill(
      select,
      choices.map(([value, text]) => el("option", { value }, text)),
    );
    const keeps = choices.some(([value]) => value === before && value !== "nobody" && value !== "session");
    select.value = keeps ? before : choices[0][0];
  };
  const sign = async (text, connection, refreshCall) => {
    const as = select.value;
    if (as === "nobody") return text;
    let tree;
    try {
      tree = parse(text);
    } catch {
      throw new Error("This is no JSON, so it cannot be signed; it can be sent as it stands.");
    }
    if (as === "session") stamp(tree);
    else if (signs) await signParams(credentials.key, tree);
    else if (as === "token") put(tree, "params", made([await credentials.currentToken(refreshCall())]));
    else put(tree, "params", await signAuth(credentials.key, connection.path()));
    return compact(tree);
  };
  if (!signs && !authenticates) return { element: null, signed: async (text) => text };
  credentials.addEventListener("change", draw);
  draw();
  return { element: el("span", { class: "choice" }, el("label", { for: id }, "sent"), select), signed: sign };
}

function telling(call, connection) {
  if (!call.address || call.address.startsWith("/")) return null;
  const { root } = call.document;
  const asks = (method) =>
    call.document.calls.find(
      (one) =>
        one.kind === "ask" &&
        methodOf(root, one.messages[0]) === method &&
        one.servers.some(({ name }) => call.servers.some((server) => server.name === name)),
    );
  const parameters = call.parameters.map(([name, parameter]) => ({
    name,
    required: true,
    ...parameter,
    schema: { type: "string", enum: parameter.enum, default: parameter.default },
  }));
  const fields = parameters.length ? fieldsFor(root, parameters) : null;
  const named = () =>
    (fields?.values() ?? []).reduce(
      (name, [parameter, text]) => name.replaceAll(`{${parameter.name}}`, text),
      call.address,
    );
  const problem = el("p", { class: "problem", role: "status" });
  const ask = async (method) => {
    problem.textContent = "";
    try {
      await openFor(connection);
      lastId += 1;
      line.send(JSON.stringify({ method, params: [named()], id: lastId }));
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  const buttons = [
    ["SUBSCRIBE", "Subscribe", "main"],
    ["UNSUBSCRIBE", "Unsubscribe", "quiet"],
  ].filter(([method]) => asks(method));
  return el(
    "form",
    {
      autocomplete: "off",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        ask("SUBSCRIBE");
      },
    },
    fields ? el("fieldset", {}, el("legend", {}, "Stream"), fields.element) : null,
    el(
      "div",
      { class: "row send" },
      buttons.map(([method, word, looks], place) =>
        el(
          "button",
          { type: place ? "button" : "submit", class: looks, onclick: place ? () => ask(method) : null },
          word,
        ),
      ),
      buttons.length ? el("a", { href: linkTo(asks("SUBSCRIBE")) }, "how") : null,
    ),
    problem,
  );
}

function told(call) {
  const { root } = call.document;
  const shown = call.kind === "ask" ? call.replies : call.messages;
  const rest = call.rest && el("p", { class: "faint" }, "Over HTTP: ", el("code", {}, String(call.rest)));
  return el(
    "section",
    { class: "answers", "aria-label": "What comes" },
    rest,
    shown.length ? el("h2", {}, call.kind === "ask" ? "Answers" : "Messages that come") : null,
    shown.map((message, place) =>
      opening(
        [el("strong", {}, message.name), message.summary ? [" ", prose(message.summary)] : ""],
        () => drawSchema(root, message.payload ?? {}),
        { open: place === 0 },
      ),
    ),
    call.codes.length
      ? opening(`Refusals (${call.codes.length})`, () =>
          el(
            "p",
            {},
            call.codes.map((code) => [el("code", {}, String(code)), " "]),
          ),
        )
      : null,
  );
}
