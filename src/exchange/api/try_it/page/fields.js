/*
 * Fields to fill in, made from parameters and schemas. What is typed is judged aloud and sent all the same: to see a
 * refusal is one reason to try an API.
 */

import { el, fresh } from "./dom.js";
import { parse, pretty } from "./json_text.js";
import { exampleOf, plain, problem, skeleton, wordsOf } from "./schema.js";
import { about, drawSchema } from "./schema_view.js";

/** Fields for a parameters' list; gives {element, values()}. `hint(parameter)` is what an empty field shows. */
export function fieldsFor(root, parameters, hint = () => "") {
  const fields = parameters.map((parameter) => fieldFor(root, parameter, hint(parameter)));
  return {
    element: el(
      "div",
      { class: "fields" },
      fields.map(({ element }) => element),
    ),
    values: () => fields.map(({ parameter, text }) => [parameter, text()]),
  };
}

function fieldFor(root, parameter, hint) {
  const schema = parameter.schema ?? parameter;
  const id = fresh("field");
  const words = wordsOf(root, schema);
  const input = words ? choice(words, parameter) : line(root, parameter, schema, hint);
  const told = el("span", { class: "problem", id: `${id}-told` });
  input.id = id;
  input.name = parameter.name;
  input.setAttribute("aria-describedby", `${id}-about ${id}-told`);
  input.addEventListener("change", () => {
    const wrong = problem(root, schema, input.value.trim(), parameter.required);
    told.textContent = wrong;
    input.setAttribute("aria-invalid", String(Boolean(wrong)));
  });
  const label = el(
    "label",
    { for: id },
    el("code", {}, parameter.name),
    parameter.required ? el("span", { class: "needed" }, "needed") : null,
  );
  const described = parameter.description ? { ...schema, description: parameter.description } : schema;
  const explained = el("span", { class: "explained", id: `${id}-about` }, about(root, described, { listed: !words }));
  return {
    parameter,
    element: el("div", { class: "field" }, label, input, told, explained),
    text: () => input.value.trim(),
  };
}

function choice(words, parameter) {
  const select = el(
    "select",
    {},
    words.map((word) => el("option", { value: String(word) }, String(word))),
  );
  if (!parameter.required) select.prepend(el("option", { value: "", selected: true }, "not sent"));
  return select;
}

function line(root, parameter, schema, hint) {
  const found = plain(root, schema);
  const example = parameter.example ?? parameter.examples?.[0] ?? exampleOf(found);
  const input = el("input", { autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  if (found.type === "integer") input.inputMode = "numeric";
  if (parameter.required && example !== undefined) input.value = String(example);
  else if (hint) input.placeholder = hint;
  else if (found.default !== undefined) input.placeholder = `${found.default} when left out`;
  else if (example !== undefined) input.placeholder = `such as ${example}`;
  return input;
}

/**
 * A text of JSON, begun from its schema, with what may be in it; gives {element, text(), set(text)}.
 * `example` is what to begin with, when the description gives one.
 */
export function jsonEditor(root, schema, title, example) {
  const id = fresh("body");
  const start = pretty(JSON.stringify(example ?? skeleton(root, schema)));
  const area = el("textarea", {
    id,
    class: "code",
    spellcheck: "false",
    autocomplete: "off",
    "aria-describedby": `${id}-told`,
  });
  const told = el("span", { class: "problem", id: `${id}-told`, role: "status" });
  const set = (text) => {
    area.value = text;
    told.textContent = complaint(text);
    area.rows = Math.min(Math.max(text.split("\n").length, 3), 24);
  };
  area.addEventListener("input", () => {
    told.textContent = complaint(area.value);
  });
  const add = (path) => {
    try {
      set(pretty(JSON.stringify(withMember(JSON.parse(area.value), root, schema, path))));
    } catch {
      told.textContent = "Nothing can be added while this is no JSON object.";
    }
  };
  const again = el("button", { type: "button", class: "quiet", onclick: () => set(start) }, "Begin anew");
  const element = el(
    "div",
    { class: "editor" },
    el("div", { class: "row" }, el("label", { for: id }, title), el("span", { class: "grow" }), again),
    area,
    told,
    el("div", { class: "schema-box" }, drawSchema(root, schema, add)),
  );
  set(start);
  return { element, text: () => area.value, set };
}

function complaint(text) {
  try {
    parse(text);
    return "";
  } catch (error) {
    return `This is no JSON, and would be sent as it is: ${error.message}`;
  }
}

/** A value with an example put in at a path, of which what is missing is made. */
function withMember(value, root, schema, path) {
  const whole = value;
  let at = value;
  let found = plain(root, schema);
  for (const [place, name] of path.entries()) {
    const inner =
      name === 0
        ? (found.prefixItems?.[0] ?? found.items)
        : (found.properties?.[name] ??
          (found.anyOf ?? found.oneOf ?? []).map((one) => plain(root, one).properties?.[name]).find(Boolean));
    found = plain(root, inner);
    const last = place === path.length - 1;
    if (last || at[name] === undefined || at[name] === null) at[name] = skeleton(root, found);
    at = at[name];
  }
  return whole;
}
