// Which rows of the panel are shown, in which order, and which of them are in the document.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  COLUMNS,
  indexByKey,
  isShown,
  rowsInSight,
  scrollTopFor,
  shownRows,
} from "../../bigpato_magic/notebook/static/panel.js";
import { table } from "./table.js";

const ROW = 28; // pixels
const CHOICE = { sort: "lru", dir: 1, filter: "", where: "" };
const named = (name, fields = {}) => table({ name, label: name, ...fields });
const names = (rows) => rows.map((row) => row.name).join(" ");

test("the filter looks for a part of the whole name, whatever its case", () => {
  const row = table({ name: "Acme.Shop.Orders" });
  assert.ok(isShown(row, { filter: "shop.ord", where: "" }));
  assert.ok(isShown(row, { filter: "acme", where: "" }));
  assert.ok(!isShown(row, { filter: "items", where: "" }));
});

test("the choice of places knows pinned tables, wherever they live", () => {
  const pinned = table({ pinned: true });
  assert.ok(isShown(pinned, { filter: "", where: "pinned" }));
  assert.ok(isShown(pinned, { filter: "", where: "bigquery" }));
  assert.ok(!isShown(pinned, { filter: "", where: "local" }));
  assert.ok(!isShown(table(), { filter: "", where: "pinned" }));
  assert.ok(!isShown(pinned, { filter: "items", where: "pinned" }));
});

test("what has no value is last in either direction, and names decide between equals", () => {
  const rows = [named("d"), named("b", { lru: 2 }), named("c"), named("a", { lru: 1 }), named("e", { lru: 2 })];
  assert.equal(names(shownRows(rows, CHOICE)), "a b e c d");
  assert.equal(names(shownRows(rows, { ...CHOICE, dir: -1 })), "b e a c d");
});

test("numbers are sorted as numbers and texts as texts", () => {
  const rows = [named("a", { bytes: 9 }), named("b", { bytes: 10 }), named("c", { bytes: 0 })];
  assert.equal(names(shownRows(rows, { ...CHOICE, sort: "bytes" })), "c a b");
  assert.equal(names(shownRows(rows, { ...CHOICE, sort: "label", dir: -1 })), "c b a");
});

test("dollars not billed come before bytes, however many", () => {
  const rows = [named("bytes", { not_billed: 2 ** 45 }), named("dollars", { dollars: 0.05 }), named("none")];
  assert.equal(names(shownRows(rows, { ...CHOICE, sort: "not_billed", dir: -1 })), "dollars bytes none");
});

test("every column sorts rows of every kind, and leaves the kernel's list as it is", () => {
  const rows = [named("a", { where: "local", fresh: "fresh", as_of: 5 }), named("b", { lru: 1 }), named("c")];
  for (const sort of Object.keys(COLUMNS)) assert.equal(shownRows(rows, { ...CHOICE, sort }).length, 3, sort);
  assert.equal(names(rows), "a b c");
});

test("of thousands of rows only those in sight and a few more are in the document", () => {
  assert.deepEqual(rowsInSight(0, 280, 5000), { from: 0, to: 26 });
  assert.deepEqual(rowsInSight(100 * ROW, 280, 5000), { from: 92, to: 118 });
});

test("at the end the last rows are in the document", () => {
  assert.deepEqual(rowsInSight(4990 * ROW, 280, 5000), { from: 4974, to: 5000 });
});

test("few rows are all in the document, also where a filter took the rest from under one's eyes", () => {
  assert.deepEqual(rowsInSight(0, 280, 3), { from: 0, to: 3 });
  assert.deepEqual(rowsInSight(4990 * ROW, 280, 3), { from: 0, to: 3 });
  assert.deepEqual(rowsInSight(4990 * ROW, 280, 0), { from: 0, to: 0 });
});

test("a box that is not laid out yet has its rows too", () => {
  assert.deepEqual(rowsInSight(0, 0, 5000), { from: 0, to: 29 });
});

test("every row that is in sight is in the document, wherever one scrolls", () => {
  for (const length of [0, 1, 11, 12, 60])
    for (let top = 0; top <= length * ROW; top += 7) {
      const { from, to } = rowsInSight(top, 280, length);
      assert.ok(from <= Math.floor(top / ROW) || from === Math.max(0, length - 26), `from ${from} at ${top}`);
      assert.ok(to >= Math.min(length, Math.ceil((top + 280) / ROW)), `to ${to} at ${top}`);
      assert.ok(0 <= from && from <= to && to <= length);
    }
});

test("a row that is in sight stays where it is; another is scrolled to the nearer edge", () => {
  const height = 12 * ROW; // with the headings: ten rows and one to spare
  assert.equal(scrollTopFor(5, 0, height), 0);
  assert.equal(scrollTopFor(10, 0, height), 0);
  assert.equal(scrollTopFor(11, 0, height), ROW);
  assert.equal(scrollTopFor(3, 5 * ROW, height), 3 * ROW);
});

test("arrows and pages move and stop at the ends", () => {
  const page = 10; // rows in a box of twelve
  const to = (key, index, length = 100) => indexByKey(key, index, length, 12 * ROW);
  assert.equal(to("ArrowDown", 4), 5);
  assert.equal(to("ArrowUp", 4), 3);
  assert.equal(to("ArrowUp", 0), 0);
  assert.equal(to("ArrowDown", 99), 99);
  assert.equal(to("PageDown", 4), 4 + page);
  assert.equal(to("PageUp", 4), 0);
  assert.equal(to("Home", 50), 0);
  assert.equal(to("End", 50), 99);
});

test("without an active row the first arrow leads to the first, and End to the last", () => {
  assert.equal(indexByKey("ArrowDown", -1, 100, 280), 0);
  assert.equal(indexByKey("ArrowUp", -1, 100, 280), 0);
  assert.equal(indexByKey("End", -1, 100, 280), 99);
});

test("other keys do not move, and nothing moves in an empty table", () => {
  for (const key of ["a", " ", "Enter", "toString"]) assert.equal(indexByKey(key, 0, 100, 280), null, key);
  assert.equal(indexByKey("ArrowDown", -1, 0, 280), null);
});
