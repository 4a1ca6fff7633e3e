// Lists only the sites that are asked for. The page holds the same without it.
const bar = document.querySelector(".filters");
if (bar) {
  const sites = [...document.querySelectorAll(".site")];
  const texts = sites.map((site) => site.firstElementChild.textContent.toLowerCase());
  const groups = document.querySelectorAll(".group");
  const folds = [...document.querySelectorAll(".fate > details")];
  const field = (name) => bar.querySelector(`[name="${name}"]`).value;
  const filter = () => {
    const words = field("words").toLowerCase().split(/\s+/).filter(Boolean);
    const [kind, severity] = [field("class"), field("severity")];
    const asked = words.length || kind || severity;
    let shown = 0;
    sites.forEach((site, index) => {
      const fits = words.every((word) => texts[index].includes(word))
        && (!kind || site.dataset.class === kind) && (!severity || site.dataset.severity === severity);
      site.hidden = !fits;
      shown += fits;
    });
    for (const group of groups) group.hidden = !group.querySelector(".site:not([hidden])");
    for (const fold of folds) if (asked) fold.open = Boolean(fold.querySelector(".site:not([hidden])"));
    bar.querySelector("output").textContent = asked ? `${shown} of ${sites.length} sites` : "";
  };
  bar.hidden = false;
  bar.addEventListener("input", filter);
  if (field("words") || field("class") || field("severity")) filter();
}
// A link to a site opens it, and what it is folded in.
const unfold = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  const fold = target.querySelector(":scope > details");
  if (fold) fold.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", unfold);
unfold();
