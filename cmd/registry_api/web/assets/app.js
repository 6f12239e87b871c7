// All pages work without this script. It makes them quicker to use: search as you type, keys, copying, the theme.

const root = document.documentElement;

const themeButton = document.getElementById("theme");
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) break; // only pages from a secure origin may copy
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1200);
  });
}

const form = document.getElementById("search");
const results = document.getElementById("results");

if (form) {
  let running; // the request under way: a newer one ends it
  let pause;
  let shown = address();

  function address() {
    const params = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...params]) if (!value.trim()) params.delete(name);
    const query = params.toString();
    return query ? "/?" + query : "/";
  }

  async function search() {
    const url = address();
    if (url === shown) return;
    running?.abort();
    running = new AbortController();
    results.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html", "X-Fragment": "results" }, signal: running.signal });
      if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
      results.innerHTML = await answer.text();
      shown = url;
      history.replaceState(null, "", url);
    } catch (problem) {
      if (problem.name === "AbortError") return; // a newer request runs
      const notice = document.createElement("p");
      notice.className = "notice";
      notice.textContent = "The search failed: " + problem.message;
      results.replaceChildren(notice);
      shown = "";
    }
    results.removeAttribute("aria-busy");
  }

  form.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(search, 80);
  });
  form.addEventListener("change", search);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(pause);
    search();
  });
}

// Keys: / goes to the search, arrows walk through the hits, Escape goes back to the search.
document.addEventListener("keydown", (event) => {
  const field = form?.elements.q;
  const writing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    if (field) field.select();
    else location.href = "/";
    return;
  }
  if (!field) return;
  const hits = [...document.querySelectorAll(".hit a:first-child")];
  const at = hits.indexOf(document.activeElement);
  if (event.key === "ArrowDown" && (event.target === field || at >= 0)) {
    event.preventDefault();
    hits[Math.min(at + 1, hits.length - 1)]?.focus();
  } else if (event.key === "ArrowUp" && at >= 0) {
    event.preventDefault();
    (at > 0 ? hits[at - 1] : field).focus();
  } else if (event.key === "Escape" && at >= 0) {
    field.focus();
  }
});
