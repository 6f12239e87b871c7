// All pages work without this script. It makes them quicker to use, and shows
// what a server sends later. Listeners are on the document, so that what is
// put in later behaves like what was there at first.

const root = document.documentElement;
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const isField = (node) => node.matches?.("input, select, textarea");

function on(type, selector, act, capture) {
  document.addEventListener(type, (event) => {
    const node = event.target.closest?.(selector);
    if (node) act(node, event);
  }, capture);
}

// The theme: the system's wish, until somebody chooses.
on("click", "#theme", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

on("click", "button.copy", async (button) => {
  const { from } = button.dataset; // an address whose text is copied
  const text = from ? await (await fetch(from)).text() : button.dataset.copy ?? all(".row", button.closest(".code")).map((row) => row.dataset.text ?? row.textContent).join("");
  await navigator.clipboard.writeText(text);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1200);
});

// Forms that name the element for their results fetch these while the user types.
const states = new WeakMap(); // form -> { shown, running, pause }

function address(form) {
  const params = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...params]) if (!value.trim()) params.delete(name);
  const query = params.toString();
  const path = new URL(form.action).pathname;
  return query ? path + "?" + query : path;
}

function stateOf(form) {
  if (!states.has(form)) states.set(form, { shown: location.pathname + location.search });
  return states.get(form);
}

async function refresh(form) {
  const state = stateOf(form);
  const url = address(form);
  if (url === state.shown) return;
  state.running?.abort(); // a newer request ends the one under way
  state.running = new AbortController();
  const results = document.getElementById(form.dataset.results);
  results.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html", "X-Fragment": form.dataset.results }, signal: state.running.signal });
    if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
    results.innerHTML = await answer.text();
    state.shown = url;
    history.replaceState(null, "", url);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    const notice = document.createElement("p");
    notice.className = "notice error";
    notice.textContent = "The search failed: " + problem.message;
    results.replaceChildren(notice);
    state.shown = "";
  }
  results.removeAttribute("aria-busy");
}

function refreshSoon(form, wait) {
  const state = stateOf(form);
  clearTimeout(state.pause);
  state.pause = setTimeout(refresh, wait, form);
}

on("input", "form[data-results]", (form) => refreshSoon(form, 80));
on("change", "form[data-results]", (form) => refreshSoon(form, 0));
on("submit", "form[data-results]", (form, event) => {
  event.preventDefault();
  refreshSoon(form, 0);
});

// Arrows walk through hits and rows, Enter opens the row's first link.
function walk(event) {
  const items = all(".hit .line > a:first-child, tbody tr[tabindex]");
  const at = items.indexOf(event.target);
  const search = document.querySelector("input[type=search][data-main]");
  const step = { ArrowDown: 1, ArrowUp: -1, Home: -at, End: items.length - 1 - at }[event.key];
  if (event.key === "Enter" && at >= 0 && event.target.matches("tr")) event.target.querySelector("a")?.click();
  else if (event.key === "Escape" && at >= 0) search?.focus();
  else if (step !== undefined && (at >= 0 || (event.target === search && event.key === "ArrowDown"))) {
    event.preventDefault();
    const next = at + step;
    if (next < 0) search?.focus();
    else items[Math.min(next, items.length - 1)]?.focus();
  }
}

// The command palette.
const palette = document.querySelector("dialog.palette");
let listed = 0; // counts the answers asked for, since a late one is of no use

// safe is an address to go to, or one that leads nowhere in place of one that
// would run in this page, as page_writer has it for links.
function safe(address) {
  try {
    const { protocol } = new URL(address, location.href);
    if (["http:", "https:", "mailto:"].includes(protocol)) return address;
  } catch {} // it is no address
  return "about:invalid";
}

function option(command, at) {
  const item = document.createElement("li");
  item.role = "option";
  item.id = "command-" + at;
  item.dataset.url = safe(command.url);
  item.textContent = command.text;
  if (command.hint) item.append(Object.assign(document.createElement("span"), { textContent: command.hint }));
  return item;
}

