/*
 * What a document says of itself: the page that one comes to before a call is chosen.
 */

import { el, prose } from "./dom.js";

/** The drawing of a document. */
export function aboutView(described) {
  const { info, root, schemes, url, calls } = described;
  const servers = Array.isArray(root.servers)
    ? root.servers.map((server) => server.url)
    : Object.values(root.servers ?? {}).map(({ pathname }) => pathname);
  return el(
    "article",
    { class: "document" },
    el(
      "h1",
      { tabindex: "-1" },
      described.title,
      info.title ? el("span", { class: "faint" }, ` ${info.title} ${info.version ?? ""}`) : "",
    ),
    info.description ? el("p", { class: "summary" }, prose(info.description)) : null,
    el(
      "dl",
      {},
      el("dt", {}, "Calls"),
      el("dd", {}, `${calls.length}, in the list. Type / to search, then arrows and Enter.`),
      el("dt", {}, "Where"),
      el(
        "dd",
        {},
        servers.map((server) => [el("code", {}, server), " "]),
      ),
      el("dt", {}, "Description"),
      el("dd", {}, el("a", { href: url }, url), ", for tools of your own"),
      Object.entries(schemes).map(([name, scheme]) => [
        el("dt", {}, el("code", {}, scheme.name ?? name)),
        el("dd", {}, prose(scheme.description ?? scheme.type)),
      ]),
    ),
  );
}
