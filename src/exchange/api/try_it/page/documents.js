/*
 * The four descriptions of the API, read from the gateway, and the calls that stand in them.
 *
 * The idea: REST (OpenAPI 3.1) and WebSocket (AsyncAPI 3.0) are brought into one list of calls, grouped by their tags;
 * all the rest of the page knows calls and schemas only. A call is `kind`
 *   "rest"  a request over HTTP,
 *   "ask"   a message that is sent over a WebSocket, with its answers,
 *   "told"  a stream, or messages that come by themselves.
 */

import { resolve } from "./schema.js";

export const DOCUMENTS = [
  { id: "v1", title: "REST v1", url: "/api/v1/openapi.json" },
  { id: "v3", title: "REST v3", url: "/api/v3/openapi.json" },
  { id: "v1-ws", title: "WebSocket v1", url: "/api/v1/asyncapi.json" },
  { id: "v3-ws", title: "WebSocket v3", url: "/api/v3/asyncapi.json" },
];

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Read a document; null where the gateway has none. Throws Error with words for people. */
export async function load(entry) {
  let answer;
  try {
    answer = await fetch(entry.url, { credentials: "omit" });
  } catch {
    throw new Error(`${entry.url} cannot be read: the gateway does not answer. Load the page again when it runs.`);
  }
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${entry.url} cannot be read: the gateway answers ${answer.status}.`);
  const root = await answer.json();
  const read = { ...entry, root, info: root.info ?? {}, schemes: schemesOf(root) };
  read.calls = root.asyncapi ? messages(read) : requests(read);
  read.byId = new Map(read.calls.map((call) => [call.id, call]));
  return read;
}

/** Calls by group, in the document's order. */
export function grouped(calls) {
  const groups = new Map();
  for (const call of calls) groups.set(call.group, [...(groups.get(call.group) ?? []), call]);
  return groups;
}

/** Whether a call has all these words somewhere in what is told of it. */
export function matches(call, words) {
  const told = `${call.method} ${call.label} ${call.summary} ${call.id}`.toLowerCase();
  return words.every((word) => told.includes(word));
}

function schemesOf(root) {
  return Object.fromEntries(
    Object.entries(root.components?.securitySchemes ?? {}).map(([name, scheme]) => [name, resolve(root, scheme)]),
  );
}

function requests(document) {
  const { root } = document;
  const base = (root.servers?.[0]?.url ?? "").replace(/\/$/, "");
  const calls = [];
  for (const [path, item] of Object.entries(root.paths ?? {})) {
    for (const method of METHODS.filter((name) => item[name])) {
      const operation = item[method];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
      calls.push({
        kind: "rest",
        document,
        id: operation.operationId ?? `${method}${path}`,
        method: method.toUpperCase(),
        label: base + path,
        group: operation.tags?.[0] ?? "calls",
        summary: operation.summary ?? "",
        description: operation.description ?? "",
        parameters: parameters.map((parameter) => resolve(root, parameter)),
        body: bodyOf(root, operation),
        answers: answersOf(root, operation),
        security: operation.security ?? root.security ?? [],
      });
    }
  }
  return calls;
}

function bodyOf(root, operation) {
  const body = operation.requestBody && resolve(root, operation.requestBody);
  const [media, content] = Object.entries(body?.content ?? {})[0] ?? [];
  return media ? { media, schema: content.schema ?? {}, example: content.example } : null;
}

function answersOf(root, operation) {
  return Object.entries(operation.responses ?? {}).map(([status, given]) => {
    const answer = resolve(root, given);
    const [media, content] = Object.entries(answer.content ?? {})[0] ?? ["", {}];
    const headers = Object.entries(answer.headers ?? {}).map(([name, header]) => [name, resolve(root, header)]);
    return { status, description: answer.description ?? "", media, schema: content.schema, headers };
  });
}

function messages(document) {
  const { root } = document;
  return Object.entries(root.operations ?? {}).map(([id, given]) => {
    const operation = resolve(root, given);
    const channel = resolve(root, operation.channel);
    const carried = operation.messages ?? Object.values(channel.messages ?? {});
    const told = {
      kind: operation.action === "receive" ? "ask" : "told",
      document,
      id,
      group: groupOf(root, operation, channel),
      summary: operation.summary ?? operation.title ?? channel.summary ?? "",
      description: operation.description ?? channel.description ?? "",
      messages: carried.map((message) => messageOf(root, message)),
      replies: (resolve(root, operation.reply).messages ?? []).map((message) => messageOf(root, message)),
      address: channel.address ?? null,
      parameters: Object.entries(channel.parameters ?? {}).map(([name, parameter]) => [name, resolve(root, parameter)]),
      servers: serversOf(root, channel),
      security: (operation.security ?? []).map((scheme) => resolve(root, scheme)),
      codes: operation["x-codes"] ?? [],
      rest: operation["x-rest"] ?? null,
    };
    const method = told.kind === "ask" ? methodOf(root, told.messages[0]) : null;
    return { ...told, method: told.kind === "ask" ? "SEND" : "STREAM", label: method ?? told.address ?? id };
  });
}

function groupOf(root, operation, channel) {
  const tag = (operation.tags ?? channel.tags ?? [])[0];
  return tag ? resolve(root, tag).name : (channel.title ?? "messages");
}

function messageOf(root, given) {
  const message = resolve(root, given);
  const example = message.examples?.[0]?.payload;
  return {
    name: message.title ?? message.name ?? "message",
    summary: message.summary ?? "",
    payload: message.payload,
    example,
  };
}

/** The one word that a message's `method` may be, or undefined. */
export function methodOf(root, message) {
  const method = resolve(root, resolve(root, message?.payload).properties?.method);
  return method.const ?? (method.enum?.length === 1 ? method.enum[0] : undefined);
}

function serversOf(root, channel) {
  const all = Object.entries(root.servers ?? {}).map(([name, given]) => ({ name, ...resolve(root, given) }));
  const meant = (channel.servers ?? []).map(({ $ref }) => $ref.split("/").at(-1));
  const query = resolve(root, channel.bindings?.ws)?.query;
  return all.filter(({ name }) => !meant.length || meant.includes(name)).map((server) => ({ ...server, query }));
}