function fits(text, words) {
  return words.every((word) => text.toLowerCase().includes(word));
}

async function list(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const own = all("nav.commands a", palette).filter((a) => fits(a.textContent, words));
  const commands = own.map((a) => ({ text: a.textContent, url: a.getAttribute("href") }));
  show(commands);
  const turn = ++listed;
  if (!palette.dataset.search || !words.length) return;
  const answer = await fetch(palette.dataset.search + encodeURIComponent(text), { headers: { Accept: "application/json" } });
  if (answer.ok && turn === listed) show(commands.concat(await answer.json()));
}

function show(commands) {
  const options = commands.map(option);
  palette.querySelector("ul").replaceChildren(...options);
  choose(options[0]);
}

function choose(item) {
  for (const other of all("[aria-selected]", palette)) other.removeAttribute("aria-selected");
  const input = palette.querySelector("input");
  if (!item) return input.removeAttribute("aria-activedescendant");
  item.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", item.id);
  item.scrollIntoView({ block: "nearest" });
}

function openPalette() {
  palette.showModal();
  palette.querySelector("input").value = "";
  list("");
}

if (palette) {
  on("click", "#commands", openPalette);
  on("input", "dialog.palette input", (input) => list(input.value));
  on("click", "dialog.palette li", (item) => location.assign(item.dataset.url));
  palette.addEventListener("click", (event) => event.target === palette && palette.close());
  palette.addEventListener("keydown", (event) => {
    const items = all("li", palette);
    const at = items.findIndex((item) => item.hasAttribute("aria-selected"));
    if (event.key === "ArrowDown") choose(items[Math.min(at + 1, items.length - 1)]);
    else if (event.key === "ArrowUp") choose(items[Math.max(at - 1, 0)]);
    else if (event.key === "Enter" && items[at]) location.assign(items[at].dataset.url);
    else return;
    event.preventDefault();
  });
}

document.addEventListener("keydown", (event) => {
  if (palette && event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (palette.open) palette.close();
    else openPalette();
  } else if (palette?.open) return;
  else if (event.key === "/" && !isField(event.target) && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const search = document.querySelector("input[type=search][data-main]");
    if (search) search.select();
    else location.assign("/");
  } else walk(event);
});

// Pictures: what leads to a box and what it leads to is lit; zoom.
function light(picture, id) {
  const edges = all(".e:not(.sum)", picture);
  const lit = new Set(id ? [id] : []);
  const follow = (from, to) => {
    const reached = new Set([id]);
    for (const node of reached) for (const e of edges) if (e.dataset[from] === node) reached.add(e.dataset[to]);
    for (const e of edges) if (reached.has(e.dataset[from]) && reached.has(e.dataset[to])) e.classList.add("on");
    for (const node of reached) lit.add(node);
  };
  for (const node of all(".on", picture)) node.classList.remove("on");
  picture.classList.toggle("lit", !!id);
  if (!id) return;
  follow("from", "to");
  follow("to", "from");
  for (const box of all(".box", picture)) box.classList.toggle("on", lit.has(box.dataset.id));
}

for (const [enter, leave] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  on(enter, ".picture .box", (box) => light(box.closest("svg"), box.dataset.id));
  on(enter, ".picture svg a", (a) => light(a.closest("svg"), a.querySelector(".box").dataset.id));
  on(leave, ".picture svg a, .picture .box", (node) => light(node.closest("svg"), node.closest("svg").dataset.lit));
}

function zoom(svg, factor) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const view = svg.parentElement;
  const fit = Math.min(1, (view.clientWidth - 2) / width);
  const now = svg.clientWidth / width || 1;
  const next = factor === 0 ? fit : Math.min(4, Math.max(.1, now * factor));
  const x = (view.scrollLeft + view.clientWidth / 2) / now, y = (view.scrollTop + view.clientHeight / 2) / now;
  svg.setAttribute("width", width * next);
  svg.setAttribute("height", height * next);
  view.scrollTo(x * next - view.clientWidth / 2, y * next - view.clientHeight / 2);
}

