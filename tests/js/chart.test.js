// The bars of what was not billed, day by day.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chart } from "../../bigpato_magic/notebook/static/panel.js";

test("the tallest bar is the best day, and all stand on one line", () => {
  const { bars } = chart([
    ["2024-01-01", 0, 1],
    ["2024-01-02", 0, 4],
    ["2024-01-03", 0, 2],
  ]);
  assert.deepEqual(
    bars.map((bar) => bar.height),
    [15, 60, 30],
  );
  assert.deepEqual(new Set(bars.map((bar) => bar.y + bar.height)), new Set([70]));
});

test("bars are side by side within the picture, however many days", () => {
  for (const days of [1, 2, 30, 90]) {
    const { bars } = chart(Array.from({ length: days }, (_, i) => [`day ${i}`, 1, 0]));
    bars.slice(1).forEach((bar, i) => assert.ok(bar.x >= bars[i].x + bars[i].width));
    assert.ok(bars[days - 1].x + bars[days - 1].width <= 600);
    assert.ok(bars.every((bar) => bar.width >= 1 && bar.width <= 40));
  }
});

test("dollars are told where any day has some, else bytes", () => {
  const dollars = chart([
    ["2024-01-01", 2048, 0],
    ["2024-01-02", 0, 0.5],
  ]);
  assert.deepEqual(
    dollars.bars.map((bar) => bar.title),
    ["2024-01-01: $0", "2024-01-02: $0.50"],
  );
  const bytes = chart([["2024-01-01", 2048, 0]]);
  assert.equal(bytes.bars[0].title, "2024-01-01: 2.0 KiB");
});

test("who cannot see it hears the sum and the best day", () => {
  const { label, first, last } = chart([
    ["2024-01-01", 0, 1],
    ["2024-01-02", 0, 3],
  ]);
  assert.equal(label, "Not billed by day, $4.00 in 2 days, at most $3.00 a day");
  assert.equal(first, "2024-01-01");
  assert.equal(last, "2024-01-02 · $4.00 in all");
});

test("a day with nothing is a bar without height", () => {
  const { bars, label, last } = chart([["2024-01-01", 0, 0]]);
  assert.equal(bars[0].height, 0);
  assert.equal(last, "0 B in all");
  assert.equal(label, "Not billed by day, 0 B in 1 day, at most 0 B a day");
});
