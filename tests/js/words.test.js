// What the panel says of sizes, prices, times and tables.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ago,
  budgetText,
  COLUMNS,
  count,
  describe,
  duration,
  fresh,
  hint,
  money,
  notBilled,
  PLAN_COLUMNS,
  planText,
  queryText,
  saves,
  size,
  titleText,
  usedPercent,
  whereText,
} from "../../bigpato_magic/notebook/static/panel.js";
import { table } from "./table.js";

/** Each of the cases, given to `say`, is said as its second part. */
const holds = (say, cases) => {
  for (const [given, said] of cases) assert.equal(say(given), said, `of ${given}`);
};

test("a size has one digit behind the point, and whole bytes", () => {
  const tebibyte = 2 ** 40;
  holds(size, [
    [null, "–"],
    [undefined, "–"],
    [0, "0 B"],
    [1, "1 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1503238553, "1.4 GiB"],
    [tebibyte, "1.0 TiB"],
    [5000 * tebibyte, "5,000.0 TiB"],
    [-2048, "-2.0 KiB"],
  ]);
});

test("money has two digits that say something", () => {
  holds(money, [
    [null, "$0"],
    [0, "$0"],
    [0.00001, "<$0.001"],
    [0.001, "$0.001"],
    [0.00872, "$0.0087"],
    [0.099, "$0.099"],
    [0.1, "$0.10"],
    [1212.3, "$1,212.30"],
    [-0.5, "−$0.50"],
    [-0.0001, "−<$0.001"],
  ]);
});

test("a duration is seconds, then minutes, then hours", () => {
  holds(duration, [
    [0, "0.0 s"],
    [9.94, "9.9 s"],
    [12.4, "12 s"],
    [89, "89 s"],
    [90, "2 min"],
    [5399, "90 min"],
    [5400, "2 h"],
  ]);
});

test("how long ago is told roughly, and a clock that runs behind is now", () => {
  const at = 1_700_000_000;
  holds(
    (seconds) => ago(at - seconds, at),
    [
      [-30, "now"],
      [59, "now"],
      [60, "1 min ago"],
      [5399, "90 min ago"],
      [5400, "2 h ago"],
      [172799, "48 h ago"],
      [172800, "2 days ago"],
    ],
  );
  assert.equal(ago(null, at), "–");
  assert.equal(ago(0, 120), "2 min ago"); // 1970 is a time too
});

test("time that nobody notices is not told as waiting", () => {
  assert.equal(saves(0.02, 12), "$0.02 not billed, 12 s not waited");
  assert.equal(saves(0.02, 0.04), "$0.02 not billed");
  assert.equal(saves(0, 0), "$0 not billed");
});

test("one is not many", () => {
  assert.equal(count(1, "table"), "1 table");
  assert.equal(count(0, "table"), "0 tables");
  assert.equal(count(2, "table"), "2 tables");
});

test("only a copy can be fresh", () => {
  const at = 1000;
  assert.equal(fresh({ where: "bigquery", fresh: null, as_of: null }, at), "–");
  assert.equal(fresh({ where: "local", fresh: "fresh", as_of: 880 }, at), "fresh 2 min ago");
  assert.equal(fresh({ where: "local", fresh: "stale", as_of: 880 }, at), "stale");
  assert.equal(fresh({ where: "local", fresh: null, as_of: null }, at), "unknown");
});

test("a part of a table is called one", () => {
  assert.equal(whereText({ where: "local", held: "all" }), "local");
  assert.equal(whereText({ where: "local", held: "3 of 10 columns" }), "local · part");
  assert.equal(whereText({ where: "bigquery", held: "" }), "bigquery");
});

test("what was not billed is dollars, or bytes where no price is known", () => {
  assert.equal(notBilled({ dollars: 0.5, not_billed: 2048 }), "$0.50");
  assert.equal(notBilled({ dollars: 0, not_billed: 2048 }), "2.0 KiB");
  assert.equal(notBilled({ dollars: 0, not_billed: 0 }), "–");
});

test("a table of which nothing is known is its name and that it was never used", () => {
  assert.equal(describe(table()), "acme.shop.orders · last used –");
});

test("all of a table is told in one line", () => {
  const copy = table({
    where: "local",
    held: "3 of 10 columns",
    local_bytes: 2048,
    pinned: true,
    excluded: true,
    used: 880,
    score: 0.5,
    score_dollars: 0.25,
    score_seconds: 30,
    reason: "it changed",
  });
  assert.equal(
    describe(copy, 1000),
    "acme.shop.orders · pinned · excluded · 3 of 10 columns held, 2.0 KiB on disk · last used 2 min ago · " +
      "score $0.50 for three days: $0.25 not billed, 30 s not waited · it changed",
  );
  assert.match(describe(table({ where: "local" }), 1000), /all held, 0 B on disk/);
});

test("a pinned table has a star, and each column has its own text", () => {
  const row = table({ pinned: true, bytes: 2048, uses: 3, lru: 1, score: 0.5, dollars: 0.25 });
  const texts = Object.fromEntries(Object.entries(COLUMNS).map(([key, column]) => [key, column.text(row)]));
  assert.deepEqual(texts, {
    label: "★ shop.orders",
    where: "bigquery",
    bytes: "2.0 KiB",
    uses: "3",
    lru: "1",
    fresh: "–",
    not_billed: "$0.25",
    score: "$0.50",
  });
  assert.equal(COLUMNS.label.text(table()), "shop.orders");
  assert.equal(COLUMNS.lru.text(table()), "–");
});

test("the head counts copies and says how full the disk is", () => {
  assert.equal(titleText([table(), table({ where: "local" })]), "1 of 2 tables local");
  assert.equal(titleText([]), "0 of 0 tables local");
  const budget = { used: 1024, budget: 4096, not_billed: 2048, dollars: 0.5, read: 0, spared: null };
  assert.equal(budgetText(budget), "1.0 KiB of 4.0 KiB · not billed: 2.0 KiB ($0.50)");
  assert.equal(budgetText({ ...budget, spared: "about 2 h not waited" }), "1.0 KiB of 4.0 KiB · about 2 h not waited");
  assert.match(budgetText({ ...budget, read: 1024 }), /not billed: 2\.0 KiB \(\$0\.50\), 1\.0 KiB of it by rows read/);
  assert.equal(budgetText({ ...budget, spared: "" }), "1.0 KiB of 4.0 KiB");
  assert.equal(usedPercent(budget), 25);
  assert.equal(usedPercent({ used: 8192, budget: 4096 }), 100);
  assert.equal(usedPercent({ used: 8192, budget: 0 }), 0);
});

test("a plan's steps say what each costs and saves", () => {
  const step = { step: "promote", table: "shop.orders", what: "all columns", bytes: 2048, price: 0.5, reason: "often" };
  const texts = (s) => PLAN_COLUMNS.map((column) => column.text(s));
  assert.deepEqual(texts({ ...step, gain: 0.25, gain_seconds: 30 }), [
    "promote",
    "shop.orders",
    "all columns",
    "2.0 KiB",
    "$0.50",
    "$0.25 · 30 s",
    "often",
  ]);
  const demotion = { ...step, step: "demote", bytes: 0, price: 0, gain: 0, gain_seconds: 0 };
  assert.deepEqual(texts(demotion).slice(3, 6), ["–", "–", "–"]);
  assert.equal(planText({ steps: [step], bytes: 2048, price: 0.5 }), "1 step, 2.0 KiB to transfer, $0.50 for it.");
  assert.equal(planText({ steps: [], bytes: 0, price: 0 }), "");
});

test("a query says where it ran and what that was worth", () => {
  const query = { route: "local", seconds: 0.123, bytes: 2048, cache_hit: false };
  const billed = { ...query, route: "bigquery" };
  assert.equal(queryText(query), "local · 0.12 s · 2.0 KiB not billed");
  assert.equal(queryText({ ...query, route: "split" }), "local, finished · 0.12 s · 2.0 KiB not billed");
  assert.equal(queryText({ ...query, route: "evaluator" }), "local, evaluator · 0.12 s · 2.0 KiB not billed");
  assert.equal(queryText({ ...query, cache_hit: true }), "local · 0.12 s · BigQuery's cache would have had it");
  assert.equal(queryText(billed), "bigquery · 0.12 s · 2.0 KiB billed");
  assert.equal(queryText({ ...billed, cache_hit: true }), "bigquery · 0.12 s · from BigQuery's cache");
});

test("an empty table says why", () => {
  assert.match(hint(3, 3), /^Rest on a table/);
  assert.equal(hint(0, 3), "No table matches the filter.");
  assert.match(hint(0, 0), /^No table has been used yet/);
});