// A picture that is wider than its view begins smaller, but still readable.
for (const svg of all(".picture .view svg")) {
  const fit = (svg.parentElement.clientWidth - 2) / svg.clientWidth;
  if (fit < 1) zoom(svg, Math.max(.7, fit));
}

on("click", ".picture [data-zoom]", (button) => zoom(button.closest(".picture").querySelector(".view svg"), Number(button.dataset.zoom)));
document.addEventListener("wheel", (event) => {
  const svg = event.target.closest?.(".picture .view")?.querySelector("svg");
  if (!svg || !event.ctrlKey) return;
  event.preventDefault();
  zoom(svg, event.deltaY < 0 ? 1.15 : 1 / 1.15);
}, { passive: false });

// Log panes: search among the lines, and stay at the end.
function sift(log) {
  const text = log.querySelector("input[type=search]").value.toLowerCase();
  let shown = 0;
  for (const row of all(".row", log)) {
    const out = !row.textContent.toLowerCase().includes(text);
    row.classList.toggle("out", out);
    if (!out) shown++;
  }
  log.querySelector("output").textContent = text ? shown + (shown === 1 ? " line" : " lines") : "";
}

function follow(log) {
  const pre = log.querySelector("pre");
  if (log.querySelector("input[type=checkbox]").checked) pre.scrollTop = pre.scrollHeight;
}

on("input", ".log input[type=search]", (input) => {
  sift(input.closest(".log"));
  follow(input.closest(".log"));
});
on("change", ".log input[type=checkbox]", (input) => follow(input.closest(".log")));
on("scroll", ".log pre", (pre) => {
  const end = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 4;
  if (!end) pre.closest(".log").querySelector("input[type=checkbox]").checked = false;
}, true);
all(".log").forEach(follow);

// Live regions: the server renders, an event's data is put in or appended.
const streams = new Map(); // address -> EventSource, shared by the regions of a page

function stream(url) {
  if (streams.has(url)) return streams.get(url);
  const source = new EventSource(url);
  streams.set(url, source);
  const tell = (state) => {
    for (const node of all("[data-live-state]")) if (node.dataset.stream === url) {
      node.dataset.liveState = state;
      node.textContent = state === "open" ? "live" : "connecting again";
    }
  };
  source.addEventListener("open", () => tell("open"));
  source.addEventListener("error", () => tell("lost"));
  source.addEventListener("gap", () => reload(url));
  return source;
}

// reload replaces the regions of a stream that has lost events by what the
// server now renders for them.
async function reload(url) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const region of all("[data-live]")) {
    const now = region.dataset.live === url && page.getElementById(region.id);
    if (now) put(region, [...now.childNodes], "replace");
  }
}

function put(region, nodes, how) {
  if (how === "append") region.append(...nodes);
  else region.replaceChildren(...nodes);
  const most = Number(region.dataset.most);
  while (most && region.childElementCount > most) region.firstElementChild.remove();
  const log = region.closest(".log");
  if (!log) return;
  sift(log);
  follow(log);
}

for (const region of all("[data-live]")) {
  stream(region.dataset.live).addEventListener(region.dataset.event, (event) => {
    const part = document.createElement("template");
    part.innerHTML = event.data;
    put(region, [...part.content.childNodes], region.dataset.how);
  });
}

// Values of a row, each with its kind beside it: a text that is typed is one, and
// who chooses a kind without a text finds the text again after another choice.
on("input", ".values :is(input, textarea)", (field) => {
  const kind = field.nextElementSibling;
  if (["null", "default"].includes(kind?.value)) kind.value = "text";
});
on("change", ".values select", (kind) => {
  const field = kind.previousElementSibling;
  if (["null", "default"].includes(kind.value)) {
    if (field.value) field.dataset.text = field.value;
    field.value = "";
  } else field.value ||= field.dataset.text ?? "";
});

