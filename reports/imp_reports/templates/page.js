// Says which node lies under the pointer. The page reads the same without it.
for (const map of document.querySelectorAll(".map")) {
  const source = map.querySelector("script");
  if (!source) continue;
  const { nodes, texts } = JSON.parse(source.textContent);
  const readout = map.querySelector(".readout");
  map.addEventListener("pointermove", (event) => {
    const lane = event.target.closest(".lane");
    const row = event.target.closest(".row");
    if (!lane || !row || !nodes.length) return;
    const box = lane.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * nodes.length);
    const index = Math.min(nodes.length - 1, Math.max(0, at));
    const [name, site] = nodes[index];
    const label = row.querySelector(".label span");
    readout.textContent = [
      `node ${index}`, texts[name], site < 0 ? "" : texts[site], label ? label.textContent : "",
    ].filter(Boolean).join("  ·  ");
    map.style.setProperty("--at", `${((index + 0.5) / nodes.length) * 100}%`);
    map.classList.add("pointed");
  });
  map.addEventListener("pointerleave", () => {
    map.classList.remove("pointed");
    readout.textContent = "\u00a0";
  });
}
