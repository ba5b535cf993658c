// What the panel says of kept answers.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  describeKept,
  KEPT_COLUMNS,
  keptFresh,
  keptHint,
  keptText,
  queryText,
} from "../../bigpato_magic/notebook/static/panel.js";
import { answer } from "./table.js";

const MEBIBYTE = 2 ** 20;
const kept = (fields = {}) => ({
  rows: [answer()],
  count: 1,
  bytes: 0,
  share: 1024 * MEBIBYTE,
  not_billed: 0,
  dollars: 0,
  on: true,
  ...fields,
});
const cell = (heading, fields) => KEPT_COLUMNS.find((column) => column.heading === heading).text(answer(fields));

test("the folded line tells how many there are, their room, and what they did not bill", () => {
  const none = { rows: [], count: 0 };
  assert.equal(keptText(kept(none)), "Kept answers");
  assert.equal(keptText(kept({ ...none, on: false })), "Kept answers: off");
  assert.equal(keptText(kept({ bytes: MEBIBYTE })), "Kept answers: 1 · 1.0 MiB of 1.0 GiB");
  assert.equal(
    keptText(kept({ count: 3, bytes: MEBIBYTE, not_billed: 2048 * MEBIBYTE, dollars: 0.0125 })),
    "Kept answers: 3 · 1.0 MiB of 1.0 GiB · not billed: 2.0 GiB ($0.013)",
  );
});

test("what is not listed is told, and why there are none", () => {
  assert.match(keptHint(kept({ count: 250 })), /^The 1 last used of 250 are listed/);
  assert.match(keptHint(kept()), /given again and not billed/);
  assert.match(keptHint(kept({ rows: [], count: 0 })), /^None yet/);
  assert.equal(keptHint(kept({ rows: [], count: 0, on: false })), "No answers are kept.");
});

test("an answer's row tells what, of which tables, its size, uses, freshness and money", () => {
  assert.equal(cell("Asked"), "SELECT COUNT(*) AS n FROM orders");
  assert.equal(cell("Tables", { tables: ["shop.orders", "shop.items"] }), "shop.orders, shop.items");
  assert.equal(cell("Size", { local_bytes: 2048 }), "2.0 KiB");
  assert.equal(cell("Uses", { uses: 7 }), "7");
  assert.equal(cell("Not billed"), "–");
  assert.equal(cell("Not billed", { not_billed: MEBIBYTE }), "1.0 MiB");
  assert.equal(cell("Not billed", { not_billed: MEBIBYTE, dollars: 0.5 }), "$0.50");
});

test("only what is known to hold is called fresh, and since when", () => {
  assert.equal(keptFresh({ fresh: "fresh", as_of: 1000 }, 1000 + 180), "fresh 3 min ago");
  assert.equal(keptFresh({ fresh: "stale", as_of: 1000 }, 2000), "stale");
  assert.equal(keptFresh({ fresh: "unchecked", as_of: 1000 }, 2000), "unchecked");
});

test("the story of an answer has its query, rows, times and why it is not fresh", () => {
  const told = answer({
    rows: 1200,
    local_bytes: 2048,
    answered: 0,
    uses: 2,
    used: 3600,
    reason: "orders has changed",
  });
  assert.equal(
    describeKept(told, 7200),
    "SELECT COUNT(*) AS n FROM orders · shop.orders · 1,200 rows, 2.0 KiB on disk · " +
      "answered 2 h ago · 2 uses, the last 60 min ago · orders has changed",
  );
  assert.match(describeKept(answer({ rows: 1 }), 0), /· 1 row, 0 B on disk · answered now · not used yet$/);
  assert.match(
    describeKept(answer({ uses: 1, not_billed: MEBIBYTE, dollars: 0.5 }), 0),
    /1\.0 MiB \(\$0\.50\) not billed$/,
  );
});

test("a query that a kept answer answered is called so", () => {
  const query = { route: "kept", seconds: 0.02, bytes: MEBIBYTE, cache_hit: false };
  assert.equal(queryText(query), "kept answer · 0.02 s · 1.0 MiB not billed");
});