// A console for queries: it fetches the result, shows the time that passes, and
// Stop ends the request, which the server notices.
let asked = null; // the AbortController of the query that runs
const tooLong = 4096; // for an address

async function run(form) {
  asked?.abort();
  const mine = (asked = new AbortController());
  const result = document.getElementById("result");
  const stop = document.querySelector(".console .stop"), elapsed = document.querySelector(".console output");
  const began = performance.now();
  const clock = setInterval(() => (elapsed.textContent = "running for " + ((performance.now() - began) / 1000).toFixed(1) + " s"), 100);
  stop.disabled = false;
  const url = address(form), post = url.length > tooLong;
  const request = { headers: { Accept: "text/html" }, signal: mine.signal };
  if (post) Object.assign(request, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  try {
    const answer = await fetch(post ? form.action : url, request);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = result.contains(document.activeElement) && document.activeElement.id;
    result.replaceChildren(...page.getElementById("result").childNodes);
    if (focused) document.getElementById(focused)?.focus();
    history.replaceState(null, "", post ? form.action : url);
    elapsed.textContent = "";
  } catch (problem) {
    elapsed.textContent = problem.name === "AbortError" ? "stopped" : "failed: " + problem.message;
  }
  clearInterval(clock);
  if (asked === mine) stop.disabled = true;
}

on("click", ".console .stop", () => asked?.abort());
on("keydown", "#console textarea", (field, event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  closeNames(field);
  field.form.requestSubmit();
});
on("submit", "#console", (form, event) => {
  remember(form.elements.sql.value);
  form.method = address(form).length > tooLong ? "post" : "get";
  const names = [...form.elements.sql.value.matchAll(/[:@$]([A-Za-z]\w*)/g)].map((found) => "p_" + found[1]);
  if (names.some((name) => !form.elements[name])) return; // the server adds the fields
  event.preventDefault();
  run(form);
});

// Its history, in this browser: the texts of queries, the last one first.
const past = document.getElementById("history");
const pastKey = "queries of " + location.pathname;

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(pastKey)) ?? [];
  } catch {
    return []; // it is not ours
  }
}

function remember(text) {
  if (!text.trim() || text.length > 4096) return;
  localStorage.setItem(pastKey, JSON.stringify([text, ...remembered().filter((other) => other !== text)].slice(0, 50)));
  showPast();
}

function showPast() {
  past?.querySelector("ul").replaceChildren(...remembered().map((text) => {
    const item = document.createElement("li"), button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: text });
    item.append(button);
    return item;
  }));
}

on("click", "#history li button", (button) => {
  const field = document.querySelector("#console textarea");
  field.value = button.textContent;
  field.focus();
});
on("click", "#history p button", () => {
  localStorage.removeItem(pastKey);
  showPast();
});
showPast();

// Its completion of names: tables, and the columns of those that the query
// names. The list opens while somebody types, or by Ctrl-Space; an arrow chooses
// from it, Enter or Tab takes what is chosen, and Escape closes it.
const word = /(?:("(?:[^"]|"")+"|[\w$\u0080-\uffff]+)\.)?("?[\w$\u0080-\uffff]*)$/;
const reserved = new Set(("add all alter and as autoincrement between case check collate commit constraint create default deferrable delete distinct drop " +
  "else escape exists foreign from group having in index insert into is isnull join limit not nothing notnull null on or order primary references " +
  "returning select set table then to transaction union unique update using values when where").split(" "));
let tables; // a promise of the database's
const same = (a, b) => a.toLowerCase() === b.toLowerCase();
const bare = (name) => name[0] === '"' ? name.slice(1, -1).replaceAll('""', '"') : name;
const quoted = (name) => /^[a-z_]\w*$/i.test(name) && !reserved.has(name.toLowerCase()) ? name : '"' + name.replaceAll('"', '""') + '"';

async function fetchTables(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  return answer.ok ? (await answer.json()).tables : [];
}

