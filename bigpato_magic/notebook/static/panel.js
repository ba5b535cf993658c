// The panel in a browser: it draws what the kernel says and sends back what a person asks for. It decides nothing.
// One component per part of the screen; each has `paint()`, called when one of the model's traits that it shows changes.
// One file, because a widget is one ES module and there is no build step.

const ROW_HEIGHT = 28; // pixels, as in panel.css: only the rows in sight (and a few more) are in the document
const MARGIN_ROWS = 8;
const ACK_MS = 2000; // a kernel that is alive and free answers a click in a tenth of that
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

// ------------------------------------------------------------------------------------------------ words

const grouped = (number, digits) => number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function size(bytes) {
  if (bytes == null) return "–";
  let unit = 0;
  while (bytes >= 1024 && unit < 4) { bytes /= 1024; unit++; }
  return `${unit ? grouped(bytes, 1) : Math.round(bytes)} ${UNITS[unit]}`;
}

function money(dollars) {
  const size = Math.abs(dollars ?? 0);
  if (!size) return "$0";
  return (dollars < 0 ? "−" : "") + (size < 0.001 ? "<$0.001" : `$${size >= 0.1 ? grouped(size, 2) : Number(size.toPrecision(2))}`);
}

function ago(epoch) {
  if (epoch == null) return "–";
  const s = Math.max(0, Date.now() / 1000 - epoch);
  if (s < 60) return "now";
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} days`;
}

const clock = (epoch) => (epoch == null ? "never" : new Date(epoch * 1000).toLocaleString());
const notBilled = (t) => (t.dollars ? money(t.dollars) : t.not_billed ? size(t.not_billed) : "–");
const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

function fresh(t) {
  if (t.where !== "local") return "–";
  return t.fresh === "fresh" ? `fresh ${ago(t.as_of)}` : t.fresh === "stale" ? `stale ${ago(t.as_of)}` : "unknown";
}

// key, heading, what it means, class, text of a cell, value to sort by
const COLUMNS = [
  ["label", "Table", "★: pinned", "name", (t) => t.label, (t) => t.label],
  ["where", "Where", "local: its queries can be answered here", "where", (t) => t.where, (t) => t.where],
  ["bytes", "Size", "Bytes in BigQuery", "num size", (t) => size(t.bytes), (t) => t.bytes],
  ["uses", "Uses", "Queries that read it, of all notebooks", "num uses", (t) => String(t.uses), (t) => t.uses],
  ["lru", "LRU", "Place among the last used tables, 1 is the newest", "num lru", (t) => String(t.lru ?? "–"), (t) => t.lru],
  ["fresh", "Fresh", "At the last check, and how long the copy is known to be the table", "fresh", fresh, (t) => t.as_of],
  ["not_billed", "Not billed", "What its local answers did not bill; transfers are not taken off", "num unbilled", notBilled, (t) => t.dollars || t.not_billed / 2 ** 50],
  ["score", "Score", "What it is worth a month to hold it, by your habits", "num score", (t) => (t.score == null ? "–" : money(t.score)), (t) => t.score],
];

function describe(t) {
  const parts = (t.parts ?? []).map(([name, dollars]) => `${name} ${money(dollars)}`).join(" · ");
  const marks = [t.pinned && "pinned", t.excluded && "excluded", t.where === "local" && `${t.held || "all"} held, ${size(t.local_bytes)} on disk`];
  return [t.name, ...marks.filter(Boolean), `last used ${ago(t.used)}`, parts && `score ${money(t.score)} = ${parts}`, t.reason].filter(Boolean).join(" · ");
}

// --------------------------------------------------------------------------------------------- elements

// JupyterLab takes keys for its own ("d d" deletes the cell) unless the focused element itself says that it wants them.
const TAKES_KEYS = new Set(["button", "input", "select", "section", "summary", "table"]);

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (TAKES_KEYS.has(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const button = (label, onclick, attributes = {}) => el("button", { type: "button", className: "bp-btn", onclick, ...attributes }, label);

function fold(title, body, attributes = {}) {
  return el("details", { className: "bp-fold", ...attributes }, el("summary", {}, title), body);
}

// ---------------------------------------------------------------------------------- talking to the kernel

/** Sends wishes; knows when the kernel does not answer, and when it is gone for good. */
function wire(model, onState) {
  let requests = 0, waiting = null, state = "";
  const become = (next) => { if (next !== state) { state = next; onState(state); } };
  const heard = () => { clearTimeout(waiting); waiting = null; become(""); };
  const answered = (message) => { if ("ack" in message) heard(); };
  const link = {
    get gone() { return state === "gone"; },
    heard, // whatever comes from the kernel shows that it lives
    lost: () => { clearTimeout(waiting); become("gone"); },
    send(action, content = {}, silent = false) {
      try { model.send({ action, request: ++requests, ...content }); } catch { link.lost(); return; }
      if (!silent && waiting == null) waiting = setTimeout(() => { waiting = null; become("late"); }, ACK_MS);
    },
    close: () => { clearTimeout(waiting); model.off("msg:custom", answered); },
  };
  model.on("msg:custom", answered);
  return link;
}

// ---------------------------------------------------------------------------------------------- the head

function header(ctx) {
  const title = el("span", { className: "bp-title" });
  const fill = el("span", { className: "bp-fill" });
  const meter = el("span", { className: "bp-meter", role: "meter", "aria-label": "Disk used", "aria-valuemin": 0 }, fill);
  const label = el("span", { className: "bp-dim bp-budget" });
  const note = el("div", { className: "bp-note", role: "alert" });
  function paint() {
    const rows = ctx.get("rows"), b = ctx.get("budget");
    write(title, `${rows.filter((t) => t.where === "local").length} of ${count(rows.length, "table")} local`);
    write(label, `${size(b.used)} of ${size(b.budget)} · not billed: ${size(b.not_billed)} (${money(b.dollars)})`);
    const share = b.budget ? Math.min(100, (100 * b.used) / b.budget) : 0;
    fill.style.width = `${share}%`;
    fill.classList.toggle("bp-full", share > 95);
    meter.setAttribute("aria-valuemax", b.budget ?? 0);
    meter.setAttribute("aria-valuenow", b.used ?? 0);
    meter.setAttribute("aria-valuetext", `${size(b.used)} of ${size(b.budget)}`);
    const gone = { gone: "The kernel was restarted or closed: run this cell again.", late: "No answer yet: the kernel is busy, or was restarted (then run this cell again)." }[ctx.state.link];
    write(note, gone ?? ctx.get("note"));
    note.hidden = !note.textContent;
  }
  return { node: el("div", {}, el("div", { className: "bp-head" }, title, meter, label), note), paint };
}

function toolbar(ctx) {
  const { state } = ctx;
  const on = (action) => () => ctx.send(action, { tables: [...state.picked] });
  const make = (label, action, title) => button(label, on(action), { title, "data-action": action });
  const search = el("input", { type: "search", className: "bp-input bp-search", placeholder: "Filter tables", "aria-label": "Filter tables", oninput: () => { state.filter = search.value.toLowerCase(); ctx.repaint(); } });
  const where = el("select", { className: "bp-input", "aria-label": "Show", onchange: () => { state.where = where.value; ctx.repaint(); } },
    ...[["", "All"], ["local", "Local"], ["bigquery", "BigQuery"], ["pinned", "Pinned"]].map(([value, text]) => el("option", { value }, text)));
  const onTicked = {
    promote: make("Promote", "promote", "Copy the ticked tables to this machine"),
    demote: make("Demote", "demote", "Take the local copies of the ticked tables away"),
    refresh: make("Refresh", "refresh", "Bring the copies of the ticked tables up to date"),
  };
  const pin = button("Pin", () => ctx.send(unpins() ? "unpin" : "pin", { tables: [...state.picked] }), { title: "Keep the ticked tables here, whatever the score says", "data-action": "pin" });
  const rebalance = button("Rebalance…", () => ctx.send("plan"), { className: "bp-btn bp-primary", title: "See what would move, then approve it", "data-action": "plan" });
  const cancel = button("Cancel", () => ctx.send("cancel"), { title: "Stop the running job", "data-action": "cancel" });
  const bar = el("progress", { className: "bp-total", max: 1, "aria-label": "Progress of the job" });
  const line = el("span", { className: "bp-dim bp-status", role: "status" });
  const unpins = () => state.picked.size > 0 && ctx.picked().every((t) => t.pinned);
  function paint() {
    const job = ctx.get("job"), idle = !job.busy && !ctx.gone, any = state.picked.size > 0;
    for (const b of Object.values(onTicked)) b.disabled = !idle || !any;
    pin.disabled = ctx.gone || !any;
    write(pin, unpins() ? "Unpin" : "Pin");
    rebalance.disabled = !idle;
    cancel.hidden = !job.mine;
    cancel.disabled = ctx.gone;
    bar.hidden = !job.busy;
    if (job.fraction == null) bar.removeAttribute("value"); else bar.value = job.fraction;
    write(line, job.message ?? "");
  }
  const node = el("div", { className: "bp-bar", role: "toolbar", "aria-label": "Actions" }, search, where, ...Object.values(onTicked), pin, rebalance, cancel, bar, line);
  return { node, paint, focusFilter: () => search.focus() };
}

// ---------------------------------------------------------------------------------------------- the plan

// heading and class of a column
const PLAN = [["Step", ""], ["Table", ""], ["What", ""], ["Transfer", "num"], ["Price", "num"], ["Saves", "num"], ["Why", ""]];

function plan(ctx) {
  const body = el("tbody"), total = el("p", { className: "bp-dim" }), refused = el("ul", { className: "bp-refused" });
  const approve = button("Approve", () => ctx.send("enact", { plan: ctx.get("plan").id }), { className: "bp-btn bp-primary", "data-action": "enact" });
  const dismiss = button("Dismiss", () => ctx.send("dismiss"), { "data-action": "dismiss" });
  const heads = PLAN.map(([text, className]) => el("th", { scope: "col", className }, text));
  const table = el("table", { className: "bp-table bp-moves" }, el("thead", {}, el("tr", {}, ...heads)), body);
  const node = el("section", { className: "bp-plan", role: "dialog", "aria-label": "Plan of the rebalance", tabIndex: -1, onkeydown: (e) => { if (e.key === "Escape") dismiss.click(); } },
    el("strong", {}, "This would happen:"), el("div", { className: "bp-steps" }, table), refused, total, el("div", { className: "bp-row" }, approve, dismiss));
  let shown = null;
  const step = (s) => el("tr", {}, ...[s.step, s.table, s.what, s.bytes ? size(s.bytes) : "–", s.step === "demote" ? "–" : money(s.price), s.gain ? money(s.gain) : "–", s.reason].map((text, i) => el("td", { title: text, className: PLAN[i][1] }, text)));
  function paint() {
    const p = ctx.get("plan");
    node.hidden = !p.id;
    approve.disabled = ctx.gone || ctx.get("job").busy || !p.steps?.length;
    dismiss.disabled = ctx.gone;
    if (p.id === shown) return;
    shown = p.id;
    if (!p.id) return;
    body.replaceChildren(...p.steps.map(step));
    refused.replaceChildren(...p.refused.map(([name, why]) => el("li", {}, `${name} stays on BigQuery: ${why}`)));
    total.textContent = p.steps.length ? `${count(p.steps.length, "step")}, ${size(p.bytes)} to transfer, ${money(p.price)} for it.` : "Nothing to do: the tables that are worth it are here, and fresh.";
    node.focus({ preventScroll: true });
  }
  return { node, paint };
}

// ---------------------------------------------------------------------------------------------- the table

function grid(ctx) {
  const { state } = ctx;
  const drawn = new Map(); // name → the row in the document
  const id = `bp-${Math.random().toString(36).slice(2)}`;
  const all = el("input", { type: "checkbox", "aria-label": "Tick all shown", onchange: () => tickAll(all.checked) });
  const head = el("tr", { "aria-rowindex": 1 }, el("th", { scope: "col", className: "tick" }, all), ...COLUMNS.map(heading), el("th", { scope: "col", className: "prog" }, "Progress"));
  const above = el("td"), below = el("td"), body = el("tbody");
  const spacer = (cell) => el("tr", { className: "bp-space", "aria-hidden": "true" }, cell);
  const first = spacer(above), last = spacer(below);
  const table = el("table", { className: "bp-table bp-grid", role: "grid", tabIndex: 0, "aria-multiselectable": "true", onkeydown: key },
    el("caption", { className: "bp-sr" }, "Tables and where they live. Arrow keys move, space ticks, slash filters."), el("thead", {}, head), body);
  const box = el("div", { className: "bp-scroll", onscroll: () => requestAnimationFrame(draw) }, table);
  const details = el("div", { className: "bp-dim bp-details" });
  let list = [], active = null;

  function heading([key, label, meaning, kind]) {
    const sort = el("button", { type: "button", className: "bp-sort", onclick: () => { state.dir = state.sort === key ? -state.dir : 1; state.sort = key; paint(); } }, label);
    return el("th", { scope: "col", className: kind, title: meaning, "data-key": key }, sort);
  }
  function sorted() {
    const value = COLUMNS.find(([key]) => key === state.sort)[5];
    const order = (a, b) => (value(a) == null) - (value(b) == null) || state.dir * ((value(a) > value(b)) - (value(a) < value(b))) || (a.name < b.name ? -1 : 1);
    return ctx.get("rows").filter(wanted).sort(order);
  }
  function wanted(t) {
    return t.name.toLowerCase().includes(state.filter) && (!state.where || (state.where === "pinned" ? t.pinned : t.where === state.where));
  }
  function tickAll(on) {
    for (const t of list) on ? state.picked.add(t.name) : state.picked.delete(t.name);
    ctx.repaint();
  }
  function tick(name) {
    state.picked.delete(name) || state.picked.add(name);
    ctx.repaint();
  }
  function create(t) {
    const box = el("input", { type: "checkbox", tabIndex: -1, "aria-label": `Tick ${t.label}`, onchange: () => tick(t.name) });
    const cells = COLUMNS.map(([, , , kind], i) => (i ? el("td", { className: kind }) : el("th", { scope: "row", className: kind })));
    const progress = el("td", { className: "prog" });
    const node = el("tr", { id: `${id}-${t.name}`, onclick: () => activate(t.name), onmouseenter: () => explain(t.name) }, el("td", { className: "tick" }, box), ...cells, progress);
    return { node, box, cells, progress };
  }
  function fill(row, t, index) {
    COLUMNS.forEach(([key, , , , text], i) => {
      if (key === "where") badge(row.cells[i], t);
      else write(row.cells[i], (i ? "" : t.pinned ? "★ " : "") + text(t));
    });
    row.cells[0].title = t.name;
    row.cells[5].dataset.fresh = t.fresh ?? "";
    row.cells[7].title = describe(t);
    row.box.checked = state.picked.has(t.name);
    row.node.setAttribute("aria-selected", row.box.checked);
    row.node.setAttribute("aria-rowindex", index + 2);
    row.node.className = `${index % 2 ? "bp-odd" : ""} ${t.name === active ? "bp-active" : ""}`;
    bar(row.progress, t);
  }
  function badge(cell, t) {
    const text = t.where + (t.where === "local" && t.held && t.held !== "all" ? " · part" : "");
    if (cell.textContent === text) return;
    cell.replaceChildren(el("span", { className: `bp-badge bp-${t.where}`, title: t.held || "" }, text));
  }
  function bar(cell, t) {
    const p = ctx.get("progress")[t.name];
    if (!p) { if (cell.firstChild) cell.replaceChildren(); return; }
    if (!cell.firstChild) cell.append(el("progress", { max: 1, "aria-label": `Progress of ${t.label}` }), el("span"));
    if (p.fraction == null) cell.firstChild.removeAttribute("value"); else cell.firstChild.value = p.fraction;
    write(cell.lastChild, p.stage);
    cell.title = p.text;
  }
  function draw() {
    const from = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - MARGIN_ROWS);
    const to = Math.min(list.length, from + Math.ceil((box.clientHeight || 340) / ROW_HEIGHT) + 2 * MARGIN_ROWS);
    const names = new Set();
    table.classList.toggle("bp-moving", Object.keys(ctx.get("progress")).length > 0);
    const nodes = list.slice(from, to).map((t, i) => {
      names.add(t.name);
      if (!drawn.has(t.name)) drawn.set(t.name, create(t));
      fill(drawn.get(t.name), t, from + i);
      return drawn.get(t.name).node;
    });
    for (const name of drawn.keys()) if (!names.has(name)) drawn.delete(name);
    above.style.height = `${from * ROW_HEIGHT}px`;
    below.style.height = `${(list.length - to) * ROW_HEIGHT}px`;
    const children = [from && first, ...nodes, to < list.length && last].filter(Boolean);
    if (children.length !== body.children.length || children.some((node, i) => node !== body.children[i])) body.replaceChildren(...children);
  }
  function explain(name) {
    const t = list.find((row) => row.name === name);
    write(details, t ? describe(t) : list.length ? "Rest on a table for its story; tick tables to move them." : ctx.get("rows").length ? "No table matches the filter." : "No table has been used yet: run a %%bpsql cell.");
  }
  function activate(name) {
    active = name;
    const index = list.findIndex((t) => t.name === name);
    const top = index * ROW_HEIGHT, room = box.clientHeight - 2 * ROW_HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top > box.scrollTop + room) box.scrollTop = top - room;
    draw();
    table.setAttribute("aria-activedescendant", `${id}-${name}`);
    explain(name);
  }
  function key(event) {
    if (event.target !== table) return;
    const page = Math.max(1, Math.floor(box.clientHeight / ROW_HEIGHT) - 2);
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (move != null && list.length) {
      const now = list.findIndex((t) => t.name === active);
      activate(list[Math.min(list.length - 1, Math.max(0, now < 0 && move > 0 ? 0 : now + move))].name);
    } else if (event.key === " " && active) tick(active);
    else if (event.key === "/") ctx.focusFilter();
    else return;
    event.preventDefault();
  }
  function paint() {
    list = sorted();
    for (const th of head.querySelectorAll("[data-key]")) th.setAttribute("aria-sort", th.dataset.key === state.sort ? (state.dir > 0 ? "ascending" : "descending") : "none");
    table.setAttribute("aria-rowcount", list.length + 1);
    const ticked = list.filter((t) => state.picked.has(t.name)).length;
    all.checked = ticked > 0 && ticked === list.length;
    all.indeterminate = ticked > 0 && ticked < list.length;
    draw();
    explain(active);
  }
  return { node: el("div", {}, box, details), paint, progress: draw };
}

// ------------------------------------------------------------------------------------- savings and queries

function savings(ctx) {
  const body = el("div", { className: "bp-chart" });
  const node = fold("Not billed, day by day", body);
  function paint() {
    const days = ctx.get("savings");
    if (!days.length) { body.textContent = "Nothing yet: each query that runs here adds to it."; return; }
    body.innerHTML = chart(days);
  }
  return { node, paint };
}

/** Bars by day. Only numbers and dates of the kernel's own making go into the text: nothing to escape. */
function chart(days) {
  const inDollars = days.some(([, , dollars]) => dollars > 0), text = inDollars ? money : size;
  const values = days.map(([, bytes, dollars]) => (inDollars ? dollars : bytes));
  const top = Math.max(...values) || 1, width = 600 / days.length, total = values.reduce((a, b) => a + b, 0);
  const bars = values.map((v, i) => `<rect x="${i * width + 1}" y="${70 - (60 * v) / top}" width="${Math.max(1, Math.min(40, width - 2))}" height="${(60 * v) / top}"><title>${days[i][0]}: ${text(v)}</title></rect>`);
  return `<svg viewBox="0 0 600 90" role="img" aria-label="Not billed by day, ${text(total)} in ${count(days.length, "day")}, at most ${text(top)} a day">${bars.join("")}
    <line x1="0" x2="600" y1="70" y2="70"/><text x="0" y="86">${days[0][0]}</text><text x="600" y="86" text-anchor="end">${days.at(-1)[0]} · ${text(total)} in all</text></svg>`;
}

function queries(ctx) {
  const body = el("ol", { className: "bp-queries" });
  const node = fold("Last queries", body);
  let open = null;
  const places = { finish: "local, finished", reference: "local, evaluator" };
  const label = (q) => [places[q.route] ?? q.route, `${q.seconds.toFixed(2)} s`, q.route === "bigquery" ? (q.cache_hit ? "cached" : `${size(q.bytes)} billed`) : `${size(q.bytes)} not billed`].join(" · ");
  function item(q) {
    const why = el("pre", { hidden: q.id !== open }, q.why);
    const line = el("button", { type: "button", className: "bp-query", "aria-expanded": q.id === open, title: "Why there?", onclick: () => { open = open === q.id ? null : q.id; paint(); } },
      el("span", { className: `bp-badge bp-${q.route}` }, label(q)), el("code", {}, q.sql));
    return el("li", {}, line, why);
  }
  function paint() {
    const list = ctx.get("queries");
    if (list.length) body.replaceChildren(...list.map(item));
    else body.textContent = "None yet.";
  }
  return { node, paint };
}

// ---------------------------------------------------------------------------------------------- settings

function settings(ctx) {
  const body = el("div", { className: "bp-settings" });
  const node = fold("Settings", body);
  const fields = new Map(), wrong = new Map();
  function field(s) {
    const change = () => { wrong.delete(s.name); ctx.send("set", { name: s.name, value: s.kind === "bool" ? input.checked : input.value }); };
    const input = s.kind === "choice" ? el("select", { className: "bp-input", onchange: change }, ...s.choices.map((value) => el("option", { value }, value)))
      : s.kind === "bool" ? el("input", { type: "checkbox", onchange: change }) : el("input", { type: "text", className: "bp-input", onchange: change, onkeydown: (e) => { if (e.key === "Enter") change(); } });
    const error = el("span", { className: "bp-error", role: "alert" });
    body.append(el("label", { title: s.help }, el("span", {}, s.label), input, error));
    return { input, error };
  }
  function paint() {
    for (const s of ctx.get("settings")) {
      if (!fields.has(s.name)) fields.set(s.name, field(s));
      const { input, error } = fields.get(s.name), bad = wrong.get(s.name);
      input.disabled = ctx.gone;
      if (s.kind === "bool") input.checked = s.value;
      else if (!bad && document.activeElement !== input) input.value = s.value;
      else if (!bad && input.value !== s.value && ctx.state.told === s.name) input.value = s.value;
      input.setAttribute("aria-invalid", Boolean(bad));
      write(error, bad ?? "");
    }
  }
  const heard = ({ setting, error }) => {
    if (!setting) return;
    ctx.state.told = setting;
    error ? wrong.set(setting, error) : wrong.delete(setting);
    paint();
  };
  return { node, paint, heard };
}

// ------------------------------------------------------------------------------------------- all together

/** Tell the kernel whether someone can see this view: it polls the tier only then. */
function watch(root, tell) {
  let inView = true;
  const say = () => tell(inView && document.visibilityState === "visible");
  const eye = new IntersectionObserver((entries) => { inView = entries.at(-1).isIntersecting; say(); });
  eye.observe(root);
  document.addEventListener("visibilitychange", say);
  return () => { eye.disconnect(); document.removeEventListener("visibilitychange", say); };
}

/** The table for places without a kernel is shown beside the panel; hide it while the panel lives. */
function hideStatic(root) {
  const area = root.closest?.(".jp-OutputArea, .output_wrapper, .output, .cell-output");
  for (const node of area?.querySelectorAll(".bp-static") ?? []) node.hidden = true;
}

const PAINTED_BY = {
  rows: ["header", "toolbar", "grid"], budget: ["header"], note: ["header"], job: ["toolbar", "plan"],
  plan: ["plan"], savings: ["savings"], queries: ["queries"], settings: ["settings"],
};

function render({ model, el: root }) {
  const view = Math.random().toString(36).slice(2);
  const state = { sort: "lru", dir: 1, filter: "", where: "", picked: new Set(), link: "", told: "" };
  const link = wire(model, (now) => { state.link = now; for (const part of Object.values(parts)) part.paint(); });
  const ctx = {
    state, send: link.send, get: (name) => model.get(name), get gone() { return link.gone; },
    picked: () => model.get("rows").filter((t) => state.picked.has(t.name)),
    repaint: () => { parts.toolbar.paint(); parts.grid.paint(); }, focusFilter: () => parts.toolbar.focusFilter(),
  };
  const parts = Object.fromEntries([header, toolbar, plan, grid, savings, queries, settings].map((part) => [part.name, part(ctx)]));
  root.append(el("div", { className: "bp" }, ...Object.values(parts).map((part) => part.node)));

  const listeners = Object.entries(PAINTED_BY).map(([name, painters]) => [`change:${name}`, () => { link.heard(); for (const p of painters) parts[p].paint(); }]);
  listeners.push(["change:progress", parts.grid.progress], ["msg:custom", parts.settings.heard], ["comm_live_update", () => { link.lost(); link.send("visible", { view, visible: true }, true); }]);
  for (const [event, listener] of listeners) model.on(event, listener);
  for (const part of Object.values(parts)) part.paint();
  setTimeout(() => hideStatic(root), 0);
  const unwatch = watch(root, (visible) => link.send("visible", { view, visible }, true));
  const ticking = setInterval(parts.grid.paint, 30000); // "3 min" becomes "4 min"
  return () => {
    clearInterval(ticking);
    unwatch();
    if (!link.gone) link.send("visible", { view, visible: false }, true);
    link.close();
    for (const [event, listener] of listeners) model.off(event, listener);
  };
}

export default { render };
