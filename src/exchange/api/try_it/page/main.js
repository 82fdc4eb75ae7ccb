/*
 * The page to try the API: it reads the four descriptions and draws itself from them.
 *
 * What is shown stands in the address after the #: a document, and perhaps one of its calls. A call that was drawn is
 * kept with what was typed and answered, so that going to another and back loses nothing. All of it ends with the page.
 */

import { aboutView } from "./about_view.js";
import { furnish } from "./dialog.js";
import { DOCUMENTS, load } from "./documents.js";
import { el, refill } from "./dom.js";
import { arrows, drawList } from "./list_view.js";
import { restView } from "./rest_view.js";
import { socketView } from "./socket_view.js";

const named = (id) => document.getElementById(id);
const main = named("main");
const search = named("search");
const list = named("list");
const documents = [];
const drawn = new Map();
const failures = new Map();

function call(id) {
  return documents.find((one) => one.id === "v1")?.byId.get(id);
}

/** The document and call that the address names; the first document where it names none. */
function chosen() {
  const [id, name] = location.hash.slice(1).split("/", 2).map(decoded);
  const entry = DOCUMENTS.find((one) => one.id === id) ?? DOCUMENTS[0];
  const read = documents.find((one) => one.id === entry.id);
  return { entry, read, name, call: read?.byId.get(name) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function viewOf({ entry, read, name, call: found }) {
  if (!read) return el("p", { class: "problem" }, failures.get(entry.id) ?? "Reading the description…");
  if (name && !found)
    return el("p", { class: "problem" }, `${entry.title} has no call ${name}. The list has those that there are.`);
  const key = `${entry.id}/${found?.id ?? ""}`;
  if (!drawn.has(key)) {
    const refresh = () => call("postRefresh");
    const view = !found
      ? aboutView(read)
      : found.kind === "rest"
        ? restView(found, refresh)
        : socketView(found, refresh);
    drawn.set(key, view);
  }
  return drawn.get(key);
}

function draw() {
  const now = chosen();
  document.title = `${now.call ? `${now.call.label} · ` : ""}${now.entry.title} · Try the API`;
  for (const link of named("documents").children) {
    if (link.dataset.id === now.entry.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const view = viewOf(now);
  refill(main, view);
  view.dispatchEvent(new Event("shown"));
  drawCalls();
}

function drawCalls() {
  const now = chosen();
  const count = drawList(list, documents, now.entry.id, search.value, now.call);
  const all = now.read?.calls.length ?? 0;
  named("count").textContent = search.value.trim() ? `${count} found` : `${all} calls`;
}

function open(wide) {
  list.classList.toggle("open", wide);
  named("menu").setAttribute("aria-expanded", String(wide));
}

function moved() {
  draw();
  open(false);
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
  list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

function listen() {
  addEventListener("hashchange", moved);
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  search.addEventListener("input", () => {
    drawCalls();
    open(Boolean(search.value));
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") list.querySelector("a")?.click();
    if (event.key === "Escape") {
      search.value = "";
      drawCalls();
    }
  });
  const move = arrows(list, search);
  list.addEventListener("keydown", move);
  search.addEventListener("keydown", move);
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, dialog");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
  named("menu").addEventListener("click", () => open(!list.classList.contains("open")));
  named("skip").addEventListener("click", (event) => {
    event.preventDefault();
    (main.querySelector("h1") ?? main).focus();
  });
}

async function begin() {
  refill(
    named("documents"),
    DOCUMENTS.map(({ id, title }) => el("a", { href: `#${id}`, "data-id": id }, title)),
  );
  listen();
  furnish(call);
  await Promise.all(
    DOCUMENTS.map(async (entry) => {
      try {
        const read = await load(entry);
        if (read) documents.push(read);
        else missing(entry);
      } catch (error) {
        failures.set(entry.id, error.message);
      }
      documents.sort((left, right) => place(left) - place(right));
      if (chosen().entry.id === entry.id) moved();
      else if (search.value) drawCalls();
    }),
  );
  main.dataset.ready = "true";
}

function missing({ id, title }) {
  failures.set(id, `This gateway has no description of ${title}.`);
  named("documents").querySelector(`[data-id="${id}"]`).remove();
}

function place({ id }) {
  return DOCUMENTS.findIndex((one) => one.id === id);
}

begin();
