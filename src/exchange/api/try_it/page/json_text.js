/*
 * JSON as it was written: read, laid out and coloured without touching a digit.
 *
 * The idea: what JSON.parse makes of 12345678901234567890 or 1.10 is another number. Here a text is read into a tree
 * whose leaves are the tokens themselves, and written from it; only the blanks between them change.
 *
 * A node is {kind: "object", members: [[key token, node], …]}, {kind: "array", items: [node, …]} or
 * {kind: "string" | "number" | "word", text: token}.
 */

import { el } from "./dom.js";

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:])/y;
const WIDTH = 92;
const MOST_COLOURED = 60_000;
const MOST_SHOWN = 300_000;

/** The tree of a text. Throws SyntaxError where it is no JSON. */
export function parse(text) {
  JSON.parse(text);
  TOKEN.lastIndex = 0;
  const next = () => TOKEN.exec(text)[1];
  return node(next(), next);
}

function node(token, next) {
  if (token === "{") {
    const members = [];
    for (let key = next(); key !== "}"; key = next()) {
      if (key === ",") key = next();
      next();
      members.push([key, node(next(), next)]);
    }
    return { kind: "object", members };
  }
  if (token === "[") {
    const items = [];
    for (let item = next(); item !== "]"; item = next()) items.push(node(item === "," ? next() : item, next));
    return { kind: "array", items };
  }
  if (token[0] === '"') return { kind: "string", text: token };
  return { kind: /[-\d]/.test(token[0]) ? "number" : "word", text: token };
}

/** A leaf or tree for a value of the page's own. */
export function made(value) {
  return parse(JSON.stringify(value));
}

/** What an object has under a name, or undefined. */
export function member(tree, name) {
  return tree.members?.find(([key]) => JSON.parse(key) === name)?.[1];
}

/** Put a value under a name of an object, in place of what was there. */
export function put(tree, name, value) {
  const found = tree.members.find(([key]) => JSON.parse(key) === name);
  if (found) found[1] = value;
  else tree.members.push([JSON.stringify(name), value]);
}

/** A tree as the shortest text. */
export function compact(tree) {
  if (tree.kind === "object") return `{${tree.members.map(([key, value]) => `${key}:${compact(value)}`).join(",")}}`;
  if (tree.kind === "array") return `[${tree.items.map(compact).join(",")}]`;
  return tree.text;
}

/** A tree in lines; `emit(kind, text)` is told every piece. */
export function layOut(tree, emit, indent = "") {
  if (tree.kind !== "object" && tree.kind !== "array") {
    emit(tree.kind, tree.text);
    return;
  }
  const [open, close] = tree.kind === "object" ? "{}" : "[]";
  const inside = tree.kind === "object" ? tree.members : tree.items.map((item) => [null, item]);
  const flat = inside.every(([, value]) => value.text !== undefined) && compact(tree).length < WIDTH - indent.length;
  const deeper = `${indent}  `;
  emit("sign", open);
  inside.forEach(([key, value], place) => {
    if (place) emit("sign", flat ? ", " : ",");
    if (!flat) emit("sign", `\n${deeper}`);
    if (key !== null) {
      emit("key", key);
      emit("sign", ": ");
    }
    layOut(value, emit, deeper);
  });
  if (inside.length && !flat) emit("sign", `\n${indent}`);
  emit("sign", close);
}

/** A text in lines; as it is where it is no JSON. */
export function pretty(text) {
  const pieces = [];
  try {
    layOut(parse(text), (_, piece) => pieces.push(piece));
  } catch {
    return text;
  }
  return pieces.join("");
}

/** A text in lines and colours, as nodes for a <pre>; long ones in lines only and cut, as it is where it is no JSON. */
export function coloured(text) {
  if (text.length > MOST_COLOURED) {
    const lines = pretty(text);
    return lines.length > MOST_SHOWN
      ? [lines.slice(0, MOST_SHOWN), "\n… (cut here; what is copied is whole)"]
      : [lines];
  }
  const pieces = [];
  let tree;
  try {
    tree = parse(text);
  } catch {
    return [text];
  }
  layOut(tree, (kind, piece) => pieces.push(kind === "sign" ? piece : el("span", { class: `json-${kind}` }, piece)));
  return pieces;
}
