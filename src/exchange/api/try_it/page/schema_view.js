/*
 * A schema drawn as a list of its members, each with type, limits and words; what is inside opens when it is wanted.
 */

import { el, opening, prose } from "./dom.js";
import { limitsOf, plain, resolve, typeOf, wordsOf } from "./schema.js";

const MOST_WORDS = 12;

/**
 * The drawing of a schema. `add(path)`, if given, is called with the names that lead to a member which somebody wants
 * in their message.
 */
export function drawSchema(root, schema, add = null, path = []) {
  const found = plain(root, schema);
  const choices = (found.anyOf ?? found.oneOf)?.map((choice) => resolve(root, choice));
  if (choices) {
    return el(
      "ul",
      { class: "schema" },
      choices.map((choice, place) => {
        const name = choice.title ?? `either ${place + 1}`;
        return el(
          "li",
          {},
          el("span", { class: "member faint" }, place ? name.replace("either", "or") : name),
          ...about(root, choice),
          inside(root, choice, add, path),
        );
      }),
    );
  }
  if (found.type === "array") {
    const items = found.prefixItems ?? [found.items ?? {}];
    return el(
      "ul",
      { class: "schema" },
      items.map((item, place) => {
        const name = found.prefixItems ? `[${place}]` : "each";
        return el(
          "li",
          {},
          el("span", { class: "member faint" }, name),
          ...about(root, item),
          inside(root, item, add, [...path, 0]),
        );
      }),
    );
  }
  if (!found.properties) return el("p", { class: "schema-plain" }, ...about(root, found));
  const required = new Set(found.required ?? []);
  const rows = Object.entries(found.properties).map(([name, member]) => {
    const here = [...path, name];
    const label = el("code", { class: "member" }, name);
    return el(
      "li",
      {},
      label,
      required.has(name) ? el("span", { class: "needed" }, "needed") : adder(add, here, name),
      ...about(root, member),
      inside(root, member, add, here),
    );
  });
  return rows.length ? el("ul", { class: "schema" }, rows) : el("p", { class: "schema-plain faint" }, "nothing inside");
}

function adder(add, path, name) {
  if (!add) return null;
  return el("button", { type: "button", class: "add", "aria-label": `Add ${name}`, onclick: () => add(path) }, "+ add");
}

/** Type, limits, words (where they are to be listed) and description of a schema, as elements. */
export function about(root, schema, { listed = true } = {}) {
  const found = plain(root, schema);
  const words = listed && found.type !== "boolean" ? wordsOf(root, found) : undefined;
  const limits = limitsOf(root, found);
  return [
    el("span", { class: "type" }, typeOf(root, schema)),
    limits.length ? el("span", { class: "limits" }, limits.join(" · ")) : null,
    words ? el("span", { class: "words" }, shortened(words)) : null,
    found.pattern ? el("code", { class: "pattern", title: "regular expression" }, found.pattern) : null,
    found.description ? el("span", { class: "about" }, prose(found.description)) : null,
  ];
}

function shortened(words) {
  const told = words.slice(0, MOST_WORDS).map((word) => [el("code", {}, String(word)), " "]);
  if (words.length > MOST_WORDS)
    told.push(el("span", { title: words.join(", ") }, `and ${words.length - MOST_WORDS} more`));
  return told;
}

function inside(root, schema, add, path) {
  const found = plain(root, schema);
  const choices = found.anyOf ?? found.oneOf;
  if (found.type === "array" && !found.prefixItems) {
    const item = plain(root, found.items);
    if (!hasInside(item)) return null;
    return opening("each item", () => drawSchema(root, item, add, [...path, 0]));
  }
  if (!hasInside(found)) return null;
  return opening(choices ? "choices" : "members", () => drawSchema(root, found, add, path));
}

function hasInside(found) {
  const choices = found.anyOf ?? found.oneOf;
  if (choices) return choices.some((choice) => choice.$ref || choice.properties || choice.type === "array");
  return found.type === "array" || Object.keys(found.properties ?? {}).length > 0;
}