// fitting are the names that begin as what is typed in front of the cursor.
function fitting(tables, text, of, typed) {
  const named = tables.filter((t) => text.toLowerCase().includes(t.name.toLowerCase()));
  const columns = (list) => list.flatMap((t) => t.columns.map((c) => ({ name: c.name, of: t.name })));
  let all = [...columns(named.length ? named : tables), ...tables.map((t) => ({ name: t.name, of: t.kind }))];
  if (of) { // a table, or what the query calls one
    const called = text.match(new RegExp('("[^"]+"|[\\w$\\u0080-\\uffff]+)\\s+(?:as\\s+)?' + of.replace(/[$"]/g, "\\$&") + "(?![\\w$])", "i"))?.[1];
    all = columns(tables.filter((t) => same(t.name, bare(of)) || called && same(t.name, bare(called))));
  }
  const start = typed.replace('"', "").toLowerCase();
  const seen = new Set();
  return all.filter(({ name }) => name.toLowerCase().startsWith(start) && !seen.has(name) && seen.add(name)).slice(0, 30);
}

function closeNames(field) {
  if (!field.names) return;
  field.names.hidden = true;
  field.removeAttribute("aria-activedescendant");
}

async function openNames(field, asked) {
  const text = field.value, at = field.selectionStart;
  const [, of, typed] = text.slice(0, at).match(word);
  const url = document.querySelector(".console")?.dataset.names;
  if (!url || !(typed || of || asked)) return closeNames(field);
  const found = fitting(await (tables ??= fetchTables(url).catch(() => [])), text, of, typed);
  if (field.value !== text || field.selectionStart !== at) return; // a later key has its own
  if (!found.length || found.length === 1 && found[0].name === typed) return closeNames(field);
  if (!field.names) {
    field.names = Object.assign(document.createElement("ul"), { className: "names", id: "names", role: "listbox", ariaLabel: "Names" });
    field.says = Object.assign(document.createElement("p"), { className: "hidden", role: "status" });
    field.after(field.names, field.says);
    for (const [name, value] of [["autocomplete", "list"], ["controls", "names"], ["haspopup", "listbox"]]) field.setAttribute("aria-" + name, value);
  }
  field.names.replaceChildren(...found.map(({ name, of }, i) => {
    const item = Object.assign(document.createElement("li"), { id: "name-" + i, role: "option", ariaSelected: "false" });
    item.append(Object.assign(document.createElement("span"), { textContent: of }), name);
    item.dataset.text = quoted(name);
    return item;
  }));
  field.names.hidden = false;
  field.removeAttribute("aria-activedescendant");
  field.says.textContent = found.length + (found.length === 1 ? " name" : " names") + ": choose with the arrow keys";
}

function takeName(field, item) {
  const end = field.selectionStart;
  const [, , typed] = field.value.slice(0, end).match(word);
  field.setRangeText(item.dataset.text, end - typed.length, end, "end");
  closeNames(field);
  field.focus();
}

on("input", "#console textarea", (field) => openNames(field));
on("focusout", "#console textarea", closeNames);
on("mousedown", ".names", (_, event) => event.preventDefault()); // which would close it
on("click", ".names li", (item) => takeName(item.closest(".field").querySelector("textarea"), item));
on("keydown", "#console textarea", (field, event) => {
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    openNames(field, true);
  }
  if (!field.names || field.names.hidden) return;
  const items = [...field.names.children], now = items.findIndex((item) => item.ariaSelected === "true");
  const next = { ArrowDown: (now + 1) % items.length, ArrowUp: (now < 1 ? items.length : now) - 1 }[event.key];
  if (next !== undefined) {
    if (now >= 0) items[now].ariaSelected = "false";
    items[next].ariaSelected = "true";
    items[next].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", items[next].id);
  } else if (now >= 0 && (event.key === "Enter" || event.key === "Tab") && !event.ctrlKey && !event.metaKey) takeName(field, items[now]);
  else if (event.key === "Escape") closeNames(field);
  else return;
  event.preventDefault();
});
