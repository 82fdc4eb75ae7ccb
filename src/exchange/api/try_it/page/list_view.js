/*
 * The list of calls: grouped as their document groups them, and searched across all documents.
 */

import { el, refill } from "./dom.js";
import { grouped, matches } from "./documents.js";
import { broken, linkTo } from "./heading.js";

/** Draw the calls of a document that have the words, then those of the others; gives how many there are. */
export function drawList(place, documents, current, query, chosen) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const first = documents.filter(({ id }) => id === current);
  const others = words.length ? documents.filter(({ id }) => id !== current) : [];
  let count = 0;
  refill(
    place,
    [...first, ...others].map((document) => {
      const found = document.calls.filter((call) => matches(call, words));
      count += found.length;
      if (!found.length) return null;
      const title = document.id === current ? null : el("p", { class: "other" }, document.title);
      return [
        title,
        [...grouped(found)].map(([group, calls]) => [
          el("h2", {}, group),
          el(
            "ul",
            {},
            calls.map((call) => el("li", {}, entry(call, chosen))),
          ),
        ]),
      ];
    }),
  );
  return count;
}

function entry(call, chosen) {
  return el(
    "a",
    { href: linkTo(call), title: call.summary, "aria-current": call === chosen ? "page" : null },
    el("span", { class: `method ${call.method.toLowerCase()}` }, call.method),
    el("span", { class: "name" }, broken(call.label.replace(/^\/api\/v[13]/, ""))),
  );
}

/** Move the focus in the list with the arrow keys; `search` is above the first entry. */
export function arrows(place, search) {
  return (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [...place.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    if (next < 0) search.focus();
    else links[Math.min(next, links.length - 1)]?.focus();
  };
}
