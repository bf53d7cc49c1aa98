// Runs first in a figure's frame: the theme follows the page around it, the height follows the
// content, and the picture that stood in the figure's place goes.

// "dark" or "light", as said by this book's pages, JupyterLab, VS Code or Colab; else the system.
export function themeOf(page, system) {
  const root = page.documentElement;
  const body = page.body;
  const said = root.dataset.theme ?? root.getAttribute("theme") ?? body.dataset.vscodeThemeKind;
  // "vscode-high-contrast" alone is dark; its other half ends in "-light".
  if (said) return said.includes("dark") || said === "vscode-high-contrast" ? "dark" : "light";
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "true" ? "light" : "dark";
  return system;
}

export function start(mount) {
  const root = document.querySelector("main");
  const frame = window.frameElement; // null where the page around may not be touched
  const system = matchMedia("(prefers-color-scheme: dark)");
  const page = frame ? frame.ownerDocument : document;
  const dress = () => {
    const wanted = themeOf(page, system.matches ? "dark" : "light");
    document.documentElement.dataset.theme = wanted;
  };
  dress();
  system.addEventListener("change", dress);
  mount(root, JSON.parse(document.getElementById("data").textContent));
  if (!frame) return;
  const watch = new MutationObserver(dress);
  watch.observe(page.documentElement, { attributes: true });
  watch.observe(page.body, { attributes: true });
  const fit = () => {
    frame.style.height = `${Math.ceil(root.getBoundingClientRect().height)}px`;
  };
  new ResizeObserver(fit).observe(root);
  fit();
  const picture = frame.nextElementSibling;
  if (picture?.tagName === "IMG") picture.style.display = "none";
}
