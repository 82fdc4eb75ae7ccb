/*
 * What is signed of a request, at each of the doors.
 *
 * `signHeaders`: docs/api.md, "Signing a request". `signQuery` and `signParams`: Binance, rest-api.md, "SIGNED Endpoint
 * security", and web-socket-api.md, "Request security". Nothing here knows a call: whether and how one is signed, its
 * description says.
 */

import { compact, made, member, put } from "./json_text.js";

const SIGNATURE = "signature";
const SOCKET_METHOD = "AUTH";

/** Headers, by the names that the document has for them: key, timestamp and signature over the whole request. */
export async function signHeaders(key, schemes, method, target, body, at = String(Date.now())) {
  const signature = await key.sign(`${at}\n\n${method}\n${target}\n${body ?? ""}`);
  const told = { key: key.id, timestamp: at, signature };
  return Object.entries(told).map(([name, text]) => [schemes[name].name, text]);
}

/** Parameters with the time they are meant for, and the signature as the last. `pairs` are names and texts. */
export async function signQuery(key, pairs) {
  const text = encoded(timed(pairs));
  return `${text}&${SIGNATURE}=${encodeURIComponent(await key.sign(text))}`;
}

/** Parameters as a query string or form. */
export function encoded(pairs) {
  return pairs.map(([name, text]) => `${encodeURIComponent(name)}=${encodeURIComponent(text)}`).join("&");
}

function timed(pairs) {
  return pairs.some(([name]) => name === "timestamp") ? pairs : [...pairs, ["timestamp", String(Date.now())]];
}

/** Put the time into the `params` of a message (a tree of json_text), where none is; gives them. */
export function stamp(message) {
  if (member(message, "params")?.kind !== "object") put(message, "params", made({}));
  const params = member(message, "params");
  const timestamp = member(params, "timestamp");
  if (!timestamp || !textOf(timestamp) || textOf(timestamp) === "0") put(params, "timestamp", made(Date.now()));
  return params;
}

/** Put key, time and signature into the `params` of a message. */
export async function signParams(key, message) {
  const params = stamp(message);
  put(params, "apiKey", made(key.id));
  params.members = params.members.filter(([name]) => JSON.parse(name) !== SIGNATURE);
  const pairs = params.members.map(([name, value]) => [JSON.parse(name), textOf(value)]);
  pairs.sort(([left], [right]) => (left < right ? -1 : 1));
  const signature = await key.sign(pairs.map(([name, text]) => `${name}=${text}`).join("&"));
  put(params, SIGNATURE, made(signature));
}

/** What AUTH takes of a key, at the socket of this path. */
export async function signAuth(key, path, at = String(Date.now())) {
  return made([key.id, at, "", await key.sign(`${at}\n\n${SOCKET_METHOD}\n${path}\n`)]);
}

/** A value as it is signed: a text without its quotes, anything else as it is written. */
function textOf(value) {
  return value.kind === "string" ? JSON.parse(value.text) : compact(value);
}
