"use strict";
// Tables: a button in a header sorts by its column, empty cells last; again, the other way.
for (const head of document.querySelectorAll("thead th")) {
  head.querySelector("button").addEventListener("click", () => {
    const column = [...head.parentNode.children].indexOf(head);
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[column].dataset.key;
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const found = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      return up ? found : -found;
    };
    body.append(...[...body.rows].sort(order));
  });
}
// The slider: each run shows what it drew last at or before the step.
const slider = document.getElementById("step");
if (slider) {
  const steps = slider.dataset.steps.split(" ").map(Number);
  const told = document.querySelector("output[for=step]");
  slider.addEventListener("input", () => {
    const step = steps[slider.value];
    told.value = step.toLocaleString("en");
    slider.setAttribute("aria-valuetext", "step " + told.value);
    for (const film of document.querySelectorAll(".film")) {
      const frames = [...film.querySelectorAll(".frame")];
      const shown = frames.filter((frame) => Number(frame.dataset.step) <= step).pop() || frames[0];
      for (const frame of frames) frame.hidden = frame !== shown;
      film.querySelector(".at").textContent =
        "step " + Number(shown.dataset.step).toLocaleString("en");
    }
  });
}
