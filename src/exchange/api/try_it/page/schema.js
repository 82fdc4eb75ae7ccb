/*
 * What a JSON Schema says, in words, as an example, and about a text that somebody typed.
 *
 * References are followed one at a time and only where something is looked at, so schemas may contain themselves. What
 * a schema says that is not known here is left out of the words; the gateway judges, this page only tells beforehand.
 */

const DEEPEST = 6;

/** The schema that a reference names, or this one; what stands beside a reference is kept. */
export function resolve(root, schema) {
  let found = schema ?? {};
  for (let steps = 0; found.$ref !== undefined && steps < 32; steps += 1) {
    const { $ref, ...beside } = found;
    let at = root;
    for (const part of $ref.replace(/^#\//, "").split("/")) {
      at = at?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
    }
    found = { ...(at ?? {}), ...beside };
  }
  return found;
}

/** A schema without what all its writers need and no reader: null as one of two choices, and allOf. */
export function plain(root, schema) {
  const found = resolve(root, schema);
  if (found.allOf) return found.allOf.map((part) => plain(root, part)).reduce(merged, { ...found, allOf: undefined });
  const choices = found.anyOf ?? found.oneOf;
  if (!choices) return Array.isArray(found.type) ? fromList(found) : found;
  const others = choices.map((choice) => resolve(root, choice)).filter((choice) => choice.type !== "null");
  if (others.length !== 1) return found;
  const { anyOf, oneOf, ...beside } = found;
  return { ...plain(root, others[0]), ...beside, nullable: others.length < choices.length };
}

function fromList(found) {
  const types = found.type.filter((type) => type !== "null");
  return { ...found, type: types.length === 1 ? types[0] : types, nullable: types.length < found.type.length };
}

function merged(left, right) {
  const properties = { ...left.properties };
  for (const [name, schema] of Object.entries(right.properties ?? {})) {
    properties[name] = properties[name] ? { allOf: [properties[name], schema] } : schema;
  }
  const both = { ...left, ...right };
  if (Object.keys(properties).length) both.properties = properties;
  return both;
}

/** The type in a word or two. */
export function typeOf(root, schema) {
  const found = plain(root, schema);
  const choices = found.anyOf ?? found.oneOf;
  let word;
  if (choices) word = [...new Set(choices.map((choice) => typeOf(root, choice)))].join(" or ");
  else if (found.const !== undefined) word = JSON.stringify(found.const);
  else if (found.type === "array") word = found.prefixItems ? "list" : `list of ${typeOf(root, found.items)}`;
  else if (Array.isArray(found.type)) word = found.type.join(" or ");
  else word = found.type ?? (found.properties ? "object" : found.enum ? "one of" : "anything");
  return found.nullable ? `${word} or null` : word;
}

/** The limits, each in a few words. */
export function limitsOf(root, schema) {
  const found = plain(root, schema);
  const told = [];
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = found;
  if (minimum !== undefined && maximum !== undefined) told.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) told.push(`${minimum} or more`);
  else if (maximum !== undefined) told.push(`at most ${maximum}`);
  if (minLength !== undefined) told.push(`${minLength} characters or more`);
  if (maxLength !== undefined) told.push(`at most ${maxLength} characters`);
  if (minItems !== undefined && minItems === maxItems) told.push(`${minItems} items`);
  else if (minItems !== undefined && maxItems !== undefined) told.push(`${minItems} to ${maxItems} items`);
  else if (maxItems !== undefined) told.push(`at most ${maxItems} items`);
  if (found.uniqueItems) told.push("no item twice");
  if (found.format) told.push(found.format);
  if (found.contentMediaType) told.push(`written as ${found.contentMediaType}`);
  if (found.default !== undefined) told.push(`default ${JSON.stringify(found.default)}`);
  return told;
}

/** The words that may stand there, or undefined. */
export function wordsOf(root, schema) {
  const found = plain(root, schema);
  return found.type === "boolean" ? [true, false] : found.enum;
}

/** What to begin with: an example where there is one, else the least that has the right form. */
export function skeleton(root, schema, depth = 0) {
  const found = plain(root, schema);
  const given = exampleOf(found);
  if (given !== undefined) return given;
  const choices = found.anyOf ?? found.oneOf;
  if (choices) return skeleton(root, choices[0], depth);
  if (depth > DEEPEST) return null;
  if (found.type === "object" || found.properties) {
    const needed = (found.required ?? []).filter((name) => found.properties?.[name]);
    return Object.fromEntries(needed.map((name) => [name, skeleton(root, found.properties[name], depth + 1)]));
  }
  if (found.type === "array") {
    if (found.prefixItems) return found.prefixItems.map((item) => skeleton(root, item, depth + 1));
    const least = Math.max(found.minItems ?? 0, 1);
    return Array.from({ length: least }, () => skeleton(root, found.items, depth + 1));
  }
  if (found.type === "integer" || found.type === "number") return found.minimum ?? 0;
  if (found.type === "boolean") return false;
  return found.type === "null" ? null : "";
}

/** An example that a schema or parameter gives, or undefined. */
export function exampleOf(found) {
  if (found.example !== undefined) return found.example;
  const first = Array.isArray(found.examples) ? found.examples[0] : undefined;
  return first ?? found.const ?? found.default ?? found.enum?.[0];
}

/** What is wrong with a text that was typed for a schema, in words; empty when nothing is. */
export function problem(root, schema, text, required) {
  if (text === "") return required ? "This is needed." : "";
  const found = plain(root, schema);
  if (found.enum && !found.enum.some((word) => String(word) === text))
    return `This is one of ${found.enum.join(", ")}.`;
  if (found.type === "integer") {
    if (!/^-?\d+$/.test(text)) return "This is a whole number.";
    const value = BigInt(text);
    if (found.minimum !== undefined && value < BigInt(found.minimum)) return `This is ${found.minimum} or more.`;
    if (found.maximum !== undefined && value > BigInt(found.maximum)) return `This is at most ${found.maximum}.`;
  }
  if (found.maxLength !== undefined && text.length > found.maxLength)
    return `This has at most ${found.maxLength} characters.`;
  if (found.pattern && !matches(found.pattern, text)) return `This is written as ${found.pattern}`;
  return "";
}

function matches(pattern, text) {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return true;
  }
}
